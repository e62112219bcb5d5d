import LogQL
import Storage
import Telemetry
import Testing
import Vectors

/// Runs scripts, each case with push-down and without: the answers must be the same.
struct ScriptRunner {
    private var entries: [LogScript.Entry] = []
    private(set) var passed = 0
    private(set) var failures: [String] = []

    mutating func run(_ text: String, name: String) async throws {
        for command in try LogScript(text).commands {
            switch command {
            case .clear: entries = []
            case .load(let more): entries += more
            case .evaluate(let one):
                for pushesDown in [true, false] {
                    let outcome = await check(one, pushesDown: pushesDown)
                    if let outcome {
                        failures.append("\(name):\(one.number) (push-down \(pushesDown)) \(one.query): \(outcome)")
                    } else {
                        passed += 1
                    }
                }
            }
        }
    }

    private func engine(pushesDown: Bool) -> LogQLEngine {
        var groups: [LabelSet: EventGroup] = [:]
        let rows = entries.sorted { $0.time < $1.time }.map { entry in
            // A stream's label without text is none.
            let labels = LabelSet(entry.stream.labels)
            let group = groups[labels] ?? EventGroup(labels: labels)
            groups[labels] = group
            return MemoryEvents.Row(
                timestamp: entry.time, group: group, line: Array(entry.line.utf8),
                fields: entry.metadata.labels.map { Attribute($0.name, .string($0.value)) })
        }
        var options = LogQLEngine.Options()
        options.pushesDown = pushesDown
        return LogQLEngine(reader: MemoryEvents(rows), options: options)
    }

    /// What is wrong; nil if nothing is.
    private func check(_ one: LogScript.Case, pushesDown: Bool) async -> String? {
        do {
            let engine = engine(pushesDown: pushesDown)
            let expression = try LogQLEngine.parse(one.query)
            guard try LogQLEngine.parse(expression.description) == expression else {
                return "\(expression) means something else"
            }
            let problem: String?
            switch expression {
            case .metric(let metric): problem = try await compare(one, metric, engine)
            case .log(let logs): problem = try await compare(one, logs, engine)
            }
            if let failure = one.failure { return "did not fail with \(failure)" }
            return problem
        } catch {
            guard let failure = one.failure else { return "\(error)" }
            return failure.isEmpty || "\(error)".contains(failure) ? nil : "failed with \(error)"
        }
    }

    private func compare(
        _ one: LogScript.Case, _ metric: MetricExpression, _ engine: LogQLEngine
    ) async throws -> String? {
        let result: MetricResult
        switch one.evaluation {
        case .instant(let time): result = try await engine.instant(metric, at: time, context: QueryContext())
        case .range(let start, let end, let step):
            result = try await engine.range(metric, start: start, end: end, step: step, context: QueryContext())
        case .select: return "a log query is selected from"
        }
        var found: [(labels: LabelSet, values: [Double?])] = []
        switch result {
        case .scalar(let value): found = [(.empty, [value])]
        case .matrix(let matrix):
            found = matrix.series.map { series in
                (series.labels, series.values.indices.map { series.present[$0] ? series.values[$0] : nil })
            }
        }
        var wanted = one.series.map { ($0.labels, $0.values) }
        if !one.isOrdered {
            found.sort { $0.labels < $1.labels }
            wanted.sort { $0.0 < $1.0 }
        }
        let isSame =
            found.count == wanted.count
            && zip(found, wanted).allSatisfy { found, wanted in
                found.labels == wanted.0 && found.values.count == wanted.1.count
                    && zip(found.values, wanted.1).allSatisfy(ScriptRunner.isClose)
            }
        return isSame
            ? nil : found.map { "\($0.labels) \($0.values.map { $0.map { "\($0)" } ?? "_" })" }.joined(separator: "; ")
    }

    private static func isClose(_ a: Double?, _ b: Double?) -> Bool {
        guard let a, let b else { return a == nil && b == nil }
        return a == b || (a.isNaN && b.isNaN) || abs(a - b) <= 1e-9 * max(abs(a), abs(b))
    }

    private func compare(_ one: LogScript.Case, _ logs: LogExpression, _ engine: LogQLEngine) async throws -> String? {
        var range = TimeRange(start: 0, end: 0)
        var direction = LogDirection.forward
        switch one.evaluation {
        case .instant(let time): range = TimeRange(start: time - 30_000_000_000, end: time)
        case .range(let start, let end, _): range = TimeRange(start: start, end: end)
        case .select(let start, let end, let forward):
            range = TimeRange(start: start, end: end)
            direction = forward ? .forward : .backward
        }
        let result = try await engine.logs(logs, range: range, limit: 0, direction: direction, context: QueryContext())
        var found = result.entries.map { entry in
            LogScript.Entry(
                stream: entry.stream, line: String(decoding: entry.line, as: UTF8.self), time: entry.timestamp,
                metadata: entry.structuredMetadata, parsed: entry.parsed)
        }
        var wanted = one.entries
        if case .select = one.evaluation {
        } else {
            found.sort { ($0.stream, $0.time) < ($1.stream, $1.time) }
            wanted.sort { ($0.stream, $0.time) < ($1.stream, $1.time) }
        }
        return found == wanted ? nil : "\(found)"
    }
}
