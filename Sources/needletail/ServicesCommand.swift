import ArgumentParser
import Foundation

struct ServicesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "services", abstract: "Which services send what, and how they are doing.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    @Option(help: "Rates, errors and latencies over so long: 5m, 1h.")
    var since = "5m"

    func validate() throws { _ = try TimeWindow.duration(since) }

    struct Service: Encodable {
        var name: String
        var metrics = false
        var logs = false
        var traces = false
        var requestsPerSecond: Double?
        var errorsPerSecond: Double?
        var p95Seconds: Double?
    }

    func run() async throws {
        let client = try server.client
        let services = try await ServiceList.read(client, since: TimeWindow.duration(since))
        if output.output == .json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
            return Terminal.json(try encoder.encode(services))
        }
        var table = Table("SERVICE", "METRICS", "LOGS", "TRACES", "REQ/S", "ERRORS", "P95", numeric: [4, 5, 6])
        for service in services {
            func mark(_ isThere: Bool) -> String { isThere ? "yes" : "-" }
            table.rows.append([
                service.name, mark(service.metrics), mark(service.logs), mark(service.traces),
                service.requestsPerSecond.map { String(format: "%.2f", $0) } ?? "-",
                errorShare(service),
                service.p95Seconds.map { $0 < 1 ? String(format: "%.0fms", $0 * 1000) : String(format: "%.2fs", $0) }
                    ?? "-",
            ])
        }
        let rows = table.rows
        table.style = { row, column in
            column == 5 && rows[row][5] != "-" && rows[row][5] != "0%" ? .red : column == 0 ? .cyan : nil
        }
        if rows.isEmpty && output.output == .table {
            Terminal.complain("nothing has arrived yet")
        } else {
            table.print(output.output)
        }
    }
}

extension ServicesCommand {
    /// The share of requests that failed: a rate of few errors rounds to nothing.
    private func errorShare(_ service: Service) -> String {
        guard let errors = service.errorsPerSecond, let requests = service.requestsPerSecond, requests > 0 else {
            return "-"
        }
        let share = errors / requests * 100
        return share == 0 ? "0%" : share < 0.1 ? "<0.1%" : String(format: "%.1f%%", share)
    }
}

/// The services of all three signals, joined by name.
enum ServiceList {
    private struct Names: Decodable { var data: [String]? }
    private struct MetricsAnswer: Decodable {
        struct Series: Decodable {
            struct Label: Decodable {
                struct Value: Decodable { var stringValue: String? }
                var key: String
                var value: Value
            }
            var labels: [Label]
            var value: Double?
        }
        var series: [Series]
    }

    static func read(_ client: ServerClient, since: Int64) async throws -> [ServicesCommand.Service] {
        var services: [String: ServicesCommand.Service] = [:]
        func note(_ name: String, _ change: (inout ServicesCommand.Service) -> Void) {
            change(&services[name, default: .init(name: name)])
        }
        for name in try await client.get(Names.self, "/api/v1/label/job/values").data ?? [] {
            note(name) { $0.metrics = true }
        }
        for name in try await client.get(Names.self, "/loki/api/v1/label/service_name/values", [("since", "720h")]).data
            ?? []
        {
            note(name) { $0.logs = true }
        }
        for name in try await client.get(Names.self, "/jaeger/api/services").data ?? [] {
            note(name) { $0.traces = true }
        }
        let now = Date().timeIntervalSince1970
        let times = [("start", "\(Int64(now) - since / 1000)"), ("end", "\(Int64(now) + 1)")]
        func red(_ query: String, _ apply: (inout ServicesCommand.Service, Double) -> Void) async throws {
            let answer = try await client.get(
                MetricsAnswer.self, "/tempo/api/metrics/query", [("q", query)] + times.map { ($0.0, Optional($0.1)) })
            for series in answer.series {
                guard let name = series.labels.first(where: { $0.key == "resource.service.name" })?.value.stringValue,
                    let value = series.value
                else { continue }
                note(name) { apply(&$0, value) }
            }
        }
        let entry = "kind = server || kind = consumer"
        try await red("{ \(entry) } | rate() by (resource.service.name)") { $0.requestsPerSecond = $1 }
        try await red("{ (\(entry)) && status = error } | rate() by (resource.service.name)") {
            $0.errorsPerSecond = $1
        }
        try await red("{ \(entry) } | quantile_over_time(duration, 0.95) by (resource.service.name)") {
            $0.p95Seconds = $1
        }
        for (name, service) in services where service.requestsPerSecond != nil && service.errorsPerSecond == nil {
            services[name]?.errorsPerSecond = 0
        }
        return services.values.sorted { $0.name < $1.name }
    }
}
