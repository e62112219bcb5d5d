import Patterns
import Telemetry

/// A matcher of routes, silences and inhibitions: anchored, a missing label equals the empty string.
package struct AlertMatcher: Sendable, Hashable, CustomStringConvertible {
    package var matcher: Matcher
    private let pattern: Pattern?

    package init(_ matcher: Matcher) throws {
        self.matcher = matcher
        pattern =
            matcher.operation == .regex || matcher.operation == .notRegex
            ? try Pattern(matcher.value, options: [.dotMatchesNewline]) : nil
    }

    package func matches(_ labels: LabelSet) -> Bool {
        let value = labels[matcher.name] ?? ""
        switch matcher.operation {
        case .equal: return value == matcher.value
        case .notEqual: return value != matcher.value
        case .regex: return pattern?.matchesWhole(value) ?? false
        case .notRegex: return !(pattern?.matchesWhole(value) ?? false)
        }
    }

    package static func == (a: AlertMatcher, b: AlertMatcher) -> Bool { a.matcher == b.matcher }
    package func hash(into hasher: inout Hasher) { hasher.combine(matcher) }
    package var description: String { matcher.description }

    /// Reads `name="value"`, `name=~value`, several with commas, with or without braces around them.
    package static func parse(_ text: String) throws -> [AlertMatcher] {
        var rest = text.trimmingBlanks
        if rest.hasPrefix("{") {
            guard rest.hasSuffix("}") else {
                throw AlertMatcherError(text: text, reason: "the closing brace is missing")
            }
            rest = String(rest.dropFirst().dropLast())
        }
        var out: [AlertMatcher] = []
        var characters = Substring(rest)
        func skipBlanks() { characters = characters.drop { $0 == " " || $0 == "\t" } }
        while true {
            skipBlanks()
            if characters.isEmpty { break }
            let name: String
            if characters.first == "\"" {
                name = try quoted(&characters, in: text)
            } else {
                name = String(characters.prefix { !"=!~ \t,\"{}".contains($0) })
                characters = characters.dropFirst(name.count)
            }
            skipBlanks()
            guard !name.isEmpty else { throw AlertMatcherError(text: text, reason: "a label name is missing") }
            let operation: Matcher.Operation
            if characters.hasPrefix("=~") {
                operation = .regex
            } else if characters.hasPrefix("!~") {
                operation = .notRegex
            } else if characters.hasPrefix("!=") {
                operation = .notEqual
            } else if characters.hasPrefix("=") {
                operation = .equal
            } else {
                throw AlertMatcherError(text: text, reason: "after \(name) one of = != =~ !~ is missing")
            }
            characters = characters.dropFirst(operation.rawValue.count)
            skipBlanks()
            let value: String
            if characters.first == "\"" {
                value = try quoted(&characters, in: text)
            } else {
                let raw = characters.prefix { $0 != "," }
                characters = characters.dropFirst(raw.count)
                value = String(raw).trimmingBlanks
            }
            out.append(try AlertMatcher(Matcher(name, operation, value)))
            skipBlanks()
            if characters.first == "," {
                characters.removeFirst()
            } else if !characters.isEmpty {
                throw AlertMatcherError(text: text, reason: "between matchers a comma is missing")
            }
        }
        return out
    }

    private static func quoted(_ rest: inout Substring, in text: String) throws -> String {
        rest.removeFirst()
        var out = ""
        while let character = rest.popFirst() {
            if character == "\"" { return out }
            if character == "\\", let escaped = rest.popFirst() {
                switch escaped {
                case "n": out.append("\n")
                case "t": out.append("\t")
                case "\\", "\"": out.append(escaped)
                default:
                    out.append("\\")
                    out.append(escaped)
                }
            } else {
                out.append(character)
            }
        }
        throw AlertMatcherError(text: text, reason: "the closing quote is missing")
    }
}

package struct AlertMatcherError: Error, CustomStringConvertible {
    package var text: String
    package var reason: String
    package var description: String { "bad matcher format: \(text): \(reason)" }
}

extension String {
    var trimmingBlanks: String {
        var text = Substring(self)
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return String(text)
    }
}
