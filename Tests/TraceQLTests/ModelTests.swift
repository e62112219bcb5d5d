import Storage
import Telemetry
import TestSupport
import Testing

@testable import TraceQL

/// A random forest with orphans, circles and shared ids of client and server.
private func randomSpecs(_ generator: inout SeededGenerator) -> [SpanSpec] {
    let count = Int.random(in: 1...30, using: &generator)
    return (0..<count).map { index in
        var spec = SpanSpec(
            trace: 1, id: UInt64(index + 1), service: "s", name: "n\(index)",
            start: Int64.random(in: 0...50, using: &generator), duration: Int64.random(in: 0...20, using: &generator))
        switch Int.random(in: 0..<12, using: &generator) {
        case 0: break
        case 1: spec.parent = UInt64.random(in: 900...901, using: &generator)
        default: spec.parent = UInt64.random(in: 1...UInt64(count), using: &generator)
        }
        spec.attributes = [("l", .bool(Bool.random(using: &generator))), ("r", .bool(Bool.random(using: &generator)))]
        return spec
    }
}

@Suite struct ModelTests {
    @Test func structuralOperatorsAgreeWithWalkingTheParents() throws {
        for seed in 1...200 as ClosedRange<UInt64> {
            var generator = SeededGenerator(seed: seed)
            let trace = try #require(Trace.all(in: [makeBatch(randomSpecs(&generator))]).first)
            let tree = trace.tree
            func ancestors(_ index: Int) -> [Int] {
                var out: [Int] = []
                var at = tree.parent[index]
                while at != TraceTree.none, out.count <= trace.spans.count {
                    out.append(at)
                    at = tree.parent[at]
                }
                return out
            }
            func holds(_ relation: Relation, _ a: Int, _ b: Int) -> Bool {
                switch relation {
                case .child: return tree.parent[b] == a
                case .parent: return tree.parent[a] == b
                case .descendant: return ancestors(b).contains(a)
                case .ancestor: return ancestors(a).contains(b)
                case .sibling:
                    guard a != b, tree.parent[a] == tree.parent[b] else { return false }
                    if tree.parent[a] != TraceTree.none { return true }
                    return trace.spans[a].parentID != nil && trace.spans[a].parentID == trace.spans[b].parentID
                }
            }
            for index in trace.spans.indices {
                #expect(ancestors(index).count == tree.depth[index], "seed \(seed)")
                for other in trace.spans.indices {
                    #expect(tree.isAncestor(other, of: index) == ancestors(index).contains(other), "seed \(seed)")
                }
            }
            let left = trace.spans.indices.filter { trace.spans[$0].attribute("l") == .bool(true) }
            let right = trace.spans.indices.filter { trace.spans[$0].attribute("r") == .bool(true) }
            for relation in [Relation.child, .descendant, .parent, .ancestor, .sibling] {
                let matched = right.filter { b in left.contains { holds(relation, $0, b) } }
                let partners = left.filter { a in right.contains { holds(relation, a, $0) } }
                let expected: [(SpansetOperator.Form, [Int])] = [
                    (.plain, matched), (.negated, right.filter { !matched.contains($0) }),
                    (.union, Set(matched + partners).sorted()),
                ]
                for (form, spans) in expected {
                    let query = try TraceQLEngine.parse("{ .l } \(form.rawValue)\(relation.rawValue) { .r }")
                    guard case .spansets(let pipeline) = query.body else { continue }
                    let found = try CompiledPipeline(pipeline).evaluate(trace).flatMap(\.spans)
                    #expect(found == spans, "seed \(seed): \(query)")
                }
            }
        }
    }

    @Test func aVeryDeepTraceIsNumbered() throws {
        let specs = (1...30_000 as ClosedRange<UInt64>).map {
            SpanSpec(trace: 1, id: $0, parent: $0 == 1 ? nil : $0 - 1, service: "s", name: "n", start: Int64($0))
        }
        let trace = try #require(Trace.all(in: [makeBatch(specs)]).first)
        #expect(trace.tree.depth.max() == 29_999)
        #expect(trace.tree.right[0] == 60_000)
    }

    @Test func aTraceIsReadWholeAndEachSpanOnce() async throws {
        let engine = TraceQLEngine(reader: MemoryReader(batch: makeBatch(shop + shop)))
        let trace = try #require(try await engine.trace(id: [1], context: QueryContext()))
        #expect(trace.spans.map(\.name) == shop.filter { $0.trace == 1 }.map(\.name))
        #expect(trace.duration == 900 * millisecond)
        let bank = try #require(trace.spans.first { $0.name == "bank call" })
        #expect(bank.events.map(\.name) == ["exception", "retry"])
        #expect(bank.events.first?.attributes == [Attribute("exception.type", .string("Timeout"))])
        #expect(bank.origin.scopeName == "lib-payment" && bank.origin.resource.count == 2)
        #expect(try await engine.trace(id: [9], context: QueryContext()) == nil)
        await #expect(throws: TraceQLError.self) { try await engine.trace(id: [], context: QueryContext()) }

        let incoming = try await engine.linkedTraces(to: [1], range: .all, context: QueryContext())
        #expect(incoming.map(\.name) == ["process order"])
        #expect(incoming.first?.traceID == TraceID(low: 3) && incoming.first?.link.spanID == SpanID(6))
    }

    @Test func aZipkinServerBelongsUnderTheClientWithItsID() throws {
        let specs = [
            SpanSpec(trace: 1, id: 1, service: "a", name: "root", start: 0),
            SpanSpec(trace: 1, id: 2, parent: 1, service: "a", name: "client", start: 1, kind: .client),
            SpanSpec(trace: 1, id: 2, parent: 1, service: "b", name: "server", start: 2, kind: .server),
            SpanSpec(trace: 1, id: 3, parent: 2, service: "b", name: "inner", start: 3),
        ]
        for order in [specs, specs.reversed()] {
            let trace = try #require(Trace.all(in: [makeBatch(order)]).first)
            #expect(trace.spans.count == 4)
            #expect(trace.tree.depthFirst.map { trace.spans[$0].name } == ["root", "client", "server", "inner"])
            #expect(trace.tree.depth == [0, 1, 2, 3])
        }
    }

    @Test func theWaterfallShowsWhereTheFailureBegan() throws {
        let traces = Trace.all(in: [makeBatch(shop)])
        let waterfall = Waterfall(traces[0])
        #expect(
            waterfall.rows.map(\.name) == [
                "POST /checkout", "GET /cart", "SELECT carts", "POST /pay", "bank call", "send order",
            ])
        #expect(waterfall.rows.map(\.depth) == [0, 1, 2, 1, 2, 1])
        #expect(waterfall.rows.map { $0.offset / millisecond } == [0, 10, 15, 70, 80, 880])
        #expect(waterfall.rows.filter(\.isGuilty).map(\.name) == ["bank call"])
        #expect(waterfall.rows.filter(\.isError).count == 3)
        #expect(waterfall.rows.filter(\.isOnCriticalPath).map(\.name) == waterfall.rows.map(\.name))
        let orphans = Waterfall(traces[3])
        #expect(orphans.rows.map(\.isOrphan) == [true, true])
        #expect(Waterfall(traces[1]).guilty == nil)
        // A handled failure, though deeper, is not why the request failed.
        let handled = try #require(
            Trace.all(in: [
                makeBatch([
                    SpanSpec(trace: 1, id: 1, service: "a", name: "root", start: 0, duration: 100, status: .error),
                    SpanSpec(
                        trace: 1, id: 2, parent: 1, service: "a", name: "cause", start: 50, duration: 40, status: .error
                    ),
                    SpanSpec(trace: 1, id: 3, parent: 1, service: "a", name: "fallback", start: 1, duration: 60),
                    SpanSpec(
                        trace: 1, id: 4, parent: 3, service: "a", name: "handled", start: 2, duration: 10,
                        status: .error),
                ])
            ]).first)
        #expect(Waterfall(handled).guilty.map { handled.spans[$0].name } == "cause")
    }

    @Test func traceIDsAreReadInEveryFormThatClientsSend() {
        let long = "0102030405060708090a0b0c0d0e0f10"
        let cases: [(String, String?)] = [
            (long, long), (long.uppercased(), long), ("1", String(repeating: "0", count: 31) + "1"),
            ("1-01020304-05060708090a0b0c0d0e0f10", long),
            ("1-1-05060708090a0b0c0d0e0f10", "0000000105060708090a0b0c0d0e0f10"),
            ("", nil), (long + "0", nil), ("xyz", nil), ("2-01020304-05060708090a0b0c0d0e0f10", nil), ("1-2", nil),
            ("-", nil),
        ]
        for (text, expected) in cases {
            #expect(parseTraceID(text).flatMap { TraceID(bytes: $0)?.hex } == expected, "\(text)")
        }
    }
}
