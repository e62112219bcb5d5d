/// Rows under headings: aligned for a terminal, or as CSV.
struct Table {
    var headings: [String]
    var rows: [[String]] = []
    /// Columns whose content is numbers, set to the right.
    var numeric: Set<Int> = []
    /// Styles of a cell, applied after alignment.
    var style: (_ row: Int, _ column: Int) -> Style? = { _, _ in nil }

    init(_ headings: String..., numeric: Set<Int> = []) {
        self.headings = headings
        self.numeric = numeric
    }

    func print() {
        let shown = rows.map { $0.map(\.withoutControls) }
        var widths = headings.map(\.columns)
        for row in shown {
            for (i, cell) in row.enumerated() where i < widths.count { widths[i] = max(widths[i], cell.columns) }
        }
        Terminal.line(line(headings, widths) { _ in .dim })
        for (r, row) in shown.enumerated() { Terminal.line(line(row, widths) { style(r, $0) }) }
    }

    private func line(_ cells: [String], _ widths: [Int], _ style: (Int) -> Style?) -> String {
        var out = ""
        for (i, cell) in cells.enumerated() {
            let padding = String(repeating: " ", count: max(0, widths[i] - cell.columns))
            let isLast = i == cells.count - 1
            let text = numeric.contains(i) ? padding + cell : isLast ? cell : cell + padding
            out += (i == 0 ? "" : "  ") + (style(i)?(text) ?? text)
        }
        return out
    }

    func printCSV() {
        for row in [headings] + rows { Terminal.line(row.map(Table.quoted).joined(separator: ",")) }
    }

    /// RFC 4180.
    static func quoted(_ text: String) -> String {
        guard text.contains(where: { $0 == "," || $0 == "\"" || $0 == "\n" || $0 == "\r" || $0 == "\r\n" }) else {
            return text
        }
        return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }

    func print(_ format: OutputFormat) {
        switch format {
        case .csv: printCSV()
        case .raw: for row in rows { Terminal.line(row.joined(separator: "\t")) }
        case .table, .json: print()
        }
    }
}
