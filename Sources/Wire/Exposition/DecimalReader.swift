/// Decimal numbers at the speed of the exposition: most samples are one.
///
/// Up to 19 digits are collected in an integer and scaled by a power of ten: exactly where both are small (Clinger
/// 1990), else by a 128-bit product whose upper half decides the rounding (Eisel and Lemire, "Number parsing at a
/// gigabyte per second", 2021). What neither covers is left to ``FloatParser``.
enum DecimalReader {
    private static let lowest = -27
    private static let highest = 55

    /// Truncated 128-bit significands of 10^q, high and low half, from q = -27 on. Up to 55 they are exact above 0 and
    /// one unit too large below it, which the rounding of the paper allows for.
    private static let significands: [UInt64] = {
        var out: [UInt64] = []
        for power in lowest...highest {
            let significand = power < 0 ? reciprocal(fivesTo: -power) : shifted(fivesTo: power)
            out.append(UInt64(truncatingIfNeeded: significand >> 64))
            out.append(UInt64(truncatingIfNeeded: significand))
        }
        return out
    }()

    private static let exactPowers: [Double] = (0...22).map { power in
        (0..<power).reduce(1.0) { product, _ in product * 10 }
    }

    private static func shifted(fivesTo power: Int) -> UInt128 {
        let value = (0..<power).reduce(UInt128(1)) { product, _ in product &* 5 }
        return value << UInt128(value.leadingZeroBitCount)
    }

    /// ⌊2^(z+127) / 5^power⌋ + 1 where 2^z is the first power of two not below 5^power; by long division, bit for bit.
    private static func reciprocal(fivesTo power: Int) -> UInt128 {
        let divisor = (0..<power).reduce(UInt128(1)) { product, _ in product &* 5 }
        let width = 128 - (divisor &- 1).leadingZeroBitCount
        var remainder: UInt128 = 1
        var quotient: UInt128 = 0
        for _ in 0..<(width + 127) {
            remainder <<= 1
            quotient <<= 1
            if remainder >= divisor {
                remainder &-= divisor
                quotient |= 1
            }
        }
        return quotient &+ 1
    }

    /// Reads a number that begins at `start` and ends before `limit` or at the first byte that is no part of it.
    /// Answers where it ended, or -1 where it is not of the common form and ``FloatParser`` has to look.
    @unsafe @inline(__always)
    static func read(_ bytes: UnsafePointer<UInt8>, from start: Int, to limit: Int, into value: inout Double) -> Int {
        var index = start
        let negative = unsafe index < limit && bytes[index] == 0x2d
        if negative { index &+= 1 }
        let first = index
        var mantissa: UInt64 = 0
        while index < limit {
            let digit = unsafe bytes[index] &- 0x30
            if digit > 9 { break }
            mantissa = mantissa &* 10 &+ UInt64(digit)
            index &+= 1
        }
        var digits = index &- first
        var scale = 0
        if unsafe index < limit && bytes[index] == 0x2e {
            index &+= 1
            let point = index
            while index < limit {
                let digit = unsafe bytes[index] &- 0x30
                if digit > 9 { break }
                mantissa = mantissa &* 10 &+ UInt64(digit)
                index &+= 1
            }
            scale = point &- index
            digits = digits &+ index &- point
        }
        if digits == 0 { return -1 }
        if digits > 19 {
            // Leading zeros are no digits of the significand: 0.000123… has them behind the point too.
            var zero = first
            while unsafe zero < index && (bytes[zero] == 0x30 || bytes[zero] == 0x2e) {
                if unsafe bytes[zero] == 0x30 { digits &-= 1 }
                zero &+= 1
            }
            if digits > 19 { return -1 }
        }
        if unsafe index < limit && bytes[index] | 0x20 == 0x65 {
            guard let exponent = unsafe exponent(bytes, &index, limit) else { return -1 }
            scale &+= exponent
        }
        guard let magnitude = scaled(mantissa, scale) else { return -1 }
        value = negative ? -magnitude : magnitude
        return index
    }

    @unsafe
    private static func exponent(_ bytes: UnsafePointer<UInt8>, _ index: inout Int, _ limit: Int) -> Int? {
        index &+= 1
        let negative = unsafe index < limit && bytes[index] == 0x2d
        if negative { index &+= 1 } else if unsafe index < limit && bytes[index] == 0x2b { index &+= 1 }
        let first = index
        var exponent = 0
        while index < limit {
            let digit = unsafe bytes[index] &- 0x30
            if digit > 9 { break }
            exponent = exponent &* 10 &+ Int(digit)
            index &+= 1
            if index &- first > 4 { return nil }
        }
        if index == first { return nil }
        return negative ? -exponent : exponent
    }

    @inline(__always)
    private static func scaled(_ mantissa: UInt64, _ scale: Int) -> Double? {
        if mantissa <= 1 << 53, scale >= -22, scale <= 22 {
            let whole = Double(mantissa)
            if scale == 0 { return whole }
            return scale < 0 ? whole / exactPowers[-scale] : whole * exactPowers[scale]
        }
        if mantissa == 0 { return 0 }
        guard scale >= lowest, scale <= highest else { return nil }
        return rounded(mantissa, scale)
    }

    private static func rounded(_ mantissa: UInt64, _ scale: Int) -> Double? {
        let zeros = mantissa.leadingZeroBitCount
        let wide = mantissa << UInt64(zeros)
        let place = (scale - lowest) * 2
        var (high, low) = wide.multipliedFullWidth(by: significands[place])
        if high & 0x1ff == 0x1ff {
            let second = wide.multipliedFullWidth(by: significands[place + 1])
            let (sum, overflow) = low.addingReportingOverflow(second.high)
            low = sum
            if overflow { high &+= 1 }
        }
        let upper = Int(high >> 63)
        var bits = high >> UInt64(upper + 9)
        var exponent = ((217_706 * scale) >> 16) + 63 + upper - zeros + 1023
        // Subnormal and overflowing results are for the slow way.
        guard exponent > 0, exponent < 2046 else { return nil }
        if low <= 1, scale >= -4, scale <= 23, bits & 3 == 1, bits << UInt64(upper + 9) == high { bits &= ~1 }
        bits += bits & 1
        bits >>= 1
        if bits >= 2 << 52 {
            bits = 1 << 52
            exponent += 1
        }
        return Double(bitPattern: UInt64(exponent) << 52 | (bits & ~(1 << 52)))
    }
}
