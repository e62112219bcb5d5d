/// Prometheus' names for OTLP metrics (prometheus/otlptranslator).
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

    /// Empty where no usable name is left.
    package static func name(
        _ name: String, unit: String, kind: Kind, strategy: OTLPTranslation.Strategy = .underscoreEscapingWithSuffixes
    ) -> String {
        switch strategy {
        case .underscoreEscapingWithSuffixes: checked(escapedWithSuffixes(name, unit, kind), from: name)
        case .underscoreEscapingWithoutSuffixes: checked(escaped(name), from: name)
        case .noUTF8EscapingWithSuffixes: name.isEmpty ? "" : unescapedWithSuffixes(name, unit, kind)
        case .noTranslation: name
        }
    }

    /// The unit as it stands in names: `seconds`, `bytes_per_second`.
    package static func unit(_ unit: String, strategy: OTLPTranslation.Strategy) -> String {
        var (main, per) = parts(unit)
        if strategy.escapes { (main, per) = (cleaned(main), cleaned(per)) }
        var joined = main.isEmpty ? per : per.isEmpty ? main : "\(main)_\(per)"
        if joined.hasPrefix("_") { joined.removeFirst() }
        if joined.hasSuffix("_") { joined.removeLast() }
        return joined
    }

    /// A name of underscores alone is good only where the sender chose it.
    private static func checked(_ name: String, from original: String) -> String {
        name == original || name.utf8.contains { $0 != UInt8(ascii: "_") } ? name : ""
    }

    private static func escapedWithSuffixes(_ name: String, _ unit: String, _ kind: Kind) -> String {
        var tokens = split(name) { isNameByte($0) && $0 != UInt8(ascii: "_") }
        guard !tokens.isEmpty else { return "" }
        var (main, per) = parts(unit)
        (main, per) = (cleaned(main), cleaned(per))
        if tokens.contains(main) { main = "" }
        if per == "per_" { per = "" }
        if per.hasSuffix("_") { per.removeLast() }
        if tokens.contains(per) { per = "" }
        if !per.isEmpty, main.hasSuffix("_") { main.removeLast() }
        if !main.isEmpty { tokens.append(main) }
        if !per.isEmpty { tokens.append(per) }
        if kind == .monotonicSum {
            tokens.removeAll { $0 == "total" }
            tokens.append("total")
        } else if kind == .gauge, unit == "1" {
            tokens.removeAll { $0 == "ratio" }
            tokens.append("ratio")
        }
        return withoutLeadingDigit(tokens.joined(separator: "_"))
    }

    private static func escaped(_ name: String) -> String {
        withoutLeadingDigit(split(name, where: isNameByte).joined(separator: "_"))
    }

    /// Suffixes that are there already move to the end.
    private static func unescapedWithSuffixes(_ original: String, _ unit: String, _ kind: Kind) -> String {
        var name = original
        let isRatio = unit == "1" && kind == .gauge
        if isRatio { name = trimmed(name, "ratio") }
        if kind == .monotonicSum { name = trimmed(name, "total") }
        let (main, per) = parts(unit)
        if !per.isEmpty { name = trimmed(name, per) }
        if !main.isEmpty, !name.hasSuffix(main) { name += "_\(main)" }
        if !per.isEmpty { name += "_\(per)" }
        if kind == .monotonicSum { name += "_total" }
        return isRatio ? name + "_ratio" : name
    }

    /// Without the suffix and the delimiter before it, whatever that is.
    private static func trimmed(_ name: String, _ suffix: String) -> String {
        name.hasSuffix(suffix) && name.unicodeScalars.count > suffix.unicodeScalars.count + 1
            ? String(String.UnicodeScalarView(name.unicodeScalars.dropLast(suffix.unicodeScalars.count + 1))) : name
    }

    private static func withoutLeadingDigit(_ name: String) -> String {
        name.utf8.first.map { $0 >= 0x30 && $0 <= 0x39 } ?? false ? "_\(name)" : name
    }

    private static func isNameByte(_ byte: UInt8) -> Bool { byte == UInt8(ascii: ":") || LabelNames.isNameByte(byte) }

    private static func split(_ text: String, where isGood: (UInt8) -> Bool) -> [String] {
        text.unicodeScalars.split { !$0.isASCII || !isGood(UInt8(truncatingIfNeeded: $0.value)) }
            .map { String(String.UnicodeScalarView($0)) }
    }

    /// Unit and "per" unit. Text in braces is an annotation, not a unit; unknown units are kept.
    private static func parts(_ unit: String) -> (main: String, per: String) {
        let slash = unit.firstIndex(of: "/")
        func known(_ part: Substring, _ table: [String: String]) -> String {
            let trimmed = String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
            guard !trimmed.contains("{"), !trimmed.contains("}") else { return "" }
            return table[trimmed] ?? trimmed
        }
        let per = slash.map { known(unit[unit.index(after: $0)...], perUnits) } ?? ""
        return (known(unit[..<(slash ?? unit.endIndex)], units), per.isEmpty ? "" : "per_\(per)")
    }

    private static func cleaned(_ unit: String) -> String {
        var out = ""
        for scalar in unit.unicodeScalars {
            let byte = scalar.isASCII ? UInt8(truncatingIfNeeded: scalar.value) : 0
            if byte != UInt8(ascii: "_"), isNameByte(byte) {
                out.unicodeScalars.append(scalar)
            } else if !out.isEmpty, !out.hasSuffix("_") {
                out += "_"
            }
        }
        return out
    }
}
