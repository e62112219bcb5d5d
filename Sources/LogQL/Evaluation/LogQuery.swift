package import Storage
package import Telemetry
internal import Vectors

extension LogQLEngine {
    /// Runs a log query over `range` (nanoseconds, half-open).
    ///
    /// - Parameter limit: how many lines at most; 0 is no limit.
    package func logs(
        _ expression: LogExpression, range: TimeRange, limit: Int, direction: LogDirection, context: QueryContext
    ) async throws -> LogResult {
        var record = Record()
        var pipeline = try LogPipeline(expression.stages, names: &record.names)
        var entries: [LogEntry] = []
        guard !range.isEmpty else { return LogResult(entries: [], partial: false, warnings: []) }
        if !expression.results.isEmpty {
            return try await results(
                expression, range: range, limit: limit, direction: direction, context: context)
        }
        let planner = ScanPlanner(reader: reader, pushesDown: options.pushesDown)
        var plan = try await planner.plan(expression, range: range, context: context)
        plan.order = direction == .backward ? .newestFirst : .oldestFirst
        plan.expectedRows = max(0, limit)
        if options.pushesDown { plan.rowFilter = try ColumnRowFilter(expression.stages) }
        let trailer = try await reader.scan(plan, context: context) { batch in
            try context.check()
            var rows = RowSource(batch, names: &record.names)
            let held = entries.count
            var bytes = 0
            for row in 0..<rows.count {
                let line = rows.line(row)
                guard range.contains(rows.timestamp(row)), pipeline.prefilter(line) else { continue }
                record.begin(timestamp: rows.timestamp(row), line: line)
                rows.load(row, into: &record)
                guard pipeline.run(&record) else { continue }
                entries.append(record.entry(stream: batch.groups[rows.group(row)].labels))
                bytes += record.line.count + record.arena.count + 96
                if limit > 0, entries.count >= limit {
                    try context.charge(memory: bytes)
                    return .stop
                }
            }
            if entries.count > held { try context.charge(memory: bytes) }
            return .goOn
        }
        return LogResult(entries: entries, partial: trailer.partial, warnings: trailer.warnings)
    }

    /// As ``logs(_:range:limit:direction:context:)``, from the text. A metric query is refused.
    package func logs(
        _ query: String, range: TimeRange, limit: Int, direction: LogDirection, context: QueryContext
    ) async throws -> LogResult {
        guard case .log(let expression) = try LogQLEngine.parse(query) else {
            throw LogQLError.unsupported("the query has numbers as its answer, not log lines; run it as a metric query")
        }
        return try await logs(expression, range: range, limit: limit, direction: direction, context: context)
    }
}

/// A log query for rows that have just come in: what `tail` runs. Keep one for each client.
package struct LogTail: Sendable {
    private let matchers: [CompiledMatcher]
    private var record = Record()
    private var pipeline: LogPipeline

    package init(_ expression: LogExpression) throws {
        guard expression.results.isEmpty else {
            throw LogQLError.unsupported("a tail shows lines as they come: it cannot sort, count or compare them")
        }
        matchers = try expression.matchers.map { try CompiledMatcher($0) }
        pipeline = try LogPipeline(expression.stages, names: &record.names)
    }

    /// The entries that the query shows of a batch of the `logs` table, in the batch's order.
    package mutating func process(_ batch: EventBatch) -> [LogEntry] {
        let selected = batch.groups.map { group in
            matchers.allSatisfy { $0.matches(group.labels) }
        }
        guard selected.contains(true) else { return [] }
        var rows = RowSource(batch, names: &record.names)
        var out: [LogEntry] = []
        for row in 0..<rows.count {
            let group = rows.group(row)
            guard group < selected.count, selected[group] else { continue }
            let line = rows.line(row)
            guard pipeline.prefilter(line) else { continue }
            record.begin(timestamp: rows.timestamp(row), line: line)
            rows.load(row, into: &record)
            if pipeline.run(&record) { out.append(record.entry(stream: batch.groups[group].labels)) }
        }
        return out
    }
}
