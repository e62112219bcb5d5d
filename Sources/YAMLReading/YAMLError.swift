/// What is wrong in a YAML file, and where.
package struct YAMLError: Error, Hashable, Sendable, CustomStringConvertible {
    package var file: String
    /// From 1; nil where the trouble is not at one place.
    package var line: Int?
    package var column: Int?
    package var message: String

    package init(file: String, line: Int? = nil, column: Int? = nil, message: String) {
        self.file = file
        self.line = line
        self.column = column
        self.message = message
    }

    package var description: String {
        guard let line else { return "\(file): \(message)" }
        guard let column else { return "\(file):\(line): \(message)" }
        return "\(file):\(line):\(column): \(message)"
    }
}
