package import Patterns
import Synchronization

/// Expressions of matchers that were compiled lately: a dashboard asks the same ones again and again, and a query needs
/// each of them twice, to be read and to be run.
package enum PatternCache {
    private static let known = Mutex<[String: Pattern]>([:])
    /// What is longer is rare, and holds much.
    private static let longest = 512
    private static let limit = 256

    /// The expression as matchers have it: over the whole value, where a dot is any character.
    package static func pattern(_ text: String) throws(PatternError) -> Pattern {
        if let found = known.withLock({ $0[text] }) { return found }
        let made = try Pattern(text, options: [.dotMatchesNewline])
        if text.utf8.count <= longest {
            known.withLock { known in
                if known.count >= limit { known = [:] }
                known[text] = made
            }
        }
        return made
    }
}
