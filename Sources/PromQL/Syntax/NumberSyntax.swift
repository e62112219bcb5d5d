internal import Vectors

/// Number and duration literals.
package enum NumberSyntax {
    enum DurationProblem: Error { case syntax, overflow }

    /// Decimal, exponent, hex, octal with a leading zero, `_` between digits; nil for anything else.
    package static func number(_ text: String) -> Double? {
        var clean = text.utf8.filter { $0 != UInt8(ascii: "_") }
        guard let first = text.utf8.first, first != UInt8(ascii: "_"), text.utf8.last != UInt8(ascii: "_"),
            !text.contains("__")
        else { return nil }
        if clean.count > 2, clean[0] == UInt8(ascii: "0"), clean[1] | 0x20 == UInt8(ascii: "x") {
            return Int64(String(decoding: clean.dropFirst(2), as: UTF8.self), radix: 16).map(Double.init)
        }
        if clean.count > 1, clean[0] == UInt8(ascii: "0"), clean.allSatisfy(isDigit) {
            let digits = String(decoding: clean, as: UTF8.self)
            return Int64(digits, radix: 8).map(Double.init) ?? Double(digits)
        }
        guard
            clean.allSatisfy({
                isDigit($0) || $0 == UInt8(ascii: ".") || $0 | 0x20 == UInt8(ascii: "e") || $0 == UInt8(ascii: "+")
                    || $0 == UInt8(ascii: "-")
            })
        else { return nil }
        if clean.last == UInt8(ascii: ".") { clean.append(UInt8(ascii: "0")) }
        if let point = clean.firstIndex(of: UInt8(ascii: ".")), point + 1 < clean.count,
            clean[point + 1] | 0x20 == UInt8(ascii: "e")
        {
            clean.insert(UInt8(ascii: "0"), at: point + 1)
        }
        if clean.first == UInt8(ascii: ".") { clean.insert(UInt8(ascii: "0"), at: 0) }
        return Double(String(decoding: clean, as: UTF8.self))
    }

    private static let units: [(name: String, milliseconds: Int64)] = [
        ("ms", 1), ("y", 31_536_000_000), ("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000),
        ("s", 1000),
    ]
    private static let order = ["y", "w", "d", "h", "m", "s", "ms"]

    /// `1h30m`: units in falling order, each once, integers only. In seconds.
    static func duration(_ text: String) -> Result<Double, DurationProblem> {
        var rest = Substring(text)
        var position = -1
        var total: Int64 = 0
        guard !rest.isEmpty else { return .failure(.syntax) }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            let letters = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(letters.count)
            guard !digits.isEmpty, let at = order.firstIndex(of: String(letters)), at > position,
                let unit = units.first(where: { $0.name == letters })
            else { return .failure(.syntax) }
            position = at
            guard let amount = Int64(digits) else { return .failure(.overflow) }
            let (part, overflow) = amount.multipliedReportingOverflow(by: unit.milliseconds)
            let (sum, carry) = total.addingReportingOverflow(part)
            // Prometheus counts nanoseconds in 64 bits.
            guard !overflow, !carry, sum <= Int64.max / 1_000_000 else { return .failure(.overflow) }
            total = sum
        }
        return .success(Double(total) / 1000)
    }

    /// Why a text that begins with a digit is neither number nor duration, in Prometheus' words. Its lexer stops at the
    /// first character that does not fit and shows it; what it takes for a duration is judged when it is read.
    static func complaint(about text: String) -> String {
        let bytes = Array(text.utf8)
        var at = 0
        var points = 0
        while at < bytes.count, isDigit(bytes[at]) || bytes[at] == UInt8(ascii: "."), points < 2 {
            if bytes[at] == UInt8(ascii: ".") { points += 1 }
            at += 1
        }
        func shown(_ end: Int) -> String {
            let prefix = String(decoding: bytes[..<min(end, bytes.count)], as: UTF8.self)
            return "bad number or duration syntax: \(quoteGo(prefix))"
        }
        if points > 0 { return shown(points > 1 ? at : at + 1) }
        var unknown: String?
        var first = true
        while at < bytes.count {
            let unit = at
            guard (first ? "smhdwy" : "smhdw").utf8.contains(bytes[at]) else { return shown(first ? at + 1 : at) }
            at += 1
            if at < bytes.count, bytes[at] == UInt8(ascii: "s") { at += 1 }
            let name = String(decoding: bytes[unit..<at], as: UTF8.self)
            if unknown == nil, !units.contains(where: { $0.name == name }) { unknown = name }
            first = false
            let digits = at
            while at < bytes.count, isDigit(bytes[at]) { at += 1 }
            if at == bytes.count { break }
            if at == digits { return shown(at + 1) }
        }
        if let last = bytes.last, isDigit(last) { return shown(bytes.count) }
        if let unknown { return "unknown unit \(quoteGo(unknown)) in duration \(quoteGo(text))" }
        return "not a valid duration string: \(quoteGo(text))"
    }

    /// Milliseconds of a duration literal such as a `load` step; nil for anything else.
    package static func milliseconds(_ text: String) -> Int64? {
        if case .success(let seconds) = duration(text) { return Int64((seconds * 1000).rounded()) }
        guard let seconds = number(text), seconds.isFinite, seconds.magnitude < 9e12 else { return nil }
        return Int64((seconds * 1000).rounded())
    }

    /// `1h30m`, the shortest way to write a duration; of what is no whole millisecond the rest is cut.
    package static func durationText(milliseconds: Int64) -> String {
        if milliseconds == 0 { return "0s" }
        var rest = milliseconds.magnitude
        var out = milliseconds < 0 ? "-" : ""
        let whole: [(String, UInt64, Bool)] = [
            ("y", 31_536_000_000, true), ("w", 604_800_000, true), ("d", 86_400_000, false), ("h", 3_600_000, false),
            ("m", 60_000, false), ("s", 1000, false), ("ms", 1, false),
        ]
        for (name, size, exact) in whole {
            if exact, rest % size != 0 { continue }
            if rest / size > 0 {
                out += "\(rest / size)\(name)"
                rest %= size
            }
        }
        return out
    }

    /// Go's `%f`.
    static func fixed(_ value: Double) -> String {
        guard value.isFinite, value.magnitude < 1e38 else { return formatPlain(value) }
        let whole = value.magnitude.rounded(.towardZero)
        var millionths = Int(((value.magnitude - whole) * 1e6).rounded())
        var number = UInt128(whole)
        if millionths >= 1_000_000 {
            number += 1
            millionths = 0
        }
        let digits = String(millionths)
        return (value < 0 ? "-" : "") + "\(number)." + String(repeating: "0", count: 6 - digits.count) + digits
    }
}
