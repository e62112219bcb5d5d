package import Telemetry
package import Vectors

/// Why a query has no answer. Texts are Loki's where it has one: people and data sources know them.
package enum LogQLError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Lines and columns count from 1; a column is a character.
    case parse(line: Int, column: Int, message: String)
    /// A sample of a metric query carries `__error__`.
    case pipeline(error: String, details: String, series: LabelSet)
    /// The query is well formed but cannot be run this way.
    case unsupported(String)
    case limit(String)
    case vector(VectorError)

    package var description: String {
        switch self {
        case .parse(let line, let column, let message): "parse error at line \(line), col \(column): \(message)"
        case .pipeline(let error, _, let series):
            "pipeline error: '\(error)' for series: '\(series)'.\n"
                + "Use a label filter to intentionally skip this error. (e.g | __error__!=\"\(error)\").\n"
                + "To skip all potential errors you can match empty errors.(e.g __error__=\"\")\n"
                + "The label filter can also be specified after unwrap. (e.g | unwrap latency | __error__=\"\" )\n"
        case .unsupported(let text), .limit(let text): text
        case .vector(let error): error.description
        }
    }
}

/// A place in the text of a query, both parts from 1.
package struct SourcePosition: Hashable, Sendable {
    package var line: Int
    package var column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    func error(_ message: String) -> LogQLError { .parse(line: line, column: column, message: message) }
}
