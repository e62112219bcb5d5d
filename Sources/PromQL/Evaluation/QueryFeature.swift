internal import Vectors

/// What Prometheus has behind `--enable-feature`, as far as it is about queries.
package enum QueryFeature: String, CaseIterable, Sendable {
    /// Names go at the end of an evaluation, not with each operation.
    case delayedNameRemoval = "promql-delayed-name-removal"
    case startTimestamps = "use-start-timestamps"
    case typeAndUnitLabels = "type-and-unit-labels"
    // Always on here; named so that the command line of a Prometheus is taken as it is.
    case experimentalFunctions = "promql-experimental-functions"
    case durationExpressions = "promql-duration-expr"
    case extendedRangeSelectors = "promql-extended-range-selectors"
    case fillModifiers = "promql-binop-fill-modifiers"

    /// Each of `lists` may have several names with commas between them.
    package static func read(_ lists: [String]) throws(PromQLError) -> Set<QueryFeature> {
        var features: Set<QueryFeature> = []
        for name in lists.flatMap({ $0.split(separator: ",") }) {
            let trimmed = name.drop { $0 == " " }
            guard let feature = QueryFeature(rawValue: String(trimmed)) else {
                throw .evaluation(
                    "unknown feature \(trimmed); there are " + allCases.map(\.rawValue).joined(separator: ", "))
            }
            features.insert(feature)
        }
        return features
    }
}

extension PromQLEngine.Options {
    package init(features: Set<QueryFeature>) {
        self.init()
        if features.contains(.delayedNameRemoval) { names = .delayed }
        startTimestamps = features.contains(.startTimestamps)
        typeLabels = features.contains(.typeAndUnitLabels)
    }
}
