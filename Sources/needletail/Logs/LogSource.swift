import Foundation

/// A log line as the server gives it.
struct LogLine: Hashable {
    /// Nanoseconds.
    var time: Int64
    var text: String
    /// What names its stream.
    var stream: [String: String]
    /// Structured metadata and what the query's parsers read.
    var fields: [String: String]

    /// A label or field, whichever there is.
    subscript(name: String) -> String? { fields[name] ?? stream[name] }

    var level: String { self["detected_level"] ?? self["level"] ?? "" }
}

/// Asks for the lines of one query.
struct LogSource {
    let client: ServerClient
    let query: String

    private struct Envelope: Decodable {
        struct Body: Decodable { var result: [Stream] }
        struct Stream: Decodable {
            var stream: [String: String]
            var values: [Value]
        }
        struct Value: Decodable {
            struct Categories: Decodable {
                var structuredMetadata: [String: String]?
                var parsed: [String: String]?
            }
            var time: String
            var line: String
            var categories: Categories?
            init(from decoder: any Decoder) throws {
                var list = try decoder.unkeyedContainer()
                time = try list.decode(String.self)
                line = try list.decode(String.self)
                categories = list.isAtEnd ? nil : try list.decode(Categories.self)
            }
        }
        var data: Body
    }

    /// The newest lines of the range (nanoseconds, half-open), oldest first.
    func newest(_ limit: Int, from: Int64, to: Int64) async throws -> [LogLine] {
        try await fetch(query, limit: limit, from: from, to: to, direction: "backward").reversed()
    }

    func oldest(_ limit: Int, from: Int64, to: Int64) async throws -> [LogLine] {
        try await fetch(query, limit: limit, from: from, to: to, direction: "forward")
    }

    /// In the direction's order; equal times as the server has them.
    func fetch(_ query: String, limit: Int, from: Int64, to: Int64, direction: String) async throws -> [LogLine] {
        let answer = try await client.get(
            Envelope.self, "/loki/api/v1/query_range",
            [
                ("query", query), ("start", "\(from)"), ("end", "\(to)"), ("limit", "\(limit)"),
                ("direction", direction),
            ], headers: [("X-Loki-Response-Encoding-Flags", "categorize-labels")])
        var lines: [LogLine] = []
        for stream in answer.data.result {
            for value in stream.values {
                var fields = value.categories?.structuredMetadata ?? [:]
                fields.merge(value.categories?.parsed ?? [:]) { $1 }
                lines.append(
                    LogLine(time: Int64(value.time) ?? 0, text: value.line, stream: stream.stream, fields: fields))
            }
        }
        let isForward = direction == "forward"
        return lines.indices.sorted { a, b in
            let (x, y) = (lines[a].time, lines[b].time)
            return x == y ? a < b : isForward ? x < y : x > y
        }.map { lines[$0] }
    }

    /// New lines as they come, until the task is cancelled.
    func follow(after lines: [LogLine], from start: Int64, _ body: (LogLine) -> Void) async throws {
        // The lines of the newest moments are remembered, so that one that arrives late and one with an equal time
        // show once.
        var seen = Dictionary(lines.map { ($0, $0.time) }) { first, _ in first }
        let overlap: Int64 = 5_000_000_000
        while !Task.isCancelled {
            try await Task.sleep(for: .milliseconds(400))
            let now = Int64(Date().timeIntervalSince1970 * 1e9)
            let from = max(now - overlap, start)
            for line in try await oldest(5000, from: from, to: now + 1_000_000_000)
            where seen.updateValue(line.time, forKey: line) == nil { body(line) }
            seen = seen.filter { $0.value >= from }
        }
    }
}
