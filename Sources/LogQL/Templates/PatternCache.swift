import Patterns
import Synchronization

/// Expressions of template functions come as values, line after line the same.
enum PatternCache {
    private static let known = Mutex<[String: RegularExpression]>([:])

    static func expression(_ text: String) throws -> RegularExpression {
        if let found = known.withLock({ $0[text] }) { return found }
        let new = try RegularExpression(text)
        known.withLock { expressions in
            // An expression made from the line's own text would fill it without end.
            if expressions.count >= 64 { expressions.removeAll() }
            expressions[text] = new
        }
        return new
    }
}
