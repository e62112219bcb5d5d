import GoTemplates

/// Go's interpreted string literals.
enum QuotedText {
    static func quote(_ text: String) -> String { GoQuoting.quote(text) }

    /// What stands between the quotes, escapes resolved; nil where an escape is none of Go's.
    static func unescape(_ inner: ArraySlice<UInt8>) -> String? { GoQuoting.unescape(inner) }
}
