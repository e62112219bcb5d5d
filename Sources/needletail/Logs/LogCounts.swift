import Foundation

/// How often a label or field has which value.
struct LogCounts {
    private let client: ServerClient
    private let query: String

    init(_ client: ServerClient, _ query: String) {
        self.client = client
        self.query = query
    }

    private struct Detected: Decodable {
        struct Field: Decodable {
            var label: String
            var parsers: [String]?
        }
        var fields: [Field]?
    }

    func print(by field: String, start: Int64, end: Int64, limit: Int, _ format: OutputFormat) async throws {
        let seconds = max(1, (end - start + 999) / 1000)
        let source = try await parsing(field, start: start, end: end)
        let text = "sum by (\(field)) (count_over_time(\(source) [\(seconds)s]))"
        let data = try await client.get("/loki/api/v1/query", [("query", text), ("time", "\(end * 1_000_000)")])
        if format == .json { return Terminal.json(data) }
        let counts = try LogMatrix.read(data).map { series in
            (value: series.labels[field] ?? "", count: Int(series.points.last?.value ?? 0))
        }.sorted { ($1.count, $0.value) < ($0.count, $1.value) }
        let total = max(1, counts.reduce(0) { $0 + $1.count })
        var table = Table(field, "count", "share", "", numeric: [1, 2])
        let most = max(1, counts.first?.count ?? 1)
        for (value, count) in counts.prefix(limit) {
            let share = String(format: "%.1f%%", Double(count) * 100 / Double(total))
            let bar = String(repeating: "█", count: max(1, count * 30 / most))
            let shown = value.isEmpty ? "(none)" : value
            table.rows.append(format == .table ? [shown, "\(count)", share, bar] : [value, "\(count)", share])
        }
        if format != .table { table.headings.removeLast() }
        table.print(format)
        if counts.count > limit, format == .table {
            Terminal.line(Style.dim("… and \(counts.count - limit) more values; --limit shows them"))
        }
    }

    /// The query, with a parser behind it where only a parser finds the field.
    private func parsing(_ field: String, start: Int64, end: Int64) async throws -> String {
        let found = try await client.get(
            Detected.self, "/loki/api/v1/detected_fields",
            [("query", query), ("start", "\(start * 1_000_000)"), ("end", "\((end + 1) * 1_000_000)"), ("line_limit", "500")])
        guard let parsers = found.fields?.first(where: { $0.label == field })?.parsers, !parsers.isEmpty,
            !["json", "logfmt", "regexp", "pattern", "unpack"].contains(where: { hasStage($0) })
        else { return query }
        // A line of another form has no such field and counts as having none, rather than failing the query.
        return query + parsers.sorted().map { " | \($0)" }.joined() + " | drop __error__, __error_details__"
    }

    private func hasStage(_ name: String) -> Bool {
        query.split(separator: "|").dropFirst().contains { part in
            part.drop(while: \.isWhitespace).prefix(while: { $0.isLetter || $0 == "_" }) == name
        }
    }
}
