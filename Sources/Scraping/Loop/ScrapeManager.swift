import AsyncHTTPClient
import Endpoints
import Foundation
import Logging
import NIOCore
import Storage
import Synchronization
import Telemetry

/// Keeps one loop for each target of the current configuration, over reloads.
package final class ScrapeManager: Sendable {
    private struct Key: Hashable {
        var job: String
        var target: Target
        var source: String
    }

    private struct State {
        var configurations: [ScrapeConfiguration] = []
        var generation = 0
        var running: [Key: StopSignal] = [:]
        var status: [Key: TargetStatus] = [:]
        var dropped: [(job: String, labels: LabelSet)] = []
        var wake: AsyncStream<Void>.Continuation?
        var storedSamples = 0
    }

    private final class StopSignal: Sendable {
        private let stopped = Mutex(false)
        var isStopped: Bool { stopped.withLock { $0 } }
        func stop() { stopped.withLock { $0 = true } }
    }

    private let store: any SeriesStorage
    private let client: HTTPClient
    private let logger: Logger
    private let connections: EndpointConnections
    /// Finds the targets of `*_sd_configs`.
    package let discovery: DiscoveryRunner
    private let state = Mutex(State())
    private let now: @Sendable () -> Int64

    /// `now` gives milliseconds since 1970.
    package init(store: any SeriesStorage, client: HTTPClient, logger: Logger, now: @escaping @Sendable () -> Int64) {
        self.store = store
        self.client = client
        self.logger = logger
        connections = EndpointConnections()
        discovery = DiscoveryRunner(connections: connections, logger: logger)
        self.now = now
    }

    /// Takes a new configuration; targets that stay the same go on undisturbed.
    package func reload(_ configurations: [ScrapeConfiguration], baseFolder: String) {
        for configuration in configurations where !configuration.unsupportedDiscovery.isEmpty {
            logger.warning(
                "these kinds of service discovery are not built in; their targets are not scraped",
                metadata: [
                    "job": "\(configuration.jobName)",
                    "kinds": "\(configuration.unsupportedDiscovery.joined(separator: ", "))",
                ])
        }
        let wake = state.withLock {
            $0.configurations = configurations
            $0.generation += 1
            return $0.wake
        }
        discovery.reload(configurations)
        wake?.yield()
    }

    package var targets: [TargetStatus] {
        state.withLock { state in
            state.status.values.sorted {
                ($0.job, $0.target.url) < ($1.job, $1.target.url)
            }
        }
    }

    /// Samples stored since the start.
    package var storedSamples: Int { state.withLock { $0.storedSamples } }

    package var droppedTargets: [(job: String, labels: LabelSet)] { state.withLock { $0.dropped } }

    /// Scrapes until cancelled.
    package func run() async {
        let (wakes, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        state.withLock { $0.wake = continuation }
        continuation.yield()
        await withDiscardingTaskGroup { group in
            group.addTask {
                await self.discovery.run { continuation.yield() }
                continuation.finish()
            }
            for await _ in wakes {
                for (key, configuration, signal) in synchronize() {
                    group.addTask { await self.loop(key, configuration, signal) }
                }
            }
        }
        await connections.shutdown()
    }

    /// Compares what should run with what runs; answers the loops to start.
    private func synchronize() -> [(Key, ScrapeConfiguration, StopSignal)] {
        let (configurations, generation) = state.withLock { ($0.configurations, $0.generation) }
        var wanted: [(Key, ScrapeConfiguration)] = []
        var dropped: [(job: String, labels: LabelSet)] = []
        for configuration in configurations {
            let (active, gone, problems) = Target.resolve(configuration, groups: discovery.groups(of: configuration))
            for problem in problems { logger.warning("\(problem)") }
            dropped += gone.map { (configuration.jobName, $0) }
            if configuration.targetLimit > 0 && active.count > configuration.targetLimit { continue }
            for target in active {
                wanted.append(
                    (Key(job: configuration.jobName, target: target, source: configuration.source), configuration))
            }
        }
        return state.withLock { state in
            guard state.generation == generation else { return [] }
            state.dropped = dropped
            let keys = Set(wanted.map(\.0))
            for (key, signal) in state.running where !keys.contains(key) {
                signal.stop()
                state.running[key] = nil
                state.status[key] = nil
            }
            var starts: [(Key, ScrapeConfiguration, StopSignal)] = []
            for (key, configuration) in wanted where state.running[key] == nil {
                let signal = StopSignal()
                state.running[key] = signal
                state.status[key] = TargetStatus(target: key.target, job: key.job)
                starts.append((key, configuration, signal))
            }
            return starts
        }
    }

    private func loop(_ key: Key, _ configuration: ScrapeConfiguration, _ signal: StopSignal) async {
        let target = key.target
        var assembly = ScrapeAssembly(configuration: configuration, target: target)
        let fetcher = TargetFetcher(client: client, configuration: configuration, target: target)
        var next = firstScrape(of: target)
        while !Task.isCancelled && !signal.isStopped {
            let wait = next - now()
            if wait > 0 {
                do { try await Task.sleep(for: .milliseconds(wait)) } catch { return }
            }
            if signal.isStopped { break }
            await scrape(key, fetcher, &assembly, at: next)
            next += target.interval
            // A scrape that overran its interval skips the missed ones, as a ticker does.
            let late = now() - next
            if late > 0 { next += (late / target.interval + 1) * target.interval }
        }
        // Of a target that went away all series end; a shutdown leaves them as they are, for the restart.
        if signal.isStopped && !Task.isCancelled { await append(assembly.end(timestamp: now()), key) }
    }

    private func firstScrape(of target: Target) -> Int64 {
        let now = now()
        // Short intervals start at once, so that a first look shows something; long ones keep their place.
        if target.interval <= 15_000 { return now }
        let aligned = now - now % target.interval + target.offset
        return aligned > now ? aligned : aligned + target.interval
    }

    private func scrape(_ key: Key, _ fetcher: TargetFetcher, _ assembly: inout ScrapeAssembly, at ideal: Int64) async {
        let started = ContinuousClock.now
        var timestamp = now()
        // Snapped to the grid when close: equal steps compress to nothing.
        let tolerance = min(2, key.target.interval / 100)
        if abs(timestamp - ideal) <= tolerance { timestamp = ideal }
        let batch: SeriesBatch
        let report: ScrapeAssembly.Report
        do {
            let (body, format) = try await fetcher.fetch()
            let duration = (ContinuousClock.now - started).seconds
            (batch, report) = assembly.accept(body, format: format, timestamp: timestamp, duration: duration)
        } catch {
            if Task.isCancelled { return }
            let duration = (ContinuousClock.now - started).seconds
            (batch, report) = assembly.fail(
                Self.sentence(for: error, key.target), timestamp: timestamp, duration: duration)
        }
        await append(batch, key)
        let duration = (ContinuousClock.now - started).seconds
        state.withLock { state in
            guard state.status[key] != nil else { return }
            state.status[key]?.health = report.failure == nil ? .up : .down
            state.status[key]?.lastError = report.failure ?? ""
            state.status[key]?.lastScrape = timestamp
            state.status[key]?.lastDuration = duration
            state.status[key]?.samples = report.scraped
        }
        if let failure = report.failure {
            logger.debug(
                "scrape failed", metadata: ["job": "\(key.job)", "url": "\(key.target.url)", "error": "\(failure)"])
        }
    }

    private func append(_ batch: SeriesBatch, _ key: Key) async {
        guard !batch.isEmpty else { return }
        do {
            let outcome = try await store.append(batch, id: nil)
            state.withLock { $0.storedSamples += outcome.accepted }
            if let reason = outcome.firstRejection, outcome.rejectedCount > 0 {
                logger.debug(
                    "samples rejected",
                    metadata: ["job": "\(key.job)", "count": "\(outcome.rejectedCount)", "first": "\(reason)"])
            }
        } catch {
            logger.warning("a scrape could not be stored", metadata: ["job": "\(key.job)", "error": "\(error)"])
        }
    }

    private static func sentence(for error: any Error, _ target: Target) -> String {
        switch error {
        case let failure as ScrapeFailure: return failure.description
        case let error as HTTPClientError
        where error == .deadlineExceeded || error == .readTimeout || error == .connectTimeout:
            return "Get \"\(target.url)\": no answer within the scrape timeout of \(target.timeout) ms"
        default:
            // The network library wraps the system's word in its own; people search for the system's.
            let text = "\(error)"
            return
                "Get \"\(target.url)\": \(text.contains("Connection refused") ? "connect: connection refused" : text)"
        }
    }
}

extension Duration {
    var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}
