import Glibc
import Synchronization

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
        // Civil from days, after Howard Hinnant: years begin in March, eras have 400 of them.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        let year = yearOfEra + era * 400 + (month >= 10 ? 1 : 0)
        let weekday = ((days + 4) % 7 + 7) % 7
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(weekdays[weekday]), \(two(day)) \(months[month]) \(year) "
            + "\(two(rest / 3600)):\(two(rest / 60 % 60)):\(two(rest % 60)) GMT"
    }

    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    /// From March on.
    private static let months = ["Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb"]
}
