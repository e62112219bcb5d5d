import Telemetry

/// A value inside a Go template.
package indirect enum TemplateValue: Sendable, Equatable {
    case none
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    case list([TemplateValue])
    /// Sorted by key, as Go prints and ranges over maps. A missing key is ``none``.
    case map([TemplateEntry])
    /// A map of strings to strings. A missing key is the empty string.
    case labels(LabelSet)
    /// A struct: an unknown field is an error.
    case object([TemplateEntry])
    /// Nanoseconds since 1970, UTC.
    case time(Int64)
    /// Nanoseconds.
    case duration(Int64)
    /// The record that the template is executed on; its members come from the ``TemplateContext``, byte by byte.
    case record

    package struct TemplateEntry: Sendable, Equatable {
        package var key: String
        package var value: TemplateValue
        package init(key: String, value: TemplateValue) {
            self.key = key
            self.value = value
        }
    }

    /// Go's notion of truth: not the zero value, not empty.
    package var isTrue: Bool {
        switch self {
        case .none: false
        case .bool(let flag): flag
        case .int(let number), .duration(let number): number != 0
        case .double(let number): number != 0
        case .string(let text): !text.isEmpty
        case .list(let elements): !elements.isEmpty
        case .map(let entries): !entries.isEmpty
        case .labels(let labels): !labels.isEmpty
        case .object, .time, .record: true
        }
    }

    /// As Go's `%v` prints it.
    package var text: String {
        switch self {
        case .none: "<no value>"
        case .bool(let flag): flag ? "true" : "false"
        case .int(let number): String(number)
        case .double(let number): GoNumber.general(number)
        case .string(let text): text
        case .list(let elements): "[" + elements.map(\.text).joined(separator: " ") + "]"
        case .map(let entries): "map[" + entries.map { "\($0.key):\($0.value.text)" }.joined(separator: " ") + "]"
        case .labels(let labels): "map[" + labels.labels.map { "\($0.name):\($0.value)" }.joined(separator: " ") + "]"
        case .object(let entries): "{" + entries.map(\.value.text).joined(separator: " ") + "}"
        case .time(let nanoseconds): GoTime.format(nanoseconds, layout: "2006-01-02 15:04:05.999999999 -0700 MST")
        case .duration(let nanoseconds): GoDuration.format(nanoseconds)
        case .record: "map[]"
        }
    }

    /// As sprig converts: what is no number is 0.
    package var integer: Int64 {
        switch self {
        case .int(let number), .duration(let number): number
        case .double(let number): number.isFinite && number.magnitude < 9.2e18 ? Int64(number) : 0
        case .string(let text): Int64(text) ?? Double(text).map { TemplateValue.double($0).integer } ?? 0
        case .bool(let flag): flag ? 1 : 0
        default: 0
        }
    }

    package var number: Double {
        switch self {
        case .int(let number), .duration(let number): Double(number)
        case .double(let number): number
        case .string(let text): Double(text) ?? 0
        case .bool(let flag): flag ? 1 : 0
        default: 0
        }
    }

    package func member(_ name: String) throws(TemplateError) -> TemplateValue {
        switch self {
        case .map(let entries): return entries.first { $0.key == name }?.value ?? .none
        case .labels(let labels): return .string(labels[name] ?? "")
        case .object(let entries):
            if let found = entries.first(where: { $0.key == name }) { return found.value }
        case .none, .record: return .none
        default: break
        }
        throw TemplateError("can't evaluate field \(name) in type \(GoFormat.kind(of: self))")
    }
}
