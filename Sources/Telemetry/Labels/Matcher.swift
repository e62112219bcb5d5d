/// One condition of a selector, as written. `Storage.CompiledMatcher` is its runnable form.
package struct Matcher: Hashable, Sendable, CustomStringConvertible {
    package enum Operation: String, Hashable, Sendable {
        case equal = "="
        case notEqual = "!="
        case regex = "=~"
        case notRegex = "!~"
    }

    package var name: String
    package var operation: Operation
    /// A literal, or an RE2 expression that must match the whole value.
    package var value: String

    package init(_ name: String, _ operation: Operation, _ value: String) {
        self.name = name
        self.operation = operation
        self.value = value
    }

    package var description: String {
        "\(name)\(operation.rawValue)\"\(value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n"))\""
    }
}
