internal import Storage
package import Vectors

/// What became of a script.
package struct PromQLTestReport: Sendable {
    package struct Failure: Sendable, CustomStringConvertible {
        /// Of the evaluation, from 1.
        package var line: Int
        package var query: String
        package var reason: String
        package var description: String { "line \(line): \(query): \(reason)" }
    }

    package var evaluations = 0
    package var failures: [Failure] = []
    package var passed: Int { evaluations - failures.count }
}

/// Runs scripts in promqltest's format: `load`, `clear`, `eval` and what is expected.
package enum PromQLTestRunner {
    /// - Parameter names: Prometheus runs its own suite with names removed at the end.
    /// - Throws: where the script itself cannot be read, with the line.
    package static func run(script text: String, names: NameRemoval = .delayed) async throws -> PromQLTestReport {
        let script = try TestScript(text)
        var report = PromQLTestReport()
        var storage = TestStorage()
        for command in script.commands {
            switch command {
            case .clear: storage = TestStorage()
            case .load(let step, let customBuckets, let series):
                storage.load(series, step: step, customBuckets: customBuckets)
            case .evaluate(let evaluation):
                report.evaluations += 1
                if let reason = await failure(evaluation, storage, names) {
                    report.failures.append(.init(line: evaluation.line, query: evaluation.query, reason: reason))
                }
            }
        }
        return report
    }

    private static func failure(
        _ evaluation: TestScript.Evaluation, _ storage: TestStorage, _ names: NameRemoval
    ) async -> String? {
        var options = PromQLEngine.Options()
        options.parser = .everything
        options.names = names
        options.startTimestamps = true
        let engine = PromQLEngine(reader: storage.reader, options: options)
        let failing = evaluation.expectations.filter { $0.kind == .fail }
        let result: PromQLResult
        do {
            _ = try PromQLEngine.parse(evaluation.query, options: .everything)
        } catch { return "does not parse: \(error)" }
        do {
            let context = QueryContext()
            if let step = evaluation.step {
                result = try await engine.range(
                    evaluation.query, start: evaluation.start, end: evaluation.end, step: step, context: context)
            } else {
                result = try await engine.instant(evaluation.query, at: evaluation.start, context: context)
            }
        } catch {
            if failing.isEmpty { return "failed: \(error)" }
            let unmatched = failing.first { !TestComparison.matches("\(error)", $0) }
            return unmatched.map { "expected failure \($0.message ?? $0.pattern ?? ""), got: \(error)" }
        }
        if !failing.isEmpty { return "expected a failure, got an answer" }
        if let text = TestComparison.difference(result, evaluation.expectations) ?? difference(result, evaluation) {
            return text
        }
        return evaluation.step == nil ? await variantFailure(evaluation, engine) : nil
    }

    /// The same query pinned to its moment and evaluated at others, and as the middle of a range.
    private static func variantFailure(_ evaluation: TestScript.Evaluation, _ engine: PromQLEngine) async -> String? {
        if evaluation.expectations.contains(where: { $0.kind == .string || $0.kind == .range }) { return nil }
        let time = evaluation.start
        if let pinned = TestVariants.pinned(evaluation.query, at: time) {
            for moment in TestVariants.evaluationTimes(time) {
                do {
                    let result = try await engine.instant(pinned, at: moment, context: QueryContext())
                    if case .samples = result.value { continue }
                    if let text = difference(result, evaluation, at: moment) {
                        return "\(pinned) at \(moment): \(text)"
                    }
                } catch { return "\(pinned) at \(moment): \(error)" }
            }
        }
        guard TestVariants.hasRangeForm(evaluation.query) else { return nil }
        do {
            let result = try await engine.range(
                evaluation.query, start: time - 60_000, end: time + 60_000, step: 60_000, context: QueryContext())
            guard case .matrix(var matrix) = result.value else { return nil }
            for at in matrix.series.indices {
                matrix.series[at].remove(at: 0)
                matrix.series[at].remove(at: 2)
            }
            matrix.removeEmptySeries()
            if let scalar = evaluation.scalar {
                let value = matrix.series.first?.values[1] ?? .nan
                return TestComparison.almostEqual(value, scalar) ? nil : "in a range: expected \(scalar), got \(value)"
            }
            return TestComparison.difference(
                TestComparison.points(matrix), evaluation.series, start: time, step: 1, ordered: false
            ).map { "in a range: \($0)" }
        } catch { return "in a range: \(error)" }
    }

    private static func difference(
        _ result: PromQLResult, _ evaluation: TestScript.Evaluation, at time: Int64? = nil
    ) -> String? {
        switch result.value {
        case .scalar(let value):
            guard let wanted = evaluation.scalar else { return "got the scalar \(value)" }
            return TestComparison.almostEqual(value, wanted) ? nil : "expected \(wanted), got \(value)"
        case .string(let text):
            let wanted = evaluation.expectations.first { $0.kind == .string }?.string
            return wanted == text ? nil : "expected string \(wanted ?? "none"), got \(text)"
        case .vector(let matrix):
            if let wanted = evaluation.scalar { return "expected the scalar \(wanted), got a vector" }
            return TestComparison.difference(
                TestComparison.points(matrix), evaluation.series, start: time ?? evaluation.start, step: 1,
                ordered: evaluation.expectations.contains { $0.kind == .ordered })
        case .matrix(let matrix):
            return TestComparison.difference(
                TestComparison.points(matrix), evaluation.series, start: evaluation.start, step: evaluation.step ?? 1,
                ordered: false)
        case .samples(let samples):
            guard let times = evaluation.expectations.first(where: { $0.kind == .range })?.times else {
                return samples.isEmpty ? nil : "got a range vector"
            }
            return TestComparison.difference(
                TestComparison.points(samples), evaluation.series, start: times.start, step: times.step, ordered: false)
        }
    }
}
