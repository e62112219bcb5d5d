import Telemetry

/// Times as log shippers write them, read from bytes. Nanoseconds since 1970.
package enum TimestampText {
    /// RFC 3339 and its relatives (a space instead of `T`, a comma before the fraction, `+0100`, no zone for UTC, a
    /// date alone), or a number since 1970 whose size tells its unit.
    package static func parse(_ bytes: [UInt8], _ range: Range<Int>) -> Int64? {
        calendar(bytes, range) ?? number(bytes, range)
    }

    /// Seconds, milliseconds, microseconds or nanoseconds: the unit in which the number lies between 1973 and 5138.
    package static func epoch(_ number: Int64) -> Int64? {
        let (product, overflow) = number.multipliedReportingOverflow(by: unit(number.magnitude))
        return overflow ? nil : product
    }

    package static func epoch(_ number: Double) -> Int64? {
        guard number.isFinite, abs(number) < 9e18 else { return nil }
        let whole = number.rounded(.down)
        guard let base = epoch(Int64(whole)) else { return nil }
        return base.addingReportingOverflow(Int64((number - whole) * Double(unit(Int64(whole).magnitude)))).partialValue
    }

    /// Seconds and a fraction in nanoseconds; nil where they do not fit.
    package static func seconds(_ seconds: Int64, nanoseconds: Int64 = 0) -> Int64? {
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carried) = product.addingReportingOverflow(nanoseconds)
        return overflow || carried ? nil : sum
    }

    private static func unit(_ magnitude: UInt64) -> Int64 {
        switch magnitude {
        case ..<100_000_000_000: 1_000_000_000
        case ..<100_000_000_000_000: 1_000_000
        case ..<100_000_000_000_000_000: 1000
        default: 1
        }
    }

    private static func number(_ bytes: [UInt8], _ range: Range<Int>) -> Int64? {
        var index = range.lowerBound
        let isNegative = index < range.upperBound && bytes[index] == UInt8(ascii: "-")
        if isNegative { index += 1 }
        let start = index
        var whole: Int64 = 0
        while index < range.upperBound, let digit = digit(bytes[index]) {
            let (tens, overflow) = whole.multipliedReportingOverflow(by: 10)
            let (sum, carried) = tens.addingReportingOverflow(digit)
            if overflow || carried { return nil }
            whole = sum
            index += 1
        }
        guard index > start else { return nil }
        let scale = unit(whole.magnitude)
        var fraction: Int64 = 0
        if index < range.upperBound, bytes[index] == UInt8(ascii: ".") {
            index += 1
            fraction = TimestampText.fraction(bytes, &index, range.upperBound) / (1_000_000_000 / scale)
        }
        guard index == range.upperBound else {
            // An exponent, as JSON writers print large numbers.
            return FloatParser.parse(bytes, range).flatMap { epoch($0) }
        }
        guard let time = epoch(whole) else { return nil }
        let (sum, overflow) = time.addingReportingOverflow(fraction)
        return overflow ? nil : isNegative ? -sum : sum
    }

    /// Nanoseconds of the digits after a point; `index` goes behind them.
    package static func fraction(_ bytes: [UInt8], _ index: inout Int, _ end: Int) -> Int64 {
        var value: Int64 = 0
        var scale: Int64 = 100_000_000
        while index < end, let digit = digit(bytes[index]) {
            value += digit * scale
            scale /= 10
            index += 1
        }
        return value
    }

    // MARK: Calendar

    private static func calendar(_ bytes: [UInt8], _ range: Range<Int>) -> Int64? {
        let start = range.lowerBound
        let end = range.upperBound
        guard end - start >= 10, bytes[start + 4] == UInt8(ascii: "-"), bytes[start + 7] == UInt8(ascii: "-"),
            let year = digits(bytes, start, 4), let month = digits(bytes, start + 5, 2),
            let day = digits(bytes, start + 8, 2), let days = days(year: year, month: month, day: day)
        else { return nil }
        guard end - start > 10 else { return days * 86_400_000_000_000 }
        let separator = bytes[start + 10]
        guard separator | 0x20 == UInt8(ascii: "t") || separator == UInt8(ascii: " ") else { return nil }
        var index = start + 11
        guard let (time, fraction) = timeOfDay(bytes, &index, end) else { return nil }
        guard let offset = zone(bytes, &index, end), index == end else { return nil }
        return (days * 86_400 + time - offset) * 1_000_000_000 + fraction
    }

    /// `hh:mm`, `hh:mm:ss` and a fraction: seconds of the day and nanoseconds.
    package static func timeOfDay(_ bytes: [UInt8], _ index: inout Int, _ end: Int) -> (Int64, Int64)? {
        guard end - index >= 5, bytes[index + 2] == UInt8(ascii: ":"), let hour = digits(bytes, index, 2),
            let minute = digits(bytes, index + 3, 2), hour < 24, minute < 60
        else { return nil }
        index += 5
        var second: Int64 = 0
        var nanoseconds: Int64 = 0
        if end - index >= 3, bytes[index] == UInt8(ascii: ":") {
            guard let found = digits(bytes, index + 1, 2), found < 61 else { return nil }
            second = found
            index += 3
            if index < end, bytes[index] == UInt8(ascii: ".") || bytes[index] == UInt8(ascii: ",") {
                index += 1
                nanoseconds = fraction(bytes, &index, end)
            }
        }
        return (hour * 3600 + minute * 60 + second, nanoseconds)
    }

    /// `Z`, `+01:00`, `+0100`, `+01` or nothing, in seconds east of UTC.
    package static func zone(_ bytes: [UInt8], _ index: inout Int, _ end: Int) -> Int64? {
        guard index < end else { return 0 }
        if bytes[index] | 0x20 == UInt8(ascii: "z") {
            index += 1
            return 0
        }
        let isWest = bytes[index] == UInt8(ascii: "-")
        guard isWest || bytes[index] == UInt8(ascii: "+"), end - index >= 3, let hours = digits(bytes, index + 1, 2)
        else { return nil }
        index += 3
        var minutes: Int64 = 0
        if index < end, bytes[index] == UInt8(ascii: ":") { index += 1 }
        if end - index >= 2, let found = digits(bytes, index, 2) {
            minutes = found
            index += 2
        }
        return (hours * 3600 + minutes * 60) * (isWest ? -1 : 1)
    }

    /// Days since 1970; nil where the calendar has no such day, or where its
    /// nanoseconds would not fit.
    package static func days(year: Int64, month: Int64, day: Int64) -> Int64? {
        guard year >= 1678, year < 2262, (1...12).contains(month), day >= 1 else { return nil }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let longest: Int64 = month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
        guard day <= longest else { return nil }
        return CivilDate(year: year, month: month, day: day).daysSince1970
    }

    package static func digits(_ bytes: [UInt8], _ start: Int, _ count: Int) -> Int64? {
        var value: Int64 = 0
        for index in start..<start + count {
            guard index < bytes.count, let digit = digit(bytes[index]) else { return nil }
            value = value * 10 + digit
        }
        return value
    }

    private static func digit(_ byte: UInt8) -> Int64? { byte &- 0x30 < 10 ? Int64(byte &- 0x30) : nil }
}
