import Storage
import Testing

@testable import TraceQL

private let accepted: [String] = [
    "{}", "{ }", "{true}", "{ .a }", "{ !.a }", "{ (.a) }", #"{ .a = "b" }"#, "{.a=1}", "{ .a = -1.5e3 }",
    "{ .a = .5 }",
    "{ .a = 1d2h }", "{ .a = 1w3d }", "{ .a > 1h30m }", "{ .a > 1.5s }", "{ .a = 100us && .b = 100µs }",
    "{ .a = 3ns }",
    "{ .a = minInt || .a = maxInt }", "{ status = ok }", "{ kind = unspecified }", "{ .a = nil }", "{ nil != .a }",
    "{ span.a.b.c-d/e:f = 1 }", "{ resource.a = `raw \\ string` }",
    "{ event.a = 1 || link.b = 2 || instrumentation.c = 3 }",
    #"{ span."with \"quotes\" and \\" = 1 }"#, #"{ .a."b c".d = 1 }"#, "{ parent.a = 1 }",
    "{ parent.span.a = parent.resource.b }",
    "{ duration > 1s && name = \"a\" && statusMessage = \"b\" && rootName = \"c\" && rootServiceName = \"d\" }",
    "{ traceDuration > 1s && nestedSetLeft > 1 && nestedSetRight < 4 && nestedSetParent = -1 }", "{ parent = nil }",
    "{ trace:duration > 1s && trace:rootName = \"a\" && trace:rootService = \"b\" && trace:id = \"1\" }",
    "{ span:duration > 1s && span:name = \"a\" && span:kind = client && span:status = ok }",
    "{ span:statusMessage = \"\" }",
    "{ span:id = \"1\" && span:parentID = \"2\" && span:childCount > 2 }",
    "{ event:name = \"a\" && event:timeSinceStart > 1s && link:traceID = \"1\" && link:spanID = \"2\" }",
    "{ instrumentation:name = \"a\" && instrumentation:version =~ \"1.*\" }",
    "{ .a + .b * 2 ^ 3 ^ 2 - -4 % 3 = 1 / 2 }", "{ !(.a = 1) && !.b || .c }", "{ .a =~ \"x.*\" && .b !~ `y` }",
    "{ .a } && { .b } || { .c }", "{} > {} >> {}", "{} < {}", "{} << {}", "{} ~ {}", "{} !> {}", "{} !>> {}",
    "{} !< {}",
    "{} !<< {}", "{} !~ {}", "{} &> {}", "{} &>> {}", "{} &< {}", "{} &<< {}", "{} &~ {}", "({} || {}) >> ({} && {})",
    "({} | count() > 1) && ({} | avg(duration) > 1s)", "{} | count() = 1", "{} | min(.a) + 1 > 2 * max(.b)",
    "{} | sum(duration) / count() > 1s", "{} | by(.a)", "by(resource.service.name) | count() > 1", "count() > 3",
    "{} | by(.a + 1) | coalesce() | count() > 1", "{} | select(.a, name, resource.b)", "{} | {} | {.a} >> {}",
    "{} | rate()", "{} | count_over_time() by (name)", "{} | min_over_time(duration)",
    "{} | max_over_time(.a) by (.b, .c)",
    "{} | sum_over_time(span.a)", "{} | avg_over_time(duration) by(resource.service.name)",
    "{} | quantile_over_time(duration, 0.5, .9, 1) by (name)", "{} | histogram_over_time(duration)",
    "{} | compare({status = error})", "{} | compare({}, 5)", "{} | compare({.a}, 10, 100, 200)",
    "{} | rate() by (span.b) | topk(5)", "{} | rate() | bottomk(2) | topk(1)",
    "{} | rate() > 5", "{} | rate() > 1 | topk(3)", "{} | avg_over_time(duration) >= 10ms", "{} | rate() != -1",
    "({} | rate()) / ({} | count_over_time())", "({status=error} | rate()) * 100 / ({} | rate())", "2 * ({} | rate())",
    "(2 + 3) * ({} | rate())", "(({} | rate()) + ({} | rate())) - 1", "(({} | rate()) + 1) | topk(2)",
    "({} | rate() > 1) / ({} | rate())",
    "{ .a - (.b - 1) - 2 = 3 / (4 / .c) }", "{ (.a ^ 2) ^ 3 = 1 && (.b && (.c || .d)) }",
    "{ (.a = 1) = (.b = 2) = .c }",
    "({.a} && {.b}) > {.c} > ({.d} > {.e})", "{.a} && ({.b} && {.c})", "{ (!.a) = (!.b) && (-.a) ^ 2 = -(.b + 1) }",
    "{} with(most_recent=true)", "{} | rate() with(sample=0.1, exemplars=false, debug=\"x\")",
]

private let rejected: [(query: String, message: String)] = [
    ("", "parse error at line 1, col 1: syntax error: unexpected $end"),
    ("{", "parse error at line 1, col 2: syntax error: unexpected $end"),
    ("{ .a ", "parse error at line 1, col 6: syntax error: unexpected $end, expecting }"),
    ("{ .a = }", "parse error at line 1, col 8: syntax error: unexpected }"),
    ("{ = 1 }", "parse error at line 1, col 3: syntax error: unexpected ="),
    ("{ . = 1 }", "parse error at line 1, col 4: syntax error: unexpected END_ATTRIBUTE, expecting IDENTIFIER"),
    ("{ blahblah }", "parse error at line 1, col 3: unknown identifier: blahblah"),
    ("{\n  .a = 1 &&\n  foo }", "parse error at line 3, col 3: unknown identifier: foo"),
    ("{ .a = \"x }", "parse error at line 1, col 8: literal not terminated"),
    ("{ .é = $ }", "parse error at line 1, col 8: syntax error: unexpected $"),
    ("{ trace:rootServiceName = \"a\" }", "col 9: syntax error: unexpected IDENTIFIER"),
    ("{ trace:status = ok }", "unexpected IDENTIFIER"), ("{ span:rootName = \"a\" }", "unexpected IDENTIFIER"),
    ("{ span: = 1 }", "END_ATTRIBUTE"), (#"{ span."a = 1 }"#, "unexpected EOF"),
    (#"{ span."a\n" = 1 }"#, "invalid escape"),
    ("{ .a = 99999999999999999999 }", "out of range"), ("{ .a = 99999999y }", "out of range"),
    ("{ .a = 3q }", "IDENTIFIER"),
    ("{} | ", "unexpected $end"), ("{} | count()", "unexpected $end"), ("{} | coalesce", "unexpected $end"),
    ("coalesce()", "unexpected coalesce"), ("{} | select()", "unexpected )"), ("{} | by()", "unexpected )"),
    ("{} {}", "unexpected {"), ("{} + {}", "unexpected +"), ("{} | rate(.a)", "unexpected .a"),
    ("rate()", "unexpected rate"),
    ("{} | rate() by ()", "unexpected )"), ("{} | topk(5)", "unexpected topk"),
    ("{} | rate() | count() > 1", "unexpected count"),
    ("{} | rate() | rate()", "unexpected rate"), ("{} | quantile_over_time(duration)", "unexpected )"),
    ("5", "unexpected $end"),
    ("{} with()", "unexpected )"), ("{} with(a)", "unexpected"), ("{ 1 } }", "unexpected }"),
    ("{} | rate() > \"a\"", "STRING"),
    ("({} | rate()) % ({} | rate())", "unexpected %"), ("({} | count()) > ({} | count())", "not yet supported"),
    // Well formed, without meaning.
    ("{ 1 }", "must resolve to a boolean"), ("{ 1 + 1 }", "must resolve to a boolean"),
    ("{ name }", "must resolve to a boolean"),
    ("{ status = 2 }", "must operate on the same type"), ("{ kind = \"server\" }", "must operate on the same type"),
    ("{ duration = \"1s\" }", "must operate on the same type"), ("{ name = 3 }", "must operate on the same type"),
    ("{ status > ok }", "illegal operation"), ("{ true > false }", "illegal operation"),
    ("{ \"a\" + \"b\" = .c }", "illegal operation"),
    ("{ -name = .a }", "illegal operation"), ("{ !duration }", "illegal operation"),
    ("{ .a > nil }", "illegal operation"),
    ("{ duration =~ \"x\" }", "must operate on the same type"), ("{ .a =~ .b }", "must be literals"),
    ("{ .a =~ \"(\" }", "invalid regular expression"),
    ("{ name = nil }", "cannot be compared with nil"),
    ("{ resource.service.name = nil }", "cannot be compared with nil"),
    ("{ nil = duration }", "cannot be compared with nil"), ("{} | avg(name) > 1", "must resolve to a number"),
    ("{} | sum(3) > 1", "must reference the span"), ("{} | by(3)", "must reference the span"),
    ("{} | 1 > 2", "must aggregate"),
    ("{} | rate() by (.a, .b, .c, .d, .e, .f)", "at most 5"),
    ("{} | histogram_over_time(.a) by (.a, .b, .c, .d, .e)", "at most 4"),
    ("{} | quantile_over_time(.a, 1.5)", "between 0 and 1"), ("{} | avg_over_time(name)", "needs a number"),
    ("{} | rate() | topk(0)", "greater than 0"), ("{} | compare({}, 0)", "between 1 and 1000"),
    ("{} | compare({}, 5, 10, 5)", "end must be greater"), ("{} | compare({}) | topk(2)", "no second stage"),
    ("({} | compare({})) + 1", "no arithmetic"),
]

@Suite struct ParserTests {
    @Test func theGrammarIsAcceptedAndPrintingReadsBackTheSame() throws {
        for query in accepted {
            do {
                let tree = try TraceQLEngine.parse(query)
                let again = try TraceQLEngine.parse(tree.description)
                #expect(again == tree, "\(query) printed as \(tree)")
            } catch {
                Issue.record("\(query): \(error)")
            }
        }
    }

    @Test func whatIsWrongIsSaidWithItsPlace() {
        for (query, message) in rejected {
            do {
                let tree = try TraceQLEngine.parse(query)
                Issue.record("accepted \(query) as \(tree)")
            } catch {
                #expect(error.description.contains(message), "\(query): \(error)")
            }
        }
    }

    @Test func operatorsBindAsTempoSays() throws {
        let pairs: [(String, String)] = [
            ("{ .a || .b && .c }", "{ (.a || .b) && .c }"), ("{ 1 + 2 * 3 = .a }", "{ (1 + (2 * 3)) = .a }"),
            ("{ .a ^ 2 ^ 3 = 1 }", "{ (.a ^ (2 ^ 3)) = 1 }"), ("{ !.a = .b }", "{ (!.a) = .b }"),
            ("{ -.a ^ 2 = 1 }", "{ ((-.a) ^ 2) = 1 }"), ("{ .a - 1 - 2 = 0 }", "{ ((.a - 1) - 2) = 0 }"),
            ("{.a} && {.b} > {.c}", "{.a} && ({.b} > {.c})"), ("{.a} > {.b} >> {.c}", "({.a} > {.b}) >> {.c}"),
            ("{.a} || {.b} && {.c}", "({.a} || {.b}) && {.c}"),
            ("{} | count() + 1 * 2 > 3", "{} | count() + (1 * 2) > 3"),
        ]
        for (query, meaning) in pairs {
            #expect(try TraceQLEngine.parse(query) == TraceQLEngine.parse(meaning), "\(query)")
        }
    }

    @Test func hostileTextGivesAnErrorAndNeverATrap() async throws {
        let deep = 5_000
        let hostile = [
            String(repeating: "(", count: deep), "{" + String(repeating: "(", count: deep),
            "{" + String(repeating: "!", count: deep),
            "{ " + String(repeating: "- ", count: deep) + "1 = .a }",
            "{ .a = 1" + String(repeating: " || .a = 1", count: deep) + " }",
            "{}" + String(repeating: " > {}", count: deep), "{ .a = 1" + String(repeating: "^2", count: deep) + "}",
            "{ .a" + String(repeating: "b", count: 200_000) + " }",
            "{} | rate()" + String(repeating: " > 1", count: deep),
        ]
        for query in hostile {
            #expect(throws: TraceQLError.self, "\(query.prefix(20))") { try TraceQLEngine.parse(query) }
        }
        // Every beginning and every middle of good queries.
        for query in accepted {
            let bytes = Array(query.utf8)
            for cut in 0...bytes.count {
                _ = try? TraceQLEngine.parse(String(decoding: bytes[..<cut], as: UTF8.self))
                _ = try? TraceQLEngine.parse(String(decoding: bytes[cut...], as: UTF8.self))
                _ = LenientFilter.condition(in: String(decoding: bytes[..<cut], as: UTF8.self))
            }
        }
        let long = "{ .a = 1" + String(repeating: " || .a = 1", count: 900) + " }"
        let query = try TraceQLEngine.parse(long)
        #expect(try TraceQLEngine.parse(query.description) == query)
        // What walks the tree recurses; the limits keep it within the stack of a worker thread.
        let engine = TraceQLEngine(reader: MemoryReader(batch: makeBatch(shop)))
        let found = try await engine.search(query, range: shopRange, context: QueryContext())
        #expect(found.isEmpty)
    }

    @Test func unfinishedQueriesAreReadAsFarAsTheyGo() throws {
        let cases: [(String, String?)] = [
            (#"{ .a = "x" && .b = "#, #".a = "x""#),
            (
                #"{ resource.service.name = "web" && name =~ "GET.*" && "#,
                #"resource.service.name = "web" && name =~ "GET.*""#
            ), ("{ .a = ", nil), ("{ .a = 1 || .b = ", nil),
            ("{", nil), ("", nil), ("{}", nil), ("{ .a > 5 }", ".a > 5"),
            ("{ status = error && .x }", "status = error && .x"),
        ]
        for (text, expected) in cases { #expect(LenientFilter.condition(in: text)?.description == expected, "\(text)") }
    }
}
