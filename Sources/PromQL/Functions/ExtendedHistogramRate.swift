internal import Telemetry
internal import Vectors

/// The straight line between two histograms of one series, bucket by bucket.
struct HistogramLine {
    let from: (time: Int64, histogram: NativeHistogram)
    let to: (time: Int64, histogram: NativeHistogram)
    /// Behind a reset a counter started from nothing.
    let isCounter: Bool

    init(from: (Int64, NativeHistogram), to: (Int64, NativeHistogram), isCounter: Bool) {
        self.from = from
        self.to = to
        self.isCounter = isCounter
    }

    /// Nil where standard and custom buckets meet.
    func value(at time: Int64, _ found: inout Annotations) -> NativeHistogram? {
        if time == from.time { return from.histogram }
        guard from.histogram.hasCustomBuckets == to.histogram.hasCustomBuckets else { return nil }
        if time == to.time { return to.histogram }
        let share = Double(time &- from.time) / Double(to.time &- from.time)
        if isCounter, to.histogram.isReset(after: from.histogram) { return to.histogram.scaled(by: share) }
        var difference = to.histogram.subtracting(from.histogram)
        if difference.reconciled { found.inform(AnnotationText.reconciledBuckets("subtraction")) }
        difference.histogram = difference.histogram.scaled(by: share)
        var sum = difference.histogram.adding(from.histogram)
        if sum.reconciled { found.inform(AnnotationText.reconciledBuckets("addition")) }
        sum.histogram.resetHint = hint
        return sum.histogram
    }

    /// What two neighbours agree on, as adding them would give.
    private var hint: NativeHistogram.ResetHint {
        let (a, b) = (from.histogram.resetHint, to.histogram.resetHint)
        if a == b { return a }
        return a == .gauge || b == .gauge ? .gauge : .unknown
    }
}

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
        let mixed = AnnotationText.mixedSchemas + " for metric name " + name
        guard used.allSatisfy({ $0.hasCustomBuckets == series.histograms[first].hasCustomBuckets }) else {
            found.warn(mixed)
            return .nothing
        }
        if isCounter, used.contains(where: { $0.resetHint == .gauge }) {
            found.warn("PromQL warning: this native histogram metric is not a counter: \(name)")
        }
        func line(_ at: Int) -> HistogramLine {
            HistogramLine(
                from: (times[at], series.histograms[at]), to: (times[at + 1], series.histograms[at + 1]),
                isCounter: isCounter)
        }
        var left: NativeHistogram? = series.histograms[first]
        let interpolatesLeft = smoothed && times[first] < window.start && first + 1 < window.histograms.upperBound
        if interpolatesLeft { left = line(first).value(at: window.start, &found) }
        var right: NativeHistogram? = series.histograms[last]
        if smoothed, last > first, times[last] > window.end { right = line(last - 1).value(at: window.end, &found) }
        guard let left, let right else {
            found.warn(mixed)
            return .nothing
        }
        if !isCounter, left.resetHint != .gauge || right.resetHint != .gauge {
            found.warn("PromQL warning: this native histogram metric is not a gauge: \(name)")
        }
        var result = take(right.subtracting(left), "subtraction", &found)
        if isCounter {
            // What the counter had reached before each reset. A reset that the left end was interpolated across is
            // accounted for by that; the last sample is stood for by the right end.
            var (previous, next) = (left, first + 1)
            if interpolatesLeft, series.histograms[first + 1].isReset(after: series.histograms[first]) {
                (previous, next) = (series.histograms[first + 1], first + 2)
            }
            if next <= last {
                for i in next..<last {
                    if series.histograms[i].isReset(after: previous) {
                        result = take(result.adding(previous), "addition", &found)
                    }
                    previous = series.histograms[i]
                }
                if right.isReset(after: previous) { result = take(result.adding(previous), "addition", &found) }
            }
        }
        if function == .rate { result = result.divided(by: window.seconds) }
        result = result.compacted()
        result.resetHint = .gauge
        return .histogram(result)
    }

    private func take(_ outcome: HistogramOutcome, _ verb: String, _ found: inout Annotations) -> NativeHistogram {
        if outcome.reconciled { found.inform(AnnotationText.reconciledBuckets(verb)) }
        return outcome.histogram
    }
}
