import Telemetry
import Wire

/// How an attempt to send ended.
package enum SendOutcome: Sendable, Hashable {
    /// `confirms` is whether a 2.0 receiver said how much it wrote; `retryAfter` is the header as it stands.
    case response(status: Int, retryAfter: String? = nil, confirms: Bool = false, message: String = "")
    /// No answer: refused, cut off, timed out.
    case failure(String)
}

/// What is to be done about it.
package enum SendDecision: Sendable, Hashable {
    case delivered
    /// Milliseconds to wait.
    case retry(after: Int64, reason: String)
    /// Sending it again gives the same answer.
    case drop(reason: String)
    /// The receiver does not know 2.0.
    case fallBack
    /// A part of it is known to be good, perhaps: send halves.
    case split(reason: String)
}

package struct RetryPolicy: Sendable, Hashable {
    package var minBackoff: Int64 = 30
    package var maxBackoff: Int64 = 5_000
    package var retryOnTooManyRequests = false

    package init(minBackoff: Int64 = 30, maxBackoff: Int64 = 5_000, retryOnTooManyRequests: Bool = false) {
        self.minBackoff = minBackoff
        self.maxBackoff = maxBackoff
        self.retryOnTooManyRequests = retryOnTooManyRequests
    }

    /// The wait before attempt `attempt` + 1, doubling from the shortest to the longest.
    package func backoff(afterAttempt attempt: Int) -> Int64 {
        var wait = max(1, minBackoff)
        for _ in 1..<max(2, min(attempt, 40)) where attempt > 1 && wait < maxBackoff { wait = wait &* 2 }
        return min(wait, maxBackoff)
    }

    /// `attempt` counts from 1. `isRepeated` tells that the request may hold what the receiver has already: after a
    /// restart the last requests before it are sent again, and a receiver that refuses a whole request for one sample
    /// that is older than what it has would make us lose the new ones with it.
    package func decide(
        _ outcome: SendOutcome, version: RemoteWrite.Version, attempt: Int, items: Int, isRepeated: Bool, now: Int64
    ) -> SendDecision {
        switch outcome {
        case .failure(let reason): return .retry(after: backoff(afterAttempt: attempt), reason: reason)
        case .response(let status, let retryAfter, let confirms, let message):
            let reason = "the receiver answered \(status)" + (message.isEmpty ? "" : ": \(message)")
            switch status {
            case 200..<300: return version == .two && !confirms ? .fallBack : .delivered
            case 429 where !retryOnTooManyRequests: return .drop(reason: reason)
            case 429, 500...599:
                let asked = retryAfter.flatMap { RetryPolicy.wait($0, now: now) } ?? 0
                return .retry(after: asked > 0 ? asked : backoff(afterAttempt: attempt), reason: reason)
            case 415 where version == .two: return .fallBack
            case 400 where isRepeated && items > 1: return .split(reason: reason)
            default: return .drop(reason: reason)
            }
        }
    }

    /// `Retry-After` in milliseconds from now: seconds, or a date as HTTP writes them. nil where it is neither.
    package static func wait(_ header: String, now: Int64) -> Int64? {
        let text = String(header.drop { $0 == " " })
        if let seconds = Int64(text) { return seconds < 0 ? nil : min(seconds, 86_400) * 1_000 }
        guard let date = httpDate(text) else { return nil }
        return max(0, min(date &- now, 86_400_000))
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT` in milliseconds since 1970.
    static func httpDate(_ text: String) -> Int64? {
        let parts = text.split(separator: " ")
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard parts.count == 6, parts[5] == "GMT", let day = Int64(parts[1]), (1...31).contains(day),
            let month = months.firstIndex(of: String(parts[2])), let year = Int64(parts[3]),
            (1970...9999).contains(year)
        else { return nil }
        let clock = parts[4].split(separator: ":").compactMap { Int64($0) }
        guard clock.count == 3, (0..<24).contains(clock[0]), (0..<60).contains(clock[1]), (0...60).contains(clock[2])
        else {
            return nil
        }
        let nanoseconds = RFC3339.parse(
            "\(year)-\(two(Int64(month) + 1))-\(two(day))T\(two(clock[0])):\(two(clock[1])):\(two(min(clock[2], 59)))Z")
        return nanoseconds.map { $0 / 1_000_000 }
    }

    private static func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

/// How many shards keep up, by Prometheus' reckoning: the time that a sample takes, times the samples that come, plus
/// a share of those that wait.
package struct ShardCalculator: Sendable {
    package var minimum: Int
    package var maximum: Int

    package init(minimum: Int, maximum: Int) {
        self.minimum = minimum
        self.maximum = maximum
    }

    /// Of the last `elapsed` milliseconds: items sent and received, and the milliseconds that all shards together were
    /// busy.
    package func desired(
        current: Int, elapsed: Int64, sent: Int, received: Int, busy: Int64, waiting: Int
    ) -> Int {
        guard elapsed > 0, sent > 0, busy > 0 else { return min(max(current, minimum), maximum) }
        let timePerItem = Double(busy) / Double(sent)
        let rate = Double(received) / Double(elapsed)
        // A twentieth of the backlog each second.
        let wanted = timePerItem * (rate + 0.05 * Double(waiting) / 1_000)
        // Within a third of what there is, nothing changes: changing costs a standstill.
        if wanted > Double(current) * 0.7, wanted < Double(current) * 1.3 { return min(max(current, minimum), maximum) }
        return min(max(Int(wanted.rounded(.up)), minimum), maximum)
    }
}
