/// The evaluation times of a query: `start`, `start + step`, … up to and including `end`, in milliseconds.
///
/// An instant query is a grid of one point.
package struct StepGrid: Hashable, Sendable {
    package let start: Int64
    package let end: Int64
    /// Never below 1.
    package let step: Int64
    /// Number of points, at least 1 where `end >= start`, else 0.
    package let count: Int

    /// A step that is not positive stands for "one point".
    package init(start: Int64, end: Int64, step: Int64) {
        self.start = start
        self.end = end
        if step <= 0 {
            self.step = 1
            count = end >= start ? 1 : 0
        } else {
            self.step = step
            let (span, overflow) = end.subtractingReportingOverflow(start)
            count = end < start || overflow ? 0 : Int(span / step) + 1
        }
    }

    package static func instant(_ time: Int64) -> StepGrid { StepGrid(start: time, end: time, step: 1) }

    /// Time of point `index`; wraps instead of trapping on absurd input.
    @inline(__always)
    package func timestamp(at index: Int) -> Int64 { start &+ Int64(truncatingIfNeeded: index) &* step }
}
