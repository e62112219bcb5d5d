internal import Telemetry
internal import Vectors

extension RangeKernel {
    private var isCounter: Bool { function == .rate || function == .increase }

    /// `rate`, `increase`, `delta`: the difference between the ends, extrapolated to the bounds of the window where the
    /// series plausibly reaches so far.
    func extrapolatedRate(_ series: RangeSeries, _ window: RangeWindow, _ found: inout Annotations) -> WindowResult {
        if !window.floats.isEmpty, !window.histograms.isEmpty {
            found.warn(
                AnnotationText.mixedFloatsAndHistograms + " metric name " + quoteGo(series.labels.metricName ?? ""))
            return .nothing
        }
        if !window.histograms.isEmpty { return histogramRate(series, window, &found) }
        let low = window.floats.lowerBound
        let high = window.floats.upperBound - 1
        let starts = series.floatStarts
        let zero = isCounter ? starts.zero(of: low, after: window.start) : nil
        // One sample is enough where it is known when it was zero.
        guard window.floats.count > 1 || (zero != nil && !window.floats.isEmpty) else { return .nothing }
        var difference = series.values[high] - series.values[low]
        if isCounter {
            var previous = series.values[low]
            for i in window.floats.dropFirst() {
                if series.values[i] < previous || (!starts.starts.isEmpty && starts.isReset(i)) {
                    difference += previous
                }
                previous = series.values[i]
            }
            starts.complain(in: window.floats, of: series.labels, &found)
        }
        let share =
            isCounter && difference > 0 && series.values[low] >= 0 ? series.values[low] / difference : nil
        if zero != nil { difference += series.values[low] }
        let factor = extrapolation(
            count: window.floats.count, first: series.timestamps[low], last: series.timestamps[high], window,
            zeroShare: share, zero: zero)
        return .float(difference * factor)
    }

    /// - Parameters:
    ///   - zeroShare: how far before the first sample a counter was at zero, in sampled intervals.
    ///   - zero: when it was, where that is known: then nothing is extrapolated to the left.
    private func extrapolation(
        count: Int, first: Int64, last: Int64, _ window: RangeWindow, zeroShare: Double?, zero: Int64?
    ) -> Double {
        var sampled = Double(last &- first) / 1000
        let gap = count > 1 ? sampled / Double(count - 1) : 0
        let threshold = gap * 1.1
        var toStart = Double(first &- window.start) / 1000
        var toEnd = Double(window.end &- last) / 1000
        if let zero {
            toStart = 0
            sampled = Double(last &- zero) / 1000
        } else {
            if toStart >= threshold { toStart = gap / 2 }
            if let zeroShare { toStart = min(toStart, sampled * zeroShare) }
        }
        if toEnd >= threshold { toEnd = gap / 2 }
        var factor = sampled == 0 ? 1 : (sampled + toStart + toEnd) / sampled
        if function == .rate { factor /= window.seconds }
        return factor
    }

    private func histogramRate(_ series: RangeSeries, _ window: RangeWindow, _ found: inout Annotations) -> WindowResult
    {
        let low = window.histograms.lowerBound
        let high = window.histograms.upperBound - 1
        let zero = isCounter ? series.sparseStarts.zero(of: low, after: window.start) : nil
        guard low < high || zero != nil else { return .nothing }
        var difference = series.histograms[low]
        var share: Double?
        if low < high {
            guard let found = histogramDifference(series, low, high, &found) else { return .nothing }
            difference = found
            let first = series.histograms[low].count
            if isCounter, difference.count > 0, first >= 0 { share = first / difference.count }
            if zero != nil { difference = difference.adding(series.histograms[low]).histogram }
        }
        let factor = extrapolation(
            count: window.histograms.count, first: series.histogramTimestamps[low],
            last: series.histogramTimestamps[high], window,
            zeroShare: share, zero: zero)
        difference = difference.scaled(by: factor).compacted()
        difference.resetHint = .gauge
        return .histogram(difference)
    }

    private func histogramDifference(
        _ series: RangeSeries, _ low: Int, _ high: Int, _ found: inout Annotations
    ) -> NativeHistogram? {
        let name = series.labels.metricName
        let all = series.histograms[low...high]
        if isCounter, all.contains(where: { $0.resetHint == .gauge }) {
            found.warn("PromQL warning: this native histogram metric is not a counter: \(quoteGo(name ?? ""))")
        }
        if !isCounter, series.histograms[low].resetHint != .gauge || series.histograms[high].resetHint != .gauge {
            found.warn("PromQL warning: this native histogram metric is not a gauge: \(quoteGo(name ?? ""))")
        }
        var previous = series.histograms[low]
        let starts = series.sparseStarts
        if isCounter, starts.isReset(low + 1) || series.histograms[low + 1].isReset(after: previous) {
            var nothing = NativeHistogram()
            nothing.schema = series.histograms[low + 1].schema
            nothing.customValues = series.histograms[low + 1].customValues
            nothing.zeroThreshold = series.histograms[low + 1].zeroThreshold
            previous = nothing
        }
        if all.dropFirst().contains(where: { $0.hasCustomBuckets != previous.hasCustomBuckets }) {
            found.warn(AnnotationText.mixedSchemas + " for metric name " + quoteGo(name ?? ""))
            return nil
        }
        var outcome = series.histograms[high].subtracting(previous)
        if outcome.reconciled { found.inform(AnnotationText.reconciledBuckets("subtraction")) }
        guard isCounter else { return outcome.histogram }
        starts.complain(in: low..<high + 1, of: series.labels, &found)
        for i in (low + 1)...high {
            if starts.isReset(i) || series.histograms[i].isReset(after: previous) {
                outcome = outcome.histogram.adding(previous)
                if outcome.reconciled { found.inform(AnnotationText.reconciledBuckets("addition")) }
            }
            previous = series.histograms[i]
        }
        return outcome.histogram
    }

    /// `irate`, `idelta`: between the last two samples.
    func lastDifference(_ series: RangeSeries, _ window: RangeWindow, _ found: inout Annotations) -> WindowResult {
        let isRate = function == .irate
        let name = quoteGo(series.labels.metricName ?? "")
        var i = window.floats.upperBound - 1
        var j = window.histograms.upperBound - 1
        guard window.floats.count + window.histograms.count >= 2 else { return .nothing }
        var kinds: [Bool] = []
        var times: [Int64] = []
        var picked: [Int] = []
        for _ in 0..<2 {
            let takesFloat =
                j < window.histograms.lowerBound
                || (i >= window.floats.lowerBound && series.timestamps[i] > series.histogramTimestamps[j])
            kinds.append(takesFloat)
            picked.append(takesFloat ? i : j)
            times.append(takesFloat ? series.timestamps[i] : series.histogramTimestamps[j])
            if takesFloat { i -= 1 } else { j -= 1 }
        }
        guard kinds[0] == kinds[1] else {
            found.warn(AnnotationText.mixedFloatsAndHistograms + " metric name " + name)
            return .nothing
        }
        let seconds = Double(times[0] &- times[1]) / 1000
        guard seconds > 0 else { return .nothing }
        if kinds[0] {
            let (last, before) = (series.values[picked[0]], series.values[picked[1]])
            let isNew = isRate && (last < before || series.floatStarts.isReset(picked[0]))
            let difference = isNew ? last : last - before
            return .float(isRate ? difference / seconds : difference)
        }
        let (last, before) = (series.histograms[picked[0]], series.histograms[picked[1]])
        let bothGauges = last.resetHint == .gauge && before.resetHint == .gauge
        if isRate, last.resetHint == .gauge || before.resetHint == .gauge {
            found.warn("PromQL warning: this native histogram metric is not a counter: \(name)")
        }
        if !isRate, !bothGauges { found.warn("PromQL warning: this native histogram metric is not a gauge: \(name)") }
        var result = last
        if !(isRate && (series.sparseStarts.isReset(picked[0]) || last.isReset(after: before))) {
            guard last.hasCustomBuckets == before.hasCustomBuckets else {
                found.warn(AnnotationText.mixedSchemas + " for metric name " + name)
                return .nothing
            }
            let outcome = last.subtracting(before)
            if outcome.reconciled { found.inform(AnnotationText.reconciledBuckets("subtraction")) }
            result = outcome.histogram
        }
        if isRate { result = result.divided(by: seconds) }
        result = result.compacted()
        result.resetHint = .gauge
        return .histogram(result)
    }

    // MARK: Extended selectors

    /// `anchored` and `smoothed`: the difference between the values at the bounds of the window, without extrapolation.
    func extendedRate(_ series: RangeSeries, _ window: RangeWindow, _ found: inout Annotations) -> WindowResult {
        guard !window.floats.isEmpty else { return extendedHistogramRate(series, window, &found) }
        if !window.histograms.isEmpty {
            found.warn(
                AnnotationText.mixedFloatsAndHistograms + " metric name " + quoteGo(series.labels.metricName ?? ""))
            return .nothing
        }
        let smoothed = source.rangeExtension == .smoothed
        var first = window.floats.lowerBound
        while first + 1 < window.floats.upperBound, series.timestamps[first + 1] <= window.start { first += 1 }
        var last = window.floats.upperBound - 1
        if smoothed {
            last = window.floats.lowerBound
            while last + 1 < window.floats.upperBound, series.timestamps[last] < window.end { last += 1 }
        }
        guard series.timestamps[last] > window.start, series.timestamps[first] <= window.end else { return .nothing }
        var left = series.values[first]
        if smoothed, series.timestamps[first] < window.start, first + 1 < window.floats.upperBound {
            left = interpolate(series, first, window.start)
        }
        var right = series.values[last]
        if smoothed, last > first, series.timestamps[last] > window.end {
            right = interpolate(series, last - 1, window.end)
        }
        var difference = right - left
        if isCounter {
            var previous = left
            for i in first...last where series.timestamps[i] > window.start && series.timestamps[i] < window.end {
                if series.values[i] < previous { difference += previous }
                previous = series.values[i]
            }
            if right < previous { difference += previous }
        }
        return .float(function == .rate ? difference / window.seconds : difference)
    }

    private func interpolate(_ series: RangeSeries, _ at: Int, _ time: Int64) -> Double {
        let y1 = series.values[at + 1]
        // Behind a reset a counter started from nothing.
        let y0 = isCounter && y1 < series.values[at] ? 0 : series.values[at]
        let (t0, t1) = (series.timestamps[at], series.timestamps[at + 1])
        return y0 + (y1 - y0) * Double(time &- t0) / Double(t1 &- t0)
    }
}
