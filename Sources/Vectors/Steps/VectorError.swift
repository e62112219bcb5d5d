/// Why an operation over vectors has no answer. Texts are Prometheus', which dashboards and people know.
package enum VectorError: Error, Hashable, Sendable, CustomStringConvertible {
    case sameLabelset
    /// `side` is "left" or "right".
    case duplicateSeries(group: String, side: String, first: String, second: String)
    case implicitManyToOne
    case ambiguousGrouping
    case parameterNotANumber
    case parameterOutOfRange(String)
    case invalidLabelName(String)
    case badRegularExpression(String)
    case labelsetSameAfterLabelFunction(String)
    case other(String)

    package var description: String {
        switch self {
        case .sameLabelset: "vector cannot contain metrics with the same labelset"
        case .duplicateSeries(let group, let side, let first, let second):
            "found duplicate series for the match group \(group) on the \(side) hand-side of the operation: "
                + "[\(first), \(second)];many-to-many matching not allowed: matching labels must be unique on one side"
        case .implicitManyToOne:
            "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
        case .ambiguousGrouping: "multiple matches for labels: grouping labels must ensure unique matches"
        case .parameterNotANumber: "Parameter value is NaN"
        case .parameterOutOfRange(let text): text
        case .invalidLabelName(let name): "invalid label name \(name)"
        case .badRegularExpression(let text): text
        case .labelsetSameAfterLabelFunction(let text): text
        case .other(let text): text
        }
    }
}
