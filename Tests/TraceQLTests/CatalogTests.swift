import Storage
import Telemetry
import Testing

@testable import TraceQL

@Suite struct CatalogTests {
    private let engine = TraceQLEngine(reader: MemoryReader(batch: makeBatch(shop)))

    @Test func namesAreListedByScope() async throws {
        let all = try await engine.tagNames(range: shopRange, context: QueryContext())
        #expect(all.map(\.name) == ["resource", "span", "event", "link", "instrumentation", "intrinsic"])
        #expect(all[0].tags == ["k8s.pod.name", "service.name"])
        #expect(all[1].tags.contains("http.response.status_code") && all[1].tags.contains("odd name"))
        #expect(all[2].tags == ["attempt", "exception.type"])
        #expect(all[3].tags == ["reason"])
        #expect(all[4].tags == ["language"])
        #expect(all[5].tags.contains("status") && all[5].tags.contains("trace:rootService"))
        let events = try await engine.tagNames(scope: "event", range: shopRange, limit: 1, context: QueryContext())
        #expect(events == [TraceTagScope(name: "event", tags: ["attempt"])])
        #expect(try await engine.tagNames(scope: "none", range: shopRange, context: QueryContext()).isEmpty)
    }

    @Test func valuesAreTypedAndFilteredByWhatIsUnderstood() async throws {
        let cases: [(name: String, filter: String?, values: [String])] = [
            (".http.request.method", nil, ["string GET", "string POST"]),
            ("span.http.response.status_code", nil, ["int 200", "int 500", "int 502", "int 503"]),
            ("span.http.response.status_code", #"{ resource.service.name = "payment" && "#, ["int 502", "int 503"]),
            ("service.name", #"{ status = error }"#, ["string payment", "string ratings", "string web"]),
            ("resource.service.name", "{ duration > 100ms && .x = ", ["string payment", "string web"]),
            ("span.skus", nil, ["string apple", "string pear"]), ("event.exception.type", nil, ["string Timeout"]),
            ("status", nil, ["keyword error", "keyword ok", "keyword unset"]),
            ("span:status", "{ kind = client }", ["keyword error", "keyword unset"]),
            ("rootName", nil, ["string GET /browse", "string POST /checkout", "string process order"]),
            ("trace:rootService", nil, ["string dispatch", "string web"]), ("duration", nil, []),
            (".vip", nil, ["bool false", "bool true"]),
            ("name", "{ kind = consumer }", ["string process order"]), (#"span."odd name""#, nil, ["string x y"]),
            ("span.cost", nil, ["float 0.5"]), ("nothing", nil, []),
        ]
        for (name, filter, values) in cases {
            let found = try await engine.tagValues(name, filter: filter, range: shopRange, context: QueryContext())
            #expect(found.map { "\($0.type) \($0.value)" } == values, "\(name) \(filter ?? "")")
        }
        let limited = try await engine.tagValues("name", range: shopRange, limit: 2, context: QueryContext())
        #expect(limited.count == 2)
    }

    @Test func operationsOfAServiceHaveTheirKind() async throws {
        let all = try await engine.operations(of: "payment", range: shopRange, context: QueryContext())
        #expect(all.map(\.name) == ["POST /pay", "bank call"] && all.map(\.kind) == [.server, .client])
        let servers = try await engine.operations(of: "web", kind: .server, range: shopRange, context: QueryContext())
        #expect(servers.map(\.name) == ["GET /browse", "POST /checkout"])
        let durations: [(String, Int64?)] = [
            ("1.2s", 1_200 * millisecond), ("100ms", 100 * millisecond), ("1h30m", 5_400_000 * millisecond), ("0", 0),
            ("", nil), ("5", nil), ("1s 2s", nil), ("s", nil), ("1x", nil),
        ]
        for (text, expected) in durations { #expect(parseTraceDuration(text) == expected, "\(text)") }
    }

    @Test func tempoTagsAreLogfmtOverTheWholeTrace() async throws {
        let cases: [(tags: String, min: Int64?, max: Int64?, traces: [UInt64])] = [
            ("", nil, nil, [4, 3, 2, 1]), ("service.name=cart http.response.status_code=503", nil, nil, [1]),
            ("service.name=WEB", nil, nil, [2, 1]), (#"name="get /""#, nil, nil, [2, 1]), ("vip", nil, nil, [1]),
            ("error=true", nil, nil, [4, 1]), ("status.code=ok", nil, nil, [2, 1]), ("root.name=browse", nil, nil, [2]),
            ("", 100 * millisecond, nil, [2, 1]), ("", 100 * millisecond, 200 * millisecond, [2]),
            ("items=40 rows=3", nil, nil, []),
            ("name=.*", nil, nil, []), ("root.service.name=dispatch", nil, nil, [3]),
        ]
        for (tags, minimum, maximum, traces) in cases {
            let query = try TraceSearchFilter.tempoQuery(tags: tags, minDuration: minimum, maxDuration: maximum)
            #expect(try TraceQLEngine.parse(query.description) == query)
            let found = try await engine.search(query, range: shopRange, context: QueryContext())
            #expect(found.map(\.traceID) == traces.map { TraceID(low: $0).hex }, "\(tags)")
        }
        for broken in ["=x", #"a="open"#] {
            #expect(throws: TraceQLError.self) { try TraceSearchFilter.tempoQuery(tags: broken) }
        }
    }

    @Test func jaegersSpecialTagsMeanIntrinsics() async throws {
        let cases: [([String: String], [UInt64])] = [
            (["error": "true"], [4, 1]), (["span.kind": "consumer"], [3]), (["otel.status_code": "OK"], [2, 1]),
            (["otel.scope.name": "lib-cart"], [1]),
            (["http.response.status_code": "200", "http.request.method": "GET"], [2, 1]),
            (["vip": "true"], [1]), (["cost": "0.5"], [1]), (["reason": "order"], [3]),
        ]
        for (tags, traces) in cases {
            let filter = TraceSearchFilter(tags: tags.map { Attribute($0.key, .string($0.value)) })
            let found = try await engine.search(filter.jaegerQuery, range: shopRange, context: QueryContext())
            #expect(found.map(\.traceID) == traces.map { TraceID(low: $0).hex }, "\(tags)")
        }
    }
}
