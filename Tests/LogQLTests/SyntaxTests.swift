import LogQL
import TestSupport
import Testing

@Suite struct SyntaxTests {
    /// A query and its canonical form.
    private static let canonical: [(String, String)] = [
        (#"{a="b"}"#, #"{a="b"}"#),
        (#"{ a = "b" , c!="d",e=~"f.*", g!~`h` }"#, #"{a="b", c!="d", e=~"f.*", g!~"h"}"#),
        (#"{a="b"} |= "x" != "y" |~ `z\d` !~ "w""#, #"{a="b"} |= "x" != "y" |~ "z\\d" !~ "w""#),
        (#"{a="b"} |= "x" or "y" or ip("10.0.0.0/8")"#, #"{a="b"} |= "x" or "y" or ip("10.0.0.0/8")"#),
        (#"{a="b"} |> "<_> x <_>" !> "y<_>""#, #"{a="b"} |> "<_> x <_>" !> "y<_>""#),
        ("{a=\"b\"} # comment\n | json", #"{a="b"} | json"#),
        (
            #"{a="b"} | JSON x="a.b[0]", y | logfmt --strict --keep-empty z"#,
            #"{a="b"} | json x="a.b[0]",y="y" | logfmt --strict --keep-empty z="z""#
        ),
        (#"{json="b"} | rate="x""#, #"{json="b"} | rate="x""#),
        (#"{a="b"} | c>=5 and d<10ms or e!=20KB"#, #"{a="b"} | ( ( c>=5 , d<10ms ) or e!=20kB )"#),
        (#"{a="b"} | c="x", d=~"y" (e=3 or f==4)"#, #"{a="b"} | ( c="x" , ( d=~"y" , ( e==3 or f==4 ) ) )"#),
        (#"{a="b"} | c="x" d!="y", e=~"z" or f==5"#, #"{a="b"} | ( c="x" , ( d!="y" , ( e=~"z" or f==5 ) ) )"#),
        (#"{a="b"} | c="x" or d="y" and e="z""#, #"{a="b"} | ( c="x" or ( d="y" , e="z" ) )"#),
        (#"{a="b"} | c="x" and d="y" or e="z""#, #"{a="b"} | ( ( c="x" , d="y" ) or e="z" )"#),
        (#"{a="b"} | addr=ip("1.2.3.4")| x>-1.5"#, #"{a="b"} | addr=ip("1.2.3.4") | x>-1.5"#),
        (
            #"{a="b"} | line_format "{{.x}}" | label_format y=z,w="{{.v}}" | decolorize | unpack"#,
            #"{a="b"} | line_format "{{.x}}" | label_format y=z,w="{{.v}}" | decolorize | unpack"#
        ),
        (#"{a="b"} | drop x, y="z" | keep a,b=~"c""#, #"{a="b"} | drop x,y="z" | keep a,b=~"c""#),
        (#"{a="b"} | regexp "(?P<x>.)" | pattern "<x> y""#, #"{a="b"} | regexp "(?P<x>.)" | pattern "<x> y""#),
        (#"rate({a="b"}[5m])"#, #"rate({a="b"}[5m])"#),
        (#"count_over_time(({a="b"} |= "x")[90s] offset 1h)"#, #"count_over_time({a="b"} |= "x"[1m30s] offset 1h)"#),
        (#"sum by (x,y) (rate({a="b"}[1h] |= "z"))"#, #"sum by (x,y)(rate({a="b"} |= "z"[1h]))"#),
        (#"sum(rate({a="b"}[1d])) without (x)"#, #"sum without (x)(rate({a="b"}[1d]))"#),
        (
            #"quantile_over_time(0.99, {a="b"} | json | unwrap duration(lat) | lat>1s [1m] offset -5m) by (x)"#,
            #"quantile_over_time(0.99,{a="b"} | json | unwrap duration(lat) | lat>1s[1m] offset -5m) by (x)"#
        ),
        (#"topk(3, sum_over_time({a="b"} | unwrap x [1m]))"#, #"topk(3,sum_over_time({a="b"} | unwrap x[1m]))"#),
        ("1 + 2 * 3 ^ 2 ^ 2", "163"),
        ("vector(1)+vector(1)", "(vector(1) + vector(1))"),
        (
            #"rate({a="b"}[1m]) > bool 5 and on (x) rate({a="c"}[1m])"#,
            #"((rate({a="b"}[1m]) > bool 5) and on (x) rate({a="c"}[1m]))"#
        ),
        (
            #"rate({a="b"}[1m]) / ignoring (y) group_left (z) rate({a="c"}[1m])"#,
            #"(rate({a="b"}[1m]) / ignoring (y) group_left (z) rate({a="c"}[1m]))"#
        ),
        (
            #"label_replace(rate({a="b"}[1m]), "d", "$1", "s", "(.*)")"#,
            #"label_replace(rate({a="b"}[1m]),"d","$1","s","(.*)")"#
        ),
        (#"-1 - -2"#, "1"), ("1 > 1 > bool 1", "0"), ("1 > 1 < 1", "1"),
        (#"count_distinct(u, {a="b"} | json [5m]) by (c)"#, #"count_distinct(u,{a="b"} | json[5m]) by (c)"#),
        (#"vector(5m) + vector(1KiB)"#, "(vector(300) + vector(1024))"),
    ]

    private static let errors: [(String, String)] = [
        ("", "parse error at line 1, col 1: syntax error: unexpected $end"),
        ("{", "parse error at line 1, col 2: syntax error: unexpected $end, expecting IDENTIFIER or }"),
        (#"{a="b""#, "parse error at line 1, col 7: syntax error: unexpected $end, expecting } or ,"),
        (#"{a="b"} |="#, "parse error at line 1, col 11: syntax error: unexpected $end, expecting STRING or ip"),
        (#"{a="b"} x"#, "parse error at line 1, col 9: syntax error: unexpected IDENTIFIER"),
        (
            "{a=\"b\"}\n  | json | )",
            "parse error at line 2, col 12: syntax error: unexpected ), expecting IDENTIFIER or ("
        ),
        (
            "{}",
            "parse error : queries require at least one regexp or equality matcher that does not have an "
                + "empty-compatible value. For instance, app=~\".*\" does not meet this requirement, but app=~\".+\" will"
        ),
        (#"{a=~".*"}"#, "parse error : queries require"),
        (#"{a="b} | json"#, "parse error at line 1, col 4: literal not terminated"),
        (#"{a=~"("}"#, "parse error : error parsing regexp: missing closing ): `(`"),
        (#"rate({a="b"}[5)"#, "parse error at line 0, col 13: missing closing ']' in duration"),
        (#"rate({a="b"}[5])"#, #"parse error at line 0, col 13: not a valid duration string: "5""#),
        (#"rate({a="b"})"#, "parse error at line 1, col 13: syntax error: unexpected )"),
        (
            #"sum_over_time({a="b"}[5m])"#,
            "parse error : invalid aggregation sum_over_time without unwrap"
        ),
        (
            #"count_over_time({a="b"} | unwrap x [5m])"#,
            "parse error : invalid aggregation count_over_time with unwrap"
        ),
        (
            #"count_over_time({a="b"}[5m]) by (x)"#,
            "parse error : grouping not allowed for count_over_time aggregation"
        ),
        (#"topk(rate({a="b"}[5m]))"#, "parse error : parameter required for operation topk"),
        (
            #"topk(0, rate({a="b"}[5m]))"#,
            "parse error : invalid parameter (must be greater than 0) topk(0"
        ),
        (#"sum(3, rate({a="b"}[5m]))"#, "parse error : unsupported parameter for operation sum(3,"),
        (
            #"1 and rate({a="b"}[5m])"#,
            "parse error : unexpected literal for left leg of logical/set binary operation (and): 1.000000"
        ),
        (#"{a="b"} | label_format x=y,x=z"#, "multiple label name 'x' not allowed"),
        (#"{a="b"} | label_format __error__=y"#, "__error__ cannot be formatted"),
        (#"{a="b"} | line_format "{{.x""#, "parse error : invalid line template: unclosed action"),
        (#"{a="b"} | line_format "{{nope .x}}""#, #"function "nope" not defined"#),
        (#"{a="b"} | regexp ".""#, "parse error : at least one named capture must be supplied"),
        (#"{a="b"} | pattern "<_>""#, "parse error : at least one capture is required"),
        (#"{a="b"} | pattern "<x><y>""#, "found consecutive capture"),
        (#"{a="b"} |> "<x>""#, "named captures are not allowed"),
        (#"{a="b"} |= ip("1.2.3")"#, "parse error : ip: invalid pattern"),
        (#"{a="b"} |~ ip("1.2.3.4")"#, "unsupported filter operation |~"),
        (#"{a="b"} | json x="a..b""#, "cannot parse expression [a..b]"),
        (#"{a="b"} | unwrap x"#, "unexpected unwrap"),
        (#"{a="b"} | x == "y""#, "syntax error: unexpected ==, expecting ="),
        (#"{a="b"} | logfmt --nope"#, "unknown parser flag --nope"),
        (#"unk({a="b"}[5m])"#, "parse error at line 1, col 1: syntax error: unexpected IDENTIFIER"),
        (#"label_replace(rate({ foo = "bar" }[5m]),"")"#, "col 43: syntax error: unexpected ), expecting ,"),
        (
            #"label_replace(rate({a="b"}[5m]),"c","$1","d","^x\\q")"#,
            "parse error : invalid regex in label_replace: error parsing regexp: invalid escape sequence: `\\q`"
        ),
        (#"min({ foo = "bar" }[5m])"#, "parse error at line 0, col 20: syntax error: unexpected RANGE"),
        (#"stddev({ foo = "bar" })"#, "parse error at line 1, col 23: syntax error: unexpected )"),
        (#"bottomk(he,rate({a="b"}[5h]))"#, "parse error at line 1, col 9: syntax error: unexpected IDENTIFIER"),
        (#"bottomk(1.2,rate({a="b"}[5h]))"#, "parse error : invalid parameter bottomk(1.2,"),
        (#"{a="b"} |~"#, "parse error at line 1, col 11: syntax error: unexpected $end, expecting STRING or ip"),
        (#"{a="b"} "x""#, "parse error at line 1, col 9: syntax error: unexpected STRING"),
        (
            #"{a="b"} + {a="b"}"#,
            "parse error : unexpected type for left leg of binary operation (+): *syntax.MatchersExpr"
        ),
        (
            #"rate({a="b"}[5m]) > {a="b"} | json"#,
            "parse error : unexpected type for right leg of binary operation (>): *syntax.PipelineExpr"
        ),
        (
            #"sum(rate({a="b"}[5m])) + 1 or 1"#,
            "unexpected literal for right leg of logical/set binary operation (or): 1.000000"
        ),
        ("bool 1 > 1", "parse error at line 1, col 1: syntax error: unexpected bool"),
        (
            #"sum_over_time(50,{a="b"} | unwrap x [5m])"#,
            "parse error : parameter 50 not supported for operation sum_over_time"
        ),
        (
            #"quantile_over_time(foo,{a="b"} | unwrap x [5m])"#,
            "parse error at line 1, col 20: syntax error: unexpected IDENTIFIER, expecting NUMBER or { or ("
        ),
        (#"quantile_over_time(-0.1, {a="b"} | unwrap x [5m])"#, "syntax error: unexpected -"),
        (#"quantile_over_time({a="b"} | unwrap x [5m])"#, "parameter required for operation quantile_over_time"),
        (
            #"{a="b"}|logfmt|addr>=ip("1.2.3.4")"#,
            "parse error at line 1, col 22: syntax error: unexpected ip, expecting BYTES or NUMBER or DURATION"
        ),
        (#"{a="b"} | code > 0x10"#, "unable to parse literal as a float"),
        (#"count_over_time({a="b"} | drop [1m])"#, "syntax error: unexpected RANGE, expecting IDENTIFIER"),
        (#"approx_count_distinct(x, {a="b"} | unwrap x [1m])"#, "unwrap is not supported for approx_count_distinct()"),
        (#"count_distinct(x, {a="b"}[1m]) without (a)"#, "without is not supported for count_distinct()"),
        (#"count_distinct(x, {a="b"}[1m]) by (x)"#, #"cannot group by the counted field "x""#),
        (#"approx_count_distinct(x) by (a) ({a="b"}[1m])"#, "unexpected )"),
        ("variants(1) of ({a=\"b\"}[5m])", "parse error at line 1, col 1: syntax error: unexpected IDENTIFIER"),
        (#"{a="b"} ; "#, #"parse error at line 1, col 9: syntax error: unexpected character ";""#),
        (String(repeating: "(", count: 5000), "nested deeper than"),
        (String(repeating: "1+", count: 5000) + "1", "more than 1000 operators"),
        (#"{a="b"} |= ""# + String(repeating: "x", count: 140_000) + "\"", "input size too long"),
    ]

    @Test func queriesHaveOneCanonicalForm() throws {
        for (query, expected) in SyntaxTests.canonical {
            let parsed = try LogQLEngine.parse(query)
            #expect(parsed.description == expected, "\(query)")
            #expect(try LogQLEngine.parse(expected) == parsed, "the canonical form of \(query) must mean the same")
            #expect(try LogQLEngine.parse(try LogQLEngine.format(query)) == parsed, "so must the pretty form")
        }
        let long =
            #"sum by (cluster)(rate({app="checkout", namespace="shop"} |= "a rather long needle" | json | status >= 500 [5m]))"#
        #expect(
            try LogQLEngine.format(long) == """
                sum by (cluster)(
                  rate({app="checkout", namespace="shop"} |= "a rather long needle" | json | status>=500[5m])
                )
                """)
    }

    @Test func errorsSayWhatAndWhere() {
        for (query, expected) in SyntaxTests.errors {
            do throws(LogQLError) {
                let parsed = try LogQLEngine.parse(query)
                Issue.record("\(query.prefix(80)) was parsed as \(parsed)")
            } catch {
                #expect(error.description.contains(expected), "\(query.prefix(80)): \(error)")
                #expect(error.description.hasPrefix("parse error "), "\(error)")
            }
        }
    }

    @Test func noInputBreaksTheParser() {
        var random = SeededGenerator(seed: 20_261_121)
        let pool =
            SyntaxTests.canonical.map { Array($0.0.utf8) }
            + SyntaxTests.errors.map { Array($0.0.utf8) }.filter { $0.count < 500 }
        var accepted = 0
        for round in 0..<6000 {
            var bytes: [UInt8]
            if round % 4 == 0 {
                bytes = (0..<Int.random(in: 0..<40, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
            } else {
                bytes = pool[Int.random(in: 0..<pool.count, using: &random)]
                for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
                    let at = Int.random(in: 0..<bytes.count, using: &random)
                    switch Int.random(in: 0..<4, using: &random) {
                    case 0: bytes[at] = UInt8.random(in: 32...126, using: &random)
                    case 1: bytes.remove(at: at)
                    case 2:
                        let other = pool[Int.random(in: 0..<pool.count, using: &random)]
                        bytes.insert(contentsOf: other.prefix(Int.random(in: 0...other.count, using: &random)), at: at)
                    default: bytes.removeLast(bytes.count - at)
                    }
                }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            guard let parsed = try? LogQLEngine.parse(text) else { continue }
            accepted += 1
            let again = try? LogQLEngine.parse(parsed.description)
            #expect(again == parsed, "seed \(random.seed): \(text) became \(parsed)")
        }
        #expect(accepted > 100, "the mutations must leave some queries valid")
    }
}
