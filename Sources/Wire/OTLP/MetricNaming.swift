/// Prometheus' names for OTLP metrics: strategy `UnderscoreEscapingWithSuffixes`, the default.
package enum MetricNaming {
    package enum Kind: Sendable { case gauge, monotonicSum, other }

    private static let units: [String: String] = [
        "d": "days", "h": "hours", "min": "minutes", "s": "seconds", "ms": "milliseconds", "us": "microseconds",
        "ns": "nanoseconds", "By": "bytes", "KiBy": "kibibytes", "MiBy": "mebibytes", "GiBy": "gibibytes",
        "TiBy": "tibibytes", "KBy": "kilobytes", "MBy": "megabytes", "GBy": "gigabytes", "TBy": "terabytes",
        "m": "meters", "V": "volts", "A": "amperes", "J": "joules", "W": "watts", "g": "grams", "Cel": "celsius",
        "Hz": "hertz", "1": "", "%": "percent",
    ]
    private static let perUnits: [String: String] = [
        "s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year",
    ]

    /// Empty where the name holds no character that may stand in a metric's name.
    package static func name(_ name: String, unit: String, kind: Kind) -> String {
        var tokens = tokens(name)
        guard !tokens.isEmpty else { return "" }
        let slash = unit.firstIndex(of: "/")
        let main = suffix(unit[..<(slash ?? unit.endIndex)], units)
        let per = slash.map { suffix(unit[unit.index(after: $0)...], perUnits) } ?? ""
        if !main.isEmpty, !tokens.contains(main) { tokens.append(main) }
        if !per.isEmpty, !tokens.contains("per_\(per)") { tokens.append("per_\(per)") }
        if kind == .monotonicSum {
            tokens.removeAll { $0 == "total" }
            tokens.append("total")
        } else if kind == .gauge, unit == "1" {
            tokens.removeAll { $0 == "ratio" }
            tokens.append("ratio")
        }
        let joined = tokens.joined(separator: "_")
        let startsWithDigit = joined.utf8.first.map { $0 >= 0x30 && $0 <= 0x39 } ?? false
        return startsWithDigit ? "_\(joined)" : joined
    }

    private static func tokens(_ text: String) -> [String] {
        text.unicodeScalars.split { !isNameScalar($0) }.map { String(String.UnicodeScalarView($0)) }
    }

    private static func isNameScalar(_ scalar: Unicode.Scalar) -> Bool {
        guard scalar.isASCII else { return false }
        let byte = UInt8(truncatingIfNeeded: scalar.value)
        return byte == UInt8(ascii: ":") || byte != UInt8(ascii: "_") && LabelNames.isNameByte(byte)
    }

    /// Text in braces is an annotation, not a unit; unknown units are kept.
    private static func suffix(_ unit: Substring, _ table: [String: String]) -> String {
        let trimmed = String(unit.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        guard !trimmed.isEmpty, !trimmed.contains("{"), !trimmed.contains("}") else { return "" }
        return tokens(table[trimmed] ?? trimmed).joined(separator: "_")
    }
}
