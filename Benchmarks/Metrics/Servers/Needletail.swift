import BenchmarkSupport
import Foundation

struct Needletail: MeasuredServer {
    let name = "needletail"
    let program: String

    func arguments(folder: URL, port: Int, scrape: ScrapeConfiguration?) throws -> [String] {
        // Its default is to scrape itself, which the peers don't.
        let configuration = folder.appendingPathComponent("prometheus.yml")
        try ScrapeConfiguration.text(scrape).write(to: configuration, atomically: true, encoding: .utf8)
        return [
            "serve", "--config", configuration.path, "--data-dir", folder.appendingPathComponent("data").path,
            "--listen", "127.0.0.1:\(port)", "--otlp-http", "127.0.0.1:\(try SocketAddress.freePort())",
            "--otlp-grpc", "127.0.0.1:\(try SocketAddress.freePort())", "--log-level", "warning",
            "--web.enable-admin-api",
        ]
    }

    func compact(_ running: RunningServer) throws -> DiskFigures {
        let answer = try running.connection().post("/api/v1/admin/tsdb/flush")
        running.settle()
        let size = Folder.size(running.data)
        let isFlushed = (200..<300).contains(answer.status)
        return DiskFigures(
            compactedBytes: size, folderBytes: size,
            how: isFlushed ? "whole folder after a flush" : "whole folder as it is (no flush: \(answer.status))")
    }
}
