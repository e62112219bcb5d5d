import GoTemplates

/// Numbers for people, with four significant digits, as Prometheus' templates write them.
enum Humanized {
    private static let small = ["m", "u", "n", "p", "f", "a", "z", "y"]

    static func decimal(_ value: Double) -> String {
        if value == 0 || !value.isFinite { return GoNumber.general(value, digits: 4) }
        if value.magnitude < 1 { return fraction(value) }
        return scaled(value, by: 1000, ["k", "M", "G", "T", "P", "E", "Z", "Y"])
    }

    static func binary(_ value: Double) -> String {
        if value.magnitude <= 1 || !value.isFinite { return GoNumber.general(value, digits: 4) }
        return scaled(value, by: 1024, ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"])
    }

    static func duration(_ seconds: Double) -> String {
        if !seconds.isFinite { return GoNumber.general(seconds, digits: 4) }
        if seconds == 0 { return "0s" }
        if seconds.magnitude < 1 { return fraction(seconds) + "s" }
        let sign = seconds < 0 ? "-" : ""
        // Int64 holds 292 billion years; what is longer is no duration any more.
        guard let whole = Int64(exactly: seconds.magnitude.rounded(.down)) else {
            return GoNumber.general(seconds, digits: 4) + "s"
        }
        let (days, hours, minutes) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60)
        if days > 0 { return "\(sign)\(days)d \(hours)h \(minutes)m \(whole % 60)s" }
        if hours > 0 { return "\(sign)\(hours)h \(minutes)m \(whole % 60)s" }
        if minutes > 0 { return "\(sign)\(minutes)m \(whole % 60)s" }
        return sign + GoNumber.general(seconds.magnitude, digits: 4) + "s"
    }

    private static func scaled(_ value: Double, by factor: Double, _ prefixes: [String]) -> String {
        var rest = value
        var prefix = ""
        for next in prefixes where rest.magnitude >= factor {
            prefix = next
            rest /= factor
        }
        return GoNumber.general(rest, digits: 4) + prefix
    }

    private static func fraction(_ value: Double) -> String {
        var rest = value
        var prefix = ""
        for next in small where rest.magnitude < 1 {
            prefix = next
            rest *= 1000
        }
        return GoNumber.general(rest, digits: 4) + prefix
    }
}
