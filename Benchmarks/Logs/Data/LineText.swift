/// The bytes of a line while it is written.
struct LineText {
    var bytes: [UInt8] = []

    mutating func add(_ text: String) { bytes.append(contentsOf: text.utf8) }

    mutating func add(_ number: Int) {
        if number < 0 { bytes.append(0x2d) }
        add(padded: Int(number.magnitude), width: 1)
    }

    mutating func add(padded number: Int, width: Int) {
        var digits: (UInt64, Int) = (UInt64(number), 0)
        var reversed: [20 of UInt8] = .init(repeating: 0x30)
        repeat {
            reversed[digits.1] = 0x30 + UInt8(digits.0 % 10)
            digits = (digits.0 / 10, digits.1 + 1)
        } while digits.0 > 0
        for at in stride(from: max(digits.1, width) - 1, through: 0, by: -1) { bytes.append(reversed[at]) }
    }

    /// `width` lower-case digits.
    mutating func add(hexadecimal number: UInt64, width: Int = 16) {
        for shift in stride(from: (width - 1) * 4, through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: number >> UInt64(shift)) & 15
            bytes.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
        }
    }

    mutating func add(uuid high: UInt64, _ low: UInt64) {
        add(hexadecimal: high >> 32, width: 8)
        bytes.append(0x2d)
        add(hexadecimal: high >> 16, width: 4)
        bytes.append(0x2d)
        add(hexadecimal: high, width: 4)
        bytes.append(0x2d)
        add(hexadecimal: low >> 48, width: 4)
        bytes.append(0x2d)
        add(hexadecimal: low, width: 12)
    }

    /// `2026-03-01T12:34:56.123456789Z` with `digits` of the fraction.
    mutating func add(time: Int64, digits: Int) {
        let (year, month, day) = LineText.date(time / 86_400_000_000_000)
        let second = Int(time / 1_000_000_000 % 86400)
        add(padded: year, width: 4)
        bytes.append(0x2d)
        add(padded: month, width: 2)
        bytes.append(0x2d)
        add(padded: day, width: 2)
        bytes.append(0x54)
        addClock(second)
        bytes.append(0x2e)
        var fraction = Int(time % 1_000_000_000)
        for _ in digits..<9 { fraction /= 10 }
        add(padded: fraction, width: digits)
        bytes.append(0x5a)
    }

    mutating func addClock(_ second: Int) {
        add(padded: second / 3600, width: 2)
        bytes.append(0x3a)
        add(padded: second / 60 % 60, width: 2)
        bytes.append(0x3a)
        add(padded: second % 60, width: 2)
    }

    /// Hinnant's civil calendar from days since 1970.
    static func date(_ days: Int64) -> (year: Int, month: Int, day: Int) {
        let z = Int(days) + 719_468
        let era = z / 146_097
        let dayOfEra = z - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }
}
