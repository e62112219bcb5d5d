/// Numbers as Prometheus' text formats spell them, from bytes.
package enum FloatParser {
    /// 10^0...10^22 are exact in a `Double`, so one multiplication or division rounds once, hence correctly (Clinger
    /// 1990).
    private static let powers: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20,
        1e21, 1e22,
    ]

    /// Decimal numbers with optional sign, fraction and exponent; `Inf`, `Infinity` and `NaN` in any case, with sign.
    /// Nil for everything else: empty text, hexadecimal, underscores, spaces.
    package static func parse(_ bytes: [UInt8], _ range: Range<Int>) -> Double? {
        var index = range.lowerBound
        let end = range.upperBound
        guard index < end else { return nil }
        let negative = bytes[index] == UInt8(ascii: "-")
        if negative || bytes[index] == UInt8(ascii: "+") { index += 1 }
        let unsigned = index
        var mantissa: UInt64 = 0
        var digits = 0
        var seenDigit = false
        var fraction = 0
        while index < end, let digit = decimalDigit(bytes[index]) {
            accumulate(digit, &mantissa, &digits)
            seenDigit = true
            index += 1
        }
        if index < end, bytes[index] == UInt8(ascii: ".") {
            index += 1
            while index < end, let digit = decimalDigit(bytes[index]) {
                accumulate(digit, &mantissa, &digits)
                seenDigit = true
                fraction += 1
                index += 1
            }
        }
        guard seenDigit else { return special(bytes, unsigned..<end, negative: negative) }
        var exponent = 0
        if index < end, bytes[index] | 0x20 == UInt8(ascii: "e") {
            guard let written = parseExponent(bytes, index + 1..<end) else { return nil }
            exponent = written
            index = end
        }
        guard index == end else { return nil }
        let scale = exponent - fraction
        if digits <= 19, mantissa <= 1 << 53, scale.magnitude <= 22 {
            let whole = Double(mantissa)
            let value = scale < 0 ? whole / powers[-scale] : whole * powers[scale]
            return negative ? -value : value
        }
        return Double(String(decoding: bytes[range], as: UTF8.self))
    }

    package static func parse(_ text: String) -> Double? {
        let bytes = Array(text.utf8)
        return parse(bytes, 0..<bytes.count)
    }

    private static func accumulate(_ digit: UInt8, _ mantissa: inout UInt64, _ digits: inout Int) {
        if mantissa != 0 || digit != 0 { digits += 1 }
        // Beyond 19 digits the slow path reads the text itself, so the wrapped value is not used.
        mantissa = mantissa &* 10 &+ UInt64(digit)
    }

    private static func decimalDigit(_ byte: UInt8) -> UInt8? {
        let digit = byte &- 0x30
        return digit < 10 ? digit : nil
    }

    private static func parseExponent(_ bytes: [UInt8], _ range: Range<Int>) -> Int? {
        var index = range.lowerBound
        guard index < range.upperBound else { return nil }
        let negative = bytes[index] == UInt8(ascii: "-")
        if negative || bytes[index] == UInt8(ascii: "+") { index += 1 }
        guard index < range.upperBound else { return nil }
        var value = 0
        while index < range.upperBound {
            guard let digit = decimalDigit(bytes[index]) else { return nil }
            value = min(value * 10 + Int(digit), 1_000_000)
            index += 1
        }
        return negative ? -value : value
    }

    private static func special(_ bytes: [UInt8], _ range: Range<Int>, negative: Bool) -> Double? {
        if matches(bytes, range, "inf") || matches(bytes, range, "infinity") {
            return negative ? -.infinity : .infinity
        }
        return matches(bytes, range, "nan") ? .nan : nil
    }

    private static func matches(_ bytes: [UInt8], _ range: Range<Int>, _ word: String) -> Bool {
        bytes[range].lazy.map { $0 | 0x20 }.elementsEqual(word.utf8)
    }
}
