import Endpoints
import Logging
import Synchronization
import Telemetry

/// Runs the discoveries of all jobs: one task for each, which keeps its last good groups over failures and over reloads
/// that leave its own entry as it was.
package final class DiscoveryRunner: Sendable {
    /// How one discovery is doing.
    package struct Status: Sendable, Hashable {
        package var job: String
        package var kind: String
        package var groups = 0
        package var targets = 0
        package var updates = 0
        package var failures = 0
        /// Empty when the last attempt went well.
        package var lastError = ""
    }

    private struct Key: Hashable {
        var job: String
        var source: String
        /// Of entries that are written alike.
        var index: Int

        static func all(_ configuration: ScrapeConfiguration) -> [Key] {
            var counts: [String: Int] = [:]
            return configuration.discoveries.indices.map { i in
                let sources = configuration.discoverySources
                let source = i < sources.count ? sources[i] : configuration.source
                counts[source, default: -1] += 1
                return Key(job: configuration.jobName, source: source, index: counts[source] ?? 0)
            }
        }
    }

    private struct Entry {
        var discovery: any TargetDiscovery
        /// Nil before the first answer.
        var groups: [TargetGroup]?
        var status: Status
        var task: StopSource
    }

    private struct State {
        var entries: [Key: Entry] = [:]
        var unstarted: [Key] = []
        var wake: AsyncStream<Void>.Continuation?
    }

    /// Ends one discovery's task when its job went away.
    private final class StopSource: Sendable {
        let stream: AsyncStream<Void>
        private let continuation: AsyncStream<Void>.Continuation
        init() { (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }
        func stop() { continuation.finish() }
    }

    private let connections: EndpointConnections
    private let logger: Logger
    private let state = Mutex(State())
    /// Changes are published at most this often, milliseconds: a rollout of a hundred containers is a few steps, not a
    /// hundred.
    private let debounce: Int64

    package init(connections: EndpointConnections, logger: Logger, debounce: Int64 = 5_000) {
        self.connections = connections
        self.logger = logger
        self.debounce = debounce
    }

    package func reload(_ configurations: [ScrapeConfiguration]) {
        let (stopped, wake) = state.withLock { state -> ([StopSource], AsyncStream<Void>.Continuation?) in
            var wanted: Set<Key> = []
            for configuration in configurations {
                for (key, discovery) in zip(Key.all(configuration), configuration.discoveries) {
                    guard wanted.insert(key).inserted, state.entries[key] == nil else { continue }
                    state.entries[key] = Entry(
                        discovery: discovery, groups: nil,
                        status: Status(job: configuration.jobName, kind: discovery.kind), task: StopSource())
                    state.unstarted.append(key)
                }
            }
            let gone = state.entries.filter { !wanted.contains($0.key) }
            for key in gone.keys { state.entries[key] = nil }
            state.unstarted.removeAll { !wanted.contains($0) }
            return (gone.values.map(\.task), state.wake)
        }
        for source in stopped { source.stop() }
        wake?.yield()
    }

    /// Static groups and everything found so far.
    package func groups(of configuration: ScrapeConfiguration) -> [TargetGroup] {
        state.withLock { state in
            Key.all(configuration).reduce(into: configuration.staticGroups) { all, key in
                all += state.entries[key]?.groups ?? []
            }
        }
    }

    package var statuses: [Status] {
        state.withLock { $0.entries.values.map(\.status) }.sorted { ($0.job, $0.kind) < ($1.job, $1.kind) }
    }

    /// Runs until cancelled; `changed` is called after groups changed.
    package func run(changed: @escaping @Sendable () -> Void) async {
        let (wakes, wake) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let (changes, change) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        state.withLock { $0.wake = wake }
        wake.yield()
        await withDiscardingTaskGroup { group in
            group.addTask { await self.publish(changes, changed) }
            for await _ in wakes {
                for (key, entry) in takeUnstarted() {
                    group.addTask { await self.keepRunning(key, entry, change) }
                }
            }
            change.finish()
        }
        state.withLock { $0.wake = nil }
    }

    private func takeUnstarted() -> [(Key, Entry)] {
        state.withLock { state in
            let keys = state.unstarted
            state.unstarted = []
            return keys.compactMap { key in state.entries[key].map { (key, $0) } }
        }
    }

    /// The first change of a while goes out almost at once, the next ones wait.
    private func publish(_ changes: AsyncStream<Void>, _ changed: @Sendable () -> Void) async {
        for await _ in changes {
            try? await Task.sleep(for: .milliseconds(min(debounce, 100)))
            if Task.isCancelled { return }
            changed()
            try? await Task.sleep(for: .milliseconds(debounce))
        }
    }

    private func keepRunning(_ key: Key, _ entry: Entry, _ change: AsyncStream<Void>.Continuation) async {
        let context = DiscoveryContext(connections: connections, logger: logger) { self.failed($0, key) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in entry.task.stream {} }
            group.addTask {
                while !Task.isCancelled {
                    do {
                        try await entry.discovery.run(context) { groups in
                            if self.accept(groups, key) { change.yield() }
                        }
                    } catch {
                        if Task.isCancelled { return }
                        context.failed(error)
                    }
                    let pause = min(60_000, max(1_000, entry.discovery.refreshInterval))
                    try? await Task.sleep(for: .milliseconds(pause))
                }
            }
            await group.next()
            group.cancelAll()
        }
    }

    /// Whether the groups changed.
    private func accept(_ groups: [TargetGroup], _ key: Key) -> Bool {
        state.withLock { state in
            guard var entry = state.entries[key] else { return false }
            let isNew = entry.groups != groups
            entry.groups = groups
            entry.status.groups = groups.count
            entry.status.targets = groups.reduce(0) { $0 + $1.targets.count }
            entry.status.updates += 1
            entry.status.lastError = ""
            state.entries[key] = entry
            return isNew
        }
    }

    private func failed(_ error: any Error, _ key: Key) {
        let text = "\(error)"
        let (kind, isNew) = state.withLock { state -> (String, Bool) in
            guard var entry = state.entries[key] else { return ("", false) }
            let isNew = entry.status.lastError != text
            entry.status.failures += 1
            entry.status.lastError = text
            state.entries[key] = entry
            return (entry.status.kind, isNew)
        }
        // A discovery that stays broken says so once, not at each refresh.
        guard isNew else { return }
        logger.warning(
            "service discovery failed; the targets it had stay",
            metadata: ["job": "\(key.job)", "kind": "\(kind)", "error": "\(text)"])
    }
}
