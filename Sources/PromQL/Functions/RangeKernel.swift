internal import Telemetry
internal import Vectors

/// One function applied to one window after the other.
struct RangeKernel {
    let function: RangeFunction
    let source: RangeSource

    func apply(
        _ series: RangeSeries, _ window: RangeWindow, _ parameters: [[Double]], _ step: Int, _ time: Int64,
        _ found: inout Annotations
    ) -> WindowResult {
        switch function {
        case .rate, .increase, .delta:
            if source.rangeExtension != nil { return extendedRate(series, window, &found) }
            return extrapolatedRate(series, window, &found)
        case .irate, .idelta: return lastDifference(series, window, &found)
        case .resets, .changes:
            return countEvents(series, window)
        case .sumOverTime, .averageOverTime: return total(series, window, &found)
        case .countOverTime: return .float(Double(window.floats.count + window.histograms.count))
        case .presentOverTime: return .float(1)
        case .lastOverTime, .firstOverTime: return edge(series, window)
        case .timeOfFirst, .timeOfLast: return timeOfEdge(series, window)
        default:
            // The rest knows floats only.
            guard !window.floats.isEmpty else { return .nothing }
            let least = function == .deriv || function == .predictLinear ? 2 : 1
            if !window.histograms.isEmpty {
                found.inform(
                    "PromQL info: ignored histograms in a range containing both floats and histograms for metric name "
                        + quoteGo(series.labels.metricName ?? ""))
            }
            guard window.floats.count >= least else { return .nothing }
            return overFloats(series, window, parameters, step, time)
        }
    }

    private func overFloats(
        _ series: RangeSeries, _ window: RangeWindow, _ parameters: [[Double]], _ step: Int, _ time: Int64
    ) -> WindowResult {
        let values = series.values
        switch function {
        case .leastOverTime, .greatestOverTime, .timeOfLeast, .timeOfGreatest:
            let wantsLargest = function == .greatestOverTime || function == .timeOfGreatest
            let takesLast = function == .timeOfLeast || function == .timeOfGreatest
            var best = window.floats.lowerBound
            for i in window.floats {
                let better = wantsLargest ? values[i] > values[best] : values[i] < values[best]
                if better || values[best].isNaN || (takesLast && values[i] == values[best]) { best = i }
            }
            return .float(takesLast ? Double(series.timestamps[best]) / 1000 : values[best])
        case .deviationOverTime, .varianceOverTime:
            let variance = variance(values[window.floats])
            return .float(function == .deviationOverTime ? variance.squareRoot() : variance)
        case .quantileOverTime:
            var sorted = Array(values[window.floats])
            return .float(quantile(parameters.first.map { $0[step] } ?? .nan, &sorted))
        case .medianDeviationOverTime:
            var sorted = Array(values[window.floats])
            if sorted.contains(where: \.isNaN) { return .float(.nan) }
            let median = quantile(0.5, &sorted)
            var deviations = sorted.map { ($0 - median).magnitude }
            return .float(quantile(0.5, &deviations))
        case .deriv:
            return .float(regression(series, window, around: series.timestamps[window.floats.lowerBound]).slope)
        case .predictLinear:
            let line = regression(series, window, around: time)
            return .float(line.slope * (parameters.first.map { $0[step] } ?? .nan) + line.intercept)
        case .doubleExponentialSmoothing:
            guard window.floats.count >= 2, parameters.count == 2 else { return .nothing }
            return .float(smooth(values[window.floats], parameters[0][step], parameters[1][step]))
        default: return .nothing
        }
    }

    private func variance(_ values: ArraySlice<Double>) -> Double {
        var count = 0.0
        var mean = CompensatedSum()
        var total = CompensatedSum()
        for value in values {
            count += 1
            let delta = value - (mean.sum + mean.compensation)
            mean.add(delta / count)
            total.add(delta * (value - (mean.sum + mean.compensation)))
        }
        return (total.sum + total.compensation) / count
    }

    private func regression(
        _ series: RangeSeries, _ window: RangeWindow, around origin: Int64
    ) -> (slope: Double, intercept: Double) {
        var (sumX, sumY, sumXY, sumXX) = (CompensatedSum(), CompensatedSum(), CompensatedSum(), CompensatedSum())
        let first = series.values[window.floats.lowerBound]
        var isConstant = true
        for i in window.floats {
            let y = series.values[i]
            if y != first { isConstant = false }
            let x = Double(series.timestamps[i] &- origin) / 1000
            sumX.add(x)
            sumY.add(y)
            sumXY.add(x * y)
            sumXX.add(x * x)
        }
        if isConstant { return first.isInfinite ? (.nan, .nan) : (0, first) }
        let n = Double(window.floats.count)
        let (x, y, xy, xx) = (sumX.value, sumY.value, sumXY.value, sumXX.value)
        let slope = (xy - x * y / n) / (xx - x * x / n)
        return (slope, y / n - slope * x / n)
    }

    /// Holt's linear method.
    private func smooth(_ values: ArraySlice<Double>, _ factor: Double, _ trend: Double) -> Double {
        let samples = Array(values)
        var (previous, current) = (0.0, samples[0])
        var slope = samples[1] - samples[0]
        for i in 1..<samples.count {
            let scaled = factor * samples[i]
            if i > 1 { slope = trend * (current - previous) + (1 - trend) * slope }
            let estimate = (1 - factor) * (current + slope)
            (previous, current) = (current, scaled + estimate)
        }
        return current
    }

    private func total(_ series: RangeSeries, _ window: RangeWindow, _ found: inout Annotations) -> WindowResult {
        let isMean = function == .averageOverTime
        let name = series.labels.metricName
        if !window.floats.isEmpty, !window.histograms.isEmpty {
            found.warn(AnnotationText.mixedFloatsAndHistograms + " metric name " + quoteGo(name ?? ""))
            return .nothing
        }
        if !window.histograms.isEmpty {
            let all = Array(series.histograms[window.histograms])
            guard
                let sum = HistogramSum.combine(
                    all, mean: isMean, operationName: "aggregation", metricName: name, &found)
            else { return .nothing }
            return .histogram(sum)
        }
        if isMean {
            var mean = CompensatedMean()
            for i in window.floats { mean.add(series.values[i]) }
            return .float(mean.value)
        }
        var sum = CompensatedSum()
        for i in window.floats { sum.add(series.values[i]) }
        return .float(sum.value)
    }

    /// Whether the float and not the histogram is first (or last) of the window.
    private func floatIsAtEdge(_ series: RangeSeries, _ window: RangeWindow, first: Bool) -> Bool {
        if window.histograms.isEmpty { return true }
        if window.floats.isEmpty { return false }
        if first {
            return series.timestamps[window.floats.lowerBound]
                < series.histogramTimestamps[window.histograms.lowerBound]
        }
        return series.timestamps[window.floats.upperBound - 1]
            > series.histogramTimestamps[window.histograms.upperBound - 1]
    }

    private func edge(_ series: RangeSeries, _ window: RangeWindow) -> WindowResult {
        let first = function == .firstOverTime
        if floatIsAtEdge(series, window, first: first) {
            return .float(series.values[first ? window.floats.lowerBound : window.floats.upperBound - 1])
        }
        return .histogram(series.histograms[first ? window.histograms.lowerBound : window.histograms.upperBound - 1])
    }

    private func timeOfEdge(_ series: RangeSeries, _ window: RangeWindow) -> WindowResult {
        let first = function == .timeOfFirst
        let time: Int64
        if floatIsAtEdge(series, window, first: first) {
            time = series.timestamps[first ? window.floats.lowerBound : window.floats.upperBound - 1]
        } else {
            time = series.histogramTimestamps[first ? window.histograms.lowerBound : window.histograms.upperBound - 1]
        }
        return .float(Double(time) / 1000)
    }
}
