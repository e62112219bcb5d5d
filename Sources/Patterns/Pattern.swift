/// A regular expression with RE2's syntax and semantics over UTF-8, matched in time linear in the text: it may come
/// from anyone. A byte that is not UTF-8 counts as U+FFFD, as in Go.
package struct Pattern: Sendable {
    package struct Options: OptionSet, Hashable, Sendable {
        package let rawValue: UInt8

        package init(rawValue: UInt8) { self.rawValue = rawValue }

        /// `.` matches a newline too. Prometheus compiles label matchers as `^(?s:…)$`.
        package static let dotMatchesNewline = Options(rawValue: 1)
        package static let caseInsensitive = Options(rawValue: 2)
    }

    package let expression: String
    package let options: Options
    let storage: PatternStorage

    package init(_ expression: String, options: Options = []) throws(PatternError) {
        var parser = Parser(expression, options: options)
        let node = try parser.parse()
        guard let program = Compiler.compile(node, captureCount: parser.captureNames.count) else {
            throw PatternError(reason: .tooLarge, fragment: expression, offset: 0)
        }
        self.expression = expression
        self.options = options
        storage = PatternStorage(node, program, parser.captureNames)
    }

    /// The expression of a literal text: every metacharacter is escaped.
    package static func quoted(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        let special = Set("\\.+*?()|[]{}^$".unicodeScalars)
        for scalar in text.unicodeScalars {
            if special.contains(scalar) { result.append("\\") }
            result.append(scalar)
        }
        return String(result)
    }

    // MARK: Questions

    package func matchesWhole(_ text: Span<UInt8>) -> Bool { storage.answer(.whole, text) }
    package func matchesWhole(_ bytes: ArraySlice<UInt8>) -> Bool { matchesWhole(bytes.span) }
    package func matchesWhole(_ bytes: [UInt8]) -> Bool { matchesWhole(bytes.span) }
    package func matchesWhole(_ text: String) -> Bool { matchesWhole(text.utf8.span) }

    package func isFound(in text: Span<UInt8>) -> Bool { storage.answer(.anywhere, text) }
    package func isFound(in bytes: ArraySlice<UInt8>) -> Bool { isFound(in: bytes.span) }
    package func isFound(in bytes: [UInt8]) -> Bool { isFound(in: bytes.span) }
    package func isFound(in text: String) -> Bool { isFound(in: text.utf8.span) }

    /// For many texts in a row: the matcher keeps its automaton, so no lock is taken for each text.
    package func makeMatcher() -> PatternMatcher { PatternMatcher(storage) }

    // MARK: What an index can use

    /// All texts that match as a whole, where the expression says no more than a list of them (of any length) or a few
    /// hundred combinations.
    package var literalSet: [String]? { storage.literalSet }
    /// Strings that every match contains.
    package var requiredLiterals: [String] { storage.requiredLiterals.map { String(decoding: $0, as: UTF8.self) } }
    /// What every text that matches as a whole begins with; empty if nothing is known.
    package var prefix: String { String(decoding: storage.prefix, as: UTF8.self) }
    /// Whether every text matches as a whole (`.*` with `dotMatchesNewline`).
    package var matchesEverything: Bool { storage.matchesEverything }

    // MARK: Captures

    /// Group 0, the whole match, included.
    package var captureCount: Int { storage.captureNames.count }
    /// One for each group; the first is nil.
    package var captureNames: [String?] { storage.captureNames }
}

extension Pattern: Hashable {
    package static func == (left: Pattern, right: Pattern) -> Bool {
        left.options == right.options && left.expression == right.expression
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(expression)
        hasher.combine(options)
    }
}

extension Pattern: CustomStringConvertible {
    package var description: String { expression }
}
