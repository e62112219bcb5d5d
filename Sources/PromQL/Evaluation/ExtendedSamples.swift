internal import Storage
internal import Telemetry
internal import Vectors

extension RangeSeries {
    /// What an `anchored` or `smoothed` range vector holds where it is the answer itself: a sample at each bound of the
    /// window and those between them. The first is the newest one at or before the start, else the first there is;
    /// `smoothed` takes the bounds from the line between their neighbours. Nothing where no sample is behind the start.
    ///
    /// - Throws: where there are histograms; Prometheus refuses them here too.
    func extendedSamples(
        _ window: RangeWindow, _ kind: RangeExtension
    ) throws -> (timestamps: [Int64], values: [Double]) {
        guard window.histograms.isEmpty else {
            throw PromQLError.evaluation("smoothed and anchored modifiers do not work with native histograms")
        }
        guard !window.floats.isEmpty else { return ([], []) }
        var first = window.floats.lowerBound
        while first + 1 < window.floats.upperBound, timestamps[first + 1] <= window.start { first += 1 }
        var last = window.floats.upperBound - 1
        if kind == .smoothed {
            last = window.floats.lowerBound
            while last + 1 < window.floats.upperBound, timestamps[last] < window.end { last += 1 }
        }
        guard timestamps[last] > window.start else { return ([], []) }
        var left = values[first]
        if kind == .smoothed, timestamps[first] < window.start, first + 1 < window.floats.upperBound {
            left = line(from: first, at: window.start)
        }
        var right = values[last]
        if kind == .smoothed, last > window.floats.lowerBound, timestamps[last] > window.end {
            right = line(from: last - 1, at: window.end)
        }
        let between = window.floats.filter { timestamps[$0] > window.start && timestamps[$0] < window.end }
        return (
            [window.start] + between.map { timestamps[$0] } + [window.end],
            [left] + between.map { values[$0] } + [right]
        )
    }

    private func line(from at: Int, at time: Int64) -> Double {
        let share = Double(time &- timestamps[at]) / Double(timestamps[at + 1] &- timestamps[at])
        return values[at] + (values[at + 1] - values[at]) * share
    }
}
