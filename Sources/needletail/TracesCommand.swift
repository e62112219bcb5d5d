import ArgumentParser
import Foundation
import Telemetry

struct TracesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "traces", abstract: "Search traces in TraceQL, newest first.",
        discussion: "Without a query all traces match. Draw one of them with: needletail trace ID")

    @Argument(help: "The query, for example: '{ resource.service.name = \"payment\" && status = error }'")
    var query = "{}"

    @OptionGroup var server: ServerOptions
    @OptionGroup var window: TimeWindow
    @OptionGroup var output: OutputOptions

    @Option(help: "At most so many traces.")
    var limit = 20

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit must be positive") }
    }

    struct Envelope: Decodable {
        struct Trace: Decodable {
            struct Statistics: Decodable {
                var spanCount: Int?
                var errorCount: Int?
            }
            struct SpanSet: Decodable { var matched: Int? }
            var traceID: String
            var rootServiceName: String
            var rootTraceName: String
            var startTimeUnixNano: String
            var durationMs: Int?
            var spanSets: [SpanSet]?
            var serviceStats: [String: Statistics]?
        }
        var traces: [Trace]
    }

    func run() async throws {
        do { try await answer() } catch let refusal as ServerRefusal {
            throw CommandFailure(refusal.description + Caret.under(query, refusal.sentence))
        }
    }

    private func answer() async throws {
        let (start, end) = try window.range(default: 3_600_000)
        let data = try await server.client.get(
            "/tempo/api/search",
            [
                ("q", query), ("start", "\(Double(start) / 1000)"), ("end", "\(Double(end + 1000) / 1000)"),
                ("limit", "\(limit)"),
            ])
        if output.output == .json { return Terminal.json(data) }
        let answer = try JSONDecoder().decode(Envelope.self, from: data)
        if output.output == .raw {
            for trace in answer.traces { Terminal.line(trace.traceID) }
            return
        }
        var table = Table(
            "START", "DURATION", "SPANS", "ERRORS", "SERVICES", "ROOT", "TRACE ID", numeric: [1, 2, 3, 4])
        for trace in answer.traces {
            let statistics = trace.serviceStats ?? [:]
            table.rows.append([
                RFC3339.format(milliseconds: (Int64(trace.startTimeUnixNano) ?? 0) / 1_000_000),
                "\(trace.durationMs ?? 0)ms",
                "\(statistics.values.reduce(0) { $0 + ($1.spanCount ?? 0) })",
                "\(statistics.values.reduce(0) { $0 + ($1.errorCount ?? 0) })", "\(statistics.count)",
                "\(trace.rootServiceName): \(trace.rootTraceName)", trace.traceID,
            ])
        }
        let rows = table.rows
        table.style = { row, column in column == 3 && rows[row][3] != "0" ? .red : nil }
        if rows.isEmpty && output.output == .table {
            Terminal.complain("no traces in this time range")
        } else {
            table.print(output.output)
        }
    }
}
