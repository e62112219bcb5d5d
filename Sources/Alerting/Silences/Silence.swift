import Foundation
import Telemetry

/// A time in which matching alerts are not notified. Times in milliseconds since 1970.
package struct Silence: Sendable, Hashable, Codable {
    package struct MatcherText: Sendable, Hashable, Codable {
        package var name: String
        package var value: String
        package var isRegex: Bool
        package var isEqual: Bool

        package init(name: String, value: String, isRegex: Bool, isEqual: Bool) {
            self.name = name
            self.value = value
            self.isRegex = isRegex
            self.isEqual = isEqual
        }

        package func compiled() throws -> AlertMatcher {
            let operation: Matcher.Operation = isRegex ? (isEqual ? .regex : .notRegex) : (isEqual ? .equal : .notEqual)
            return try AlertMatcher(Matcher(name, operation, value))
        }
    }

    package enum State: String, Sendable { case active, pending, expired }

    package var id: String
    package var matchers: [MatcherText]
    package var startsAt: Int64
    package var endsAt: Int64
    package var updatedAt: Int64
    package var createdBy: String
    package var comment: String

    package init(
        id: String = "", matchers: [MatcherText], startsAt: Int64, endsAt: Int64, updatedAt: Int64 = 0,
        createdBy: String,
        comment: String
    ) {
        self.id = id
        self.matchers = matchers
        self.startsAt = startsAt
        self.endsAt = endsAt
        self.updatedAt = updatedAt
        self.createdBy = createdBy
        self.comment = comment
    }

    package func state(at time: Int64) -> State {
        if endsAt <= time { return .expired }
        return startsAt > time ? .pending : .active
    }
}

package enum SilenceError: Error, CustomStringConvertible {
    case invalid(String)
    case notFound(String)

    package var description: String {
        switch self {
        case .invalid(let sentence): "invalid silence: \(sentence)"
        case .notFound(let id): "silence \(id) not found"
        }
    }
}
