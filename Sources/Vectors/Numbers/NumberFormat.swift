/// A number as Prometheus' API writes it: the shortest decimal that reads back, with an exponent only below 1e-6 and
/// from 1e21 on (`1e+21`, `1e-07`); `NaN`, `+Inf`, `-Inf`.
package func formatValue(_ value: Double) -> String {
    let magnitude = value.magnitude
    return formatNumber(value, exponent: magnitude != 0 && (magnitude < 1e-6 || magnitude >= 1e21))
}

/// Appends what ``formatValue(_:)`` spells, in most cases without a text of its own.
package func appendValue(_ value: Double, to bytes: inout [UInt8]) {
    let magnitude = value.magnitude
    guard magnitude >= 1e-4, magnitude < 1e15 else {
        if value.bitPattern == 0 { return bytes.append(UInt8(ascii: "0")) }
        return bytes.append(contentsOf: formatValue(value).utf8)
    }
    if value.sign == .minus { bytes.append(UInt8(ascii: "-")) }
    let whole = UInt64(magnitude)
    guard Double(whole) == magnitude else {
        // In this range the standard library writes no exponent either.
        var text = magnitude.description
        text.withUTF8 { unsafe bytes.append(contentsOf: $0) }
        return
    }
    appendDecimal(whole, to: &bytes)
}

/// Appends the digits of a whole number.
package func appendDecimal(_ value: UInt64, to bytes: inout [UInt8]) {
    var digits = 1
    var rest = value / 10
    while rest > 0 {
        digits += 1
        rest /= 10
    }
    bytes.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: digits))
    var place = bytes.count
    rest = value
    while rest > 0 {
        place -= 1
        bytes[place] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
        rest /= 10
    }
}

/// The shortest decimal that reads back, never with an exponent: Go's `'f', -1`.
package func formatPlain(_ value: Double) -> String { formatNumber(value, exponent: false) }

/// Go's `%g`/`%v`: exponent below 1e-4 and from 1e6 on, where the shortest digits decide (strconv's `eprec` of 6).
package func formatGeneral(_ value: Double) -> String {
    let magnitude = value.magnitude
    return formatNumber(value, exponent: magnitude != 0 && (magnitude < 1e-4 || magnitude >= 1e6))
}

/// Always with an exponent, as alert values are given out: `1e+00`.
package func formatExponent(_ value: Double) -> String { formatNumber(value, exponent: true) }

private func formatNumber(_ value: Double, exponent: Bool) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    let sign = value.sign == .minus ? "-" : ""
    if value == 0 { return exponent ? sign + "0e+00" : sign + "0" }
    let (digits, point) = shortestDigits(value.magnitude)
    if exponent {
        let power = point - 1
        let fraction = digits.dropFirst()
        let head = String(decoding: digits.prefix(1), as: UTF8.self)
        let tail = fraction.isEmpty ? "" : "." + String(decoding: fraction, as: UTF8.self)
        let text = String(power.magnitude)
        return sign + head + tail + "e" + (power < 0 ? "-" : "+") + (text.count < 2 ? "0" + text : text)
    }
    if point <= 0 {
        return sign + "0." + String(repeating: "0", count: -point) + String(decoding: digits, as: UTF8.self)
    }
    if point >= digits.count {
        return sign + String(decoding: digits, as: UTF8.self) + String(repeating: "0", count: point - digits.count)
    }
    return sign + String(decoding: digits[..<point], as: UTF8.self) + "."
        + String(decoding: digits[point...], as: UTF8.self)
}

/// Significant digits without zeros at either end, and where the point stands among them. `value` is finite and
/// positive.
private func shortestDigits(_ value: Double) -> (digits: [UInt8], point: Int) {
    var digits: [UInt8] = []
    var point = 0
    var power = 0
    var pointSeen = false
    var text = Substring(value.description)
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
        digits.append(byte)
    }
    point += power
    let zeros = digits.prefix { $0 == UInt8(ascii: "0") }.count
    digits.removeFirst(zeros)
    point -= zeros
    while digits.count > 1, digits.last == UInt8(ascii: "0") { digits.removeLast() }
    return (digits, point)
}
