import GoTemplates
import Telemetry
import Testing

private struct NoContext: TemplateContext {
    func appendMember(_ name: String, to out: inout [UInt8]) { if name == "label" { out += Array("value".utf8) } }
    func call(_ function: String, _ arguments: [TemplateValue]) throws(TemplateError) -> TemplateValue {
        .string("\(function)(\(arguments.map(\.text).joined(separator: ",")))")
    }
}

@Suite struct TemplateTests {
    private static let functions = TemplateFunctions([
        .context("ask", 0...2), .template,
        TemplateFunction("twice", 1...1) { arguments in .string(arguments[0].text + arguments[0].text) },
    ])

    private static let data = TemplateValue.object([
        .init(key: "Labels", value: .labels(LabelSet(["b": "2", "a": "1"]))), .init(key: "Value", value: .double(1.5)),
        .init(key: "List", value: .list([.int(1), .string("x"), .double(2)])),
        .init(key: "Map", value: .map([.init(key: "k", value: .bool(true))])),
    ])

    /// Output, or the beginning of the error after `!`.
    private static let cases: [(template: String, expected: String)] = [
        ("{{ .Labels }} {{ .Labels.a }}|{{ .Labels.none }}|{{ .Map.none }}", "map[a:1 b:2] 1||<no value>"),
        ("{{ .None }}", "!can't evaluate field None in type struct"),
        ("{{ .Value.x }}", "!can't evaluate field x in type float64"),
        ("{{ $name }}{{ $.Value }}", "given1.5"),
        ("{{ range $k, $v := .Labels }}{{ $k }}={{ $v }};{{ end }}", "a=1;b=2;"),
        ("{{ range .List }}[{{ . }}]{{ else }}none{{ end }}", "[1][x][2]"),
        (#"{{ index .Labels "b" }}{{ index .List 1 }}{{ len .Labels }}{{ len .List }}"#, "2x23"),
        (
            #"{{ define "t" }}<{{ . }}{{ $ }}>{{ end }}{{ template "t" .Value }}{{ template "t" }}"#,
            "<1.51.5><<no value><no value>>"
        ),
        (#"{{ block "b" .Labels }}{{ .a }}{{ end }}{{ tmpl "b" .Labels | twice }}"#, "111"),
        (#"{{ template "gone" }}"#, #"!template "gone" not defined"#),
        (#"{{ define "r" }}{{ template "r" . }}{{ end }}{{ template "r" . }}"#, "!exceeded maximum template depth"),
        (#"{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $x := 3 }}{{ $x }}{{ end }}{{ $x }}"#, "32"),
        (#"{{ $x := 1 }}{{ if $x := 2 }}{{ $x }}{{ end }}{{ $x }}"#, "21"),
        ("{{ $gone }}", #"!undefined variable "$gone""#),
        ("{{ if true }}{{ $x := 1 }}{{ end }}{{ $x }}", #"!undefined variable "$x""#),
        (#"{{ define "t" }}{{ $name }}{{ end }}"#, #"!undefined variable "$name""#),
        ("{{ range .List }}{{ if eq (print .) \"x\" }}{{ continue }}{{ end }}{{ . }}{{ end }}", "12"),
        (#"{{ ask 1 "b" }} {{ "c" | ask }}"#, "ask(1,b) ask(c)"),
        ("{{ ask 1 2 3 }}", "!wrong number of args for ask"),
        ("{{ print 1 2 }}|{{ print 1 \"a\" 2 }}|{{ println 1 \"a\" }}", "1 2|1a2|1 a\n"),
        (#"{{ html "<a&'\">" }} {{ urlquery "a b" "&" }}"#, "&lt;a&amp;&#39;&#34;&gt; a+b%26"),
        ("{{ gt 2.5 1.5 }} {{ ge 1 1 }} {{ le 2 1 }} {{ eq 1 2 1 }} {{ ne \"a\" \"b\" }}", "true true false true true"),
        ("{{ eq 1 1.0 }}", "!error calling eq: incompatible types"),
        ("{{ gt .Value 1 }}", "!error calling lt: incompatible types"),
        ("{{ and 1 0 2 }} {{ or 0 \"\" 3 }} {{ not 0 }}", "0 3 true"),
        (
            #"{{ printf "%.4g %.2f %e %g %6.1f|%+d %v %s %T" 123456.0 0.125 1234567.0 1234567.0 2.25 5 1e7 "s" 1.5 }}"#,
            "1.235e+05 0.12 1.234567e+06 1.234567e+06    2.2|+5 1e+07 s float64"
        ),
        ("a {{- /* c */ -}} b", "ab"), ("{{ `raw\\n` }}{{ 'a' }}{{ 0x1f }}{{ -2.50 }}", "raw\\n9731-2.5"),
        ("{{ \"unclosed }}", "!unclosed action"), ("{{ end }}", "!unexpected {{end}}"),
        ("{{ if true }}", "!unexpected EOF"),
        ("{{ nofunction }}", #"!function "nofunction" not defined"#), ("{{ 1 | 2 }}", "!can't give argument"),
        ("{{ break }}", "!{{break}} outside {{range}}"), ("{{ range 1.5 }}{{ end }}", "!range can't iterate"),
        ("{{ if true }}{{ define \"x\" }}{{ end }}{{ end }}", "!unexpected {{define}}"), ("{{}}", "!missing value"),
        (String(repeating: "{{ if true }}", count: 100), "!the template is nested too deeply"),
        ("{{ " + String(repeating: "(", count: 1000) + " }}", "!the template is nested too deeply"),
    ]

    @Test func templatesDoWhatGoDoes() {
        for (text, expected) in TemplateTests.cases {
            var out: [UInt8] = []
            var result: String
            do throws(TemplateError) {
                let template = try Template(text, functions: TemplateTests.functions, variables: ["name"])
                try template.execute(
                    over: NoContext(), data: TemplateTests.data, variables: [("name", .string("given"))], into: &out)
                result = String(decoding: out, as: UTF8.self)
            } catch { result = "!\(error)" }
            if expected.hasPrefix("!"), result.hasPrefix(expected) { result = expected }
            #expect(result == expected, "\(text.prefix(200))")
        }
    }

    @Test func recordsGiveTheirMembersByName() throws {
        for (text, expected) in [
            ("a{{ .label }}b{{ .gone }}", "avalueb"),
            (#"{{ index . "label" | twice }}{{ $.label }}"#, "valuevaluevalue"),
            ("{{ .label }}{{ if .label }}yes{{ end }}{{ with 1 }}{{ . }}{{ end }}", "valueyes1"),
        ] {
            var out: [UInt8] = []
            try Template(text, functions: TemplateTests.functions).execute(over: NoContext(), into: &out)
            #expect(String(decoding: out, as: UTF8.self) == expected, "\(text)")
        }
    }

    @Test func numbersAndTimesPrintAsInGo() {
        let values: [(Double, shortest: String, four: String, fixed: String)] = [
            (0, "0", "0", "0.00"), (1_234_567, "1.234567e+06", "1.235e+06", "1234567.00"),
            (123_456, "123456", "1.235e+05", "123456.00"),
            (0.00001234, "1.234e-05", "1.234e-05", "0.00"), (0.0001, "0.0001", "0.0001", "0.00"),
            (-1.5, "-1.5", "-1.5", "-1.50"),
            (1e21, "1e+21", "1e+21", "1000000000000000000000.00"), (0.1, "0.1", "0.1", "0.10"),
            (9999.5, "9999.5", "1e+04", "9999.50"),
            (2.675, "2.675", "2.675", "2.67"), (99.995, "99.995", "100", "100.00"),
            (Double.leastNonzeroMagnitude, "5e-324", "4.941e-324", "0.00"),
            (.infinity, "+Inf", "+Inf", "+Inf"), (-.infinity, "-Inf", "-Inf", "-Inf"), (.nan, "NaN", "NaN", "NaN"),
            (999_999, "999999", "1e+06", "999999.00"), (1_000_000, "1e+06", "1e+06", "1000000.00"),
            (
                1.7976931348623157e308, "1.7976931348623157e+308", "1.798e+308",
                GoNumber.fixed(1.7976931348623157e308, digits: 2)
            ),
        ]
        for (value, shortest, four, fixed) in values {
            #expect(GoNumber.general(value) == shortest)
            #expect(GoNumber.general(value, digits: 4) == four)
            #expect(GoNumber.fixed(value, digits: 2) == fixed)
        }
        for (nanoseconds, text) in [
            (0, "0s"), (1, "1ns"), (1_500, "1.5µs"), (12_500_000, "12.5ms"), (1_500_000_000, "1.5s"),
            (135_000_000_000, "2m15s"),
            (3_600_000_000_000, "1h0m0s"), (-90_000_000_000, "-1m30s"), (Int64.min, "-2562047h47m16.854775808s"),
        ] as [(Int64, String)] {
            #expect(GoDuration.format(nanoseconds) == text)
        }
        #expect(TemplateValue.time(1_435_065_584_128_000_000).text == "2015-06-23 13:19:44.128 +0000 UTC")
    }
}
