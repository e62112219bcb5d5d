import PromQL
import Telemetry
import Testing

@Suite struct ParserTests {
    /// What is written and its canonical text.
    static let canonical: [(String, String)] = [
        ("1 + 2 * 3", "1 + 2 * 3"), ("0755", "493"), ("0x1F", "31"), ("1_000.5", "1000.5"), (".5", "0.5"), ("2.", "2"),
        ("1e3", "1000"),
        ("5m", "5m"), ("1h30m", "1h30m"), ("Inf", "+Inf"), ("-NaN", "NaN"), ("-1 ^ 2", "-1 ^ 2"), ("(1)", "(1)"),
        ("'a\\n\"b'", "\"a\\n\\\"b\""), ("`raw\\n`", "\"raw\\\\n\""), ("foo", "foo"), ("foo{}", "foo"),
        ("foo{a='b',}", "foo{a=\"b\"}"), ("{__name__=\"x\"}", "{__name__=\"x\"}"),
        ("{\"a b\",\"c d\"=~\"e.*\"}", "{\"c d\"=~\"e.*\",__name__=\"a b\"}"),
        ("sum", "sum"), ("offset", "offset"), ("job:rate:5m", "job:rate:5m"), ("foo[5m]", "foo[5m]"),
        ("foo[300]", "foo[5m]"),
        ("foo offset 5m", "foo offset 5m"), ("foo[5m] offset -1w", "foo[5m] offset -1w"),
        ("foo @ 123.5", "foo @ 123.500"),
        ("foo[5m] @ start() offset 1h", "foo[5m] @ start() offset 1h"),
        ("foo offset 1h @ end()", "foo @ end() offset 1h"),
        ("rate(foo[5m])[1h:]", "rate(foo[5m])[1h:]"),
        ("rate(foo[5m])[1h:30s] offset 2m", "rate(foo[5m])[1h:30s] offset 2m"),
        ("foo[5m+30s*2]", "foo[5m + 30s * 2]"), ("foo offset (step()*2)", "foo offset (step() * 2)"),
        ("sum by(a,b)(foo)", "sum by (a, b) (foo)"), ("sum(foo) without (a)", "sum without (a) (foo)"),
        ("SUM BY() (foo)", "sum(foo)"), ("foo{z=\"1\",a!=\"2\"}", "foo{a!=\"2\",z=\"1\"}"),
        ("1e22", "10000000000000000000000"), ("foo @ 1 smoothed offset 0s", "foo @ 1.000 smoothed"),
        ("topk(5, foo)", "topk(5, foo)"), ("count_values(\"v\", foo)", "count_values(\"v\", foo)"),
        ("a + on(x) group_left(y) b", "a + on (x) group_left (y) b"),
        ("a / ignoring(x) group_right b", "a / ignoring (x) group_right () b"),
        ("a == bool b", "a == bool b"), ("a and on() b", "a and on () b"), ("a + fill(0) b", "a + fill (0) b"),
        ("a > bool 1", "a > bool 1"), ("1 != on() group_right(x) a", "1 != a"),
        ("a atan2 b", "a atan2 b"), ("a </ 5", "a </ 5"), ("rate(foo[5m] anchored)", "rate(foo[5m] anchored)"),
        ("label_replace(a, \"b\", \"$1\", \"c\", \"(.*)\")", "label_replace(a, \"b\", \"$1\", \"c\", \"(.*)\")"),
        ("a # comment\n + b", "a + b"), ("sum(rate(foo[5m])) by (job) / 2", "sum by (job) (rate(foo[5m])) / 2"),
    ]

    @Test func expressionsPrintCanonicallyAndReadBack() throws {
        for (written, text) in ParserTests.canonical {
            let printed = try PromQLEngine.parse(written, options: .everything).description
            #expect(printed == text, "\(written)")
            #expect(try PromQLEngine.parse(printed, options: .everything).description == printed, "\(written)")
        }
    }

    @Test func longExpressionsAreBrokenIntoLines() throws {
        let long = "quantile_of_what_is_asked_by_many_people_of_the_house{job=\"a\"}"
        let written = "sum by(job)(rate(\(long)[5m])) / ignoring(x) -\(long) > bool 1"
        let text = try PromQLEngine.parse(written).formatted
        #expect(
            text == """
                    sum by (job) (rate(\(long)[5m]))
                  / ignoring (x)
                    -\(long)
                > bool
                  1
                """)
        #expect(try PromQLEngine.parse(text).formatted == text)
        #expect(try PromQLEngine.parse("a+b").formatted == "a + b")
    }

    @Test func featuresAreReadFromTheCommandLine() throws {
        let features = try QueryFeature.read(["promql-delayed-name-removal,use-start-timestamps", "promql-duration-expr"])
        let options = PromQLEngine.Options(features: features)
        #expect(options.names == .delayed && options.startTimestamps && !options.typeLabels)
        #expect(PromQLEngine.Options(features: []).names == .eager)
        #expect(throws: PromQLError.self) { try QueryFeature.read(["no-such-thing"]) }
    }

    static let errors: [(String, String)] = [
        ("", "unknown position: parse error: no expression found in input"),
        ("1 +", "1:4: parse error: unexpected end of input"),
        ("(1", "1:3: parse error: unclosed left parenthesis"),
        ("1)", "1:3: parse error: unexpected right parenthesis ')'"),
        ("foo{", "1:5: parse error: unexpected end of input inside braces"),
        ("foo{a}", "1:6: parse error: unexpected \"}\" in label matching, expected label matching operator"),
        ("foo{a=b}", "1:7: parse error: unexpected identifier \"b\" in label matching, expected string"),
        ("foo{a==\"b\"}", "1:7: parse error: unexpected \"=\" in label matching, expected string"),
        ("{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
        ("{a=~\".*\"}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
        ("foo{__name__=\"bar\"}", "1:1: parse error: metric name must not be set twice: \"foo\" or \"bar\""),
        ("foo[5m", "1:7: parse error: unexpected end of input in duration expression"),
        ("2.5.", "1:1: parse error: bad number or duration syntax: \"2.5.\""),
        ("7eggs", "1:1: parse error: bad number or duration syntax: \"7e\""),
        ("foo[3m2]", "1:5: parse error: bad number or duration syntax: \"3m2\""),
        ("foo[3h1d]", "1:5: parse error: not a valid duration string: \"3h1d\""),
        ("foo[2w3ds]", "1:5: parse error: unknown unit \"ds\" in duration \"2w3ds\""),
        ("foo[0s]", "1:5: parse error: duration must be greater than 0"),
        ("foo[2m:-3]", "1:8: parse error: duration must be greater than 0"),
        ("foo[1h/0s]", "1:7: parse error: division by zero"), ("foo[1e11]", "1:5: parse error: duration out of range"),
        ("foo[\"3m\"]", "1:5: parse error: unexpected character in duration expression: '\"'"),
        ("foo @ -Inf", "1:1: parse error: timestamp out of bounds for @ modifier: -Inf"),
        ("@ 3", "1:1: parse error: unexpected <op:@>"),
        ("\"\\u12!4\"", "1:1: parse error: illegal character U+0021 '!' in escape sequence"),
        ("foo[5x]", "1:5: parse error: bad number or duration syntax: \"5x\""),
        ("(foo + 1)[5m]", "1:10: parse error: ranges only allowed for vector selectors"),
        ("foo offset 1m [5m]", "1:15: parse error: no offset modifiers allowed before range"),
        (
            "1 offset 1m",
            "1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery"
        ),
        ("foo offset 1m offset 2m", "1:1: parse error: offset may not be set multiple times"),
        ("rate(foo)", "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector"),
        ("rate()", "1:1: parse error: expected 1 argument(s) in call to \"rate\", got 0"),
        ("round(a, 1, 2)", "1:1: parse error: expected at most 2 argument(s) in call to \"round\", got 3"),
        ("nope(a)", "1:1: parse error: unknown function with name \"nope\""),
        ("1 == 2", "1:3: parse error: comparisons between scalars must use BOOL modifier"),
        ("a + bool b", "1:3: parse error: bool modifier can only be used on comparison operators"),
        ("a and 1", "1:1: parse error: set operator \"and\" not allowed in binary scalar expression"),
        ("a and on(x) group_left b", "1:1: parse error: no grouping allowed for \"and\" operation"),
        ("a + on(x) group_left(x) b", "1:3: parse error: label \"x\" must not occur in ON and GROUP clause at once"),
        ("sum()", "1:1: parse error: no arguments for aggregate expression provided"),
        ("topk(a)", "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1"),
        (
            "sum by (a b) (c)",
            "1:11: parse error: unexpected identifier \"b\" in grouping opts, expected \",\" or \")\""
        ),
        ("\"unterminated", "1:1: parse error: unterminated quoted string"),
        ("foo!", "1:4: parse error: unexpected character after '!': end of input"),
        ("a\n+ $", "2:3: parse error: unexpected character: '$'"),
        ("a b", "1:3: parse error: unexpected identifier \"b\""),
        ("foo{a=~\"(\"}", "1:5: parse error: error parsing regexp: missing closing ): `(`"),
        (
            "-\"x\"",
            "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got \"string\""
        ),
    ]

    @Test func mistakesAreNamedWithTheirPlace() {
        for (written, text) in ParserTests.errors {
            do {
                let expression = try PromQLEngine.parse(written, options: .everything)
                Issue.record("\(written) parsed as \(expression)")
            } catch { #expect(error.description == text, "\(written)") }
        }
    }

    @Test func hostileQueriesGetAnAnswerAndNotACrash() {
        let hostile = [
            String(repeating: "(", count: 100_000) + "1" + String(repeating: ")", count: 100_000),
            String(repeating: "-", count: 100_000) + "1", "1" + String(repeating: "+1", count: 50_000),
            "foo[" + String(repeating: "(", count: 50_000), String(repeating: "abs(", count: 25_000),
            "foo" + String(repeating: "[1m:1m]", count: 15_000), String(repeating: "2^", count: 50_000) + "2",
            "foo[" + "1" + String(repeating: "+1", count: 50_000) + "]", String(repeating: "{", count: 100_000),
            "foo{" + String(repeating: "a=\"b\",", count: 20_000), "a" + String(repeating: " offset 1m", count: 10_000),
        ]
        for query in hostile {
            #expect(throws: PromQLError.self, "\(query.prefix(20))") {
                try PromQLEngine.parse(query, options: .everything)
            }
        }
    }

    @Test func selectorsOfAnExpressionAreFound() throws {
        let expression = try PromQLEngine.parse("sum(rate(a{x=\"1\"}[5m])) / on() max_over_time(b[1h:1m])")
        let found = PromQLEngine.selectors(of: expression).map { $0.map(\.description) }
        #expect(found == [["x=\"1\"", "__name__=\"a\""], ["__name__=\"b\""]])
        #expect(throws: PromQLError.self) { try PromQLEngine.parseSelector("rate(a[5m])") }
    }
}
