import ArgumentParser
import Foundation
import Telemetry

struct LogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Ask in LogQL; newest lines last.",
        discussion: """
            A log query prints lines with time, level, service and trace id; a metric query (count_over_time, rate, …) prints \
            its vector, or its range with --since. raw prints the lines alone, json one object a line.
            """)

    @Argument(help: "The query, for example: '{service_name=\"payment\"} |= \"declined\"'")
    var query: String

    @OptionGroup var server: ServerOptions
    @OptionGroup var window: TimeWindow
    @OptionGroup var output: OutputOptions

    @Flag(name: [.customShort("f"), .long], help: "Go on with new lines as they come, until Ctrl-C.")
    var follow = false

    @Option(help: "The newest so many lines (at most 5000).")
    var limit = 100

    func validate() throws {
        guard (1...5000).contains(limit) else { throw ValidationError("--limit must be from 1 to 5000") }
    }

    private struct Envelope: Decodable {
        struct Body: Decodable {
            var resultType: String
            var result: [Stream]
        }
        struct Stream: Decodable {
            var stream: [String: String]
            var values: [Value]
        }
        struct Value: Decodable {
            var time: String
            var line: String
            init(from decoder: any Decoder) throws {
                var list = try decoder.unkeyedContainer()
                time = try list.decode(String.self)
                line = try list.decode(String.self)
            }
        }
        var data: Body
    }

    private struct Line {
        var time: Int64
        var text: String
        var labels: [String: String]
    }

    func run() async throws {
        let client = try server.client
        guard query.drop(while: \.isWhitespace).first == "{" else { return try await runMetric(client) }
        if output.output == .csv { Terminal.line("time,level,service,trace_id,line") }
        let (start, end) = try window.range(default: 3_600_000)
        var lines = try await fetch(client, from: start * 1_000_000, to: (end + 1) * 1_000_000, direction: "backward")
        lines.reverse()
        for line in lines { show(line) }
        if !follow { return }
        // The lines of the newest moments are remembered, so that one that arrives late and one with an equal time
        // show once.
        var seen: [String: Int64] = [:]
        let overlap: Int64 = 5_000_000_000
        func key(_ line: Line) -> String { "\(line.time) \(line.labels.sorted { $0.key < $1.key }) \(line.text)" }
        for line in lines { seen[key(line)] = line.time }
        while !Task.isCancelled {
            try await Task.sleep(for: .milliseconds(400))
            let now = Int64(Date().timeIntervalSince1970 * 1e9)
            let from = max(now - overlap, start * 1_000_000)
            for line in try await fetch(client, from: from, to: now + 1_000_000_000, direction: "forward", limit: 5000)
            {
                if seen.updateValue(line.time, forKey: key(line)) == nil { show(line) }
            }
            seen = seen.filter { $0.value >= from }
        }
    }

    private func runMetric(_ client: ServerClient) async throws {
        let data: Data
        if window.isGiven {
            let (start, end) = try window.range(default: 3_600_000)
            data = try await client.get(
                "/loki/api/v1/query_range",
                [("query", query), ("start", "\(start * 1_000_000)"), ("end", "\(end * 1_000_000)")])
        } else {
            data = try await client.get("/loki/api/v1/query", [("query", query)])
        }
        if output.output == .json { return Terminal.json(data) }
        try MetricAnswer.print(data, as: output.output)
    }

    private func fetch(
        _ client: ServerClient, from: Int64, to: Int64, direction: String, limit: Int? = nil
    ) async throws -> [Line] {
        let answer = try await client.get(
            Envelope.self, "/loki/api/v1/query_range",
            [
                ("query", query), ("start", "\(from)"), ("end", "\(to)"), ("limit", "\(limit ?? self.limit)"),
                ("direction", direction),
            ])
        var lines: [(Int, Line)] = []
        for stream in answer.data.result {
            for value in stream.values {
                lines.append((lines.count, Line(time: Int64(value.time) ?? 0, text: value.line, labels: stream.stream)))
            }
        }
        let forward = direction == "forward"
        return lines.sorted { a, b in
            a.1.time == b.1.time ? a.0 < b.0 : forward ? a.1.time < b.1.time : a.1.time > b.1.time
        }.map(\.1)
    }

    private func show(_ line: Line) {
        let level = line.labels["detected_level"] ?? line.labels["level"] ?? ""
        let service = line.labels["service_name"] ?? ""
        let trace = line.labels["trace_id"] ?? ""
        let time = RFC3339.format(milliseconds: line.time / 1_000_000)
        switch output.output {
        case .raw: Terminal.line(line.text)
        case .csv: Terminal.line([time, level, service, trace, line.text].map(Table.quoted).joined(separator: ","))
        case .json:
            struct Entry: Encodable {
                var time: String
                var timestamp: String
                var line: String
                var labels: [String: String]
            }
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            let entry = Entry(time: time, timestamp: "\(line.time)", line: line.text, labels: line.labels)
            if let data = try? encoder.encode(entry) { Terminal.json(data) }
        case .table:
            let colour: Style? =
                switch level {
                case "error", "critical", "fatal": .red
                case "warn": .yellow
                case "debug", "trace": .dim
                default: nil
                }
            let shown = (level.isEmpty ? "-" : level).padding(toLength: 5, withPad: " ", startingAt: 0)
            var text =
                "\(Style.dim(time)) \(colour.map { $0(shown) } ?? shown) \(Style.cyan(service)) \(line.text.withoutControls)"
            if !trace.isEmpty { text += Style.dim(" trace_id=\(trace)") }
            Terminal.line(text)
        }
    }
}
