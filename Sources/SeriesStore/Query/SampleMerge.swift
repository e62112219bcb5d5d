import Codecs
internal import Storage
internal import Telemetry

/// Brings runs of samples of one series together: ascending, each timestamp once. Of two samples with one timestamp
/// that
/// of the earlier run stays, which is the one that was stored first.
struct SampleMerge {
    private(set) var timestamps: [Int64] = []
    private(set) var values: [Double] = []
    private(set) var histogramTimestamps: [Int64] = []
    private(set) var histograms: [NativeHistogram] = []
    private var isAscending = true
    private var histogramsAscend = true

    mutating func add(timestamps more: [Int64], values moreValues: [Double], in range: TimeRange) {
        let count = min(more.count, moreValues.count)
        let whole = count > 0 && range.contains(more[0]) && range.contains(more[count - 1])
        if let first = more.first, let last = timestamps.last, first <= last { isAscending = false }
        if whole, more.count == moreValues.count {
            timestamps += more
            values += moreValues
        } else {
            for i in 0..<count where range.contains(more[i]) {
                timestamps.append(more[i])
                values.append(moreValues[i])
            }
        }
    }

    mutating func add(timestamps more: [Int64], histograms moreHistograms: [NativeHistogram], in range: TimeRange) {
        for (timestamp, histogram) in zip(more, moreHistograms) where range.contains(timestamp) {
            if let last = histogramTimestamps.last, timestamp <= last { histogramsAscend = false }
            histogramTimestamps.append(timestamp)
            histograms.append(histogram)
        }
    }

    mutating func add(_ snapshot: HeadSnapshot, in range: TimeRange) throws(CodecError) {
        for chunk in snapshot.chunks {
            let (times, numbers) = try SampleChunkDecoder.decode(chunk)
            add(timestamps: times, values: numbers, in: range)
        }
        if !snapshot.outOfOrder.isEmpty {
            add(
                timestamps: snapshot.outOfOrder.map(\.timestamp), values: snapshot.outOfOrder.map(\.value), in: range)
        }
        for one in snapshot.histograms {
            add(timestamps: [one.timestamp], histograms: [try HistogramCodec.decode(one.bytes[...])], in: range)
        }
    }

    func finished(_ labels: LabelSet) -> SeriesColumns {
        var columns = SeriesColumns(labels: labels)
        (columns.timestamps, columns.values) =
            isAscending ? (timestamps, values) : SampleMerge.sorted(timestamps, values)
        (columns.histogramTimestamps, columns.histograms) =
            histogramsAscend ? (histogramTimestamps, histograms) : SampleMerge.sorted(histogramTimestamps, histograms)
        if !columns.timestamps.isEmpty, !columns.histogramTimestamps.isEmpty { SampleMerge.dropShared(&columns) }
        return columns
    }

    private static func sorted<Value>(_ times: [Int64], _ values: [Value]) -> ([Int64], [Value]) {
        let order = times.indices.sorted { (times[$0], $0) < (times[$1], $1) }
        var outTimes: [Int64] = []
        var outValues: [Value] = []
        outTimes.reserveCapacity(times.count)
        outValues.reserveCapacity(times.count)
        for i in order where outTimes.last != times[i] {
            outTimes.append(times[i])
            outValues.append(values[i])
        }
        return (outTimes, outValues)
    }

    /// A timestamp is there once over floats and histograms.
    private static func dropShared(_ columns: inout SeriesColumns) {
        var times: [Int64] = []
        var kept: [NativeHistogram] = []
        for (time, histogram) in zip(columns.histogramTimestamps, columns.histograms) {
            let place = columns.timestamps.partitioningIndex { $0 >= time }
            if place < columns.timestamps.count, columns.timestamps[place] == time { continue }
            times.append(time)
            kept.append(histogram)
        }
        columns.histogramTimestamps = times
        columns.histograms = kept
    }
}
