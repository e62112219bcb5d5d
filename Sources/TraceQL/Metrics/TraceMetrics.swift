/// The steps of a metrics query, in nanoseconds since 1970. A span belongs to the step (t - step, t] of its start.
package struct TraceStepGrid: Hashable, Sendable {
    package static let maximumSteps = 11_000

    /// Of the first and the last sample.
    package let first: Int64
    package let step: Int64
    package let count: Int
    /// Starts of the spans that count, half-open.
    package let spanRange: (start: Int64, end: Int64)
    private let isInstant: Bool

    package static func == (a: TraceStepGrid, b: TraceStepGrid) -> Bool {
        a.first == b.first && a.step == b.step && a.count == b.count
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(first)
        hasher.combine(step)
        hasher.combine(count)
    }

    /// Steps are aligned to multiples of `step`, with a leading one that ends at or before `start`, as Tempo has it.
    package init(start: Int64, end: Int64, step: Int64) throws(TraceQLError) {
        guard step > 0 else { throw .badParameter("step must be greater than 0") }
        guard end > start, start >= 0 else { throw .badParameter("end must be greater than start") }
        first = start / step * step
        let (above, overflow) = (end / step &+ 1).multipliedReportingOverflow(by: step)
        let last = end % step == 0 ? end : above
        guard last < .max, end % step == 0 || !overflow else { throw .badParameter("the time range is out of bounds") }
        let steps = (last - first) / step &+ 1
        guard steps > 0, steps <= Int64(TraceStepGrid.maximumSteps) else {
            throw .badParameter(
                "the range has \(steps) steps; the limit is \(TraceStepGrid.maximumSteps): ask for a longer step")
        }
        self.step = step
        count = Int(steps)
        spanRange = (first.subtractingSaturating(step) &+ 1, last &+ 1)
        isInstant = false
    }

    /// One step over the whole half-open range.
    package init(instantFrom start: Int64, to end: Int64) throws(TraceQLError) {
        guard end > start, case (let length, let overflow) = end.subtractingReportingOverflow(start), !overflow else {
            throw .badParameter("end must be greater than start")
        }
        first = end
        step = length
        count = 1
        spanRange = (start, end)
        isInstant = true
    }

    package func timestamp(of index: Int) -> Int64 { first &+ Int64(index) &* step }

    /// Tempo's choice where the client names no step: about 240 points, rounded down to a round length.
    package static func standardStep(start: Int64, end: Int64) -> Int64 {
        let raw = max(0, end.subtractingSaturating(start)) / 240
        let second: Int64 = 1_000_000_000
        for unit in [3_600 * second, 900 * second, 60 * second, 15 * second, 5 * second, second] where raw >= unit {
            return raw / unit * unit
        }
        return max(50_000_000, raw / 50_000_000 * 50_000_000)
    }

    func index(of time: Int64) -> Int? {
        guard time >= spanRange.start, time < spanRange.end else { return nil }
        if isInstant { return 0 }
        let offset = time - first
        if offset <= 0 { return 0 }
        let index = Int((offset - 1) / step) + 1
        return index < count ? index : nil
    }
}

package struct TraceMetricLabel: Hashable, Sendable {
    package var name: String
    package var value: Static
}

package struct TraceMetricExemplar: Hashable, Sendable {
    package var labels: [TraceMetricLabel]
    /// NaN where the function counts.
    package var value: Double
    /// Nanoseconds since 1970.
    package var timestamp: Int64
}

package struct TraceMetricSeries: Sendable {
    package var labels: [TraceMetricLabel]
    /// One for each step; NaN where there is none.
    package var values: [Double]
    package var exemplars: [TraceMetricExemplar] = []

    var hasValue: Bool { values.contains { !$0.isNaN } }
    /// Labels as math joins them.
    var identity: [TraceMetricLabel] { labels.filter { $0.name != "__name__" } }
    var sortKey: String { labels.map { "\($0.name)=\($0.value)" }.joined(separator: ",") }
}

package struct TraceMetricsResult: Sendable {
    package var grid: TraceStepGrid
    /// Sorted by the text of their labels.
    package var series: [TraceMetricSeries]
}
