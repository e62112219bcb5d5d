import Endpoints
import Logging
import Storage
import Synchronization
import Telemetry

/// Keeps one loop for each target of the current configuration, over reloads.
package final class ScrapeManager: Sendable {
    struct Key: Hashable {
        var job: String
        var target: Target
        var source: String
    }

    private struct State {
        var configurations: [ScrapeConfiguration] = []
        var baseFolder = "."
        var generation = 0
        var running: [Key: TargetControl] = [:]
        var status: [Key: TargetStatus] = [:]
        var dropped: [(job: String, labels: LabelSet)] = []
        var droppedCounts: [String: Int] = [:]
        var wake: AsyncStream<Void>.Continuation?
        var storedSamples = 0
        var rejected: [RejectionReason: Int] = [:]
    }

    let store: any SeriesStorage
    let logger: Logger
    let connections: EndpointConnections
    let failureLog = ScrapeFailureLog()
    /// Milliseconds since 1970.
    let now: @Sendable () -> Int64
    /// Finds the targets of `*_sd_configs`.
    package let discovery: DiscoveryRunner
    private let state = Mutex(State())

    /// `now` gives milliseconds since 1970.
    package init(store: any SeriesStorage, logger: Logger, now: @escaping @Sendable () -> Int64) {
        self.store = store
        self.logger = logger
        self.now = now
        connections = EndpointConnections()
        discovery = DiscoveryRunner(connections: connections, logger: logger)
    }

    /// Takes a new configuration; targets that stay the same go on undisturbed. Files that it names are relative to the folder.
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
            $0.baseFolder = baseFolder
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

    /// Samples that were scraped and not stored since the start, by reason.
    package var rejectedSamples: [RejectionReason: Int] { state.withLock { $0.rejected } }

    /// Targets that relabelling dropped, of each job as many as its `keep_dropped_targets` allows.
    package var droppedTargets: [(job: String, labels: LabelSet)] { state.withLock { $0.dropped } }

    /// How many targets relabelling dropped, by job.
    package var droppedTargetCounts: [String: Int] { state.withLock { $0.droppedCounts } }

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
                for (key, configuration, control) in synchronize() {
                    group.addTask {
                        var loop = TargetLoop(self, key, configuration, control)
                        await loop.run()
                    }
                }
            }
        }
        await connections.shutdown()
    }

    private struct Wanted {
        var targets: [(key: Key, configuration: ScrapeConfiguration, failure: String?)] = []
        var dropped: [(job: String, labels: LabelSet)] = []
        var droppedCounts: [String: Int] = [:]
    }

    private func wanted(_ configurations: [ScrapeConfiguration]) -> Wanted {
        var wanted = Wanted()
        for configuration in configurations {
            let job = configuration.jobName
            let settings = configuration.settings
            let (active, gone, problems) = Target.resolve(configuration, groups: discovery.groups(of: configuration))
            for problem in problems { logger.warning("\(problem)") }
            let shown = settings.keepDroppedTargets > 0 ? gone.prefix(settings.keepDroppedTargets) : gone[...]
            wanted.dropped += shown.map { (job, $0) }
            if !gone.isEmpty { wanted.droppedCounts[job, default: 0] += gone.count }
            var failure: String?
            if settings.targetLimit > 0, active.count > settings.targetLimit {
                failure =
                    "target_limit exceeded (number of targets: \(active.count), limit: \(settings.targetLimit))"
            }
            for target in active {
                wanted.targets.append((Key(job: job, target: target, source: configuration.source), configuration, failure))
            }
        }
        return wanted
    }

    /// Compares what should run with what runs; answers the loops to start.
    private func synchronize() -> [(Key, ScrapeConfiguration, TargetControl)] {
        let (configurations, generation) = state.withLock { ($0.configurations, $0.generation) }
        let wanted = wanted(configurations)
        return state.withLock { state in
            guard state.generation == generation else { return [] }
            state.dropped = wanted.dropped
            state.droppedCounts = wanted.droppedCounts
            let keys = Set(wanted.targets.map(\.key))
            for (key, control) in state.running where !keys.contains(key) {
                control.stop()
                state.running[key] = nil
                state.status[key] = nil
            }
            var starts: [(Key, ScrapeConfiguration, TargetControl)] = []
            for (key, configuration, failure) in wanted.targets {
                if let control = state.running[key] {
                    control.failure = failure
                    continue
                }
                let control = TargetControl()
                control.failure = failure
                state.running[key] = control
                state.status[key] = TargetStatus(target: key.target, job: key.job)
                starts.append((key, configuration, control))
            }
            return starts
        }
    }

    // MARK: For the loops

    /// Whether some loop scrapes a target with these labels: its series then are nobody else's to end.
    func isScraped(_ labels: LabelSet) -> Bool {
        state.withLock { state in state.running.keys.contains { $0.target.labels == labels } }
    }

    func path(_ file: String) -> String {
        file.hasPrefix("/") ? file : state.withLock { $0.baseFolder } + "/" + file
    }

    func update(_ key: Key, _ change: (inout TargetStatus) -> Void) {
        state.withLock { state in
            guard var status = state.status[key] else { return }
            change(&status)
            state.status[key] = status
        }
    }

    func append(_ batch: SeriesBatch, _ key: Key) async {
        guard !batch.isEmpty else { return }
        do {
            let outcome = try await store.append(batch, id: nil)
            state.withLock { state in
                state.storedSamples += outcome.accepted
                for (reason, count) in outcome.rejected { state.rejected[reason, default: 0] += count }
            }
            if let reason = outcome.firstRejection, outcome.rejectedCount > 0 {
                logger.debug(
                    "samples rejected",
                    metadata: ["job": "\(key.job)", "count": "\(outcome.rejectedCount)", "first": "\(reason)"])
            }
        } catch {
            logger.warning("a scrape could not be stored", metadata: ["job": "\(key.job)", "error": "\(error)"])
        }
    }

    func count(duplicates: Int) {
        guard duplicates > 0 else { return }
        state.withLock { $0.rejected[.duplicate, default: 0] += duplicates }
    }
}
