/// How an attempt to push a batch ended.
package enum SendOutcome: Sendable, Hashable {
    case response(status: Int, retryAfter: String? = nil, message: String = "")
    /// No answer: refused, cut off, timed out.
    case failure(String)
}

package enum SendDecision: Sendable, Hashable {
    case delivered
    /// Milliseconds to wait.
    case retry(after: Int64, reason: String)
    /// Sending it again gives the same answer.
    case drop(reason: String)
}

/// What is done about an answer.
package struct SendPolicy: Sendable, Hashable {
    /// Milliseconds.
    package var minBackoff: Int64 = 500
    package var maxBackoff: Int64 = 30_000

    package init() {}

    /// The wait before attempt `attempt` + 1, doubling from the shortest to the longest.
    package func backoff(afterAttempt attempt: Int) -> Int64 {
        var wait = max(1, minBackoff)
        var count = 1
        while count < attempt, wait < maxBackoff {
            wait = wait &* 2
            count += 1
        }
        return min(wait, max(1, maxBackoff))
    }

    /// `attempt` counts from 1, `now` is nanoseconds since 1970.
    package func decide(_ outcome: SendOutcome, attempt: Int, now: Int64) -> SendDecision {
        switch outcome {
        case .failure(let reason): return .retry(after: backoff(afterAttempt: attempt), reason: reason)
        case .response(let status, let retryAfter, let message):
            let reason = "the server answered \(status)" + (message.isEmpty ? "" : ": \(message)")
            switch status {
            case 200..<300: return .delivered
            // Wrong credentials, a wrong path, a proxy between: a person can mend these, and nothing is lost meanwhile.
            case 300..<400, 401, 403, 404, 405, 407, 408, 425, 429, 500...:
                let asked = retryAfter.flatMap { SendPolicy.wait($0, now: now) } ?? 0
                return .retry(after: max(asked, backoff(afterAttempt: attempt)), reason: reason)
            default: return .drop(reason: reason)
            }
        }
    }

    /// `Retry-After` in milliseconds from now: seconds, or a date as HTTP writes them. nil where it is neither.
    package static func wait(_ header: String, now: Int64) -> Int64? {
        let text = String(header.drop { $0 == " " })
        if let seconds = Int64(text) { return seconds < 0 ? nil : min(seconds, 86_400) * 1_000 }
        guard let format = try? TimeFormat("%a, %d %b %Y %H:%M:%S %Z"),
            let date = format.parse(Array(text.utf8)[...], now: now)
        else { return nil }
        return max(0, min((date - now) / 1_000_000, 86_400_000))
    }
}
