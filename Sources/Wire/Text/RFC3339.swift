/// Points in time as text: `2026-08-21T10:20:30.123456789Z` or with an offset `+02:00`.
package enum RFC3339 {
    /// Nanoseconds since 1970; nil where the text is not of this form or the time does not fit.
    package static func nanoseconds(_ text: [UInt8]) -> Int64? {
        guard text.count >= 20, text.count <= 64, text[4] == 0x2d, text[7] == 0x2d, text[13] == 0x3a, text[16] == 0x3a,
            text[10] | 0x20 == UInt8(ascii: "t"), let year = number(text, 0..<4), let month = number(text, 5..<7),
            let day = number(text, 8..<10), let hour = number(text, 11..<13), let minute = number(text, 14..<16),
            let second = number(text, 17..<19), (1...12).contains(month), (1...31).contains(day), hour < 24,
            minute < 60,
            second < 61
        else { return nil }
        var index = 19
        var fraction: Int64 = 0
        if text[index] == UInt8(ascii: ".") {
            index += 1
            var scale: Int64 = 100_000_000
            let start = index
            while index < text.count, text[index] &- 0x30 < 10 {
                fraction += Int64(text[index] &- 0x30) * scale
                scale /= 10
                index += 1
            }
            guard index > start else { return nil }
        }
        guard let offset = offset(text, index) else { return nil }
        let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carried) = whole.addingReportingOverflow(fraction)
        return overflow || carried ? nil : sum
    }

    private static func offset(_ text: [UInt8], _ index: Int) -> Int64? {
        guard index < text.count else { return nil }
        if text[index] | 0x20 == UInt8(ascii: "z") { return index + 1 == text.count ? 0 : nil }
        guard text[index] == UInt8(ascii: "+") || text[index] == UInt8(ascii: "-"), text.count == index + 6,
            text[index + 3] == 0x3a, let hours = number(text, index + 1..<index + 3),
            let minutes = number(text, index + 4..<index + 6)
        else { return nil }
        let offset = hours * 3600 + minutes * 60
        return text[index] == UInt8(ascii: "-") ? -offset : offset
    }

    private static func number(_ text: [UInt8], _ range: Range<Int>) -> Int64? {
        var value: Int64 = 0
        for byte in text[range] {
            guard byte &- 0x30 < 10 else { return nil }
            value = value * 10 + Int64(byte &- 0x30)
        }
        return value
    }

    /// Days since 1970 of a date in the Gregorian calendar (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
