/// Byte offsets into a query: `start` is the first byte, `end` the one behind the last.
package struct SourceRange: Hashable, Sendable {
    package var start: Int
    package var end: Int

    package init(_ start: Int, _ end: Int) {
        self.start = start
        self.end = end
    }

    /// `line:column`, both from 1, columns in bytes.
    package func startText(in query: String) -> String {
        let bytes = query.utf8
        guard !bytes.isEmpty, start <= bytes.count else { return "unknown position" }
        var line = 1
        var lineStart = 0
        for (at, byte) in bytes.enumerated() {
            if at >= start { break }
            if byte == UInt8(ascii: "\n") {
                line += 1
                lineStart = at + 1
            }
        }
        return "\(line):\(start - lineStart + 1)"
    }
}

/// Why a query has no answer.
package enum PromQLError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The text is no PromQL. `position` is `line:column`.
    case parse(position: String, message: String)
    /// The query is well formed and cannot be evaluated over these data.
    case evaluation(String)

    package var description: String {
        switch self {
        case .parse(let position, let message): "\(position): parse error: \(message)"
        case .evaluation(let message): message
        }
    }
}
