internal import Storage
internal import Telemetry
internal import Vectors

extension Evaluator {
    /// The newest sample in `(t - lookback, t]` for each point, and when it was taken. A stale marker hides the series.
    mutating func select(
        _ selector: VectorSelector, _ grid: StepGrid, wantsTimes: Bool = false
    ) throws -> (matrix: StepMatrix, times: [[Int64]]) {
        if selector.rangeExtension == .smoothed { return try selectSmoothed(selector, grid, wantsTimes: wantsTimes) }
        let offset = try setting.offset(selector.offset)
        var output = StepMatrix(grid: grid)
        var times: [[Int64]] = []
        let source = columns[SelectorPlan.key(selector)] ?? []
        // The node's value is charged as a whole when it is there.
        var charged = 0
        defer { context.release(memory: charged) }
        output.series.reserveCapacity(source.count)
        for (number, stored) in source.enumerated() {
            if number & 0xff == 0 { try context.check() }
            charged += grid.count * 9
            try context.charge(memory: grid.count * 9)
            let series = detectsResets ? withResets(stored) : stored
            var out = StepSeries(labels: series.labels, count: grid.count)
            var taken = wantsTimes ? [Int64](repeating: 0, count: grid.count) : []
            var next = 0
            var nextHistogram = 0
            var found = 0
            for i in 0..<grid.count {
                let time = setting.reference(selector.at, grid.timestamp(at: i)) &- offset
                while next < series.timestamps.count, series.timestamps[next] <= time { next += 1 }
                while nextHistogram < series.histogramTimestamps.count,
                    series.histogramTimestamps[nextHistogram] <= time
                {
                    nextHistogram += 1
                }
                let floatTime = next > 0 ? series.timestamps[next - 1] : Int64.min
                let histogramTime = nextHistogram > 0 ? series.histogramTimestamps[nextHistogram - 1] : Int64.min
                let newest = max(floatTime, histogramTime)
                guard newest != .min, newest > time &- setting.lookback else { continue }
                if histogramTime > floatTime {
                    let histogram = series.histograms[nextHistogram - 1]
                    if SpecialValue.isStaleMarker(histogram.sum) { continue }
                    out.set(histogram, at: i)
                } else {
                    let value = series.values[next - 1]
                    if SpecialValue.isStaleMarker(value) { continue }
                    out.set(value, at: i)
                }
                found += 1
                if wantsTimes { taken[i] = newest }
            }
            guard found > 0 else { continue }
            try context.charge(samples: found)
            output.series.append(out)
            if wantsTimes { times.append(taken) }
        }
        return (output, times)
    }

    /// Histograms without a hint get one from their predecessor.
    func withResets(_ series: SeriesColumns) -> SeriesColumns {
        guard series.histograms.count > 1 else { return series }
        var out = series
        for i in series.histograms.indices.dropFirst() where series.histograms[i].resetHint == .unknown {
            out.histograms[i].resetHint =
                series.histograms[i].isReset(after: series.histograms[i - 1]) ? .reset : .notReset
        }
        return out
    }
}

/// Samples of one series under a range selector: no stale markers, ascending.
struct RangeSeries {
    var labels: LabelSet
    var dropsName = false
    var timestamps: [Int64]
    var values: [Double]
    var histogramTimestamps: [Int64] = []
    var histograms: [NativeHistogram] = []
    /// When each sample's counting began, 0 where nobody said; empty where nobody said it of any, or where it does not
    /// count.
    var starts: [Int64] = []
    var histogramStarts: [Int64] = []
}

struct RangeSource {
    var series: [RangeSeries]
    /// Milliseconds.
    var range: Int64
    var offset: Int64
    var at: AtModifier?
    var rangeExtension: RangeExtension?
    let setting: QuerySetting

    /// Left-open, right-closed.
    func window(at time: Int64) -> (start: Int64, end: Int64) {
        let end = setting.reference(at, time) &- offset
        return (end &- range, end)
    }
}

extension Evaluator {
    mutating func rangeSource(_ expression: Expression, _ grid: StepGrid) throws -> RangeSource {
        switch expression.unwrapped.node {
        case .matrix(let selector, let range): return try rangeSource(selector, range)
        case .subquery(let subquery): return try rangeSource(subquery, grid)
        default: throw PromQLError.evaluation("expected a range vector: \(expression)")
        }
    }

    private func rangeSource(_ selector: VectorSelector, _ range: DurationExpression) throws -> RangeSource {
        var series: [RangeSeries] = []
        let source = columns[SelectorPlan.key(selector)] ?? []
        series.reserveCapacity(source.count)
        for stored in source {
            let one = detectsResets ? withResets(stored) : stored
            var out = RangeSeries(
                labels: one.labels, timestamps: one.timestamps, values: one.values,
                histogramTimestamps: one.histogramTimestamps, histograms: one.histograms)
            if setting.startTimestamps {
                out.starts = one.startTimestamps
                out.histogramStarts = one.histogramStartTimestamps
            }
            if out.values.contains(where: { SpecialValue.isStaleMarker($0) }) {
                let kept = out.values.indices.filter { !SpecialValue.isStaleMarker(out.values[$0]) }
                out.timestamps = kept.map { one.timestamps[$0] }
                out.values = kept.map { one.values[$0] }
                if !out.starts.isEmpty { out.starts = kept.map { one.startTimestamps[$0] } }
            }
            if out.histograms.contains(where: { SpecialValue.isStaleMarker($0.sum) }) {
                let kept = out.histograms.indices.filter { !SpecialValue.isStaleMarker(out.histograms[$0].sum) }
                out.histogramTimestamps = kept.map { one.histogramTimestamps[$0] }
                out.histograms = kept.map { one.histograms[$0] }
                if !out.histogramStarts.isEmpty {
                    out.histogramStarts = kept.map { one.histogramStartTimestamps[$0] }
                }
            }
            try context.charge(samples: out.values.count + out.histograms.count)
            series.append(out)
        }
        return RangeSource(
            series: series, range: try range.positiveMilliseconds(in: setting.durations),
            offset: try setting.offset(selector.offset), at: selector.at, rangeExtension: selector.rangeExtension,
            setting: setting)
    }

    private mutating func rangeSource(_ subquery: Subquery, _ grid: StepGrid) throws -> RangeSource {
        let inner = try SubqueryGrid(subquery, setting, grid.start, grid.end)
        var series: [RangeSeries] = []
        if inner.grid.count > 0 {
            try context.charge(memory: inner.grid.count * 16)
            let outer = detectsResets
            detectsResets = false
            defer { detectsResets = outer }
            let matrix = try vector(subquery.inner, inner.grid)
            if setting.names == .eager { try matrix.checkDistinctLabels() }
            for one in matrix.series {
                var out = RangeSeries(labels: one.labels, dropsName: one.dropsName, timestamps: [], values: [])
                for i in 0..<one.count where one.present[i] {
                    let time = inner.grid.timestamp(at: i)
                    if var histogram = one.histogram(at: i) {
                        // Between points of a subquery a reset is to be found anew.
                        if histogram.resetHint != .gauge { histogram.resetHint = .unknown }
                        out.histogramTimestamps.append(time)
                        out.histograms.append(histogram)
                    } else {
                        out.timestamps.append(time)
                        out.values.append(one.values[i])
                    }
                }
                series.append(out)
            }
        }
        return RangeSource(
            series: series, range: inner.range, offset: inner.offset, at: subquery.at, rangeExtension: nil,
            setting: setting)
    }
}
