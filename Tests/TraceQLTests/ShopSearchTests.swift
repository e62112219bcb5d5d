import Storage
import Telemetry
import Testing

@testable import TraceQL

/// Queries and the names of the spans that they leave, sorted.
private let expectations: [(query: String, names: [String])] = [
    ("{}", shop.map(\.name)),
    ("{ true }", shop.map(\.name)),
    ("{ false }", []),
    (#"{ name = "rate" }"#, ["rate"]),
    (#"{ span:name =~ "SELECT .*" }"#, ["SELECT carts", "SELECT items"]),
    (#"{ name =~ "SELECT" }"#, []),
    (#"{ name !~ "SELECT.*|.*/.*|bank.*|send.*|list|process.*" }"#, ["rate", "store"]),
    (#"{ .http.response.status_code >= 500 }"#, ["POST /checkout", "POST /pay", "bank call"]),
    (#"{ span.http.response.status_code = 200.0 }"#, ["GET /cart", "GET /browse"]),
    (
        #"{ 500 <= span.http.response.status_code && 503 > .http.response.status_code }"#,
        ["POST /checkout", "POST /pay"]
    ),
    (#"{ .http.response.status_code != 200 }"#, ["POST /checkout", "POST /pay", "bank call"]),
    (#"{ .http.response.status_code = "200" }"#, []),
    (#"{ resource.service.name = "payment" }"#, ["POST /pay", "bank call"]),
    (#"{ .service.name = "catalogue" }"#, ["SELECT items"]),
    (#"{ .service.name = "shadow" }"#, ["list"]),
    (#"{ resource.k8s.pod.name =~ "(cart|ratings)-.*" }"#, ["GET /cart", "SELECT carts", "rate", "store"]),
    (#"{ resource.service.name != "web" && kind = server }"#, ["GET /cart", "POST /pay", "list"]),
    ("{ status = error }", ["POST /checkout", "POST /pay", "bank call", "store"]),
    ("{ status = unset && kind = client }", ["SELECT carts", "SELECT items"]),
    ("{ span:status != unset && kind != server && status != error }", ["send order"]),
    (#"{ statusMessage = "bank said no" }"#, ["POST /pay"]),
    (#"{ kind = consumer || kind = producer }"#, ["process order", "send order"]),
    ("{ .vip }", ["POST /checkout"]),
    ("{ !.vip }", ["GET /browse"]),
    ("{ .vip = false }", ["GET /browse"]),
    ("{ duration > 600ms }", ["POST /checkout", "POST /pay", "bank call"]),
    ("{ duration > 0.5s && duration <= 700ms }", ["bank call"]),
    ("{ span:duration < 6ms }", ["send order", "store"]),
    ("{ .items * 10 + 10 = .rows }", []),
    ("{ .rows * 2 > 70 }", ["SELECT items"]),
    ("{ .cost + 0.5 = 1 }", ["SELECT carts"]),
    ("{ -.items = -3 }", ["GET /cart"]),
    ("{ .items ^ 2 = 9 }", ["GET /cart"]),
    ("{ .items % 4 = 0 }", ["list"]),
    ("{ .items / 2 = 1 }", ["GET /cart"]),
    ("{ duration > 10ms * 85 }", ["POST /checkout"]),
    (#"{ span."odd name" = "x y" }"#, ["SELECT items"]),
    (#"{ .odd" "name = "x y" }"#, ["SELECT items"]),
    ("{ .amount != nil }", ["POST /pay"]),
    ("{ nil != .items }", ["GET /cart", "list"]),
    ("{ kind = server && .items = nil }", ["POST /checkout", "POST /pay", "GET /browse"]),
    ("{ nil = nil }", []),
    ("{ nil != nil }", []),
    (#"{ .skus = "pear" }"#, ["GET /cart"]),
    (#"{ .skus != "plum" }"#, ["GET /cart"]),
    (#"{ .skus != "pear" }"#, []),
    (#"{ .skus =~ "a.*" }"#, ["GET /cart"]),
    (#"{ .skus !~ "a.*" }"#, []),
    (#"{ .db.system.name > "mongodb" }"#, ["SELECT carts"]),
    (#"{ event:name = "exception" }"#, ["bank call"]),
    (#"{ event.exception.type = "Timeout" && event.attempt = 1 }"#, ["bank call"]),
    (#"{ event:timeSinceStart > 500ms }"#, ["bank call"]),
    (#"{ event.exception.type != nil }"#, ["bank call"]),
    (#"{ link.reason = "order" }"#, ["process order"]),
    (#"{ link:traceID = "1" }"#, ["process order"]),
    (#"{ link:spanID = "0000000000000006" }"#, ["process order"]),
    (#"{ instrumentation:name = "lib-ratings" }"#, ["rate", "store"]),
    (#"{ instrumentation.language = "swift" && instrumentation:version = "1.0" && name = "rate" }"#, ["rate"]),
    (#"{ trace:id = "2" && span:id = "3" }"#, ["SELECT items"]),
    (#"{ trace:id = "00000000000000000000000000000002" }"#, ["GET /browse", "SELECT items", "list"]),
    (#"{ span:parentID = "2" }"#, ["SELECT carts", "SELECT items"]),
    ("{ parent = nil }", ["POST /checkout", "GET /browse", "process order"]),
    ("{ nestedSetParent < 0 }", ["POST /checkout", "GET /browse", "process order"]),
    ("{ nestedSetLeft = 2 }", ["GET /cart", "list"]),
    ("{ span:childCount > 1 }", ["POST /checkout"]),
    ("{ span:childCount = 1 && kind = server && status = unset }", ["GET /cart", "list"]),
    (#"{ rootServiceName = "web" && kind = client }"#, ["SELECT carts", "SELECT items", "bank call"]),
    (#"{ trace:rootName =~ ".*browse" && .rows > 0 }"#, ["SELECT items"]),
    ("{ traceDuration > 500ms && kind = client }", ["SELECT carts", "bank call"]),
    ("{ trace:duration < 35ms }", ["process order", "rate", "store"]),
    (#"{ parent.span.http.request.method = "GET" }"#, ["SELECT carts", "list"]),
    (#"{ parent.resource.service.name = "web" && kind = server }"#, ["GET /cart", "POST /pay", "list"]),
    // Spansets.
    (#"{ name = "list" } && { kind = client }"#, ["SELECT items", "list"]),
    (#"{ name = "list" } && { name = "rate" }"#, []),
    (#"{ name = "list" } || { name = "rate" }"#, ["list", "rate"]),
    ("{ kind = server } > { kind = server }", ["GET /cart", "POST /pay", "list"]),
    (#"{ name =~ "GET.*" } >> { kind = client }"#, ["SELECT carts", "SELECT items"]),
    (#"{ kind = client } < { kind = server }"#, ["GET /cart", "POST /pay", "list"]),
    (#"{ kind = client } << { resource.service.name = "web" }"#, ["GET /browse", "POST /checkout"]),
    (#"{ name = "GET /cart" } ~ { kind = server }"#, ["POST /pay"]),
    (#"{ name = "rate" } ~ {}"#, ["store"]),
    (#"{ kind = server } !> { kind = client }"#, []),
    (#"{ status = error } !> { kind = client }"#, ["SELECT carts", "SELECT items"]),
    (#"{ name = "nothing" } !>> { kind = client }"#, ["SELECT carts", "SELECT items", "bank call"]),
    (#"{ kind = client } !< { kind = server }"#, ["GET /browse", "POST /checkout"]),
    (#"{ kind = client } !<< { kind = server }"#, []),
    (#"{ name = "GET /cart" } !~ { resource.service.name = "cart" }"#, ["GET /cart", "SELECT carts"]),
    (
        #"{ kind = server } &> { kind = client }"#,
        ["GET /cart", "POST /pay", "SELECT carts", "SELECT items", "bank call", "list"]
    ),
    (#"{ name = "GET /browse" } &>> { kind = client }"#, ["GET /browse", "SELECT items"]),
    (#"{ name = "bank call" } &<< { name = "POST /checkout" }"#, ["POST /checkout", "bank call"]),
    (#"{ name = "bank call" } &< { }"#, ["POST /pay", "bank call"]),
    (#"{ name = "rate" } &~ { status = error }"#, ["rate", "store"]),
    (
        #"{ status = error } && { kind = server } > { kind = client }"#,
        ["POST /checkout", "POST /pay", "SELECT carts", "bank call"]
    ),
    // Pipelines.
    ("{ kind = server } | count() > 2", ["GET /cart", "POST /checkout", "POST /pay"]),
    ("{ kind = server } | 2 = count()", ["GET /browse", "list"]),
    (
        "{ } | avg(duration) > 400ms",
        ["GET /cart", "POST /checkout", "POST /pay", "SELECT carts", "bank call", "send order"]
    ),
    ("{ kind = client } | max(duration) < 100ms", ["SELECT items"]),
    ("{ kind = client } | min(.rows) = 3", ["SELECT carts", "bank call"]),
    ("{ .rows > 0 } | sum(.rows) = 40", ["SELECT items"]),
    (
        "{ } | max(duration) > min(duration) * 100",
        ["GET /cart", "POST /checkout", "POST /pay", "SELECT carts", "bank call", "send order"]
    ),
    ("{ kind = server } | { status = error }", ["POST /checkout", "POST /pay"]),
    (
        "{ } | by(resource.service.name) | count() > 1 | { kind = client }",
        ["SELECT carts", "SELECT items", "bank call"]
    ),
    ("by(kind) | count() = 2 | { kind = client }", ["SELECT carts", "bank call"]),
    ("{ } | by(status) | count() > 2 | coalesce() | count() = 3", ["POST /checkout", "POST /pay", "bank call"]),
    ("({ kind = server } | count() > 2) >> { kind = client }", ["SELECT carts", "bank call"]),
    ("{ name = `list` } | select(.items, resource.service.name)", ["list"]),
    ("count() = 3", ["GET /browse", "SELECT items", "list"]),
]

@Suite struct ShopSearchTests {
    private func names(_ query: String, _ engine: TraceQLEngine) async throws -> [String] {
        let results = try await engine.search(
            try TraceQLEngine.parse(query), range: shopRange, limit: 100, spansPerSpanset: 100, context: QueryContext())
        return results.flatMap { $0.spanSets.flatMap { $0.spans.map(\.name) } }.sorted()
    }

    @Test func queriesFindTheirSpansWithAndWithoutPushDown() async throws {
        var exact = MemoryReader(batch: makeBatch(shop))
        let pushing = TraceQLEngine(reader: exact)
        exact.ignoresPredicates = true
        let lazy = TraceQLEngine(reader: exact)
        var off = TraceQLEngine.Options()
        off.pushesDown = false
        off.candidatesPerRound = 1
        let plain = TraceQLEngine(reader: exact, options: off)
        for (query, expected) in expectations {
            #expect(try await names(query, pushing) == expected.sorted(), "\(query)")
            #expect(try await names(query, lazy) == expected.sorted(), "store ignores predicates: \(query)")
            #expect(try await names(query, plain) == expected.sorted(), "without push-down: \(query)")
        }
    }

    @Test func resultsSayWhatAListNeeds() async throws {
        let engine = TraceQLEngine(reader: MemoryReader(batch: makeBatch(shop + shop)))
        let query = try TraceQLEngine.parse(
            "{ status = error } | select(.http.response.status_code) | by(status) | count() > 0")
        let results = try await engine.search(
            query, range: shopRange, limit: 5, spansPerSpanset: 2, context: QueryContext())
        #expect(results.map(\.traceID) == [TraceID(low: 4).hex, TraceID(low: 1).hex])
        let orphan = try #require(results.first)
        #expect(orphan.rootServiceName == "<root span not yet received>")
        let checkout = try #require(results.last)
        #expect(checkout.rootServiceName == "web")
        #expect(checkout.rootTraceName == "POST /checkout")
        #expect(checkout.durationMs == 900)
        #expect(checkout.startTimeUnixNano == testEpoch)
        #expect(checkout.serviceStats["payment"] == ServiceStatistics(spanCount: 2, errorCount: 2))
        #expect(checkout.serviceStats["cart"] == ServiceStatistics(spanCount: 2, errorCount: 0))
        let set = try #require(checkout.spanSets.first)
        #expect(set.matched == 3)
        #expect(set.spans.count == 2)
        #expect(set.attributes.map(\.key) == ["by(status)", "count()"])
        #expect(
            set.spans[0].attributes.map { "\($0.key)=\($0.value)" } == [
                "status=error", "http.response.status_code=500",
            ])
    }

    @Test func theNewestTracesComeFirstWhateverTheLimit() async throws {
        var specs: [SpanSpec] = []
        for trace in 1...200 as ClosedRange<UInt64> {
            let start = Int64(trace * 7919 % 500) * 10
            specs.append(SpanSpec(trace: trace, id: 1, service: "a", name: "root", start: start, duration: 50))
            let late = start + Int64(trace % 13) * 100
            specs.append(SpanSpec(trace: trace, id: 2, parent: 1, service: "b", name: "child\(trace % 3)", start: late))
        }
        let reader = MemoryReader(batch: makeBatch(specs))
        var off = TraceQLEngine.Options()
        off.pushesDown = false
        off.candidatesPerRound = 3
        for text in ["{}", #"{ name = "child1" }"#, #"{ name = "root" } >> { name = "child2" }"#, "{ } | count() = 2"] {
            let query = try TraceQLEngine.parse(text)
            for limit in [1, 7, 40] {
                let fast = try await TraceQLEngine(reader: reader).search(
                    query, range: shopRange, limit: limit, context: QueryContext())
                let slow = try await TraceQLEngine(reader: reader, options: off).search(
                    query, range: shopRange, limit: limit, context: QueryContext())
                #expect(fast == slow, "\(text) limit \(limit)")
                #expect(fast.count == limit)
                let starts = fast.map(\.startTimeUnixNano)
                #expect(starts == starts.sorted(by: >))
            }
        }
        // Only spans inside the range find a trace.
        let early = TimeRange(start: testEpoch, end: testEpoch + 100 * millisecond)
        let all = try await TraceQLEngine(reader: reader).search(
            try TraceQLEngine.parse("{}"), range: early, limit: 1000, context: QueryContext())
        let expected = Set(specs.filter { $0.start < 100 }.map(\.trace))
        #expect(Set(all.map(\.traceID)) == Set(expected.map { TraceID(low: $0).hex }))
    }
}
