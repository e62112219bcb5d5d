import ArgumentParser
import BenchmarkSupport
import Foundation
import LogBaseline
import ShopLogs

/// Ours against its peers where their programs are given, and against plain files of the same lines.
@main
struct LogsBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Measure Needletail, VictoriaLogs, Loki and zstd with grep side by side.",
        discussion: """
            VictoriaLogs and Loki take part where NEEDLETAIL_VICTORIA_LOGS and NEEDLETAIL_LOKI say where their programs \
            are. The baseline is always there: the same lines in frames of zstd -3 of 4 MiB, searched by zstdcat and grep.
            """)

    @Option(help: "Lines.") var lines = 3_000_000
    @Option(help: "Seed of the lines.") var seed: UInt64 = 1
    @Option(help: "Lines of a push.") var perRequest = 1000
    @Option(help: "Connections that push.") var connections = 2
    @Option(help: "Crashes of each server.") var restarts = 3
    @Option(help: "Times that each question is asked.") var runs = 5
    @Option(help: "The needletail program; default: beside this one.") var needletail: String?
    @Option(help: "Folder for everything temporary.") var folder = NSTemporaryDirectory()
    @Flag(help: "Figures as JSON.") var json = false

    func validate() throws {
        for (name, value) in [
            ("lines", lines), ("per-request", perRequest), ("connections", connections), ("restarts", restarts),
            ("runs", runs),
        ] where value < 1 { throw ValidationError("--\(name) must be at least 1") }
    }

    func run() throws {
        let scratch = URL(fileURLWithPath: folder).appendingPathComponent("logs-benchmark-\(getpid())", isDirectory: true)
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: scratch) }
        let signals = Children.endOnSignals { try? FileManager.default.removeItem(at: scratch) }
        defer { withExtendedLifetime(signals) { Children.endAll() } }
        var options = ShopLogs.Options()
        options.lines = lines
        options.seed = seed
        options.start = (Int64(Date().timeIntervalSince1970) - 120) * 1_000_000_000 - options.span
        let say = { (text: String) in FileHandle.standardError.write(Data((text + "\n").utf8)) }
        let load = try LogLoad(options, perRequest: perRequest, folder: scratch, progress: say)
        let packed = scratch.appendingPathComponent("lines.zst").path
        let baseline = try Baseline.write(options, to: packed)
        let grep = try Baseline.search(packed, load.needles.prefix(3).map(\.text)) * 1000
        var figures: [LogFigures] = []
        for server in servers {
            say("\(server.name): ingest, disk, restart, questions")
            let run = try LogRun(server, load, scratch: scratch)
            defer { run.end() }
            figures.append(try run.measure(connections: connections, restarts: restarts, runs: runs))
        }
        let report = LogReport(load: load, zstdBytes: baseline.packed, grepMilliseconds: grep, servers: figures)
        print(json ? try report.json : report.text)
    }

    private var servers: [any LogServer] {
        let environment = ProcessInfo.processInfo.environment
        var servers: [any LogServer] = [NeedletailServer(program: needletail ?? LogsBenchmark.sibling)]
        if let path = environment["NEEDLETAIL_VICTORIA_LOGS"] { servers.append(VictoriaLogsServer(program: path)) }
        if let path = environment["NEEDLETAIL_LOKI"] { servers.append(LokiServer(program: path)) }
        return servers
    }

    /// Built by the same package in the same configuration.
    private static var sibling: String {
        let mine = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "./logs"
        return URL(fileURLWithPath: mine).deletingLastPathComponent().appendingPathComponent("needletail").path
    }
}
