/// Decimal digits of a binary fraction, for printing numbers as Go's `strconv` does.
///
/// The value is `0.d₁d₂d₃… × 10^point`; no zeros at either end, no digits at all for zero.
struct GoDecimal {
    private var digits: [UInt8]
    private var point: Int

    /// The shortest digits that read back as the same number. `magnitude` is finite and not negative.
    init(shortest magnitude: Double) {
        digits = []
        point = 0
        var power = 0
        var pointSeen = false
        var text = Substring(magnitude.description)
        if let mark = text.firstIndex(where: { $0 == "e" || $0 == "E" }) {
            power = Int(text[text.index(after: mark)...].drop { $0 == "+" }) ?? 0
            text = text[..<mark]
        }
        for byte in text.utf8 {
            if byte == UInt8(ascii: ".") {
                pointSeen = true
                continue
            }
            if !pointSeen { point += 1 }
            digits.append(byte - 48)
        }
        point += power
        trim()
    }

    /// All digits of the binary value. `magnitude` is finite and not negative.
    init(exact magnitude: Double) {
        var mantissa = magnitude.significandBitPattern
        var exponent = Int(magnitude.exponentBitPattern) - 1075
        if magnitude.exponentBitPattern == 0 { exponent += 1 } else { mantissa |= 1 << 52 }
        let zeros = mantissa == 0 ? 0 : mantissa.trailingZeroBitCount
        mantissa >>= UInt64(zeros)
        exponent += zeros
        digits = String(mantissa).utf8.map { $0 - 48 }
        point = 0
        // m / 2^k is m × 5^k / 10^k.
        let factor: UInt8 = exponent < 0 ? 5 : 2
        for _ in 0..<(mantissa == 0 ? 0 : abs(exponent)) { multiply(by: factor) }
        point = digits.count + min(exponent, 0)
        trim()
    }

    private mutating func multiply(by factor: UInt8) {
        var carry: UInt8 = 0
        for i in digits.indices.reversed() {
            let next = digits[i] * factor + carry
            digits[i] = next % 10
            carry = next / 10
        }
        if carry > 0 { digits.insert(carry, at: 0) }
    }

    private mutating func trim() {
        let zeros = digits.prefix { $0 == 0 }.count
        digits.removeFirst(zeros)
        point -= zeros
        while digits.last == 0 { digits.removeLast() }
        if digits.isEmpty { point = 0 }
    }

    /// Keeps `count` digits, half to even: digits are exact, so a half is one.
    mutating func round(to count: Int) {
        guard count < digits.count else { return }
        guard count >= 0 else {
            digits = []
            return trim()
        }
        let rest = digits[count...]
        let isHalf = rest.first == 5 && rest.count == 1
        let last = count > 0 ? digits[count - 1] : 0
        let up = isHalf ? last % 2 == 1 : (rest.first ?? 0) >= 5
        digits.removeLast(digits.count - count)
        if up {
            var i = count - 1
            while i >= 0, digits[i] == 9 {
                digits[i] = 0
                i -= 1
            }
            if i >= 0 {
                digits[i] += 1
            } else {
                digits.insert(1, at: 0)
                point += 1
            }
        }
        trim()
    }

    mutating func round(toFraction count: Int) { round(to: point + count) }

    private func digit(_ i: Int) -> UInt8 { i >= 0 && i < digits.count ? digits[i] + 48 : 48 }

    /// `12.50` with so many digits after the point, cut where there are more.
    func plain(fraction count: Int) -> String {
        var out: [UInt8] = point <= 0 ? [48] : (0..<point).map(digit)
        if count > 0 {
            out.append(UInt8(ascii: "."))
            out += (0..<count).map { digit(point + $0) }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// `1.25e+01` with so many digits after the point.
    func scientific(fraction count: Int) -> String {
        var out = [digit(0)]
        if count > 0 {
            out.append(UInt8(ascii: "."))
            out += (1...count).map(digit)
        }
        let power = digits.isEmpty ? 0 : point - 1
        let text = String(power.magnitude)
        return String(decoding: out, as: UTF8.self) + (power < 0 ? "e-" : "e+") + (power.magnitude < 10 ? "0" : "")
            + text
    }

    /// Whichever of both is shorter to read: an exponent below -4 or from `threshold` on.
    func general(threshold: Int) -> String {
        if digits.isEmpty { return "0" }
        let power = point - 1
        if power < -4 || power >= threshold { return scientific(fraction: digits.count - 1) }
        return plain(fraction: max(0, digits.count - point))
    }

    var count: Int { digits.count }
}
