internal import Patterns
package import Telemetry

/// A ``Matcher`` made ready to run. A label that is not there has the empty value, as in Prometheus.
package struct CompiledMatcher: Sendable {
    package let matcher: Matcher
    package let name: String
    /// Whether a series without the label matches.
    package let matchesEmpty: Bool
    /// The only values that match, where these are few and known (`=`, `=~` over alternatives); nil otherwise and for
    /// negative matchers.
    package let literals: [String]?
    /// What every value that matches begins with; empty where nothing is known.
    package let prefix: [UInt8]

    private let test: Test

    private enum Test: Sendable {
        case equal([UInt8])
        case isAny(Set<String>)
        case pattern(Pattern)
        case everything
        case notEmpty
    }

    private let isNegated: Bool

    /// Throws ``StorageError/badMatcher(_:)`` where the expression is not valid RE2.
    package init(_ matcher: Matcher) throws {
        self.matcher = matcher
        name = matcher.name
        let test: Test
        switch matcher.operation {
        case .equal, .notEqual: test = .equal(Array(matcher.value.utf8))
        case .regex, .notRegex: test = try CompiledMatcher.compile(matcher)
        }
        self.test = test
        isNegated = matcher.operation == .notEqual || matcher.operation == .notRegex
        matchesEmpty = CompiledMatcher.run(test, "") != isNegated
        // Two letters may begin with the same byte, which is no text.
        if case .pattern(let pattern) = test, !isNegated, !pattern.prefix.unicodeScalars.contains("\u{fffd}") {
            prefix = Array(pattern.prefix.utf8)
        } else {
            prefix = []
        }
        if isNegated {
            literals = nil
        } else {
            switch test {
            case .equal: literals = [matcher.value]
            case .isAny(let values): literals = values.sorted()
            default: literals = nil
            }
        }
    }

    private static func compile(_ matcher: Matcher) throws -> Test {
        switch matcher.value {
        case ".*": return .everything
        case ".+": return .notEmpty
        default: break
        }
        do {
            let pattern = try PatternCache.pattern(matcher.value)
            if let literals = pattern.literalSet { return .isAny(Set(literals)) }
            return .pattern(pattern)
        } catch {
            throw StorageError.badMatcher("invalid regular expression in \(matcher): \(error)")
        }
    }

    private static func run(_ test: Test, _ value: String) -> Bool {
        switch test {
        case .equal(let wanted): wanted.elementsEqual(value.utf8)
        case .isAny(let values): values.contains(value)
        case .pattern(let pattern): pattern.matchesWhole(value)
        case .everything: true
        case .notEmpty: !value.isEmpty
        }
    }

    package func matches(value: String) -> Bool { CompiledMatcher.run(test, value) != isNegated }

    package func matches(value: ArraySlice<UInt8>) -> Bool {
        switch test {
        case .equal(let wanted): wanted.elementsEqual(value) != isNegated
        case .everything: !isNegated
        case .notEmpty: !value.isEmpty != isNegated
        case .pattern(let pattern): pattern.matchesWhole(value) != isNegated
        default: matches(value: String(decoding: value, as: UTF8.self))
        }
    }

    package func matches(_ labels: LabelSet) -> Bool {
        guard let range = labels.valueRange(of: name) else { return matchesEmpty }
        return matches(value: labels.bytes[range])
    }
}

extension [CompiledMatcher] {
    /// Whether all of them match.
    package func matches(_ labels: LabelSet) -> Bool { allSatisfy { $0.matches(labels) } }
}
