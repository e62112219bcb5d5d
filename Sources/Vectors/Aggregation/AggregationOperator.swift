package import Telemetry

package enum AggregationOperator: String, Hashable, Sendable, CaseIterable {
    case sum, avg, min, max, count, group, stddev, stdvar, topk, bottomk, quantile
    case countValues = "count_values"
    case limitk
    case limitRatio = "limit_ratio"

    package var takesParameter: Bool {
        switch self {
        case .topk, .bottomk, .quantile, .countValues, .limitk, .limitRatio: true
        default: false
        }
    }

    /// Whether elements of the input come out as they are, with their own labels.
    package var selectsElements: Bool {
        switch self {
        case .topk, .bottomk, .limitk, .limitRatio: true
        default: false
        }
    }
}

/// `by (…)`, `without (…)`, or everything in one group.
package enum Grouping: Hashable, Sendable {
    case by([String])
    case without([String])
    case none

    /// Labels of the group to which a series belongs.
    package func labels(of labels: LabelSet) -> LabelSet {
        switch self {
        case .none: .empty
        case .by(let names): names.isEmpty ? .empty : labels.keeping(names)
        case .without(let names): labels.filter { $0 != "__name__" && !names.contains($0) }
        }
    }

    var keepsName: Bool {
        if case .by(let names) = self { return names.contains("__name__") }
        return false
    }
}

package enum AggregationParameter: Sendable {
    case none
    /// k, φ or a ratio: the same at all points.
    case scalar(Double)
    /// One for each grid point.
    case scalars([Double])
    /// The label of `count_values`.
    case label(String)

    func value(at index: Int) -> Double {
        switch self {
        case .scalar(let value): value
        case .scalars(let values): index < values.count ? values[index] : .nan
        case .none, .label: .nan
        }
    }
}
