import ArgumentParser
import Foundation
import PromQL
import Telemetry

struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write the data in a form that other programs read.",
        subcommands: [ExportOpenMetricsCommand.self])
}

struct ExportOpenMetricsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "openmetrics", abstract: "Write samples as OpenMetrics text.",
        discussion: """
            For example for promtool tsdb create-blocks-from openmetrics. Numbers are written so that they read back \
            as the same bits; what OpenMetrics 1.0 has no words for (stale markers, native histograms, NaN payloads) \
            is left out and counted. Asks a running server, or reads a data folder that no server has open.
            """)

    @OptionGroup var server: ServerOptions

    @Option(help: ArgumentHelp("Read this data folder instead of asking a server.", valueName: "dir"))
    var dataDir: String?

    @Option(help: ArgumentHelp("Only series that one of these selects.", valueName: "selector"))
    var match: [String] = []

    @Option(help: "First time: RFC 3339, unix seconds, or now-1h.")
    var start: String?

    @Option(help: "Last time; now where it is not given.")
    var end: String?

    @Option(help: ArgumentHelp("File to write; standard output where it is not given.", valueName: "file"))
    var output: String?

    func validate() throws {
        if dataDir != nil, server.url != nil { throw ValidationError("give --data-dir or --url, not both") }
        _ = try range()
        for selector in match { _ = try matchers(selector) }
    }

    private func matchers(_ selector: String) throws -> [Matcher] {
        do { return try PromQLEngine.parseSelector(selector) } catch {
            throw ValidationError("--match \(selector): \(error)")
        }
    }

    /// Milliseconds, half-open. 2^53 is as far as a time in JSON goes.
    private func range() throws -> TimeRange {
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        let first = try start.map { try TimeWindow.time($0, now: now) } ?? 0
        let last = try end.map { try TimeWindow.time($0, now: now) } ?? now
        guard first <= last else { throw ValidationError("the time range is empty: it starts after its end") }
        return TimeRange(start: first, end: last + 1)
    }

    func run() async throws {
        let source: any ExportSource
        if let dataDir {
            source = try StoreSource(dataFolder: dataDir)
        } else {
            source = ServerSource(client: try server.client)
        }
        var export = OpenMetricsExport(
            source: source, matcherSets: try match.map(matchers), range: try range(),
            out: try ExportOutput(path: output))
        let failure: (any Error)?
        do {
            try await export.run()
            failure = nil
        } catch {
            failure = error
        }
        try await source.close()
        if let failure { throw failure }
        Terminal.complain(
            "\(export.families) families, \(export.series) series, \(export.samples) samples, "
                + "\(export.exemplars) exemplars")
        if export.leftOut > 0 {
            Terminal.complain(
                "left out: \(export.leftOut) native histograms, for which OpenMetrics 1.0 has no form")
        }
    }
}
