import Endpoints
import Logging
import Telemetry

/// Scrapes one target at its own place inside the interval, until it is stopped or the process ends.
struct TargetLoop {
    /// Shorter intervals begin with one scrape soon, so that a first look shows something.
    private static let longestWithoutWait: Int64 = 15_000
    /// Behind the first answers of a start, milliseconds: whoever waits for them should not wait for scrapes too.
    private static let firstWait: Int64 = 300
    /// How far a scrape may be from its time to count as in time, milliseconds.
    private static let tolerance: Int64 = 2

    private let manager: ScrapeManager
    private let key: ScrapeManager.Key
    private let configuration: ScrapeConfiguration
    private let control: TargetControl
    private let fetcher: TargetFetcher
    private var assembly: ScrapeAssembly

    init(
        _ manager: ScrapeManager, _ key: ScrapeManager.Key, _ configuration: ScrapeConfiguration,
        _ control: TargetControl
    ) {
        self.manager = manager
        self.key = key
        self.configuration = configuration
        self.control = control
        fetcher = TargetFetcher(
            client: manager.connections.client(configuration.http), configuration: configuration, target: key.target)
        assembly = ScrapeAssembly(configuration: configuration, target: key.target)
    }

    mutating func run() async {
        let interval = key.target.interval
        var next = TargetLoop.next(after: manager.now(), key.target)
        if interval <= TargetLoop.longestWithoutWait {
            guard await sleep(until: manager.now() + min(TargetLoop.firstWait, interval / 10)) else { return }
            if !control.isStopped { await scrape(at: manager.now()) }
        }
        while true {
            guard await sleep(until: next) else { return }
            if control.isStopped { break }
            await scrape(at: next)
            // A scrape that overran its interval skips the missed ones, as a ticker does.
            next = max(next + interval, TargetLoop.next(after: manager.now(), key.target))
        }
        // Somebody may have taken the target over: wait for their first scrape. What ends, ended when the next scrape would
        // have been. A shutdown leaves everything as it is, for the restart.
        guard await sleep(until: next + interval + interval / 10), !manager.isScraped(key.target.labels) else { return }
        await manager.append(assembly.end(timestamp: next), key)
    }

    /// The target's next time on its grid.
    static func next(after now: Int64, _ target: Target) -> Int64 {
        let place = now - now % target.interval + target.offset
        return place > now ? place : place + target.interval
    }

    /// False where the process ends.
    private func sleep(until time: Int64) async -> Bool {
        let wait = time - manager.now()
        if wait > 0 { try? await Task.sleep(for: .milliseconds(wait), tolerance: .zero) }
        return !Task.isCancelled
    }

    private mutating func scrape(at ideal: Int64) async {
        let started = ContinuousClock.now
        var timestamp = manager.now()
        // Snapped to the grid when close: equal steps compress to nothing.
        if abs(timestamp - ideal) <= min(TargetLoop.tolerance, key.target.interval / 100) { timestamp = ideal }
        let batch: SeriesBatch
        let report: ScrapeAssembly.Report
        do {
            if let failure = control.failure { throw ScrapeFailure.limit(failure) }
            let (body, format) = try await fetcher.fetch()
            let duration = (ContinuousClock.now - started).seconds
            (batch, report) = assembly.accept(body, format: format, timestamp: timestamp, duration: duration)
        } catch {
            if Task.isCancelled { return }
            let duration = (ContinuousClock.now - started).seconds
            var counted = ScrapeAssembly.Report()
            if case ScrapeFailure.bodySize = error { counted.bodySize = -1 }
            (batch, report) = assembly.fail("\(error)", counted, timestamp: timestamp, duration: duration)
        }
        await manager.append(batch, key)
        manager.count(duplicates: report.duplicates)
        tell(report, timestamp, (ContinuousClock.now - started).seconds)
    }

    private func tell(_ report: ScrapeAssembly.Report, _ timestamp: Int64, _ duration: Double) {
        manager.update(key) { status in
            status.health = report.failure == nil ? .up : .down
            status.lastError = report.failure ?? ""
            status.lastScrape = timestamp
            status.lastDuration = duration
            status.samples = report.scraped
            if report.failure == nil { status.metadata = assembly.metadata }
        }
        guard let failure = report.failure else { return }
        manager.logger.debug(
            "scrape failed", metadata: ["job": "\(key.job)", "url": "\(key.target.url)", "error": "\(failure)"])
        if let file = configuration.settings.failureLogFile {
            manager.failureLog.write(
                failure, to: manager.path(file), job: key.job, url: key.target.url, now: manager.now())
        }
    }
}

extension Duration {
    var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}
