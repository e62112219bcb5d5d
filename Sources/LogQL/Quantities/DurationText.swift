/// Durations as Go and Prometheus write them: `1h30m`, `1.5s`, `2d`.
enum DurationText {
    static let units: [(name: String, nanoseconds: Int64)] = [
        ("ns", 1), ("us", 1_000), ("µs", 1_000), ("μs", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000),
        ("m", 60_000_000_000), ("h", 3_600_000_000_000), ("d", 86_400_000_000_000), ("w", 604_800_000_000_000),
        ("y", 31_536_000_000_000_000),
    ]

    /// Nanoseconds; nil where the text is no duration or does not fit. Without `calendarUnits`, days, weeks and years
    /// are unknown, as in Go.
    static func parse(_ text: some Collection<UInt8>, calendarUnits: Bool = true) -> Int64? {
        var bytes = Array(text)[...]
        var negative = false
        if let first = bytes.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
            negative = first == UInt8(ascii: "-")
            bytes = bytes.dropFirst()
        }
        if bytes.elementsEqual([UInt8(ascii: "0")]) { return 0 }
        guard !bytes.isEmpty else { return nil }
        var total: Double = 0
        var exact: Int64 = 0
        while !bytes.isEmpty {
            let number = bytes.prefix { ($0 >= 48 && $0 <= 57) || $0 == UInt8(ascii: ".") }
            guard !number.isEmpty, let value = Double(String(decoding: number, as: UTF8.self)) else { return nil }
            bytes = bytes.dropFirst(number.count)
            let unit = bytes.prefix { !(($0 >= 48 && $0 <= 57) || $0 == UInt8(ascii: ".")) }
            bytes = bytes.dropFirst(unit.count)
            guard let scale = scale(of: unit, calendarUnits: calendarUnits) else { return nil }
            if let whole = Int64(String(decoding: number, as: UTF8.self)) {
                let (product, overflow) = whole.multipliedReportingOverflow(by: scale)
                let (sum, tooLarge) = exact.addingReportingOverflow(product)
                if overflow || tooLarge { return nil }
                exact = sum
            } else {
                total += value * Double(scale)
            }
        }
        guard total < 9.2e18, let rest = Int64(exactly: total.rounded()) else { return nil }
        let (sum, overflow) = exact.addingReportingOverflow(rest)
        if overflow { return nil }
        return negative ? -sum : sum
    }

    private static func scale(of unit: ArraySlice<UInt8>, calendarUnits: Bool) -> Int64? {
        for (name, nanoseconds) in units where unit.elementsEqual(name.utf8) {
            if !calendarUnits, nanoseconds >= 86_400_000_000_000 { return nil }
            return nanoseconds
        }
        return nil
    }

    /// The short form of a query: whole units, largest first (`1d12h`, `5m`), milliseconds and below at the end.
    static func format(_ nanoseconds: Int64) -> String {
        if nanoseconds == 0 { return "0s" }
        var rest = nanoseconds.magnitude
        var out = nanoseconds < 0 ? "-" : ""
        for name in ["w", "d", "h", "m", "s", "ms", "us", "ns"] {
            guard let scale = units.first(where: { $0.name == name })?.nanoseconds.magnitude else { continue }
            if name == "w", rest % scale != 0 { continue }
            let count = rest / scale
            if count > 0 {
                out += "\(count)\(name)"
                rest %= scale
            }
        }
        return out
    }

    /// Go's `Duration.String`: `1h30m0s`, `1.5s`, `2ms`.
    static func formatGo(_ nanoseconds: Int64) -> String {
        if nanoseconds == 0 { return "0s" }
        let magnitude = nanoseconds.magnitude
        let sign = nanoseconds < 0 ? "-" : ""
        if magnitude < 1_000_000_000 {
            for (unit, scale) in [("ms", UInt64(1_000_000)), ("µs", 1_000), ("ns", 1)] where magnitude >= scale {
                return sign + fraction(magnitude, scale) + unit
            }
        }
        let minutes = magnitude / 60_000_000_000
        let seconds = fraction(magnitude % 60_000_000_000, 1_000_000_000) + "s"
        if minutes == 0 { return sign + seconds }
        return sign + (minutes >= 60 ? "\(minutes / 60)h" : "") + "\(minutes % 60)m" + seconds
    }

    private static func fraction(_ value: UInt64, _ scale: UInt64) -> String {
        let rest = value % scale
        if rest == 0 { return "\(value / scale)" }
        var digits = String(rest)
        digits = String(repeating: "0", count: String(scale).utf8.count - 1 - digits.utf8.count) + digits
        while digits.hasSuffix("0") { digits.removeLast() }
        return "\(value / scale).\(digits)"
    }
}
