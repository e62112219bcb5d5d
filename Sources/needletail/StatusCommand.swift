import ArgumentParser
import Foundation

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "What a running server holds: series, parts, journal, memory.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    @Option(help: "Entries of each list.")
    var limit = 10

    func validate() throws {
        guard (1...10_000).contains(limit) else { throw ValidationError("--limit must be from 1 to 10000") }
    }

    func run() async throws {
        let client = try server.client
        let series = try await client.get("/api/v1/status/tsdb", [("limit", "\(limit)")])
        let runtime = try await client.get("/api/v1/status/runtimeinfo")
        let metrics = OwnMetrics(text: String(decoding: try await client.get("/metrics"), as: UTF8.self))
        if output.output == .json {
            return Terminal.json(try StatusCommand.json(series, runtime, metrics))
        }
        let status = try ServerStatus(series: series, runtime: runtime, metrics: metrics)
        for (title, table) in status.tables {
            if output.output != .raw { Terminal.line(output.output == .table ? Style.bold(title) : "# \(title)") }
            table.print(output.output)
            if output.output == .table { Terminal.line("") }
        }
        for problem in status.problems { Terminal.complain(problem) }
    }

    /// The server's own answers side by side, and its metrics about itself.
    private static func json(_ series: Data, _ runtime: Data, _ metrics: OwnMetrics) throws -> Data {
        func body(_ data: Data) throws -> Any {
            (try JSONSerialization.jsonObject(with: data) as? [String: Any])?["data"] ?? [:]
        }
        let own: [[String: Any]] = metrics.samples.map { sample in
            ["name": sample.name, "labels": sample.labels, "value": "\(sample.value)"]
        }
        return try JSONSerialization.data(
            withJSONObject: ["series": try body(series), "runtime": try body(runtime), "metrics": own],
            options: [.prettyPrinted, .sortedKeys])
    }
}
