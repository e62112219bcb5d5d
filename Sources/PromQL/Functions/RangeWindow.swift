internal import Storage
internal import Telemetry
internal import Vectors

/// The samples of one series inside one window.
struct RangeWindow {
    /// Indexes into the series' floats and histograms.
    var floats: Range<Int>
    var histograms: Range<Int>
    /// Milliseconds; left-open, right-closed.
    var start: Int64
    var end: Int64

    var isEmpty: Bool { floats.isEmpty && histograms.isEmpty }
    var seconds: Double { Double(end &- start) / 1000 }
}

enum WindowResult {
    case nothing
    case float(Double)
    case histogram(NativeHistogram)
}

/// A function of the samples in a window.
enum RangeFunction: String {
    case rate, increase, irate, delta, idelta, deriv, resets, changes
    case averageOverTime = "avg_over_time"
    case leastOverTime = "min_over_time"
    case greatestOverTime = "max_over_time"
    case sumOverTime = "sum_over_time"
    case countOverTime = "count_over_time"
    case deviationOverTime = "stddev_over_time"
    case varianceOverTime = "stdvar_over_time"
    case lastOverTime = "last_over_time"
    case firstOverTime = "first_over_time"
    case presentOverTime = "present_over_time"
    case quantileOverTime = "quantile_over_time"
    case predictLinear = "predict_linear"
    case medianDeviationOverTime = "mad_over_time"
    case timeOfFirst = "ts_of_first_over_time"
    case timeOfLast = "ts_of_last_over_time"
    case timeOfLeast = "ts_of_min_over_time"
    case timeOfGreatest = "ts_of_max_over_time"
    case doubleExponentialSmoothing = "double_exponential_smoothing"

    var keepsName: Bool { self == .lastOverTime || self == .firstOverTime }
    var isCounterFunction: Bool { self == .rate || self == .increase }
}

extension Evaluator {
    /// Slides the window over each series; floats and histograms are walked by two indexes, nothing is looked up anew.
    mutating func evaluate(
        _ function: RangeFunction, _ argument: Expression, _ parameters: [[Double]], _ grid: StepGrid
    ) throws -> StepMatrix {
        if let leaf = leaf(.function(function), argument.range, grid, noteAt: argument.range) { return leaf }
        let source = try rangeSource(argument, grid)
        var output = StepMatrix(grid: grid)
        output.series.reserveCapacity(source.series.count)
        var found = Annotations()
        var charged = 0
        defer { context.release(memory: charged) }
        let kernel = RangeKernel(function: function, source: source)
        for (number, series) in source.series.enumerated() {
            if number & 0xff == 0 { try context.check() }
            charged += grid.count * 9
            try context.charge(memory: grid.count * 9)
            var out = StepSeries(labels: series.labels, count: grid.count, dropsName: series.dropsName)
            var cursor = WindowCursor()
            var sawFloats = false
            for i in 0..<grid.count {
                let time = grid.timestamp(at: i)
                let (start, end) = source.window(at: time)
                let window = cursor.window(series, start, end, source.rangeExtension, setting.lookback)
                if window.isEmpty { continue }
                switch kernel.apply(series, window, parameters, i, time, &found) {
                case .nothing: break
                case .float(let value):
                    out.set(value, at: i)
                    sawFloats = true
                case .histogram(let histogram): out.set(histogram, at: i)
                }
            }
            if function.isCounterFunction, sawFloats { setting.complainOfNonCounter(series.labels, &found) }
            guard !out.isEmpty else { continue }
            if !function.keepsName { out.dropName(setting.names) }
            output.series.append(out)
        }
        note(found, at: argument.range)
        if setting.names == .eager { try output.mergeEqualLabels() }
        return output
    }
}

/// Where the window stood last; windows only move forward, except under `@`, where they stand still.
struct WindowCursor {
    private var low = 0
    private var high = 0
    private var histogramLow = 0
    private var histogramHigh = 0

    mutating func window(
        _ series: RangeSeries, _ start: Int64, _ end: Int64, _ rangeExtension: RangeExtension?, _ lookback: Int64
    ) -> RangeWindow {
        // Extended selectors also see what lies before, and smoothed ones what lies behind.
        let first = rangeExtension == nil ? start : start &- lookback
        let last = rangeExtension == .smoothed ? end &+ lookback : end
        while low < series.timestamps.count, series.timestamps[low] <= first { low += 1 }
        high = max(high, low)
        while high < series.timestamps.count, series.timestamps[high] <= last { high += 1 }
        if !series.histograms.isEmpty {
            while histogramLow < series.histograms.count, series.histogramTimestamps[histogramLow] <= first {
                histogramLow += 1
            }
            histogramHigh = max(histogramHigh, histogramLow)
            while histogramHigh < series.histograms.count, series.histogramTimestamps[histogramHigh] <= last {
                histogramHigh += 1
            }
        }
        return RangeWindow(floats: low..<high, histograms: histogramLow..<histogramHigh, start: start, end: end)
    }
}
