import Foundation

/// `query --running` and `query --kill`.
enum RunningQueries {
    private struct Answer: Decodable {
        struct Body: Decodable {
            var running: Int
            var waiting: Int
            var maxConcurrency: Int
            var queries: [Query]
        }
        var data: Body
    }

    private struct Killed: Decodable { var data: Query }

    private struct Query: Decodable {
        var id: String
        var language: String
        var query: String
        var origin: String
        var client: String?
        var state: String
        var elapsedSeconds: Double
        var cpuSeconds: Double
        var memoryBytes: Int
        var samples: Int
        var rows: Int
    }

    static func print(_ client: ServerClient, as format: OutputFormat) async throws {
        let data = try await client.get("/api/v1/queries")
        if format == .json { return Terminal.json(data) }
        let answer: Answer
        do { answer = try JSONDecoder().decode(Answer.self, from: data) } catch {
            throw CommandFailure("the server's answer cannot be read: \(error)")
        }
        var table = Table(
            "ID", "STATE", "TIME", "CPU", "MEMORY", "SAMPLES", "FROM", "LANGUAGE", "QUERY", numeric: [0, 2, 3, 4, 5])
        for query in answer.data.queries {
            table.rows.append([
                query.id, query.state, MetricUnit.seconds.text(query.elapsedSeconds),
                MetricUnit.seconds.text(query.cpuSeconds), MetricUnit.bytes.text(Double(query.memoryBytes)),
                "\(query.samples + query.rows)", query.origin == "rule" ? "rule" : query.client ?? "", query.language,
                format == .table ? shortened(query.query) : query.query,
            ])
        }
        if table.rows.isEmpty && format == .table {
            Terminal.complain("no query runs")
        } else {
            table.print(format)
        }
    }

    private static func shortened(_ query: String) -> String {
        let line = query.split(whereSeparator: \.isNewline).joined(separator: " ")
        return line.count > 120 ? line.prefix(119) + "…" : line
    }

    static func kill(_ id: String, _ client: ServerClient) async throws {
        guard let escaped = id.addingPercentEncoding(withAllowedCharacters: .alphanumerics) else { return }
        let killed = try await client.send(Killed.self, .POST, "/api/v1/queries/\(escaped)/kill").data
        Terminal.line("killed \(killed.id): \(shortened(killed.query).withoutControls)")
    }
}
