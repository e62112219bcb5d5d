package import Storage
package import Telemetry

extension LogQLEngine {
    /// Hands over the lines that a query finds in `range` (nanoseconds, half-open), some at a time and in no order,
    /// each with its sequence in the store.
    /// What looks at all lines together (`sort`, `top`, …) is refused.
    package func eachBatch(
        of expression: LogExpression, range: TimeRange, context: QueryContext,
        _ body: ([LogEntry], _ sequences: [UInt64]) throws -> Void
    ) async throws {
        guard expression.results.isEmpty else {
            throw LogQLError.unsupported("only selectors, filters, parsers and formats may stand in this query")
        }
        guard !range.isEmpty else { return }
        var record = Record()
        var pipeline = try LogPipeline(expression.stages, names: &record.names)
        let planner = ScanPlanner(reader: reader, pushesDown: options.pushesDown)
        let plan = try await planner.plan(expression, range: range, context: context)
        let trailer = try await reader.scan(plan, context: context) { batch in
            try context.check()
            var rows = RowSource(batch, names: &record.names)
            var entries: [LogEntry] = []
            var sequences: [UInt64] = []
            for row in 0..<rows.count {
                let line = rows.line(row)
                guard range.contains(rows.timestamp(row)), pipeline.prefilter(line) else { continue }
                record.begin(timestamp: rows.timestamp(row), line: line)
                rows.load(row, into: &record)
                if pipeline.run(&record) {
                    entries.append(record.entry(stream: batch.groups[rows.group(row)].labels))
                    if row < batch.sequences.count { sequences.append(batch.sequences[row]) }
                }
            }
            if !entries.isEmpty { try body(entries, sequences) }
            return .goOn
        }
        for warning in trailer.warnings { context.warn(warning) }
    }
}
