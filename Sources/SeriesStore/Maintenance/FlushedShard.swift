import Codecs
internal import Storage
internal import Telemetry

/// What a flush writes of one shard.
struct FlushedShard {
    private let runs: [SampleRun]
    private let rest: [HeadSamples]
    private let hasFloatsOnly: Bool
    private let hasStarts: Bool
    /// Two-hour windows that have samples.
    let windows: Set<Int64>

    init(_ samples: [HeadSamples]) {
        runs = samples.flatMap(\.runs)
        rest = samples.map { one in
            var one = one
            one.runs = []
            return one
        }
        hasStarts = samples.contains { !$0.starts.isEmpty }
        hasFloatsOnly = !hasStarts && samples.allSatisfy { $0.histogramCount == 0 }
        var windows: Set<Int64> = []
        for run in runs where run.count > 0 {
            if Window.index(run.minTime) == Window.index(run.maxTime) {
                windows.insert(Window.index(run.minTime))
                continue
            }
            var last: Int64?
            for sample in run.samples {
                let window = Window.index(sample.timestamp)
                if window != last { windows.insert(window) }
                last = window
            }
        }
        for one in rest {
            for histogram in one.histograms.values.joined() { windows.insert(Window.index(histogram.timestamp)) }
        }
        self.windows = windows
    }

    /// The float samples of these series, in order of arrival.
    func gather(_ places: [Int], into gathered: inout GatheredSamples) { gathered.fill(runs, places) }

    /// Samples of the series in the range, ascending, each time once: of several that came first. Nil for none.
    ///
    /// - Parameter number: of the place in what was gathered.
    func columns(
        _ place: Int, _ gathered: GatheredSamples, number: Int, _ labels: LabelSet, _ range: TimeRange
    ) throws(CodecError) -> SeriesColumns? {
        let rows = gathered.rows(number)
        if hasFloatsOnly, gathered.areAscending(rows, in: range) {
            guard !rows.isEmpty else { return nil }
            var columns = SeriesColumns(labels: labels)
            columns.timestamps = Array(gathered.timestamps[rows])
            columns.values = Array(gathered.values[rows])
            return columns
        }
        let key = UInt32(truncatingIfNeeded: place)
        var merge = SampleMerge()
        let changes = hasStarts ? rest.flatMap { $0.starts[key] ?? [] } : []
        if !rows.isEmpty {
            merge.add(
                timestamps: gathered.timestamps[rows], values: gathered.values[rows], changes: changes, in: range)
        }
        for one in rest where one.histogramCount > 0 {
            for histogram in one.histograms[key] ?? [] { try merge.add(histogram, in: range) }
        }
        guard !merge.isEmpty else { return nil }
        return merge.finished(labels)
    }
}

/// Float samples of some series out of many runs, those of one series together. Going through the runs one after the
/// other for many series, and not the other way, makes of a run's columns one access and not one for each series.
struct GatheredSamples {
    private var offsets: [Int] = []
    private var cursors: [Int] = []
    /// Rows of the series in the runs, run by run: looked up once, as each look waits for memory.
    private var found: [Range<UInt32>] = []
    private(set) var timestamps: [Int64] = []
    private(set) var values: [Double] = []

    func rows(_ number: Int) -> Range<Int> { offsets[number]..<offsets[number + 1] }

    /// Whether these rows are what a part holds as they are: each later than the one before, all of them in the range.
    func areAscending(_ rows: Range<Int>, in range: TimeRange) -> Bool {
        guard let first = rows.first, let last = rows.last else { return true }
        guard range.contains(timestamps[first]), range.contains(timestamps[last]) else { return false }
        let times = timestamps.span
        for row in rows.dropFirst() where times[row] <= times[row - 1] { return false }
        return true
    }

    fileprivate mutating func fill(_ runs: [SampleRun], _ places: [Int]) {
        offsets.removeAll(keepingCapacity: true)
        offsets.append(contentsOf: repeatElement(0, count: places.count + 1))
        found.removeAll(keepingCapacity: true)
        for run in runs {
            for (number, place) in places.enumerated() {
                let rows = run.rows(of: place)
                found.append(UInt32(truncatingIfNeeded: rows.lowerBound)..<UInt32(truncatingIfNeeded: rows.upperBound))
                offsets[number + 1] &+= rows.count
            }
        }
        for number in places.indices { offsets[number + 1] &+= offsets[number] }
        cursors.removeAll(keepingCapacity: true)
        cursors.append(contentsOf: offsets)
        let missing = offsets[places.count] - timestamps.count
        if missing > 0 {
            timestamps.append(contentsOf: repeatElement(0, count: missing))
            values.append(contentsOf: repeatElement(0, count: missing))
        }
        let found = found
        var endColumn = cursors.takeOut()
        var timeColumn = timestamps.takeOut()
        var valueColumn = values.takeOut()
        defer { (cursors, timestamps, values) = (endColumn, timeColumn, valueColumn) }
        // Once for all samples: an array that is written to asks for each element whether it is shared.
        var ends = endColumn.mutableSpan
        var times = timeColumn.mutableSpan
        var numbers = valueColumn.mutableSpan
        var next = 0
        for run in runs {
            let samples = run.samples.span
            for number in places.indices {
                var cursor = ends[number]
                let rows = found[next]
                var row = Int(rows.lowerBound)
                let end = Int(rows.upperBound)
                while row < end {
                    times[cursor] = samples[row].timestamp
                    numbers[cursor] = samples[row].value
                    cursor &+= 1
                    row &+= 1
                }
                ends[number] = cursor
                next &+= 1
            }
        }
    }
}
