/// A typed value: a literal of a query, or what a field of a span holds.
package indirect enum Static: Hashable, Sendable {
    case `nil`
    case int(Int64)
    case float(Double)
    case string(String)
    case bool(Bool)
    /// Nanoseconds.
    case duration(Int64)
    case status(TraceSpan.Status)
    case kind(TraceSpan.Kind)
    case array([Static])
    /// A value that exists but has no operators: bytes and maps.
    case opaque(String)

    package var isNil: Bool { self == .nil }

    var isNumeric: Bool {
        switch self {
        case .int, .float, .duration: true
        default: false
        }
    }

    /// As a number of its own unit; nil where it is none.
    var asDouble: Double? {
        switch self {
        case .int(let number), .duration(let number): Double(number)
        case .float(let number): number
        default: nil
        }
    }

    /// As metrics have it: durations in seconds.
    var asMetricValue: Double? {
        if case .duration(let nanoseconds) = self { return Double(nanoseconds) / 1e9 }
        return asDouble
    }

    /// Tempo's name of the type in its API.
    package var typeName: String {
        switch self {
        case .nil: "nil"
        case .int: "int"
        case .float: "float"
        case .string, .array, .opaque: "string"
        case .bool: "bool"
        case .duration: "duration"
        case .status, .kind: "keyword"
        }
    }

    /// The value alone, without quotes.
    package var text: String {
        switch self {
        case .string(let text), .opaque(let text): text
        case .array(let elements): "[" + elements.map(\.text).joined(separator: ",") + "]"
        default: description
        }
    }
}

extension Static: CustomStringConvertible {
    /// As one writes it in a query.
    package var description: String {
        switch self {
        case .nil: "nil"
        case .int(let number): number == .min ? "minInt" : number == .max ? "maxInt" : String(number)
        case .float(let number): String(number)
        case .string(let text), .opaque(let text): quoted(text)
        case .bool(let flag): String(flag)
        case .duration(let nanoseconds): durationText(nanoseconds)
        case .status(let status): statusName(status)
        case .kind(let kind): kindName(kind)
        case .array(let elements): "[" + elements.map(\.description).joined(separator: ", ") + "]"
        }
    }
}

package func statusName(_ status: TraceSpan.Status) -> String {
    switch status {
    case .unset: "unset"
    case .ok: "ok"
    case .error: "error"
    }
}

package func kindName(_ kind: TraceSpan.Kind) -> String {
    switch kind {
    case .unspecified: "unspecified"
    case .internal: "internal"
    case .server: "server"
    case .client: "client"
    case .producer: "producer"
    case .consumer: "consumer"
    }
}

/// Go's form: `1h2m3.5s`, `100ms`, `2µs`, `7ns`, `0s`.
package func durationText(_ nanoseconds: Int64) -> String {
    if nanoseconds == 0 { return "0s" }
    let sign = nanoseconds < 0 ? "-" : ""
    let all = nanoseconds.magnitude
    func fraction(_ value: UInt64, _ unit: UInt64) -> String {
        let rest = value % unit
        if rest == 0 { return String(value / unit) }
        let width = String(unit).utf8.count - 1
        var digits = String(rest)
        digits = String(repeating: "0", count: width - digits.utf8.count) + digits
        while digits.hasSuffix("0") { digits.removeLast() }
        return "\(value / unit).\(digits)"
    }
    if all < 1_000 { return "\(sign)\(all)ns" }
    if all < 1_000_000 { return "\(sign)\(fraction(all, 1_000))µs" }
    if all < 1_000_000_000 { return "\(sign)\(fraction(all, 1_000_000))ms" }
    let hours = all / 3_600_000_000_000
    let minutes = all / 60_000_000_000 % 60
    let seconds = fraction(all % 60_000_000_000, 1_000_000_000)
    if hours > 0 { return "\(sign)\(hours)h\(minutes)m\(seconds)s" }
    return minutes > 0 ? "\(sign)\(minutes)m\(seconds)s" : "\(sign)\(seconds)s"
}

func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": out += "\\\""
        case "\\": out += "\\\\"
        case "\n": out += "\\n"
        case "\t": out += "\\t"
        case "\r": out += "\\r"
        default: out.unicodeScalars.append(scalar)
        }
    }
    return out + "\""
}
