import ArgumentParser
import Foundation
import Storage
import Telemetry
import TraceQL
import Wire

struct TraceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace", abstract: "Draw one trace as a waterfall.",
        discussion: """
            Failed spans are marked with ✗, and the one where the failure began with «guilty». Links to other traces (messages through \
            a queue) are listed with the command that follows them.
            """)

    @Argument(help: "Trace id: up to 32 hexadecimal digits, or an X-Ray id.")
    var id: String

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    @Flag(help: "Show the attributes of every span.")
    var attributes = false

    @Flag(help: "Show the trace's log lines under the spans.")
    var logs = false

    func validate() throws {
        guard parseTraceID(id) != nil else {
            throw ValidationError("\"\(id)\" is not a trace id: 1 to 32 hexadecimal digits")
        }
    }

    func run() async throws {
        let client = try server.client
        let hex = parseTraceID(id).flatMap { TraceID(bytes: $0)?.hex } ?? id
        if output.output == .json { return Terminal.json(try await client.get("/jaeger/api/v3/traces/\(hex)")) }
        let data = try await client.get("/tempo/api/traces/\(hex)", accept: "application/protobuf")
        let decoded = try OTLPTraces.decode(protobuf: Array(data))
        guard let trace = Trace.all(in: [decoded.batch]).first else {
            throw CommandFailure("trace \(hex) has no spans")
        }
        let drawing = WaterfallDrawing(trace: trace, width: Terminal.width, showsAttributes: attributes)
        if output.output == .csv {
            var table = Table("offset_ms", "duration_ms", "depth", "service", "name", "status", "span_id", "guilty")
            table.rows = drawing.csvRows
            return table.printCSV()
        }
        for line in drawing.lines { Terminal.line(line) }
        try await showIncomingLinks(client, hex)
        if logs { try await showLogs(client, hex, trace) }
    }

    /// Traces that link to this one: what became of a message that was sent here.
    private func showIncomingLinks(_ client: ServerClient, _ hex: String) async throws {
        let answer = try await client.get(
            TracesCommand.Envelope.self, "/tempo/api/search", [("q", "{ link:traceID = \"\(hex)\" }"), ("limit", "20")])
        guard !answer.traces.isEmpty else { return }
        Terminal.line("")
        for other in answer.traces where other.traceID != hex {
            let root = "\(other.rootServiceName): \(other.rootTraceName)".withoutControls
            Terminal.line("→ goes on in \(Style.cyan(root))  needletail trace \(other.traceID)")
        }
    }

    private func showLogs(_ client: ServerClient, _ hex: String, _ trace: Trace) async throws {
        struct Envelope: Decodable {
            struct Body: Decodable {
                struct Stream: Decodable {
                    var stream: [String: String]
                    var values: [[String]]
                }
                var result: [Stream]
            }
            var data: Body
        }
        let margin: Int64 = 60_000_000_000
        let answer = try await client.get(
            Envelope.self, "/loki/api/v1/query_range",
            [
                ("query", "{service_name=~\".+\"} | trace_id=\"\(hex)\""), ("start", "\(trace.start - margin)"),
                ("end", "\(trace.end + margin)"), ("limit", "1000"), ("direction", "forward"),
            ])
        var lines: [(Int64, String)] = []
        for stream in answer.data.result {
            for value in stream.values where value.count >= 2 {
                let level = stream.stream["detected_level"] ?? ""
                let service = stream.stream["service_name"] ?? ""
                lines.append(
                    (
                        Int64(value[0]) ?? 0,
                        "\(level.padding(toLength: 5, withPad: " ", startingAt: 0)) \(service)  \(value[1].withoutControls)"
                    ))
            }
        }
        Terminal.line("")
        for (time, text) in lines.sorted(by: { $0.0 < $1.0 }) {
            Terminal.line(String(format: "%9.1fms  ", Double(time - trace.start) / 1e6) + text)
        }
        if lines.isEmpty { Terminal.complain("no log line carries this trace id") }
    }
}
