/// Spellings of a floating-point number that peers produce, all shortest and exact.
package enum FloatText {
    package enum Style: Sendable {
        /// No exponent, ever.
        case plain
        /// Go's `%g`: an exponent below 1e-4 and from 1e6 on where shortest. Text exposition.
        case general
        /// As ``general`` with `.0` where it would look like an integer: `le` and `quantile` labels.
        case label
        /// JavaScript's: an exponent below 1e-6 and from 1e21 on.
        case json
        /// As ``json`` with two digits in the exponent: values of samples in Prometheus' query API.
        case sample
    }

    package static func string(_ value: Double, _ style: Style) -> String {
        var out: [UInt8] = []
        append(value, style, to: &out)
        return String(decoding: out, as: UTF8.self)
    }

    /// NaN and infinities are `NaN`, `+Inf` and `-Inf` in every style.
    package static func append(_ value: Double, _ style: Style, to out: inout [UInt8]) {
        if value.isNaN { return out.append(contentsOf: "NaN".utf8) }
        if value.isInfinite { return out.append(contentsOf: (value < 0 ? "-Inf" : "+Inf").utf8) }
        if value.sign == .minus { out.append(UInt8(ascii: "-")) }
        if style == .sample, appendQuickly(value.magnitude, to: &out) { return }
        let (digits, point) = decimal(value.magnitude)
        let exponent = point - 1
        let scientific =
            switch style {
            case .plain: false
            case .general, .label: exponent < -4 || exponent >= 6
            case .json, .sample: value != 0 && (exponent < -6 || exponent >= 21)
            }
        let start = out.count
        if scientific {
            appendScientific(digits, exponent, twoDigits: style != .json, to: &out)
        } else {
            appendFixed(digits, point, to: &out)
        }
        if style == .label, !out[start...].contains(where: { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "e") }) {
            out.append(contentsOf: ".0".utf8)
        }
    }

    /// Most samples are integers, or are spelled without an exponent by the standard library too; a query's answer may be
    /// a million of them.
    private static func appendQuickly(_ value: Double, to out: inout [UInt8]) -> Bool {
        if value < 9_007_199_254_740_992, value == value.rounded(.towardZero) {
            var rest = UInt64(value)
            let start = out.count
            repeat {
                out.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
                rest /= 10
            } while rest > 0
            out[start...].reverse()
            return true
        }
        guard value >= 1e-4, value < 9_007_199_254_740_992 else { return false }
        out.append(contentsOf: value.description.utf8)
        return true
    }

    /// The shortest digits that read back as `value`, and where the point is: 0.d1d2… × 10^point.
    /// Taken from the standard library's description, which is the shortest and closest spelling (SwiftDtoa).
    private static func decimal(_ value: Double) -> (digits: [UInt8], point: Int) {
        if value == 0 { return ([UInt8(ascii: "0")], 1) }
        var digits: [UInt8] = []
        var point: Int?
        var exponent = 0
        var iterator = value.description.utf8.makeIterator()
        while let byte = iterator.next() {
            switch byte {
            case UInt8(ascii: "."): point = digits.count
            case UInt8(ascii: "e"):
                var negative = false
                while let next = iterator.next() {
                    if next == UInt8(ascii: "-") {
                        negative = true
                    } else if next != UInt8(ascii: "+") {
                        exponent = exponent * 10 + Int(next - 0x30)
                    }
                }
                if negative { exponent = -exponent }
            default: digits.append(byte)
            }
        }
        var place = (point ?? digits.count) + exponent
        while digits.count > 1, digits.last == UInt8(ascii: "0") { digits.removeLast() }
        while digits.count > 1, digits.first == UInt8(ascii: "0") {
            digits.removeFirst()
            place -= 1
        }
        return (digits, place)
    }

    private static func appendFixed(_ digits: [UInt8], _ point: Int, to out: inout [UInt8]) {
        let zero = UInt8(ascii: "0")
        if point <= 0 {
            out.append(contentsOf: "0.".utf8)
            out.append(contentsOf: repeatElement(zero, count: -point))
            out.append(contentsOf: digits)
        } else if point >= digits.count {
            out.append(contentsOf: digits)
            out.append(contentsOf: repeatElement(zero, count: point - digits.count))
        } else {
            out.append(contentsOf: digits[..<point])
            out.append(UInt8(ascii: "."))
            out.append(contentsOf: digits[point...])
        }
    }

    private static func appendScientific(_ digits: [UInt8], _ exponent: Int, twoDigits: Bool, to out: inout [UInt8]) {
        out.append(digits[0])
        if digits.count > 1 {
            out.append(UInt8(ascii: "."))
            out.append(contentsOf: digits[1...])
        }
        out.append(contentsOf: (exponent < 0 ? "e-" : "e+").utf8)
        if twoDigits, abs(exponent) < 10 { out.append(UInt8(ascii: "0")) }
        out.append(contentsOf: String(abs(exponent)).utf8)
    }
}
