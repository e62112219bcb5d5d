/// The place in an expression at which a server's sentence points.
enum Caret {
    /// The line of the expression with a caret under the column, to be put behind the sentence; empty where it names no
    /// place. Understands `1:5: parse error` (PromQL, TraceQL) and `line 1, col 5` (LogQL). Columns are in bytes.
    static func under(_ expression: String, _ sentence: String) -> String {
        guard let (line, column) = place(in: sentence), line >= 1, column >= 1 else { return "" }
        let lines = expression.split(separator: "\n", omittingEmptySubsequences: false)
        guard line <= lines.count else { return "" }
        let shown = String(lines[line - 1])
        guard column <= shown.utf8.count + 1 else { return "" }
        let before = String(decoding: Array(shown.utf8.prefix(column - 1)), as: UTF8.self)
        // A long line is cut, so that the caret stands under what it means.
        let width = max(20, Terminal.width - 4)
        var text = Substring(shown)
        var indent = before
        if before.columns > width * 2 / 3 {
            let kept = before.suffix(width / 3)
            text = "…" + kept + shown.dropFirst(before.count)
            indent = "…" + kept
        }
        if text.columns > width { text = text.prefix(width - 1) + "…" }
        let caret = String(repeating: " ", count: indent.withoutControls.columns) + "^"
        return "\n  \(String(text).withoutControls)\n  \(caret)"
    }

    private static func place(in sentence: String) -> (line: Int, column: Int)? {
        let words = sentence.split(whereSeparator: { $0 == " " || $0 == "," })
        for (i, word) in words.enumerated() {
            let parts = word.split(separator: ":", omittingEmptySubsequences: false)
            if parts.count == 3, parts[2].isEmpty, let line = Int(parts[0]), let column = Int(parts[1]) {
                return (line, column)
            }
            guard word == "line", i + 3 < words.count, words[i + 2] == "col" || words[i + 2] == "column",
                let line = Int(words[i + 1]), let column = Int(words[i + 3].prefix { $0.isNumber })
            else { continue }
            return (line, column)
        }
        return nil
    }
}
