import BenchmarkSupport
import Foundation

struct VictoriaMetrics: MeasuredServer {
    let name = "victoria-metrics"
    let program: String
    let isCompactedBeforeRestart = true

    func arguments(folder: URL, port: Int, scrape: ScrapeConfiguration?) throws -> [String] {
        var arguments = [
            "-storageDataPath=\(folder.appendingPathComponent("data").path)", "-httpListenAddr=127.0.0.1:\(port)",
            "-retentionPeriod=1", "-loggerLevel=WARN", "-search.disableCache",
        ]
        if let scrape {
            let configuration = folder.appendingPathComponent("prometheus.yml")
            try ScrapeConfiguration.text(scrape).write(to: configuration, atomically: true, encoding: .utf8)
            arguments.append("-promscrape.config=\(configuration.path)")
        }
        return arguments
    }

    func compact(_ running: RunningServer) throws -> DiskFigures {
        let connection = running.connection()
        for path in ["/internal/force_flush", "/internal/force_merge", "/internal/force_flush"] {
            let answer = try connection.get(path)
            guard answer.status == 200 else { throw BenchmarkError("\(path): \(answer.text)") }
            running.settle()
        }
        let parts = Folder.size(running.data.appendingPathComponent("data"))
        let index = Folder.size(running.data.appendingPathComponent("indexdb"))
        return DiskFigures(
            compactedBytes: parts + index, folderBytes: Folder.size(running.data),
            how: "data and indexdb after force_flush and force_merge")
    }
}
