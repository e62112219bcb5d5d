import Codecs
internal import Storage
internal import Telemetry

/// Brings runs of samples of one series together: ascending, each timestamp once. Of two samples with one timestamp that
/// of the earlier run stays, which is the one that was stored first.
struct SampleMerge {
    private(set) var timestamps: [Int64] = []
    private(set) var values: [Double] = []
    /// Empty, or one for each timestamp.
    private var starts: [Int64] = []
    private(set) var histogramTimestamps: [Int64] = []
    private(set) var histograms: [NativeHistogram] = []
    private var histogramStarts: [Int64] = []
    private var isAscending = true
    private var histogramsAscend = true

    var isEmpty: Bool { timestamps.isEmpty && histogramTimestamps.isEmpty }

    /// Ascending or not; `starts` is empty or has one for each timestamp.
    mutating func add(
        timestamps more: ArraySlice<Int64>, values moreValues: ArraySlice<Double>, starts moreStarts: [Int64] = [],
        in range: TimeRange
    ) {
        guard more.count == moreValues.count, !more.isEmpty else { return }
        let before = timestamps.count
        var lowest = Int64.max
        var highest = Int64.min
        var last = timestamps.last ?? .min
        var isFirst = timestamps.isEmpty
        for time in more {
            lowest = min(lowest, time)
            highest = max(highest, time)
            // Only those that are kept: one out of the range between two of them says nothing about their order.
            guard range.contains(time) else { continue }
            if time <= last, !isFirst { isAscending = false }
            isFirst = false
            last = time
        }
        if range.contains(lowest), range.contains(highest) {
            timestamps += more
            values += moreValues
            note(moreStarts[...], before)
            return
        }
        var kept: [Int64] = []
        for (place, (time, value)) in zip(more, moreValues).enumerated() where range.contains(time) {
            timestamps.append(time)
            values.append(value)
            if !moreStarts.isEmpty { kept.append(moreStarts[place]) }
        }
        note(kept[...], before)
    }

    mutating func add(timestamps more: [Int64], values moreValues: [Double], in range: TimeRange) {
        add(timestamps: more[...], values: moreValues[...], in: range)
    }

    private mutating func note(_ more: ArraySlice<Int64>, _ before: Int) {
        if more.isEmpty, starts.isEmpty { return }
        while starts.count < before { starts.append(0) }
        starts += more
        while starts.count < timestamps.count { starts.append(0) }
    }

    mutating func add(
        timestamps more: [Int64], histograms moreHistograms: [NativeHistogram], starts: [Int64] = [],
        in range: TimeRange
    ) {
        for (place, (timestamp, histogram)) in zip(more, moreHistograms).enumerated() where range.contains(timestamp) {
            if let last = histogramTimestamps.last, timestamp <= last { histogramsAscend = false }
            histogramTimestamps.append(timestamp)
            histograms.append(histogram)
            if place < starts.count || !histogramStarts.isEmpty {
                while histogramStarts.count < histogramTimestamps.count - 1 { histogramStarts.append(0) }
                histogramStarts.append(place < starts.count ? starts[place] : 0)
            }
        }
    }

    mutating func add(_ histogram: HeadHistogram, in range: TimeRange) throws(CodecError) {
        add(
            timestamps: [histogram.timestamp], histograms: [try HistogramCodec.decode(histogram.bytes[...])],
            starts: histogram.startTimestamp == 0 ? [] : [histogram.startTimestamp], in: range)
    }

    /// Float samples of the head with the changes of their start; `changes` in order of arrival.
    mutating func add(
        timestamps more: ArraySlice<Int64>, values moreValues: ArraySlice<Double>, changes: [StartChange],
        in range: TimeRange
    ) {
        guard !changes.isEmpty else { return add(timestamps: more, values: moreValues, in: range) }
        let ordered = changes.sorted { $0.timestamp < $1.timestamp }
        let starts = more.map { time -> Int64 in
            let place = ordered.partitioningIndex { $0.timestamp > time }
            return place > 0 ? ordered[place - 1].start : 0
        }
        add(timestamps: more, values: moreValues, starts: starts, in: range)
    }

    func finished(_ labels: LabelSet) -> SeriesColumns {
        var columns = SeriesColumns(labels: labels)
        if isAscending {
            (columns.timestamps, columns.values, columns.startTimestamps) = (timestamps, values, starts)
        } else {
            let order = SampleMerge.order(timestamps)
            columns.timestamps = order.map { timestamps[$0] }
            columns.values = order.map { values[$0] }
            if !starts.isEmpty { columns.startTimestamps = order.map { starts[$0] } }
        }
        if histogramsAscend {
            columns.histogramTimestamps = histogramTimestamps
            columns.histograms = histograms
            columns.histogramStartTimestamps = histogramStarts
        } else {
            let order = SampleMerge.order(histogramTimestamps)
            columns.histogramTimestamps = order.map { histogramTimestamps[$0] }
            columns.histograms = order.map { histograms[$0] }
            if !histogramStarts.isEmpty { columns.histogramStartTimestamps = order.map { histogramStarts[$0] } }
        }
        if !columns.timestamps.isEmpty, !columns.histogramTimestamps.isEmpty { SampleMerge.dropShared(&columns) }
        return columns
    }

    /// Places of each distinct time, ascending; of equal ones the first.
    private static func order(_ times: [Int64]) -> [Int] {
        var order: [Int] = []
        order.reserveCapacity(times.count)
        for place in times.indices.sorted(by: { (times[$0], $0) < (times[$1], $1) })
        where order.last.map({ times[$0] != times[place] }) ?? true {
            order.append(place)
        }
        return order
    }

    /// A timestamp is there once over floats and histograms.
    private static func dropShared(_ columns: inout SeriesColumns) {
        var kept: [Int] = []
        for (place, time) in columns.histogramTimestamps.enumerated() {
            let float = columns.timestamps.partitioningIndex { $0 >= time }
            if float < columns.timestamps.count, columns.timestamps[float] == time { continue }
            kept.append(place)
        }
        guard kept.count < columns.histograms.count else { return }
        columns.histogramTimestamps = kept.map { columns.histogramTimestamps[$0] }
        columns.histograms = kept.map { columns.histograms[$0] }
        if !columns.histogramStartTimestamps.isEmpty {
            columns.histogramStartTimestamps = kept.map { columns.histogramStartTimestamps[$0] }
        }
    }
}

extension RandomAccessCollection where Index == Int {
    /// The first index whose element satisfies `predicate`, in a collection where all that do come last.
    func partitioningIndex(_ predicate: (Element) -> Bool) -> Int {
        var low = startIndex
        var high = endIndex
        while low < high {
            let middle = low + (high - low) / 2
            if predicate(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
