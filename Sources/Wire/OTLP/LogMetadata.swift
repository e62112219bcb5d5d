import Telemetry

/// Structured metadata of logs: flat, scalar fields.
enum LogMetadata {
    private static let longestLevelName = LogLevel.fieldNames.map(\.utf8.count).max() ?? 0

    static func mayNameLevel(_ length: Int) -> Bool { length <= longestLevelName }

    static func level(_ fields: [Attribute]) -> LogLevel? {
        for field in fields where LogLevel.fieldNames.contains(field.key) {
            if case .string(let word) = field.value, let level = LogLevel(word: word) { return level }
        }
        return nil
    }

    /// Maps become one field for each leaf, names joined with `_`; arrays and bytes become their text, as Loki
    /// stores them.
    static func flatten(_ name: String, _ value: AttributeValue, _ body: (String, AttributeValue) -> Void) {
        guard !name.isEmpty else { return }
        switch value {
        case .empty: break
        case .string, .int, .double, .bool: body(name, value)
        case .bytes, .array: body(name, .string(value.text))
        case .map(let attributes):
            for attribute in attributes { flatten("\(name)_\(attribute.key)", attribute.value, body) }
        }
    }
}
