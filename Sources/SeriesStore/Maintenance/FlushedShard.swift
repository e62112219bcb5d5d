import Codecs
internal import Storage
internal import Telemetry

/// What a flush writes of one shard.
struct FlushedShard {
    private let run: SampleRun
    private let rest: [HeadSamples]
    /// Two-hour windows that have samples.
    let windows: Set<Int64>

    init(_ samples: [HeadSamples]) {
        let runs = samples.flatMap(\.runs)
        run = runs.count == 1 ? runs[0] : SampleRun(merging: runs)
        rest = samples.map { one in
            var one = one
            one.runs = []
            return one
        }
        var windows: Set<Int64> = []
        if run.count > 0 {
            if Window.index(run.minTime) == Window.index(run.maxTime) {
                windows.insert(Window.index(run.minTime))
            } else {
                var last: Int64?
                for time in run.timestamps {
                    let window = Window.index(time)
                    if window != last { windows.insert(window) }
                    last = window
                }
            }
        }
        for one in rest {
            for histogram in one.histograms.values.joined() { windows.insert(Window.index(histogram.timestamp)) }
        }
        self.windows = windows
    }

    /// Samples of the series in the range, ascending, each time once: of several that came first. Nil for none.
    func columns(_ place: Int, _ labels: LabelSet, _ range: TimeRange) throws(CodecError) -> SeriesColumns? {
        let rows = run.rows(of: place)
        let key = UInt32(truncatingIfNeeded: place)
        var merge = SampleMerge()
        if !rows.isEmpty {
            let changes = rest.flatMap { $0.starts[key] ?? [] }
            merge.add(timestamps: run.timestamps[rows], values: run.values[rows], changes: changes, in: range)
        }
        for one in rest where one.histogramCount > 0 {
            for histogram in one.histograms[key] ?? [] { try merge.add(histogram, in: range) }
        }
        guard !merge.isEmpty else { return nil }
        return merge.finished(labels)
    }
}
