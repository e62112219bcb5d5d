import PromQL
import Storage
import Telemetry
import Vectors
import Wire

/// Series of answers in Prometheus' shape. One at a time, so that an answer is sent while it is written.
extension JSONWriter {
    mutating func vector(_ matrix: StepMatrix, time: Int64) {
        beginArray()
        for series in matrix.series where series.present.first == true { vectorSeries(series, time: time) }
        endArray()
    }

    mutating func vectorSeries(_ series: StepSeries, time: Int64) {
        beginObject()
        key("metric")
        labels(series.labels)
        if let histogram = series.histogram(at: 0) {
            key("histogram")
            point(time, histogram)
        } else {
            key("value")
            point(time, series.values.first ?? 0)
        }
        endObject()
    }

    mutating func matrix(_ matrix: StepMatrix) {
        // Every series has the same times: they are spelled once.
        let times = GridText(matrix.grid)
        beginArray()
        for series in matrix.series where !series.isEmpty { matrixSeries(series, matrix.grid, times) }
        endArray()
    }

    mutating func matrixSeries(_ series: StepSeries, _ grid: StepGrid, _ times: GridText) {
        beginObject()
        key("metric")
        labels(series.labels)
        var text: [UInt8] = []
        if times.append(floatsOf: series, to: &text) {
            key("values")
            raw(text)
        }
        if series.histograms != nil, series.present.indices.contains(where: { series.histogram(at: $0) != nil }) {
            key("histograms")
            beginArray()
            for i in series.present.indices where series.present[i] {
                if let histogram = series.histogram(at: i) { point(grid.timestamp(at: i), histogram) }
            }
            endArray()
        }
        endObject()
    }

    mutating func sampleSeries(_ series: SeriesColumns) {
        beginObject()
        key("metric")
        labels(series.labels)
        if !series.timestamps.isEmpty {
            key("values")
            beginArray()
            for (time, value) in zip(series.timestamps, series.values) { point(time, value) }
            endArray()
        }
        if !series.histogramTimestamps.isEmpty {
            key("histograms")
            beginArray()
            for (time, histogram) in zip(series.histogramTimestamps, series.histograms) { point(time, histogram) }
            endArray()
        }
        endObject()
    }

    mutating func point(_ time: Int64, _ value: Double) {
        beginArray()
        seconds(time)
        quotedDouble(value, .sample)
        endArray()
    }

    private mutating func point(_ time: Int64, _ histogram: NativeHistogram) {
        beginArray()
        seconds(time)
        beginObject()
        key("count")
        quotedDouble(histogram.count, .sample)
        key("sum")
        quotedDouble(histogram.sum, .sample)
        let buckets = histogram.apiBuckets()
        if !buckets.isEmpty {
            key("buckets")
            beginArray()
            for bucket in buckets {
                beginArray()
                integer(bucket.rule)
                quotedDouble(bucket.lower, .sample)
                quotedDouble(bucket.upper, .sample)
                quotedDouble(bucket.count, .sample)
                endArray()
            }
            endArray()
        }
        endObject()
        endArray()
    }
}

/// `[1700000000,"` for each point of a grid.
struct GridText: Sendable {
    private var bytes: [UInt8] = []
    private var ends: [Int] = []

    init(_ grid: StepGrid) {
        bytes.reserveCapacity(grid.count * 16)
        ends.reserveCapacity(grid.count)
        for i in 0..<grid.count {
            bytes.append(UInt8(ascii: "["))
            append(milliseconds: grid.timestamp(at: i))
            bytes.append(UInt8(ascii: ","))
            bytes.append(UInt8(ascii: "\""))
            ends.append(bytes.count)
        }
    }

    /// Seconds, with no more decimals than there are.
    private mutating func append(milliseconds time: Int64) {
        if time < 0 { bytes.append(UInt8(ascii: "-")) }
        appendDecimal(time.magnitude / 1000, to: &bytes)
        var rest = time % 1000
        guard rest != 0 else { return }
        bytes.append(UInt8(ascii: "."))
        rest = Int64(rest.magnitude)
        for divisor in [100, 10, 1] as [Int64] where rest > 0 {
            bytes.append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest / divisor))
            rest %= divisor
        }
    }

    /// The list of the series' floats; false, and nothing, where it has none.
    func append(floatsOf series: StepSeries, to text: inout [UInt8]) -> Bool {
        for i in series.present.indices where series.present[i] && series.histogram(at: i) == nil {
            text.append(text.isEmpty ? UInt8(ascii: "[") : UInt8(ascii: ","))
            text.append(contentsOf: bytes[(i > 0 ? ends[i - 1] : 0)..<ends[i]])
            FloatText.append(series.values[i], .sample, to: &text)
            text.append(UInt8(ascii: "\""))
            text.append(UInt8(ascii: "]"))
        }
        guard !text.isEmpty else { return false }
        text.append(UInt8(ascii: "]"))
        return true
    }
}
