/// A half-open range of time, `start <= t < end`, in nanoseconds since 1970 for events and in milliseconds for series.
package struct TimeRange: Hashable, Sendable {
    package var start: Int64
    package var end: Int64

    package init(start: Int64, end: Int64) {
        self.start = start
        self.end = end
    }

    package static let all = TimeRange(start: .min, end: .max)

    package var isEmpty: Bool { end <= start }

    package func contains(_ time: Int64) -> Bool { time >= start && time < end }

    /// Whether any time of the closed range `first...last` lies inside.
    package func overlaps(first: Int64, last: Int64) -> Bool { first < end && last >= start }
}
