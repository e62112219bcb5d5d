import BenchmarkSupport
import Foundation

struct Prometheus: MeasuredServer {
    let name = "prometheus"
    let program: String

    func arguments(folder: URL, port: Int, scrape: ScrapeConfiguration?) throws -> [String] {
        let configuration = folder.appendingPathComponent("prometheus.yml")
        try ScrapeConfiguration.text(scrape).write(to: configuration, atomically: true, encoding: .utf8)
        return [
            "--config.file=\(configuration.path)", "--storage.tsdb.path=\(folder.appendingPathComponent("data").path)",
            "--web.listen-address=127.0.0.1:\(port)", "--web.enable-remote-write-receiver", "--web.enable-admin-api",
            "--log.level=warn",
        ]
    }

    /// The head is no block until three hours have passed; a snapshot writes it as the block that it will be.
    func compact(_ running: RunningServer) throws -> DiskFigures {
        let folderBytes = Folder.size(running.data)
        let answer = try running.connection().post("/api/v1/admin/tsdb/snapshot")
        guard answer.status == 200 else { throw BenchmarkError("no snapshot: \(answer.text)") }
        let snapshots = running.data.appendingPathComponent("snapshots")
        let size = Folder.size(snapshots)
        try? FileManager.default.removeItem(at: snapshots)
        return DiskFigures(compactedBytes: size, folderBytes: folderBytes, how: "blocks of a snapshot, head cut")
    }
}
