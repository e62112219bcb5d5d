import EventStore
import Foundation
import LogBaseline
import ShopLogs
import Storage
import Telemetry

/// `logengine [--lines N] [--folder PATH] [--batch N] [--no-baseline] [--streams N] [--layout] [--ingest-only]`: shop
/// logs into the engine and back, without a server around it.
@main
struct LogEngine {
    static func main() async throws {
        var options = ShopLogs.Options()
        options.lines = Arguments.number("--lines") ?? options.lines
        let folder = Arguments.text("--folder") ?? NSTemporaryDirectory() + "needletail-logengine"
        try? FileManager.default.removeItem(atPath: folder)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }

        if let streams = Arguments.number("--streams") {
            return try await ManyStreams(streams: streams, folder: folder + "/data").run()
        }
        var baseline: Baseline?
        if !Arguments.has("--no-baseline") {
            let written = try Baseline.write(options, to: folder + "/lines.zst")
            baseline = written
            print("zstd -3 in 4 MiB blocks: \(written.packed >> 20) MiB of \(written.raw >> 20) MiB raw")
        }
        Machine.forgetPeak()
        var run = try EngineRun(
            options: options, folder: folder + "/data", batchRows: Arguments.number("--batch") ?? 1000,
            baseline: baseline)
        try await run.ingest()
        if Arguments.has("--layout") { try run.layout() }
        if Arguments.has("--ingest-only") { return }
        try await run.restart()
        try await run.search()
        if baseline != nil, !run.needles.isEmpty {
            let median = try Baseline.search(folder + "/lines.zst", run.needles.prefix(3).map(\.text))
            print(String(format: "zstdcat | grep -F: %.0f ms", median * 1000))
        }
    }
}
