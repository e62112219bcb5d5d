import PromQL
import Storage
import Telemetry
import Testing
import Vectors

@Suite struct EvaluationTests {
    @Test func ourScriptsHoldWithNamesRemovedAtOnce() async throws {
        for (name, text) in Scripts.all {
            let report = try await PromQLTestRunner.run(script: Scripts.spaced(text), names: .eager)
            #expect(report.evaluations > 0, "\(name)")
            for failure in report.failures { Issue.record("\(name) \(failure)") }
        }
    }

    @Test func aFailingScriptIsReported() async throws {
        let script = "load 1m\n  m 1 2\neval instant at 1m m\n  m 3\neval instant at 1m m\n  m 2\n"
        let report = try await PromQLTestRunner.run(script: Scripts.spaced(script))
        #expect(report.evaluations == 2)
        #expect(report.failures.map(\.line) == [5])
        await #expect(throws: (any Error).self) { try await PromQLTestRunner.run(script: "load x\n m 1") }
    }

    /// As deep as the parser lets through, on a worker's stack.
    @Test func deepExpressionsAreEvaluated() async throws {
        var reader = MemorySeriesReader()
        reader.add(LabelSet([Label("__name__", "m")]), 0, 1)
        let engine = PromQLEngine(reader: reader)
        let deep = [
            String(repeating: "(", count: 250) + "m" + String(repeating: ")", count: 250),
            "m" + String(repeating: "+1", count: 500),
            String(repeating: "abs(", count: 250) + "m" + String(repeating: ")", count: 250),
            String(repeating: "sum(", count: 250) + "m" + String(repeating: ")", count: 250),
            String(repeating: "-", count: 250) + "m",
        ]
        for query in deep {
            let result = try await engine.instant(query, at: 0, context: QueryContext())
            guard case .vector(let matrix) = result.value else {
                Issue.record("no vector")
                continue
            }
            #expect(matrix.series.count == 1)
        }
    }

    @Test func limitsEndAQuery() async throws {
        var reader = MemorySeriesReader()
        for i in 0..<100 { reader.add(LabelSet([Label("__name__", "m"), Label("i", "\(i)")]), 0, 1) }
        let engine = PromQLEngine(reader: reader)
        let few = QueryContext(limits: .init(samples: 10))
        await #expect(throws: StorageError.self) { try await engine.instant("m", at: 0, context: few) }
        let gone = QueryContext()
        gone.cancel()
        await #expect(throws: StorageError.self) { try await engine.instant("m", at: 0, context: gone) }
        for query in ["1", "time()", "m", "rate(m[5m])"] {
            await #expect(throws: StorageError.self) {
                try await engine.range(query, start: 0, end: 1 << 60, step: 1, context: QueryContext())
            }
        }
        await #expect(throws: (any Error).self) {
            try await engine.instant("max_over_time(m[100y:1ms])", at: 0, context: QueryContext())
        }
        await #expect(throws: PromQLError.self) {
            try await engine.range("m", start: 0, end: 10, step: 0, context: QueryContext())
        }
        await #expect(throws: PromQLError.self) {
            try await engine.range("m[5m]", start: 0, end: 10, step: 1, context: QueryContext())
        }
    }
}
