import Telemetry

/// What the expressions of a group are written in.
package enum RuleDialect: String, Sendable, Hashable {
    case promql
    case logql
}

/// A group of rules: evaluated one after the other, all at one timestamp.
package struct RuleGroup: Sendable, Hashable {
    package var name: String
    package var file: String
    /// Milliseconds; nil takes the global one.
    package var interval: Int64?
    /// Milliseconds to look back from the evaluation time.
    package var queryOffset: Int64
    /// Most alerts or series of one rule; 0 is no limit.
    package var limit: Int
    package var dialect = RuleDialect.promql
    package var rules: [Rule]

    /// What a group is known by over reloads.
    package var key: String { "\(file);\(name)" }
}

package struct Rule: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        case recording(name: String)
        /// Times in milliseconds; annotations are templates in the order of the file.
        case alerting(name: String, hold: Int64, keepFiring: Int64, annotations: [String: String])
    }

    package var kind: Kind
    package var expression: String
    /// Of an alert the values are templates.
    package var labels: [String: String]
    /// Where it stands in the file, from 1.
    package var line: Int

    package var name: String {
        switch kind {
        case .recording(let name), .alerting(let name, _, _, _): name
        }
    }

    package var isAlert: Bool {
        if case .alerting = kind { return true }
        return false
    }
}
