internal import Storage
internal import Telemetry
internal import Vectors

extension MetricEvaluator {
    private static let minute: Int64 = 60_000_000_000

    /// The expression at whole multiples of the subquery's step, aggregated over the windows of the outer times.
    mutating func run(
        _ operation: RangeOperator, _ parameter: Double?, _ inner: MetricExpression, _ subquery: Subquery
    ) async throws -> StepMatrix {
        let whole = max(1, (subquery.step ?? MetricEvaluator.minute) / 1_000_000) * 1_000_000
        let limit: Int64 = 4_000_000_000_000_000_000
        guard subquery.range <= limit / 2, subquery.offset.magnitude <= UInt64(limit) / 2, whole <= limit / 2 else {
            throw LogQLError.unsupported("a range or offset of more than 63 years cannot be asked for")
        }
        let earliest = start &- subquery.offset &- subquery.range
        let latest = start &+ Int64(grid.count - 1) &* step &- subquery.offset
        // The window does not hold its beginning.
        let first = (MetricEvaluator.floored(earliest, whole) &+ 1) &* whole
        let last = MetricEvaluator.floored(latest, whole) &* whole
        guard last >= first else { return StepMatrix(grid: grid) }
        let count = (last &- first) / whole &+ 1
        guard count <= Int64(engine.options.maximumPoints) &* 5 else {
            throw LogQLError.limit("the subquery would be evaluated at \(count) times; make its step larger")
        }
        var nested = MetricEvaluator(
            engine: engine, grid: LogQLEngine.grid(start: first, step: whole, count: Int(count)), start: first,
            step: whole, context: context)
        let result = try await nested.evaluate(inner)
        annotations.merge(nested.annotations)
        guard case .matrix(let matrix) = result else { return StepMatrix(grid: grid) }
        var out = StepMatrix(grid: grid)
        for series in matrix.series {
            var one = StepSeries(labels: series.labels, count: grid.count)
            for window in 0..<grid.count {
                let end = start &+ Int64(window) &* step &- subquery.offset
                let low = max(0, MetricEvaluator.floored(end &- subquery.range, whole) &+ 1 &- first / whole)
                let high = min(count - 1, MetricEvaluator.floored(end, whole) &- first / whole)
                guard low <= high else { continue }
                let points = (Int(low)...Int(high)).filter { series.present[$0] }
                if points.isEmpty { continue }
                if operation == .quantile {
                    var values = points.map { series.values[$0] }
                    one.set(quantile(parameter ?? .nan, &values), at: window)
                    continue
                }
                var summary = SampleSummary()
                for point in points {
                    summary.merge(SampleSummary(series.values[point], at: first &+ Int64(point) &* whole))
                }
                one.set(summary.result(operation, end: end, range: subquery.range), at: window)
            }
            out.series.append(one)
        }
        out.removeEmptySeries()
        out.sortByLabels()
        return out
    }

    private static func floored(_ value: Int64, _ divisor: Int64) -> Int64 {
        value >= 0 ? value / divisor : -((-value &+ divisor &- 1) / divisor)
    }
}
