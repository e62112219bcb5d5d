internal import Vectors

/// A value inside a Go template.
indirect enum TemplateValue: Sendable, Equatable {
    case none
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    case list([TemplateValue])
    /// Sorted by key, as Go prints and ranges over maps.
    case map([TemplateEntry])
    /// Nanoseconds since 1970, UTC.
    case time(Int64)
    /// The record that the template is executed on: `.name` is a label.
    case record

    struct TemplateEntry: Sendable, Equatable {
        var key: String
        var value: TemplateValue
    }

    /// Go's notion of truth: not the zero value, not empty.
    var isTrue: Bool {
        switch self {
        case .none: false
        case .bool(let flag): flag
        case .int(let number): number != 0
        case .double(let number): number != 0
        case .string(let text): !text.isEmpty
        case .list(let elements): !elements.isEmpty
        case .map(let entries): !entries.isEmpty
        case .time, .record: true
        }
    }

    /// As Go's `%v` prints it.
    var text: String {
        switch self {
        case .none: "<no value>"
        case .bool(let flag): flag ? "true" : "false"
        case .int(let number): String(number)
        case .double(let number): formatGeneral(number)
        case .string(let text): text
        case .list(let elements): "[" + elements.map(\.text).joined(separator: " ") + "]"
        case .map(let entries): "map[" + entries.map { "\($0.key):\($0.value.text)" }.joined(separator: " ") + "]"
        case .time(let nanoseconds): GoTime.format(nanoseconds, layout: "2006-01-02 15:04:05.999999999 -0700 MST")
        case .record: "map[]"
        }
    }

    /// As sprig converts: what is no number is 0.
    var integer: Int64 {
        switch self {
        case .int(let number): number
        case .double(let number): number.isFinite && number.magnitude < 9.2e18 ? Int64(number) : 0
        case .string(let text): Int64(text) ?? Double(text).map { TemplateValue.double($0).integer } ?? 0
        case .bool(let flag): flag ? 1 : 0
        default: 0
        }
    }

    var number: Double {
        switch self {
        case .int(let number): Double(number)
        case .double(let number): number
        case .string(let text): Double(text) ?? 0
        case .bool(let flag): flag ? 1 : 0
        default: 0
        }
    }

    func member(_ name: String) -> TemplateValue {
        if case .map(let entries) = self { return entries.first { $0.key == name }?.value ?? .none }
        return .none
    }
}
