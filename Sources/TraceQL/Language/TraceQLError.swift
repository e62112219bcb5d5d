/// What is wrong with a query, in Tempo's words where it has words for it.
package enum TraceQLError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Line and column count from 1; the column is in characters.
    case parse(message: String, line: Int, column: Int)
    /// Well formed, but without meaning.
    case validation(String)
    /// Has a meaning that this engine does not compute.
    case unsupported(String)
    /// Went wrong while it ran, such as an integer division by zero.
    case evaluation(String)
    case badParameter(String)

    package var description: String {
        switch self {
        case .parse(let message, let line, let column): "parse error at line \(line), col \(column): \(message)"
        case .validation(let sentence): sentence
        case .unsupported(let sentence): "\(sentence) is not yet supported"
        case .evaluation(let sentence): sentence
        case .badParameter(let sentence): sentence
        }
    }
}
