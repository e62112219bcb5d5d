internal import Storage
internal import Telemetry
internal import Vectors

/// What of an expression touches samples: a selector, a function of its windows, or an aggregation over one of the two.
///
/// Leaves are evaluated before the rest of the tree, each over its whole grid, by all cores: one series after the other
/// is read, worked on and, where it is aggregated, forgotten. Equal leaves are one.
struct Leaf: Hashable, Sendable {
    enum Kernel: Hashable, Sendable {
        /// The newest sample of each window, hidden by a stale marker.
        case newest
        case window(RangeFunction)
    }

    struct Fused: Hashable, Sendable {
        var operation: AggregationOperator
        var grouping: Grouping
    }

    var selection: Selection
    var kernel: Kernel
    var grid: StepGrid
    /// Milliseconds: of the window, or the lookback.
    var window: Int64
    var offset: Int64
    var at: AtModifier?
    var fused: Fused?
    /// Numbers that the function takes beside its window; the same at all points.
    var parameters: [Double] = []

    /// The series and the span of time that it reads.
    struct Selection: Hashable, Sendable {
        var matchers: [Matcher]
        /// Milliseconds, both inclusive.
        var first: Int64
        var last: Int64

        var plan: SeriesScanPlan {
            SeriesScanPlan(range: TimeRange(start: first, end: last == .max ? .max : last + 1), matchers: matchers)
        }

        /// The metric name that all series have.
        var oneName: String? { matchers.first { $0.name == "__name__" && $0.operation == .equal }?.value }
    }

    /// Where the evaluator comes by: several places may have one leaf.
    struct Place: Hashable, Sendable {
        enum Form: Hashable, Sendable {
            case selector
            case function(RangeFunction)
            case aggregation
        }
        var form: Form
        var range: SourceRange
        var grid: StepGrid
    }

    /// Whether values matter, or only that there are some.
    var needsValues: Bool {
        switch (kernel, fused?.operation) {
        case (.window(.countOverTime), _), (.window(.presentOverTime), _): false
        case (_, .count), (_, .group):
            switch kernel {
            case .newest: false
            default: true
            }
        default: true
        }
    }

    /// Nanoseconds that a series takes, roughly: a block to decode, and at each point a few steps of work or, where
    /// windows are added up anew, one for each sample at a usual distance.
    var effort: Int {
        var perPoint = 8
        if case .window(let function) = kernel {
            switch function {
            case .rate, .increase, .delta, .irate, .idelta, .countOverTime, .presentOverTime, .lastOverTime,
                .firstOverTime:
                perPoint = 12
            default: perPoint = 12 &+ 4 &* Int(clamping: min(window / 15_000, 100_000))
            }
        }
        return 2_000 &+ perPoint &* grid.count
    }

    /// Aggregations whose elements need not be kept: what each of them adds is known at once.
    static func fuses(_ operation: AggregationOperator) -> Bool {
        switch operation {
        case .sum, .avg, .min, .max, .count, .group: true
        default: false
        }
    }
}

/// What a leaf gave.
struct LeafOutcome: Sendable {
    var matrix: StepMatrix
    /// Without positions: they differ from place to place.
    var annotations: Annotations
}
