import Storage
import Telemetry
import TestSupport
import Testing

@testable import TraceQL

/// Random filters over random spans: what is handed to the store must never cost a result.
@Suite struct PushDownTests {
    private let fields = [
        ".a", "span.a", "resource.service.name", ".b", "span.b", "name", "status", "kind", "duration", "statusMessage",
        "event.c", "event:name", "link.c", "parent", "span:parentID", "nestedSetParent", "span:childCount", "trace:id",
        "instrumentation:name", "rootServiceName", "parent.span.a", "nil", "span:id",
    ]
    private let literals = [
        "1", "2", "1.5", "2.0", "\"1\"", "\"x\"", "\"\"", "true", "false", "nil", "1ms", "error", "unset", "ok",
        "server",
        "unspecified", "-1", "0", "\"s1\"", "\"0000000000000001\"", "`x.*`", "(1 + 1)", "1 / 2", "`^$|x`",
    ]
    private let operators = ["=", "!=", "<", "<=", ">", ">=", "=~", "!~"]

    private func condition(_ generator: inout SeededGenerator, depth: Int = 0) -> String {
        let choice = Int.random(in: 0..<(depth < 3 ? 10 : 6), using: &generator)
        switch choice {
        case 0...4:
            let field = fields.randomElement(using: &generator) ?? ""
            let literal = literals.randomElement(using: &generator) ?? ""
            let comparison = operators.randomElement(using: &generator) ?? ""
            let flipped = Bool.random(using: &generator) && !comparison.contains("~")
            return flipped ? "\(literal) \(comparison) \(field)" : "\(field) \(comparison) \(literal)"
        case 5: return Bool.random(using: &generator) ? ".flag" : "!.flag"
        case 6: return "!(\(condition(&generator, depth: depth + 1)))"
        default:
            let left = condition(&generator, depth: depth + 1)
            return "(\(left)) \(choice == 7 ? "&&" : "||") (\(condition(&generator, depth: depth + 1)))"
        }
    }

    private func value(_ generator: inout SeededGenerator, depth: Int = 0) -> AttributeValue {
        switch Int.random(in: 0..<(depth == 0 ? 8 : 6), using: &generator) {
        case 0: .int(Int64.random(in: 0...3, using: &generator))
        case 1: .double([1, 1.5, 2].randomElement(using: &generator) ?? 1)
        case 2: .string(["", "x", "xy", "1", "s1"].randomElement(using: &generator) ?? "")
        case 3: .bool(Bool.random(using: &generator))
        case 4: .empty
        case 5: .bytes([1])
        case 6: .array([])
        default: .array([value(&generator, depth: 1), value(&generator, depth: 1)])
        }
    }

    private func specs(_ generator: inout SeededGenerator) -> [SpanSpec] {
        (0..<40).map { index in
            var spec = SpanSpec(
                trace: UInt64(index / 4 + 1), id: UInt64(index % 4 + 1), service: "s\(index % 3)",
                name: ["", "x", "1"].randomElement(using: &generator) ?? "", start: Int64(index),
                duration: Int64.random(in: 0...2, using: &generator))
            if index % 4 > 0 { spec.parent = UInt64.random(in: 1...5, using: &generator) }
            spec.kind = TraceSpan.Kind.allCases.randomElement(using: &generator) ?? .server
            spec.status = TraceSpan.Status.allCases.randomElement(using: &generator) ?? .ok
            if Bool.random(using: &generator) { spec.message = "x" }
            for key in ["a", "b", "flag"] where Bool.random(using: &generator) {
                spec.attributes.append((key, value(&generator)))
            }
            if index % 5 == 0 { spec.events = [("x", 1, [("c", value(&generator))]), ("1", 0, [])] }
            if index % 7 == 0 { spec.links = [(1, 1, [("c", value(&generator))])] }
            return spec
        }
    }

    @Test func randomFiltersFindTheSameWithAndWithoutPushDown() async throws {
        var off = TraceQLEngine.Options()
        off.pushesDown = false
        var valid = 0
        var found = 0
        for seed in 1...1_800 as ClosedRange<UInt64> {
            var generator = SeededGenerator(seed: seed)
            let reader = MemoryReader(batch: makeBatch(specs(&generator)), rowsPerBatch: 16)
            let operation = ["", ">>", "&&", "!>", "&~", "|"].randomElement(using: &generator) ?? ""
            var text = "{ \(condition(&generator)) }"
            if !operation.isEmpty { text += " \(operation) { \(condition(&generator)) }" }
            guard let query = try? TraceQLEngine.parse(text) else { continue }
            valid += 1
            #expect(try TraceQLEngine.parse(query.description) == query, "seed \(seed): \(text)")
            let fast = try await TraceQLEngine(reader: reader).search(
                query, range: shopRange, limit: 3, spansPerSpanset: 9, context: QueryContext())
            let slow = try await TraceQLEngine(reader: reader, options: off).search(
                query, range: shopRange, limit: 3, spansPerSpanset: 9, context: QueryContext())
            #expect(fast == slow, "seed \(seed): \(text)")
            if !slow.isEmpty { found += 1 }

            let rate = try TraceQLEngine.parse(text + " | count_over_time() by (name, .a)")
            let grid = (start: testEpoch, end: testEpoch + 40 * millisecond, step: 10 * millisecond)
            let counted = try await TraceQLEngine(reader: reader).metricsRange(
                rate, start: grid.start, end: grid.end, step: grid.step, context: QueryContext())
            let recounted = try await TraceQLEngine(reader: reader, options: off).metricsRange(
                rate, start: grid.start, end: grid.end, step: grid.step, context: QueryContext())
            #expect(counted.series.map(\.values) == recounted.series.map(\.values), "seed \(seed): \(rate)")
        }
        #expect(valid > 300 && found > 120, "\(valid) valid, \(found) with results")
    }
}
