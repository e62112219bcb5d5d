internal import Telemetry
internal import Vectors

/// `resets` and `changes`.
extension RangeKernel {
    func countEvents(_ series: RangeSeries, _ window: RangeWindow) -> WindowResult {
        var used = window
        if source.rangeExtension == .anchored {
            guard let anchored = anchored(series, window) else { return .nothing }
            used = anchored
        }
        return .float(Double(used.histograms.isEmpty ? events(series, used.floats) : mixedEvents(series, used)))
    }

    /// `anchored`: the newest sample at or before the window's start, of either kind, counts as its first. Nil where
    /// nothing is behind the start.
    private func anchored(_ series: RangeSeries, _ window: RangeWindow) -> RangeWindow? {
        var floats = window.floats.lowerBound
        while floats < window.floats.upperBound, series.timestamps[floats] <= window.start { floats += 1 }
        var histograms = window.histograms.lowerBound
        while histograms < window.histograms.upperBound, series.histogramTimestamps[histograms] <= window.start {
            histograms += 1
        }
        guard floats < window.floats.upperBound || histograms < window.histograms.upperBound else { return nil }
        let float = floats > window.floats.lowerBound ? series.timestamps[floats - 1] : Int64.min
        let histogram =
            histograms > window.histograms.lowerBound ? series.histogramTimestamps[histograms - 1] : Int64.min
        if float != .min || histogram != .min {
            if float >= histogram { floats -= 1 } else { histograms -= 1 }
        }
        var out = window
        out.floats = floats..<window.floats.upperBound
        out.histograms = histograms..<window.histograms.upperBound
        return out
    }

    private func events(_ series: RangeSeries, _ floats: Range<Int>) -> Int {
        let starts = function == .resets && !series.starts.isEmpty ? series.floatStarts : nil
        var count = 0
        for i in floats.dropFirst()
        where isEvent(series.values[i - 1], series.values[i]) || starts?.isReset(i) == true { count += 1 }
        return count
    }

    @inline(__always)
    private func isEvent(_ previous: Double, _ value: Double) -> Bool {
        if function == .resets { return value < previous }
        return value != previous && !(value.isNaN && previous.isNaN)
    }

    /// Floats and histograms in order of time; from one kind to the other is an event.
    private func mixedEvents(_ series: RangeSeries, _ window: RangeWindow) -> Int {
        var count = 0
        var i = window.floats.lowerBound
        var j = window.histograms.lowerBound
        var previousFloat: Double?
        var previousHistogram: NativeHistogram?
        while i < window.floats.upperBound || j < window.histograms.upperBound {
            let takesFloat =
                j >= window.histograms.upperBound
                || (i < window.floats.upperBound && series.timestamps[i] < series.histogramTimestamps[j])
            if takesFloat {
                let value = series.values[i]
                if previousHistogram != nil { count += 1 }
                if let previousFloat {
                    let restarted = function == .resets && series.floatStarts.isReset(i)
                    if restarted || isEvent(previousFloat, value) { count += 1 }
                }
                (previousFloat, previousHistogram) = (value, nil)
                i += 1
            } else {
                let histogram = series.histograms[j]
                if previousFloat != nil { count += 1 }
                if let previousHistogram {
                    let changed =
                        function == .resets
                        ? series.sparseStarts.isReset(j) || histogram.isReset(after: previousHistogram)
                        : !histogram.hasSameContent(as: previousHistogram)
                    if changed { count += 1 }
                }
                (previousFloat, previousHistogram) = (nil, histogram)
                j += 1
            }
        }
        return count
    }
}
