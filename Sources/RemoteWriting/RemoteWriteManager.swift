import Endpoints
import Logging
import Storage
import Synchronization
import Telemetry

/// All receivers of `remote_write`: the log that they share, and a sender for each.
package final class RemoteWriteManager: Sendable {
    private let folder: String
    private let fileSystem: any FileSystem
    private let connections: EndpointConnections
    private let logger: Logger
    private let now: @Sendable () -> Int64
    private let metadata: @Sendable () async -> [String: [MetricMetadata]]
    private let syncsAlways: Bool
    private let state = Mutex(State())
    /// Read for each batch without the lock.
    private let active = Atomic(false)

    private struct Remote {
        var configuration: RemoteWriteConfiguration
        var externalLabels: LabelSet
        var generation: Int
        var statistics: SharedStatistics
    }

    private struct State {
        var log: QueueLog?
        var remotes: [String: Remote] = [:]
        var generation = 0
        var places: [String: QueuePosition] = [:]
        var takesExemplars = false
        var highestTimestamp: Int64 = 0
    }

    /// `folder` is where the queue lives; it is made when there is a receiver.
    package init(
        folder: String, fileSystem: any FileSystem, connections: EndpointConnections, syncsAlways: Bool = false,
        logger: Logger, now: @escaping @Sendable () -> Int64,
        metadata: @escaping @Sendable () async -> [String: [MetricMetadata]]
    ) {
        self.folder = folder
        self.fileSystem = fileSystem
        self.connections = connections
        self.syncsAlways = syncsAlways
        self.logger = logger
        self.now = now
        self.metadata = metadata
    }

    /// Whether anybody wants what is stored.
    package var isActive: Bool { active.load(ordering: .acquiring) }

    /// Takes a new list. Receivers whose entry did not change go on undisturbed; a removed one loses its place.
    package func reload(_ configurations: [RemoteWriteConfiguration], externalLabels: LabelSet) throws {
        let now = now()
        try state.withLock { state in
            let log = try opened(&state, isNeeded: !configurations.isEmpty, now: now)
            var remotes: [String: Remote] = [:]
            for configuration in configurations {
                let old = state.remotes[configuration.key]
                if let old, old.configuration.source == configuration.source, old.externalLabels == externalLabels {
                    remotes[configuration.key] = old
                    continue
                }
                state.generation += 1
                remotes[configuration.key] = Remote(
                    configuration: configuration, externalLabels: externalLabels, generation: state.generation,
                    statistics: old?.statistics ?? SharedStatistics())
            }
            try log.map { try forgetOthers(remotes, $0, &state) }
            state.remotes = remotes
            state.takesExemplars = configurations.contains(where: \.sendsExemplars)
            if let log {
                var limits = QueueLog.Limits()
                limits.bytes = configurations.map(\.queue.maxDiskBytes).max() ?? limits.bytes
                limits.age = configurations.map(\.queue.maxDiskAge).max() ?? limits.age
                limits.segmentBytes = min(limits.segmentBytes, max(1 << 18, limits.bytes / 4))
                log.setLimits(limits)
            }
            active.store(!configurations.isEmpty, ordering: .releasing)
        }
    }

    private func opened(_ state: inout State, isNeeded: Bool, now: Int64) throws -> QueueLog? {
        if let log = state.log { return log }
        guard isNeeded || fileSystem.exists(folder) else { return nil }
        let log = try QueueLog(folder: folder, fileSystem: fileSystem, now: now)
        state.log = log
        return log
    }

    /// New receivers begin at the end of the log; places of those that are gone are removed, so that nothing is kept
    /// for them.
    private func forgetOthers(_ remotes: [String: Remote], _ log: QueueLog, _ state: inout State) throws {
        let wanted = Set(remotes.keys.map(QueueCursor.name))
        for name in try fileSystem.list(folder) where name.hasSuffix(".cursor") && !wanted.contains(name) {
            try fileSystem.remove(folder + "/" + name)
        }
        state.places = state.places.filter { remotes[$0.key] != nil }
        for key in remotes.keys where state.places[key] == nil {
            let cursor = try QueueCursor(folder: folder, key: key, fileSystem: fileSystem)
            if cursor.position == nil { try cursor.move(to: log.end) }
            state.places[key] = cursor.position
        }
        if remotes.isEmpty { log.discard(before: log.end) }
    }

    /// Puts what was stored in the queue. Throws where the disk refuses it: the batch must not be acknowledged then.
    package func enqueue(_ batch: SeriesBatch) throws {
        guard !batch.refs.isEmpty || !batch.histograms.isEmpty || !batch.exemplars.isEmpty else { return }
        let newest = max(batch.timestamps.max() ?? 0, batch.histograms.map(\.timestamp).max() ?? 0)
        let (log, exemplars) = state.withLock { state in
            state.highestTimestamp = max(state.highestTimestamp, newest)
            return (state.log, state.takesExemplars)
        }
        try log?.append(batch, exemplars: exemplars, now: now())
        if syncsAlways { try log?.sync() }
    }

    /// Sends until cancelled.
    package func run() async {
        await withTaskGroup(of: String?.self) { group in
            var running: Set<String> = []
            group.addTask { await self.pause() }
            while !Task.isCancelled {
                for (key, sender) in missing(running) {
                    running.insert(key)
                    group.addTask {
                        await sender.run()
                        return key
                    }
                }
                guard let event = await group.next() else { break }
                if let key = event {
                    running.remove(key)
                } else {
                    tidy()
                    group.addTask { await self.pause() }
                }
            }
            group.cancelAll()
        }
    }

    private func pause() async -> String? {
        // With nobody to send to, a reload is all that there is to wait for.
        let isIdle = state.withLock { $0.remotes.isEmpty }
        try? await Task.sleep(for: .milliseconds(isIdle ? 500 : 100))
        return nil
    }

    private func missing(_ running: Set<String>) -> [(String, RemoteWriteSender)] {
        state.withLock { state in
            guard let log = state.log else { return [] }
            return state.remotes.compactMap { key, remote in
                guard !running.contains(key) else { return nil }
                let generation = remote.generation
                return (
                    key,
                    RemoteWriteSender(
                        configuration: remote.configuration, externalLabels: remote.externalLabels, log: log,
                        client: connections.client(remote.configuration.http), statistics: remote.statistics,
                        logger: logger, now: now, metadata: metadata,
                        isCurrent: { [weak self] in self?.generation(of: key) == generation },
                        moved: { [weak self] in self?.moved(key, to: $0) })
                )
            }
        }
    }

    private func generation(of key: String) -> Int? { state.withLock { $0.remotes[key]?.generation } }

    private func moved(_ key: String, to position: QueuePosition) {
        state.withLock { state in
            if state.remotes[key] != nil { state.places[key] = position }
        }
    }

    /// Syncs, and removes what all receivers have.
    private func tidy() {
        let (log, least) = state.withLock { ($0.log, $0.places.values.min()) }
        guard let log else { return }
        do { try log.sync() } catch { logger.error("the remote-write queue cannot be synced: \(error)") }
        if let least { log.discard(before: least) }
    }

    package func close() throws { try state.withLock { try $0.log?.close() } }

    /// By name or URL of the receiver.
    package var statistics: [(name: String, url: String, statistics: RemoteWriteStatistics)] {
        state.withLock { state in
            state.remotes.values.map { ($0.configuration.label, $0.configuration.shownURL, $0.statistics.current) }
        }.sorted { $0.name < $1.name }
    }

    /// Of all that was stored, in milliseconds since 1970.
    package var highestTimestamp: Int64 { state.withLock { $0.highestTimestamp } }
    package var droppedByLimits: Int { state.withLock { $0.log?.droppedByLimits ?? 0 } }
    package var bytesOnDisk: Int { state.withLock { $0.log?.bytes ?? 0 } }
}
