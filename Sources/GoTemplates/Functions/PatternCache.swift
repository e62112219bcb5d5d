import Patterns
import Synchronization

/// Expressions of template functions come as values, execution after execution the same.
package enum PatternCache {
    private static let known = Mutex<[String: Pattern]>([:])

    package static func pattern(_ text: String) throws(PatternError) -> Pattern {
        if let found = known.withLock({ $0[text] }) { return found }
        let new = try Pattern(text)
        known.withLock { expressions in
            // An expression made from the data's own text would fill it without end.
            if expressions.count >= 64 { expressions.removeAll() }
            expressions[text] = new
        }
        return new
    }
}
