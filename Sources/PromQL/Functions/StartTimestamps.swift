internal import Storage
internal import Telemetry
internal import Vectors

/// When the counting of samples began, beside the times at which they were taken.
struct StartTimestamps {
    /// 0 where nobody said; empty where nobody said it of any sample.
    let starts: [Int64]
    let times: [Int64]

    /// Whether the counter of sample `at` is another one than that of the sample before it.
    func isReset(_ at: Int) -> Bool {
        guard at > 0, at < starts.count else { return false }
        let (start, before) = (starts[at], times[at - 1])
        // Not said, impossible, or OpenTelemetry's "unknown": the sample's own time.
        if start == 0 || start >= times[at] || start < before { return false }
        if start > before { return true }
        // It began with the sample before: so do deltas, and so do counters whose start is not known. These have no
        // start, or their own time, at the sample before.
        return starts[at - 1] != 0 && starts[at - 1] < before
    }

    /// Whether sample `at` counts what the sample before it has counted too.
    func overlaps(_ at: Int) -> Bool {
        guard at > 0, at < starts.count else { return false }
        return starts[at] != 0 && starts[at] < times[at - 1] && starts[at] != starts[at - 1]
    }

    /// When the counter of sample `first` was zero, if that is inside the window.
    func zero(of first: Int, after windowStart: Int64) -> Int64? {
        guard first < starts.count, starts[first] != 0, starts[first] > windowStart, starts[first] < times[first] else {
            return nil
        }
        return starts[first]
    }

    /// The sentence for a window in which samples overlap; once is enough.
    func complain(in window: Range<Int>, of labels: LabelSet, _ found: inout Annotations) {
        guard !starts.isEmpty, window.dropFirst().contains(where: { overlaps($0) }) else { return }
        found.warn(
            "PromQL warning: sample has start time that overlaps with previous sample timestamp for metric "
                + quoteGo(labels.metricName ?? ""))
    }
}

extension RangeSeries {
    var floatStarts: StartTimestamps { StartTimestamps(starts: starts, times: timestamps) }
    var sparseStarts: StartTimestamps { StartTimestamps(starts: histogramStarts, times: histogramTimestamps) }
}

extension Evaluator {
    /// `start_timestamp`: when the counting of the selected samples began, 0 where nobody said. Other expressions than
    /// selectors have no samples of their own, and no answer.
    mutating func startTimestamp(_ argument: Expression, _ grid: StepGrid) throws -> StepMatrix {
        var output = StepMatrix(grid: grid)
        guard case .vector(let selector) = argument.unwrapped.node, selector.rangeExtension == nil else {
            _ = try vector(argument, grid)
            return output
        }
        let offset = try setting.offset(selector.offset)
        var charged = 0
        defer { context.release(memory: charged) }
        for series in columns[SelectorPlan.key(selector)] ?? [] {
            charged += grid.count * 9
            try context.charge(memory: grid.count * 9)
            var out = StepSeries(labels: series.labels, count: grid.count)
            var next = 0
            var nextHistogram = 0
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
                guard max(floatTime, histogramTime) > time &- setting.lookback, max(floatTime, histogramTime) != .min
                else { continue }
                let isFloat = floatTime > histogramTime
                let marker = isFloat ? series.values[next - 1] : series.histograms[nextHistogram - 1].sum
                if SpecialValue.isStaleMarker(marker) { continue }
                let starts = isFloat ? series.startTimestamps : series.histogramStartTimestamps
                let at = isFloat ? next - 1 : nextHistogram - 1
                out.set(at < starts.count ? Double(starts[at]) / 1000 : 0, at: i)
            }
            guard !out.isEmpty else { continue }
            out.dropName(setting.names)
            output.series.append(out)
        }
        return try settled(output)
    }
}
