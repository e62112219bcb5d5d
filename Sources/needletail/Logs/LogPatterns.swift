import Foundation

/// The shapes of a query's lines, how many of each there are, and the change against the time before of equal length.
struct LogPatterns {
    private let client: ServerClient
    private let query: String

    init(_ client: ServerClient, _ query: String) {
        self.client = client
        self.query = query
    }

    private struct Envelope: Decodable {
        struct Pattern: Decodable {
            var pattern: String
            var level: String?
            /// Seconds and counts.
            var samples: [[Int64]]
            var count: Int { samples.reduce(0) { $0 + Int($1.last ?? 0) } }
        }
        var data: [Pattern]?
    }

    func print(start: Int64, end: Int64, _ format: OutputFormat) async throws {
        let now = try await fetch(start, end)
        let before = try await fetch(start - (end - start), start)
        let earlier = Dictionary(before.map { ($0.pattern, $0.count) }, uniquingKeysWith: +)
        let rows = now.sorted { ($1.count, $0.pattern) < ($0.count, $1.pattern) }
        if format == .json {
            struct Entry: Encodable {
                var pattern: String
                var level: String?
                var count: Int
                var before: Int
            }
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            for row in rows {
                let entry = Entry(
                    pattern: row.pattern, level: row.level, count: row.count, before: earlier[row.pattern] ?? 0)
                if let data = try? encoder.encode(entry) { Terminal.json(data) }
            }
            return
        }
        var table = Table("count", "change", "level", "pattern", numeric: [0, 1])
        for row in rows {
            let change = LogPatterns.change(row.count, earlier[row.pattern] ?? 0)
            table.rows.append(["\(row.count)", change, row.level ?? "", row.pattern])
        }
        table.style = { place, column in
            column == 2 ? LogLevel.style(rows[place].level ?? "") : column == 1 && table.rows[place][1] == "new" ? .yellow : nil
        }
        table.print(format)
    }

    static func change(_ now: Int, _ before: Int) -> String {
        guard before > 0 else { return "new" }
        let percent = (Double(now) / Double(before) - 1) * 100
        return String(format: "%+.0f%%", percent)
    }

    private func fetch(_ start: Int64, _ end: Int64) async throws -> [Envelope.Pattern] {
        try await client.get(
            Envelope.self, "/loki/api/v1/patterns",
            [("query", query), ("start", "\(start * 1_000_000)"), ("end", "\(end * 1_000_000)")]
        ).data ?? []
    }
}
