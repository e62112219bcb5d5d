internal import Storage
internal import Telemetry
internal import Vectors

extension Evaluator {
    /// `smoothed`: the value at each point itself, on the line between its neighbours within the lookback on both
    /// sides; the earlier one where there is no later.
    mutating func selectSmoothed(
        _ selector: VectorSelector, _ grid: StepGrid, wantsTimes: Bool
    ) throws -> (matrix: StepMatrix, times: [[Int64]]) {
        let offset = try setting.offset(selector.offset)
        var output = StepMatrix(grid: grid)
        var times: [[Int64]] = []
        var found = Annotations()
        var charged = 0
        defer { context.release(memory: charged) }
        let source = columns[SelectorPlan.key(selector)] ?? []
        for (number, stored) in source.enumerated() {
            if number & 0xff == 0 { try context.check() }
            charged += grid.count * 9
            try context.charge(memory: grid.count * 9)
            let series = SmoothedSeries(detectsResets ? withResets(stored) : stored)
            var out = StepSeries(labels: series.labels, count: grid.count)
            var taken = wantsTimes ? [Int64](repeating: 0, count: grid.count) : []
            var samples = 0
            for i in 0..<grid.count {
                let time = setting.reference(selector.at, grid.timestamp(at: i)) &- offset
                switch series.value(at: time, lookback: setting.lookback, &found) {
                case .nothing: continue
                case .float(let value): out.set(value, at: i)
                case .histogram(let histogram): out.set(histogram, at: i)
                }
                samples += 1
                if wantsTimes { taken[i] = time }
            }
            guard samples > 0 else { continue }
            try context.charge(samples: samples)
            output.series.append(out)
            if wantsTimes { times.append(taken) }
        }
        note(found, at: selector.range)
        return (output, times)
    }
}

/// One series without its stale markers.
private struct SmoothedSeries {
    let labels: LabelSet
    private var times: [Int64] = []
    private var values: [Double] = []
    private var histogramTimes: [Int64] = []
    private var histograms: [NativeHistogram] = []

    init(_ columns: SeriesColumns) {
        labels = columns.labels
        for (time, value) in zip(columns.timestamps, columns.values) where !SpecialValue.isStaleMarker(value) {
            times.append(time)
            values.append(value)
        }
        for (time, histogram) in zip(columns.histogramTimestamps, columns.histograms)
        where !SpecialValue.isStaleMarker(histogram.sum) {
            histogramTimes.append(time)
            histograms.append(histogram)
        }
    }

    /// The samples around `time`: the last at or before it and the first behind it, within the lookback.
    private func neighbours(_ times: [Int64], _ time: Int64, _ lookback: Int64) -> (before: Int?, after: Int?) {
        var low = 0
        var high = times.count
        while low < high {
            let middle = (low + high) / 2
            if times[middle] <= time { low = middle + 1 } else { high = middle }
        }
        let before = low > 0 && times[low - 1] > time &- lookback ? low - 1 : nil
        return (before, low < times.count && times[low] <= time &+ lookback ? low : nil)
    }

    func value(at time: Int64, lookback: Int64, _ found: inout Annotations) -> WindowResult {
        let floats = neighbours(times, time, lookback)
        let sparse = neighbours(histogramTimes, time, lookback)
        let hasFloats = floats.before != nil || floats.after != nil
        let hasHistograms = sparse.before != nil || sparse.after != nil
        let name = quoteGo(labels.metricName ?? "")
        if hasFloats, hasHistograms {
            found.warn(AnnotationText.mixedFloatsAndHistograms + " metric name " + name)
            return .nothing
        }
        if let before = floats.before {
            guard let after = floats.after, times[before] != time else { return .float(values[before]) }
            let share = Double(time &- times[before]) / Double(times[after] &- times[before])
            return .float(values[before] + (values[after] - values[before]) * share)
        }
        guard let before = sparse.before else { return .nothing }
        guard let after = sparse.after, histogramTimes[before] != time else { return .histogram(histograms[before]) }
        let line = HistogramLine(
            from: (histogramTimes[before], histograms[before]), to: (histogramTimes[after], histograms[after]),
            isCounter: histograms[before].resetHint != .gauge && histograms[after].resetHint != .gauge)
        guard let value = line.value(at: time, &found) else {
            found.warn(AnnotationText.mixedSchemas + " for metric name " + name)
            return .nothing
        }
        return .histogram(value)
    }
}
