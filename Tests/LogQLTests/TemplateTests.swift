import LogQL
import Storage
import Telemetry
import Testing

@Suite struct TemplateTests {
    /// Over the labels and the line below, at 2023-11-14T22:13:20.123456789Z.
    private static let cases: [(template: String, expected: String)] = [
        ("plain", "plain"),
        ("{{.name}}-{{ .gone }}-{{.n}}", "Alice Smith--42"),
        ("{{ .name | lower | trunc 3 }}", "ali"),
        ("a {{- .n -}} b", "a42b"),
        ("{{/* nothing */}}x", "x"),
        (#"{{ if eq .n "42" }}yes{{ else }}no{{ end }}"#, "yes"),
        (#"{{ if .gone }}a{{ else if hasPrefix "Al" .name }}b{{ else }}c{{ end }}"#, "b"),
        (#"{{ with .name }}<{{ . }}>{{ end }}"#, "<Alice Smith>"),
        (#"{{ range $i, $x := fromJson .list }}{{ if $i }},{{ end }}{{ $i }}:{{ $x }}{{ end }}"#, "0:1,1:b,2:true"),
        (#"{{ range fromJson .list }}{{ if eq (printf "%v" .) "b" }}{{ break }}{{ end }}{{ . }}{{ end }}"#, "1"),
        (#"{{ $o := fromJson .object }}{{ $o.k }} {{ $o.in.x }} {{ index $o "k" }}"#, "v 1.5 v"),
        ("{{ fromJson .object }}", "map[in:map[x:1.5] k:v]"),
        (#"{{ and .name .n }} {{ or .gone "d" }} {{ not .gone }}"#, "42 d true"),
        (
            #"{{ printf "%-6s|%4d|%05.2f|%q|%x|%v|%%" .n (int .n) 3.14159 "q" 255 true }}"#,
            #"42    |  42|03.14|"q"|ff|true|%"#
        ),
        (#"{{ printf "%d" .n }}"#, "%!d(string=42)"),
        (#"{{ len .name }} {{ slice .name 0 5 }} {{ index .name 0 }}"#, "11 Alice 65"),
        (#"{{ __line__ }} {{ __line__ | len }}"#, "the line 8"),
        (#"{{ __timestamp__ | date "2006-01-02T15:04:05.000Z07:00" }}"#, "2023-11-14T22:13:20.123Z"),
        (
            #"{{ __timestamp__ | unixEpoch }} {{ __timestamp__ | unixEpochMillis }} "#
                + #"{{ unixEpochNanos __timestamp__ }}"#,
            "1700000000 1700000000123 1700000000123456789"
        ),
        (#"{{ date "Mon Jan _2 3:04PM 2006" (unixToTime "1700000000") }}"#, "Tue Nov 14 10:13PM 2023"),
        (#"{{ toDate "2006-01-02" "2024-02-29" | unixEpoch }}"#, "1709164800"),
        (#"{{ toDateInZone "2006-01-02 15:04" "+02:00" "2024-02-29 02:00" | unixEpoch }}"#, "1709164800"),
        (#"{{ ToUpper .name }} {{ .name | ToLower }} {{ title "ab cd" }}"#, "ALICE SMITH alice smith Ab Cd"),
        (#"{{ Replace .name "i" "I" 1 }} {{ replace "i" "I" .name }}"#, "AlIce Smith AlIce SmIth"),
        (
            #"{{ Trim "xxaxx" "x" }} {{ TrimLeft "xa" "x" }} {{ TrimRight "ax" "x" }} "#
                + #"{{ TrimPrefix "pre-a" "pre-" }} {{ TrimSuffix "a.go" ".go" }} {{ TrimSpace " b " }}"#,
            "a a a a a b"
        ),
        (#"{{ trimAll "$" "$5$" }} {{ trimPrefix "a" "ab" }} {{ trimSuffix "b" "ab" }} {{ trim " c " }}"#, "5 b a c"),
        (
            #"{{ substr 0 5 .name }} {{ trunc -5 .name }} {{ repeat 3 "ab" }} "#
                + #"{{ contains "ice" .name }} {{ hasSuffix "th" .name }}"#,
            "Alice Smith ababab true true"
        ),
        (#"{{ indent 2 "a" }}{{ nindent 1 "b" }}"#, "  a\n b"),
        (#"{{ alignLeft 4 "ab" }}|{{ alignRight 4 "ab" }}|{{ alignRight 1 "ab" }}"#, "ab  |  ab|b"),
        (
            #"{{ regexReplaceAll "(\\w+) (\\w+)" .name "$2 $1" }} {{ regexReplaceAllLiteral "[aeiou]" .name "$1" }}"#,
            "Smith Alice Al$1c$1 Sm$1th"
        ),
        (#"{{ count "[aeiou]" .name }}"#, "3"),
        (
            #"{{ urlencode "a b&c" }} {{ urldecode "a%20b+c" }} {{ b64enc "hi!" }} {{ b64dec "aGkh" }}"#,
            "a+b%26c a b c aGkh hi!"
        ),
        (#"{{ default "d" .gone }} {{ .n | default "d" }}"#, "d 42"),
        (#"{{ add 1 2 .n }} {{ sub 5 2 }} {{ mul 2 3 4 }} {{ div 7 2 }} {{ mod 7 2 }}"#, "45 3 24 3 1"),
        (#"{{ addf 1.5 2 }} {{ subf 5 1.5 }} {{ mulf 1.5 2 }} {{ divf 3 2 }}"#, "3.5 3.5 3 1.5"),
        (
            #"{{ max 1 3 2 }} {{ min 1 3 2 }} {{ maxf 1.5 3 }} "#
                + #"{{ minf 1.5 3 }} {{ ceil 1.2 }} {{ floor 1.8 }} {{ round 1.2345 2 }}"#,
            "3 1 3 1.5 2 1 1.23"
        ),
        (
            #"{{ int "12" }} {{ float64 "1.5" }} {{ bytes "2KB" }} "#
                + #"{{ duration "1m30s" }} {{ duration_seconds "500ms" }}"#,
            "12 1.5 2000 90 0.5"
        ),
        (#"{{ lt 1 2 }} {{ le 2 2 }} {{ gt 1 2 }} {{ ge "b" "a" }} {{ ne 1 2 }}"#, "true true false true true"),
        (#"{{ printf "%.0f %.1f %.3f" 2.5 0.25 1e21 }}"#, "2 0.2 1000000000000000000000.000"),
        // Characters, not bytes.
        (
            #"{{ trunc -1 "Hello, 世界" }} {{ trunc 8 "Hello, 世界" }} {{ trunc 20 "世" }} "#
                + #"{{ trunc -20 "世" }}|{{ trunc 0 "世" }}"#,
            "界 Hello, 世 世 世|"
        ),
        (
            #"{{ substr 1 8 "Hello, 世界" }}|{{ substr -10 8 "Hello, 世界" }}|{{ substr 3 -1 "Hello, 世界" }}|"#
                + #"{{ substr -1 -1 "x" }}|"#
                + #"{{ substr 20 -1 "x" }}|{{ substr 5 1 "Hello, 世界" }}|{{ substr -1 1 "世界" }}"#,
            "ello, 世|Hello, 世|lo, 世界||||世"
        ),
        (#"{{ alignRight 2 "Hello, 世界" }} {{ alignLeft 8 "Hello, 世界" }} {{ alignLeft -1 "世" }}"#, "世界 Hello, 世 世"),
        (
            #"{{ bytes "3MB" }} {{ bytes "3 kB" }} {{ 1679577215.0 }} {{ 20.0 }} {{ divf 1 3 }}"#,
            "3e+06 3000 1.679577215e+09 20 0.3333333333333333"
        ),
        (
            #"{{ unixToTime "19503" }} {{ unixToTime "1257894000000" }}"#,
            "2023-05-26 00:00:00 +0000 UTC 2009-11-10 23:00:00 +0000 UTC"
        ),
        (
            #"{{ add "1" 1 | sub "3" | mul "10" | div "20" }} "#
                + #"{{ round (addf 1.5 1.5 | subf 3.5 | mulf 10.5 | divf 20.4) 5 .2 }}"#,
            "2 3.88572"
        ),
        (#"{{ "2.5" | float64 | int | add 10 }} {{ mod 20 3 }} {{ ceil 5.3 }} {{ floor "5.3" }}"#, "12 2 6 5"),
        (
            #"{{ toDateInZone "2006-01-02T15:04:05.999999999Z" "UTC" "2023-03-10T01:32:40.340485723Z" "#
                + #"| unixEpochNanos }}"#,
            "1678411960340485723"
        ),
        (#"{{ __line__ | count "l|i" }} {{ count "nothing.*" .name }}"#, "2 0"),
        (#"{{ if .name | contains "ice" }}yes{{ end }}-{{ if .name | contains "z" }}no{{ end }}"#, "yes-"),
        (#"{{ b64enc "i'm a string, encode me!" }}"#, "aSdtIGEgc3RyaW5nLCBlbmNvZGUgbWUh"),
        (#"{{ urlencode "/a?q=sum({x=~\"y.*\", z})" }}"#, "%2Fa%3Fq%3Dsum%28%7Bx%3D~%22y.%2A%22%2C+z%7D%29"),
        (
            #"{{ div (unixEpoch now) (unixEpoch now) }} "#
                + #"{{ sub (unixEpoch (toDate "2006-01-02" "2021-11-02")) "#
                + #"(unixEpoch (toDate "2006-01-02" "2021-11-01")) }}"#,
            "1 86400"
        ),
        (#"{{ .name Replace "foo" }}"#, "TemplateFormatErr"),
        ("{{ .name | now }}", "TemplateFormatErr"),
        (#"{{ regexReplaceAll "a|\\q" .name "x" }}"#, "TemplateFormatErr"),
        (#"{{ unixToTime "464" }}"#, "TemplateFormatErr"),
        ("{{ div 1 0 }}", "TemplateFormatErr"),
        ("{{ range 9999 }}{{ range 9999 }}{{ if .gone }}x{{ end }}{{ end }}{{ end }}", "TemplateFormatErr"),
        (#"{{ date "2006" (toDate "2006" "never") }}"#, "1677"),
        ("{{ b64dec \"!\" }}", "TemplateFormatErr"),
        ("{{ repeat 100000000 .name }}", "TemplateFormatErr"),
    ]

    @Test func templatesWriteWhatGoWrites() async throws {
        let labels = [
            "name": "Alice Smith", "n": "42", "list": #"[1,"b",true]"#, "object": #"{"k":"v","in":{"x":1.5}}"#,
        ]
        var row = MemoryEvents.Row(0, labels, "the line")
        row.timestamp = 1_700_000_000_123_456_789
        let engine = LogQLEngine(reader: MemoryEvents([row]))
        for (template, expected) in TemplateTests.cases {
            let expression = LogExpression(matchers: [Matcher("n", .equal, "42")], stages: [.lineFormat(template)])
            do {
                let result = try await engine.logs(
                    expression, range: .all, limit: 1, direction: .forward, context: QueryContext())
                let entry = try #require(result.entries.first)
                let text = entry.parsed["__error__"] ?? String(decoding: entry.line, as: UTF8.self)
                #expect(text == expected, "\(template) \(entry.parsed)")
            } catch {
                Issue.record("\(template): \(error)")
            }
        }
    }
}
