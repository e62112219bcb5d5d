import Alerting
import Synchronization
import Telemetry
import Testing

/// Answers queries from a table and remembers how often it was asked.
final class TableLanguage: RuleQuerying {
    struct Refused: Error, CustomStringConvertible { var description: String }
    let answers = Mutex<[String: [RuleSample]]>([:])
    let asked = Mutex<[String]>([])

    init(_ answers: [String: [RuleSample]] = [:]) { self.answers.withLock { $0 = answers } }
    func set(_ expression: String, _ samples: [RuleSample]) { answers.withLock { $0[expression] = samples } }
    func check(_ expression: String) throws {
        if expression.contains("((") { throw Refused(description: "1:1: parse error: unclosed left parenthesis") }
    }
    func instant(_ expression: String, at time: Int64) async throws -> [RuleSample] {
        asked.withLock { $0.append(expression) }
        guard let found = answers.withLock({ $0[expression] }) else { throw Refused(description: "no such query") }
        return found
    }
}

@Suite struct AlertTemplateTests {
    private static let cases: [(template: String, expected: String)] = [
        ("no braces, { neither }", "no braces, { neither }"),
        ("{{ $value }}", "1.234567e+06"), ("{{ .Value | printf \"%.1f\" }}", "1234567.0"),
        ("{{ $labels }}", "map[__name__:m b:c instance:x.example.org:9100]"),
        ("{{ $labels.gone }}|{{ .Labels.b }}", "|c"),
        (
            "{{ $externalLabels.cluster }} {{ .ExternalLabels }} {{ $externalURL }} {{ .ExternalURL }}",
            "eu map[cluster:eu] http://ui.test/needle http://ui.test/needle"
        ),
        ("{{ externalURL }} {{ pathPrefix }} {{ now }}", "http://ui.test/needle /needle 1.435065584128e+09"),
        (
            "{{ humanize 0.12 }} {{ humanize $value }} {{ humanize 0.0 }} {{ humanize 1e24 }} {{ humanize -1234.5 }}",
            "120m 1.235M 0 1Y -1.234k"
        ),
        (
            "{{ humanize 1048576.0 }} {{ humanize1024 1048576.0 }} {{ humanize1024 1.0 }} {{ humanize1024 \"2048\" }}",
            "1.049M 1Mi 1 2ki"
        ),
        (
            "{{ humanizeDuration 135 }} {{ humanizeDuration 899.99 }} {{ humanizeDuration .12345 }} {{ humanizeDuration 0 }}",
            "2m 15s 14m 59s 123.5ms 0s"
        ),
        (
            "{{ humanizeDuration 3600 }} {{ humanizeDuration 90061.5 }} {{ humanizeDuration -60 }} {{ humanizeDuration 59.5 }}",
            "1h 0m 0s 1d 1h 1m 1s -1m 0s 59.5s"
        ),
        ("{{ humanizePercentage 0.959 }} {{ humanizePercentage 0.12345678 }}", "95.9% 12.35%"),
        (
            "{{ humanizeTimestamp 1435065584.128 }} {{ 1643114203 | humanizeTimestamp }}",
            "2015-06-23 13:19:44.128 +0000 UTC 2022-01-25 12:36:43 +0000 UTC"
        ),
        (
            "{{ (1435065584 | toTime) }} {{ toDuration 1.5 }} {{ parseDuration \"1h30m\" }}",
            "2015-06-23 13:19:44 +0000 UTC 1.5s 5400"
        ),
        (
            #"{{ humanize "one" }}"#,
            #"<error expanding template: error executing template __alert_A: error calling humanize: strconv.ParseFloat: parsing "one": invalid syntax>"#
        ),
        (#"{{ title "aa bb-cc d_e" }} {{ toUpper "x" }} {{ toLower "X" }}"#, "Aa Bb-Cc D_e X x"),
        (
            #"{{ match "b.r" "a bar" }} {{ match "^b" "ab" }} {{ reReplaceAll "(b)(c)" "$2$1" "abcd" }}"#,
            "true false acbd"
        ),
        (
            #"{{ graphLink "a+b" }} {{ tableLink "up == 0" }}"#,
            "/graph?g0.expr=a%2Bb&g0.tab=0 /graph?g0.expr=up+%3D%3D+0&g0.tab=1"
        ),
        (
            #"{{ stripPort "h:1" }} {{ stripPort "[::1]:9" }} {{ stripPort "h" }} {{ stripDomain $labels.instance }}"#,
            "h ::1 h x:9100"
        ),
        (#"{{ stripDomain "10.0.0.1:80" }} {{ stripDomain "a.b.c" }}"#, "10.0.0.1:80 a"),
        (#"{{ urlQueryEscape "a b&" }} {{ safeHtml "<b>" }}"#, "a+b%26 <b>"),
        (#"{{ with query "q" }}{{ . | first | value }} {{ . | first | label "id" }} {{ len . }}{{ end }}"#, "3 b 2"),
        (#"{{ range query "q" | sortByLabel "id" }}{{ .Labels.id }}:{{ .Value }},{{ end }}"#, "a:4,b:3,"),
        (#"{{ query "q" | first | strvalue }}{{ range query "none" }}x{{ end }}"#, "text"),
        (#"{{ query (printf "%s" "q") | len }}{{ query "q" | len }}"#, "22"),
        (
            #"{{ query "none" | first }}"#,
            "<error expanding template: error executing template __alert_A: error calling first: first() called on vector with no elements>"
        ),
        (
            #"{{ query "bad" }}"#,
            "<error expanding template: error executing template __alert_A: error calling query: no such query>"
        ),
        (
            #"{{ define "x" }}{{ .arg0 }} {{ .arg1 }} {{ .arg2 }}{{ end }}Args are: {{ template "x" (args "foo" "bar" 99) }}."#,
            "Args are: foo bar 99."
        ),
        (#"{{ define "a" }}<{{ . }}>{{ end }}{{ $n := "a" }}{{ tmpl $n $value }}"#, "<1.234567e+06>"),
        ("{{ if gt $value 10.0 }}high{{ else }}low{{ end }}", "high"),
        ("{{ $labels.b", "<error expanding template: error parsing template __alert_A: unclosed action>"),
        (
            "{{ .Lables }}",
            "<error expanding template: error executing template __alert_A: can't evaluate field Lables in type struct>"
        ),
    ]

    @Test func alertTextsExpandAsInPrometheus() async {
        let language = TableLanguage([
            "q": [
                .init(labels: LabelSet(["id": "b", "__value__": "text"]), value: 3),
                .init(labels: LabelSet(["id": "a"]), value: 4),
            ], "none": [],
        ])
        let template = AlertTemplate(
            labels: LabelSet(["__name__": "m", "b": "c", "instance": "x.example.org:9100"]), value: 1_234_567,
            time: 1_435_065_584_128,
            surroundings: TemplateSurroundings(
                externalLabels: LabelSet(["cluster": "eu"]), externalURL: "http://ui.test/needle"),
            language: language)
        for (text, expected) in AlertTemplateTests.cases {
            #expect(await template.expand(text, name: "A") == expected, "\(text)")
        }
        language.asked.withLock { $0 = [] }
        let endless = #"{{ range $i, $x := query "q" }}{{ range 30 }}{{ query (printf "none%d" .) }}{{ end }}{{ end }}"#
        for i in 0..<30 { language.set("none\(i)", []) }
        #expect(await template.expand(endless, name: "A").contains("at most 20 different queries"))
        #expect(language.asked.withLock { $0.count } == 21)
    }

    @Test func valuesPrintAsGoPrintsThem() async {
        for (value, text) in [
            (1_234_567, "1.234567e+06"), (123_456, "123456"), (0.00001234, "1.234e-05"), (.infinity, "+Inf"),
            (.nan, "NaN"), (0, "0"),
        ] as [(Double, String)] {
            let template = AlertTemplate(
                labels: .empty, value: value, time: 0, surroundings: TemplateSurroundings(), language: TableLanguage())
            #expect(await template.expand("{{ $value }}", name: "") == text)
        }
    }

    @Test func syntaxIsCheckedBeforeAnAlertFires() {
        for (text, problem) in [
            ("plain {", nil), ("{{ $labels.a | toUpper }}", nil), ("{{ $lables.a }}", #"undefined variable "$lables""#),
            ("{{ nosuch }}", #"function "nosuch" not defined"#),
            ("{{ if $value }}", "unexpected EOF: {{if}} has no {{end}}"),
        ] as [(String, String?)] {
            do {
                try AlertTemplate.check(text)
                #expect(problem == nil, "\(text)")
            } catch { #expect("\(error)" == problem) }
        }
    }
}
