/// The text form of times that every API here reads and writes.
package enum RFC3339 {
    /// `2026-08-21T10:00:00.123Z` or with an offset; nanoseconds since 1970.
    package static func parse(_ text: String) -> Int64? {
        guard let (seconds, fraction) = parts(text), abs(seconds) < 9_200_000_000 else { return nil }
        return seconds * 1_000_000_000 + fraction
    }

    /// Milliseconds since 1970, of any year that has four digits.
    package static func parseMilliseconds(_ text: String) -> Int64? {
        parts(text).map { $0.seconds * 1000 + $0.fraction / 1_000_000 }
    }

    /// Seconds since 1970, rounded down, and the nanoseconds behind them.
    private static func parts(_ text: String) -> (seconds: Int64, fraction: Int64)? {
        let bytes = Array(text.utf8)
        func number(_ range: Range<Int>) -> Int64? {
            guard range.upperBound <= bytes.count else { return nil }
            var n: Int64 = 0
            for byte in bytes[range] {
                guard byte >= 48, byte <= 57 else { return nil }
                n = n * 10 + Int64(byte - 48)
            }
            return n
        }
        guard bytes.count >= 20, bytes[4] == 45, bytes[7] == 45, bytes[10] == 84 || bytes[10] == 116 || bytes[10] == 32,
            bytes[13] == 58, bytes[16] == 58,
            let year = number(0..<4), let month = number(5..<7), let day = number(8..<10), let hour = number(11..<13),
            let minute = number(14..<16), let second = number(17..<19),
            (1...12).contains(month), hour < 24, minute < 60, second < 61
        else { return nil }
        let date = CivilDate(year: year, month: month, day: day)
        // The 30th of February would be a day in March.
        guard day >= 1, CivilDate(daysSince1970: date.daysSince1970).day == day else { return nil }
        var at = 19
        var fraction: Int64 = 0
        if bytes[at] == 46 {
            at += 1
            var scale: Int64 = 100_000_000
            while at < bytes.count, bytes[at] >= 48, bytes[at] <= 57 {
                fraction += Int64(bytes[at] - 48) * scale
                scale /= 10
                at += 1
            }
        }
        guard at < bytes.count else { return nil }
        var offset: Int64 = 0
        if bytes[at] == 90 || bytes[at] == 122 {
            guard at + 1 == bytes.count else { return nil }
        } else {
            guard bytes[at] == 43 || bytes[at] == 45, at + 6 == bytes.count, bytes[at + 3] == 58,
                let hours = number(at + 1..<at + 3), let minutes = number(at + 4..<at + 6)
            else { return nil }
            offset = (hours * 3600 + minutes * 60) * (bytes[at] == 45 ? -1 : 1)
        }
        return (date.daysSince1970 * 86_400 + hour * 3600 + minute * 60 + second - offset, fraction)
    }

    /// RFC 3339 with nanoseconds and without trailing zeros, as Go prints it.
    package static func format(nanoseconds: Int64) -> String {
        var seconds = nanoseconds / 1_000_000_000
        var fraction = nanoseconds % 1_000_000_000
        if fraction < 0 {
            seconds -= 1
            fraction += 1_000_000_000
        }
        var days = seconds / 86_400
        var rest = seconds % 86_400
        if rest < 0 {
            days -= 1
            rest += 86_400
        }
        let date = CivilDate(daysSince1970: days)
        func two(_ n: Int64) -> String { n < 10 ? "0\(n)" : "\(n)" }
        var out = String(repeating: "0", count: max(0, 4 - "\(date.year)".count))
        out += "\(date.year)-\(two(date.month))-\(two(date.day))T"
        out += "\(two(rest / 3600)):\(two(rest / 60 % 60)):\(two(rest % 60))"
        if fraction > 0 {
            var digits = String(fraction)
            digits = String(repeating: "0", count: 9 - digits.count) + digits
            while digits.last == "0" { digits.removeLast() }
            out += ".\(digits)"
        }
        return out + "Z"
    }

    package static func format(milliseconds: Int64) -> String {
        format(
            nanoseconds: milliseconds.multipliedReportingOverflow(by: 1_000_000).overflow ? 0 : milliseconds * 1_000_000
        )
    }
}
