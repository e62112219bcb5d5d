import PromQL
import Storage
import Telemetry
import TestSupport
import Testing
import Vectors

/// Leaves that are worked out over windows that slide, by several tasks, give what the plain walk over whole columns
/// gives.
@Suite struct LeafTests {
    private static let functions = [
        "rate", "increase", "irate", "delta", "idelta", "deriv", "resets", "changes", "avg_over_time", "min_over_time",
        "max_over_time", "sum_over_time", "count_over_time", "stddev_over_time", "stdvar_over_time", "last_over_time",
        "first_over_time", "present_over_time", "absent_over_time", "mad_over_time", "ts_of_max_over_time",
        "ts_of_first_over_time",
    ]
    private static let withParameters = [
        "quantile_over_time(0.9, X)", "quantile_over_time(-1, X)", "quantile_over_time(0.5, X)",
        "predict_linear(X, 60)", "double_exponential_smoothing(X, 0.3, 0.6)", "quantile_over_time(scalar(one), X)",
    ]
    private static let selectors = [
        "m_total", "{__name__=~\"m_total|g\"}", "g{a!=\"1\"}", "g{b=~\"x.*\"}", "typed_total", "nothing",
        "m_total{a=\"2\"}",
    ]
    private static let groupings = [
        "", " by (a)", " by (a, b)", " without (a)", " by (__name__)", " without (__type__)",
    ]
    private static let aggregations = ["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"]
    private static let modifiers = ["", " offset 45s", " @ 900", " @ end()", " offset -1m"]

    private static func data(_ random: inout SeededGenerator) -> MemorySeriesReader {
        var reader = MemorySeriesReader()
        for i in 0..<200 {
            let name = i % 3 == 0 ? "m_total" : i % 3 == 1 ? "g" : "typed_total"
            var labels = [
                Label("__name__", name), Label("a", "\(i % 7)"), Label("b", i % 2 == 0 ? "x\(i % 5)" : ""),
                Label("i", "\(i)"),
            ]
            if name == "typed_total" { labels.append(Label("__type__", i % 4 == 0 ? "counter" : "gauge")) }
            var value = Double.random(in: 0..<100, using: &random)
            for tick in 0..<120 {
                if i % 10 == 3, Int.random(in: 0..<3, using: &random) == 0 { continue }
                value += Double.random(in: name == "g" ? -3..<3 : 0..<3, using: &random)
                if Int.random(in: 0..<60, using: &random) == 0 { value = 0 }
                var stored = value
                if i % 17 == 5, Int.random(in: 0..<20, using: &random) == 0 { stored = SpecialValue.staleMarker }
                if i % 19 == 5, Int.random(in: 0..<20, using: &random) == 0 { stored = .nan }
                if i % 23 == 7, Int.random(in: 0..<30, using: &random) == 0 { stored = .infinity }
                reader.add(LabelSet(labels), Int64(tick) * 15_000 + Int64(i % 4) * 1000, stored)
            }
        }
        reader.add(LabelSet([Label("__name__", "one")]), 600_000, 0.75)
        return reader
    }

    private static func expression(_ random: inout SeededGenerator) -> String {
        func pick(_ list: [String]) -> String { list.randomElement(using: &random) ?? "" }
        let selector = pick(selectors)
        let modifier = pick(modifiers)
        let range = pick(["[1m]", "[5m]", "[20m]", "[16s]"])
        var leaf: String
        switch Int.random(in: 0..<6, using: &random) {
        case 0: leaf = selector + modifier
        case 1: leaf = pick(withParameters).replacing("X", with: selector + range + modifier)
        default: leaf = "\(pick(functions))(\(selector)\(range)\(modifier))"
        }
        if Bool.random(using: &random) { leaf = "\(pick(aggregations))\(pick(groupings)) (\(leaf))" }
        switch Int.random(in: 0..<8, using: &random) {
        case 0: return "\(leaf) + on (a) group_left () sum by (a) (rate(m_total[5m]))"
        case 1: return "max_over_time((\(leaf))[7m:50s])"
        case 2: return "topk(3, \(leaf))"
        case 3: return "sum(\(leaf)) / count(\(leaf))"
        default: return leaf
        }
    }

    /// What an answer says, in an order of its own.
    private static func text(_ result: PromQLResult) -> (lines: [String: [Double?]], sentences: Set<String>) {
        var lines: [String: [Double?]] = [:]
        switch result.value {
        case .vector(let matrix), .matrix(let matrix):
            for series in matrix.series {
                lines["\(series.labels)"] = (0..<series.count).map { series.present[$0] ? series.values[$0] : nil }
            }
        case .scalar(let value): lines["scalar"] = [value]
        default: break
        }
        return (lines, Set(result.warnings + result.infos))
    }

    private static func isSame(_ a: Double?, _ b: Double?) -> Bool {
        guard let a, let b else { return a == nil && b == nil }
        return a == b || (a.isNaN && b.isNaN) || (a - b).magnitude <= 1e-12 * max(a.magnitude, b.magnitude)
    }

    @Test func leavesGiveWhatTheWholeTreeGives() async throws {
        for seed in 1...UInt64(TestSeeds.count(unlessTold: 3)) {
            var random = SeededGenerator(seed: seed)
            let reader = LeafTests.data(&random)
            for names in [NameRemoval.eager, .delayed] {
                var options = PromQLEngine.Options()
                options.names = names
                let quick = PromQLEngine(reader: reader, options: options)
                options.evaluatesLeaves = false
                let plain = PromQLEngine(reader: reader, options: options)
                for _ in 0..<150 {
                    let query = LeafTests.expression(&random)
                    let isInstant = Int.random(in: 0..<4, using: &random) == 0
                    let step = [7_000, 15_000, 60_000, 400_000].randomElement(using: &random) ?? 15_000
                    func run(_ engine: PromQLEngine) async -> Result<PromQLResult, any Error> {
                        let context = QueryContext()
                        do {
                            let result =
                                isInstant
                                ? try await engine.instant(query, at: 1_000_000, context: context)
                                : try await engine.range(
                                    query, start: 300_000, end: 1_500_000, step: Int64(step), context: context)
                            #expect(context.statistics.memory >= 0, "\(query)")
                            return .success(result)
                        } catch {
                            return .failure(error)
                        }
                    }
                    switch (await run(quick), await run(plain)) {
                    case (.success(let a), .success(let b)):
                        let (one, other) = (LeafTests.text(a), LeafTests.text(b))
                        #expect(Set(one.lines.keys) == Set(other.lines.keys), "seed \(seed), \(names): \(query)")
                        for (labels, values) in one.lines {
                            let others = other.lines[labels] ?? []
                            let same = values.count == others.count && zip(values, others).allSatisfy(LeafTests.isSame)
                            #expect(same, "seed \(seed), \(names): \(query) of \(labels): \(values) not \(others)")
                        }
                        #expect(one.sentences == other.sentences, "seed \(seed), \(names): \(query)")
                    case (.failure(let a), .failure(let b)): #expect("\(a)" == "\(b)", "seed \(seed): \(query)")
                    case (let a, let b): Issue.record("seed \(seed), \(names): \(query): \(a) and \(b)")
                    }
                }
            }
        }
    }
}
