/// A refusal that knows its status. A dialect turns it into its own envelope.
package struct HTTPFailure: Error, Sendable, CustomStringConvertible {
    package var status: Int
    package var message: String
    /// Seconds for `Retry-After`, where coming back later helps.
    package var retryAfter: Int?

    package init(_ status: Int, _ message: String, retryAfter: Int? = nil) {
        self.status = status
        self.message = message
        self.retryAfter = retryAfter
    }

    package var description: String { message }

    package static func badParameter(_ name: String, _ reason: String) -> HTTPFailure {
        HTTPFailure(400, "invalid parameter \"\(name)\": \(reason)")
    }
}
