package import Telemetry
package import Vectors

/// Why a query has no answer. Texts are Loki's where it has one: people and data sources know them.
package enum LogQLError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Lines and columns count from 1; a column is a character. Both are 0 where the query is well formed and makes no
    /// sense: Loki names no place then. The line alone is 0 behind tokens whose line Loki's scanner forgets.
    case parse(line: Int, column: Int, message: String)
    /// A sample of a metric query carries `__error__`.
    case pipeline(error: String, details: String, series: LabelSet)
    /// The query is well formed but cannot be run this way.
    case unsupported(String)
    case limit(String)
    case vector(VectorError)

    /// A query that can be read and makes no sense.
    static func meaningless(_ message: String) -> LogQLError { .parse(line: 0, column: 0, message: message) }

    package var description: String {
        switch self {
        case .parse(0, 0, let message): "parse error : \(message)"
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

    var withoutLine: SourcePosition { SourcePosition(line: 0, column: column) }

    func error(_ message: String) -> LogQLError { .parse(line: line, column: column, message: message) }
}
