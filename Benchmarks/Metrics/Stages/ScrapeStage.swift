import BenchmarkSupport
import Foundation

struct ScrapeFigures: Codable {
    var samples: Int
    var cpuSecondsPerMillion: Double
    /// Scrapes that came, of those that were due.
    var scrapesOfDue: Double
    var rss: Int
}

/// Lets a server scrape targets of the same shape and takes its CPU time once it knows the series.
enum ScrapeStage {
    struct Shape {
        var targets: Int
        var seriesPerTarget: Int
        var seconds: Int
        var compresses: Bool
        var seed: UInt64
    }

    private static let intervalSeconds = 1
    /// The first scrapes make the series, which is another figure's business.
    private static let warmSeconds: UInt32 = 8

    static func run(_ server: any MeasuredServer, in parent: URL, _ shape: Shape) throws -> ScrapeFigures {
        let shop = Shop(
            series: shape.targets * shape.seriesPerTarget, perInstance: shape.seriesPerTarget,
            intervalMilliseconds: 1000, seed: shape.seed)
        let servers = try shop.instances.enumerated().map { index, instance in
            try ExpositionServer(
                ExpositionTarget(instance, seed: shape.seed &+ UInt64(index), intervalSeconds: 1),
                compresses: shape.compresses)
        }
        defer { for server in servers { server.stop() } }
        let targets = zip(servers, shop.instances).map { server, instance in
            ScrapeConfiguration.Target(
                address: "127.0.0.1:\(server.port)",
                labels: instance.targetLabels.filter { $0.name != "job" && $0.name != "instance" }
                    .map { ($0.name, $0.value) })
        }
        let running = try RunningServer(
            server, in: parent, scrape: ScrapeConfiguration(intervalSeconds: intervalSeconds, targets: targets))
        defer { running.stop(keep: false) }
        sleep(warmSeconds)
        func scraped() -> Int { servers.reduce(0) { $0 + $1.target.scrapes * $1.target.seriesCount } }
        let before = scraped()
        let cpu = running.process.cpuSeconds
        sleep(UInt32(shape.seconds))
        let samples = scraped() - before
        let used = running.process.cpuSeconds - cpu
        let due = shape.seconds / intervalSeconds * shop.seriesCount
        guard samples > due / 2 else {
            throw BenchmarkError("only \(samples) of \(due) samples were scraped: \(running.logTail)")
        }
        return ScrapeFigures(
            samples: samples, cpuSecondsPerMillion: used / (Double(samples) / 1e6),
            scrapesOfDue: Double(samples) / Double(due), rss: running.process.memory("VmRSS"))
    }
}
