import Glibc
import Synchronization
import Telemetry

/// The time as HTTP writes it (RFC 9110 5.6.7), made once in a second.
final class HTTPDate: Sendable {
    private let last = Mutex((second: Int.min, text: ""))

    var text: String {
        let now = time(nil)
        return last.withLock { last in
            if last.second != now { last = (now, HTTPDate.text(of: now)) }
            return last.text
        }
    }

    /// Of seconds since 1970.
    static func text(of second: Int) -> String {
        let days = second >= 0 ? second / 86_400 : (second - 86_399) / 86_400
        let rest = second - days * 86_400
        let date = CivilDate(daysSince1970: Int64(days))
        let weekday = ((days + 4) % 7 + 7) % 7
        func two(_ number: some BinaryInteger) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(weekdays[weekday]), \(two(date.day)) \(months[Int(date.month) - 1]) \(date.year) "
            + "\(two(rest / 3600)):\(two(rest / 60 % 60)):\(two(rest % 60)) GMT"
    }

    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
}
