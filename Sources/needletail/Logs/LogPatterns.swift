import Foundation
import Telemetry

/// What a query's lines say but for their values: how many there are of each, the change against the time before of
/// equal length, and since when there are any.
struct LogPatterns {
    private let client: ServerClient
    private let query: String

    init(_ client: ServerClient, _ query: String) {
        self.client = client
        self.query = query
    }

    private struct Envelope: Decodable {
        struct Answer: Decodable { var templates: [Template] }
        var data: Answer
        var warnings: [String]?
    }

    struct Template: Codable {
        var pattern: String
        var level: String
        var labels: [String: String]
        var count: Int
        var before: Int
        var growth: Double?
        var new: Bool
        var firstSeen: Double
        var lastSeen: Double

        /// What was there yesterday and not an hour ago is back.
        var change: String {
            guard let growth else { return new ? "new" : "back" }
            return String(format: "%+.0f%%", growth * 100)
        }
    }

    /// Times in milliseconds.
    func print(start: Int64, end: Int64, newSince: Int64?, limit: Int, _ format: OutputFormat) async throws {
        var parameters = [
            ("query", query), ("start", "\(start * 1_000_000)"), ("end", "\((end + 1) * 1_000_000)"),
            ("limit", "\(limit)"),
        ]
        if let newSince { parameters.append(("newSince", "\(newSince * 1_000_000)")) }
        let answer = try await client.get(Envelope.self, "/api/v1/logs/templates", parameters)
        for warning in answer.warnings ?? [] { Terminal.complain(warning) }
        let rows = answer.data.templates
        if format == .json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            for row in rows { if let data = try? encoder.encode(row) { Terminal.json(data) } }
            return
        }
        var table = Table("count", "change", "first seen", "level", "service", "pattern", numeric: [0, 1])
        for row in rows {
            table.rows.append([
                "\(row.count)", row.change, RFC3339.format(milliseconds: Int64(row.firstSeen) * 1000), row.level,
                row.labels["service_name"] ?? "", row.pattern,
            ])
        }
        table.style = { place, column in
            column == 3 ? LogLevel.style(rows[place].level) : column == 1 && rows[place].new ? .yellow : nil
        }
        table.print(format)
    }
}
