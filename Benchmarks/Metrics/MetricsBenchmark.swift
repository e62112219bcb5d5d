import ArgumentParser
import BenchmarkSupport
import Foundation

enum Stage: String, CaseIterable {
    case ingest, queries, restart, disk, scrape
}

enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case table, json
}

/// Ours against its peers, one after the other, with the same bytes.
@main
struct MetricsBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metrics",
        abstract: "Measure Needletail, Prometheus and VictoriaMetrics side by side.",
        discussion: "Each server is started with a fresh folder, one at a time, and ended afterwards.")

    @Option(help: "Number of series.") var series = 50_000
    @Option(help: "Series of one instance of a service.") var perInstance = 500
    @Option(help: "Seconds between two samples of a series.") var interval = 15
    @Option(help: "Minutes of data.") var duration = 120
    @Option(help: "Seed of the data.") var seed: UInt64 = 7
    @Option(help: "Samples of a request.") var perRequest = 2000
    @Option(help: "Connections that send.") var connections = 3
    @Option(help: "Which servers, with commas between them.") var servers = "needletail,prometheus,victoria-metrics"
    @Option(help: "Which stages: ingest, queries, restart, disk, scrape.")
    var stages = "ingest,queries,restart,disk,scrape"
    @Option(help: "The needletail program; default: beside this one.") var needletail: String?
    @Option(help: "The prometheus program.") var prometheus = "prometheus"
    @Option(help: "The victoria-metrics program.") var victoriaMetrics = "victoria-metrics"
    @Option(help: "Crashes of each server.") var restarts = 3
    @Option(help: "Times that each query is asked.") var queryRuns = 7
    @Option(help: "Targets of the scrape stage.") var targets = 20
    @Option(help: "Series of each target.") var seriesPerTarget = 2500
    @Option(help: "Seconds of the scrape stage, at one scrape a second.") var scrapeSeconds = 60
    @Flag(help: "Targets answer in gzip.") var gzip = false
    @Option(help: "Folder for everything temporary.") var folder = NSTemporaryDirectory()
    @Option(name: .shortAndLong, help: "table or json.") var output = OutputFormat.table

    func validate() throws {
        for (name, value) in [
            ("series", series), ("per-instance", perInstance), ("interval", interval), ("duration", duration),
            ("per-request", perRequest), ("restarts", restarts), ("query-runs", queryRuns), ("targets", targets),
            ("series-per-target", seriesPerTarget), ("scrape-seconds", scrapeSeconds),
        ] where value < 1 {
            throw ValidationError("--\(name) must be at least 1")
        }
        guard (1...16).contains(connections) else { throw ValidationError("--connections must be 1 to 16") }
        guard duration * 60 >= interval * 2 else { throw ValidationError("--duration must span two intervals") }
        for word in stages.split(separator: ",") where Stage(rawValue: String(word)) == nil {
            throw ValidationError("there is no stage \(word)")
        }
    }

    func run() throws {
        let scratch = URL(fileURLWithPath: folder).appendingPathComponent(
            "metrics-benchmark-\(getpid())", isDirectory: true)
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: scratch) }
        let signals = Children.endOnSignals { try? FileManager.default.removeItem(at: scratch) }
        defer { withExtendedLifetime(signals) { Children.endAll() } }
        let comparison = Comparison(
            options: .init(
                stages: Set(stages.split(separator: ",").compactMap { Stage(rawValue: String($0)) }),
                connections: connections, restarts: restarts, queryRuns: queryRuns,
                scrape: .init(
                    targets: targets, seriesPerTarget: seriesPerTarget, seconds: scrapeSeconds, compresses: gzip,
                    seed: seed)),
            shape: .init(
                series: series, perInstance: perInstance, perRequest: perRequest,
                intervalMilliseconds: Int64(interval) * 1000, ticks: duration * 60 / interval, seed: seed,
                end: (Int64(Date().timeIntervalSince1970) - 60) * 1000),
            scratch: scratch)
        let report = try comparison.run(try chosenServers())
        switch output {
        case .table: print(ReportText.text(report))
        case .json:
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            encoder.nonConformingFloatEncodingStrategy = .convertToString(
                positiveInfinity: "+Inf", negativeInfinity: "-Inf", nan: "NaN")
            struct Output: Encodable {
                var report: BenchmarkReport
                var rows: [BenchmarkReport.Row]
            }
            print(String(decoding: try encoder.encode(Output(report: report, rows: report.rows)), as: UTF8.self))
        }
    }

    private func chosenServers() throws -> [any MeasuredServer] {
        try servers.split(separator: ",").map { name in
            switch name {
            case "needletail": Needletail(program: needletail ?? Self.sibling)
            case "prometheus": Prometheus(program: prometheus)
            case "victoria-metrics": VictoriaMetrics(program: victoriaMetrics)
            default: throw ValidationError("there is no server \(name)")
            }
        }
    }

    /// Built by the same package in the same configuration.
    private static var sibling: String {
        let mine = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "./metrics"
        return URL(fileURLWithPath: mine).deletingLastPathComponent().appendingPathComponent("needletail").path
    }
}
