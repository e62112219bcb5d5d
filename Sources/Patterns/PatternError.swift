/// Why an expression is not accepted, in the words of RE2 and Go, so that clients see the message they know.
package struct PatternError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Reason: String, Sendable {
        case missingParenthesis = "missing closing )"
        case unexpectedParenthesis = "unexpected )"
        case missingBracket = "missing closing ]"
        case invalidCharacterRange = "invalid character class range"
        case invalidEscape = "invalid escape sequence"
        case invalidNamedCapture = "invalid named capture"
        case invalidPerlOperator = "invalid or unsupported Perl syntax"
        case invalidRepeatOperator = "invalid nested repetition operator"
        case invalidRepeatCount = "invalid repeat count"
        case missingRepeatArgument = "missing argument to repetition operator"
        case trailingBackslash = "trailing backslash at end of expression"
        case nestsTooDeeply = "expression nests too deeply"
        case tooLarge = "expression too large"
    }

    package var reason: Reason
    /// The part of the expression that is wrong.
    package var fragment: String
    /// Unicode scalars before that part.
    package var offset: Int

    package var description: String { "error parsing regexp: \(message)" }
    /// Without the leading "error parsing regexp". Of an expression of many thousand characters the first will do.
    package var message: String {
        let isLong = fragment.utf8.count > 250 && fragment.unicodeScalars.count > 200
        let shown = isLong ? String(fragment.unicodeScalars.prefix(200)) + "…" : fragment
        return "\(reason.rawValue): `\(shown)`"
    }
}
