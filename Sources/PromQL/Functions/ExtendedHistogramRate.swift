internal import Telemetry
internal import Vectors

extension RangeKernel {
    /// `anchored` and `smoothed` over native histograms: as over floats, bucket by bucket.
    func extendedHistogramRate(
        _ series: RangeSeries, _ window: RangeWindow, _ found: inout Annotations
    ) -> WindowResult {
        guard !window.histograms.isEmpty else { return .nothing }
        let times = series.histogramTimestamps
        let isCounter = function == .rate || function == .increase
        let smoothed = source.rangeExtension == .smoothed
        var first = window.histograms.lowerBound
        while first + 1 < window.histograms.upperBound, times[first + 1] <= window.start { first += 1 }
        var last = window.histograms.upperBound - 1
        if smoothed {
            last = window.histograms.lowerBound
            while last + 1 < window.histograms.upperBound, times[last] < window.end { last += 1 }
        }
        guard times[last] > window.start, times[first] <= window.end else { return .nothing }
        let used = series.histograms[first...last]
        let name = quoteGo(series.labels.metricName ?? "")
        guard used.allSatisfy({ $0.hasCustomBuckets == series.histograms[first].hasCustomBuckets }) else {
            found.warn(AnnotationText.mixedSchemas + " for metric name " + name)
            return .nothing
        }
        if isCounter, used.contains(where: { $0.resetHint == .gauge }) {
            found.warn("PromQL warning: this native histogram metric is not a counter: \(name)")
        }
        if !isCounter, used.contains(where: { $0.resetHint != .gauge }) {
            found.warn("PromQL warning: this native histogram metric is not a gauge: \(name)")
        }
        var left = series.histograms[first]
        if smoothed, times[first] < window.start, first + 1 < window.histograms.upperBound {
            left = interpolate(series, first, window.start, isCounter: isCounter, leftEdge: true)
        }
        var right = series.histograms[last]
        if smoothed, last > first, times[last] > window.end {
            right = interpolate(series, last - 1, window.end, isCounter: isCounter, leftEdge: false)
        }
        var result = right.subtracting(left).histogram
        if isCounter {
            var previous = left
            for i in first...last where times[i] > window.start && times[i] < window.end {
                if series.histograms[i].isReset(after: previous) { result = result.adding(previous).histogram }
                previous = series.histograms[i]
            }
            if right.isReset(after: previous) { result = result.adding(previous).histogram }
        }
        if function == .rate { result = result.divided(by: window.seconds) }
        result = result.compacted()
        result.resetHint = .gauge
        return .histogram(result)
    }

    private func interpolate(
        _ series: RangeSeries, _ at: Int, _ time: Int64, isCounter: Bool, leftEdge: Bool
    ) -> NativeHistogram {
        let (before, after) = (series.histograms[at], series.histograms[at + 1])
        let (t0, t1) = (series.histogramTimestamps[at], series.histogramTimestamps[at + 1])
        let fraction = Double(time &- t0) / Double(t1 &- t0)
        var out: NativeHistogram
        if isCounter, after.isReset(after: before) {
            // Behind a reset the counter started from nothing.
            out = leftEdge ? after.scaled(by: fraction) : before.adding(after.scaled(by: fraction)).histogram
        } else {
            out = before.adding(after.subtracting(before).histogram.scaled(by: fraction)).histogram
        }
        // What was made is neither "reset" nor "no reset" to its neighbours.
        out.resetHint = .unknown
        return out
    }
}
