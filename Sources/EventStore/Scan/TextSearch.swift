import Patterns
import Storage

/// The store's face of the searches over bytes.
enum TextSearch {
    static func contains(_ text: ArraySlice<UInt8>, _ needle: [UInt8]) -> Bool {
        ByteSearch.find(needle, in: text) != nil
    }

    static func firstIndex(of needle: [UInt8], in bytes: [UInt8], from: Int) -> Int? {
        guard from < bytes.count else { return nil }
        return ByteSearch.find(needle, in: bytes[from...])
    }

    /// The flags are those that stand in the expression: whoever wants `(?s)` writes it.
    static func compile(_ expression: String) throws(StorageError) -> Pattern {
        do {
            return try Pattern(expression)
        } catch {
            throw .badMatcher("invalid regular expression \(expression): \(error)")
        }
    }

    static func matches(_ text: ArraySlice<UInt8>, _ pattern: Pattern, anchored: Bool) -> Bool {
        anchored ? pattern.matchesWhole(text) : pattern.isFound(in: text)
    }

    /// Bytes that every match holds. U+FFFD is left out: it also stands for bytes that are not UTF-8.
    static func requiredLiterals(_ pattern: Pattern) -> [[UInt8]] {
        pattern.requiredLiterals.filter { !$0.unicodeScalars.contains("\u{fffd}") }.map { Array($0.utf8) }
    }
}
