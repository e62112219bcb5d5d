import Codecs
import Foundation
package import Storage
import Synchronization
internal import Telemetry

/// The metrics engine in this process: a head in memory behind a journal, and sealed parts on disk.
package final class EmbeddedSeriesStore: SeriesStorage {
    static let engine = "series"

    let options: SeriesStoreOptions
    let folder: DataFolder
    /// Path of the parts.
    let partFolder: String
    let journal: Journal
    let shards: [HeadShardBox]
    let shardMask: Int
    let clock: @Sendable () -> Int64
    /// Appends are inside; a checkpoint waits until they have left.
    let gate = AppendGate()
    /// One sealing, merge or retention at a time.
    let maintenance = AppendGate()
    let nextID = Atomic<UInt64>(1)
    let seriesCount = Atomic(0)
    /// As of the last maintenance.
    let headBytes = Atomic(0)
    let batchIDs: Mutex<BatchIDMemory>
    let exemplarRing: Mutex<ExemplarRing>
    let families = Mutex<[String: [MetricMetadata]]>([:])
    let parts = Mutex<[SeriesPart]>([])
    let ledger = Mutex(Ledger())
    let problems = Mutex(ProblemLog())

    /// What is in which journal segments and windows.
    struct Ledger {
        struct Generation {
            var firstSegment: Int
            var lastSequence: UInt64
            var windows: Set<Int64>
        }
        /// Number of the open generation: the journal segment that it began with. 0 where none has begun.
        var generation = 0
        /// Windows that records of the open generation have samples of.
        var windows: Set<Int64> = []
        /// Ended ones whose segments are still there, oldest first.
        var closed: [Generation] = []
        /// Windows with samples in the head.
        var head: Set<Int64> = []
        /// Samples of the window up to this journal sequence are in parts.
        var sealed: [Int64: UInt64] = [:]
        var lastSeal = Int64.min
        var isClosed = false
    }

    /// Opens the store in the data folder, reads the directories of its parts and replays the journal.
    package static func open(
        folder: DataFolder, options: SeriesStoreOptions = SeriesStoreOptions(),
        clock: @escaping @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970 * 1000) }
    ) throws -> EmbeddedSeriesStore {
        let store = try EmbeddedSeriesStore(folder: folder, options: options, clock: clock)
        try store.openParts()
        try store.replay()
        return store
    }

    private init(folder: DataFolder, options: SeriesStoreOptions, clock: @escaping @Sendable () -> Int64) throws {
        self.folder = folder
        self.options = options
        self.clock = clock
        partFolder = try folder.folder("series")
        let wanted = max(1, min(64, options.shards ?? ProcessInfo.processInfo.activeProcessorCount))
        var count = 1
        while count < wanted { count *= 2 }
        shards = (0..<count).map { _ in HeadShardBox() }
        shardMask = count - 1
        batchIDs = Mutex(BatchIDMemory(capacity: options.rememberedBatches))
        exemplarRing = Mutex(ExemplarRing(capacity: options.exemplars))
        journal = try Journal(
            folder: try folder.folder("series/journal"), fileSystem: folder.fileSystem, options: options.journal,
            after: try folder.catalog.checkpoint(of: EmbeddedSeriesStore.engine))
    }

    func report(_ sentence: String) { problems.withLock { $0.add(sentence) } }

    func shardIndex(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash >> 40) & shardMask }

    // MARK: Start

    private func openParts() throws {
        let fileSystem = folder.fileSystem
        let records = try folder.catalog.parts(of: EmbeddedSeriesStore.engine)
        let known = Set(records.map { folder.path + "/" + $0.file })
        for name in try fileSystem.list(partFolder) where name.hasSuffix(".part") || name.hasSuffix(".tmp") {
            // Of a sealing that did not reach the catalog: its samples are in the journal.
            if !known.contains(partFolder + "/" + name) { try fileSystem.remove(partFolder + "/" + name) }
        }
        var open: [SeriesPart] = []
        for record in records {
            for (window, sequence) in SealNote.decode(record.extra) {
                ledger.withLock { $0.sealed[window] = max($0.sealed[window] ?? 0, sequence) }
            }
            do {
                open.append(try SeriesPart(record, path: folder.path + "/" + record.file, fileSystem: fileSystem))
            } catch let error as StorageError {
                if case .unsupported = error { throw error }
                report(error.description)
            }
        }
        parts.withLock { $0 = open }
    }

    private func replay() throws {
        var state = ReplayState(ledger: ledger.withLock { $0 })
        let report = try journal.replay(after: nil) { position, payload in
            do {
                apply(try JournalRecord(decoding: payload), at: position, &state)
            } catch let error as CodecError {
                self.report("\(journal.folder): record \(position) cannot be read: \(error)")
            }
        }
        for problem in report.problems { self.report(problem) }
        if state.orphans > 0 {
            self.report(
                "\(journal.folder): \(state.orphans) samples belong to series whose definition was lost to damage")
        }
        // Ids of this run must not meet those of the last one: a generation of its own begins with the first append.
        state.endGeneration(nil)
        let ledgerNow = state.ledger
        ledger.withLock { $0 = ledgerNow }
        do {
            try beginGeneration()
        } catch StorageError.diskFull {
            // Queries need none; the first append tries again.
        }
        discardJournal()
    }

    /// Call with nobody inside ``gate``.
    func beginGeneration() throws {
        guard ledger.withLock({ $0.generation == 0 }) else { return }
        let position = try journal.rotate()
        ledger.withLock { $0.generation = position.segment }
    }

    private struct ReplayState {
        var ledger: Ledger
        var slots: [UInt64: (shard: Int, slot: Int)] = [:]
        var orphans = 0
        var last: UInt64 = 0
        /// Of the sample before, which nearly always has the same window: no hashing per sample.
        private var window: (index: Int64, sequence: UInt64, isSealed: Bool)?

        init(ledger: Ledger) { self.ledger = ledger }

        /// Whether a part has the samples of that time up to the current record.
        mutating func isSealed(_ timestamp: Int64) -> Bool {
            let index = Window.index(timestamp)
            if let window, window.index == index, window.sequence == last { return window.isSealed }
            let isSealed = ledger.sealed[index] ?? 0 >= last
            ledger.windows.insert(index)
            if !isSealed { ledger.head.insert(index) }
            window = (index, last, isSealed)
            return isSealed
        }

        mutating func endGeneration(_ next: Int?) {
            if ledger.generation > 0 {
                ledger.closed.append(
                    Ledger.Generation(firstSegment: ledger.generation, lastSequence: last, windows: ledger.windows))
            }
            slots = [:]
            ledger.windows = []
            ledger.generation = next ?? 0
        }
    }

    private func apply(_ record: JournalRecord, at position: JournalPosition, _ state: inout ReplayState) {
        if record.generation != state.ledger.generation {
            state.endGeneration(record.generation)
        }
        state.last = position.sequence
        if let id = record.batch { batchIDs.withLock { $0.insert(id) } }
        for (id, labels) in record.definitions where state.slots[id] == nil {
            let hash = Hash64.hash(labels.bytes)
            let shard = shardIndex(hash)
            state.slots[id] = (shard, resolve(labels, hash: hash, shard: shard))
        }
        let cutoff = clock() &- options.retention
        for i in record.ids.indices {
            guard let (shard, slot) = state.slots[record.ids[i]] else {
                state.orphans += 1
                continue
            }
            let timestamp = record.timestamps[i]
            let isSealed = state.isSealed(timestamp)
            let value = record.values[i]
            shards[shard].state.withLock { head in
                if isSealed {
                    head.series[slot].noteSealed(timestamp: timestamp, value: value)
                } else if timestamp >= cutoff {
                    _ = head.series[slot].insert(timestamp: timestamp, value: value)
                }
            }
        }
        for (id, timestamp, bytes) in record.histograms {
            guard let (shard, slot) = state.slots[id] else {
                state.orphans += 1
                continue
            }
            let isSealed = state.isSealed(timestamp)
            shards[shard].state.withLock { head in
                if isSealed {
                    head.series[slot].noteSealed(timestamp: timestamp, value: nil)
                } else if timestamp >= cutoff {
                    _ = head.series[slot].insert(timestamp: timestamp, histogram: bytes)
                }
            }
        }
        remember(exemplars: record.exemplars, metadata: record.metadata)
    }

    /// Slot of the series, made where it is new.
    private func resolve(_ labels: LabelSet, hash: UInt64, shard: Int) -> Int {
        shards[shard].state.withLock { head in
            if let slot = head.slot(of: labels, hash: hash) { return slot }
            seriesCount.add(1, ordering: .relaxed)
            return head.add(labels, hash: hash, id: nextID.add(1, ordering: .relaxed).newValue)
        }
    }

    func remember(exemplars: [(labels: LabelSet, exemplar: Exemplar)], metadata: [MetricMetadata]) {
        if !exemplars.isEmpty {
            exemplarRing.withLock { ring in for (labels, exemplar) in exemplars { ring.insert(labels, exemplar) } }
        }
        if !metadata.isEmpty {
            families.withLock { families in
                for one in metadata where families[one.name]?.first != one {
                    // The newest first; a family that two exporters describe differently keeps both.
                    var list = families[one.name] ?? []
                    list.removeAll { $0 == one }
                    list.insert(one, at: 0)
                    families[one.name] = Array(list.prefix(8))
                }
            }
        }
    }

    // MARK: Health and end

    package func health() async -> StoreHealth {
        var health = StoreHealth()
        health.activeSeries = seriesCount.load(ordering: .relaxed)
        let open = parts.withLock { $0 }
        health.parts = open.count
        health.rows = open.reduce(0) { $0 + $1.directory.samples }
        for shard in shards {
            health.rows += shard.state.withLock { head in head.series.reduce(0) { $0 + $1.sampleCount } }
        }
        health.bytesOnDisk = open.reduce(0) { $0 + $1.record.bytes } + journal.bytes
        health.journalBytes = journal.bytes
        let log = problems.withLock { $0 }
        health.problems = log.sentences + journal.problems
        return health
    }

    package func close() async throws {
        let wasOpen = ledger.withLock { ledger in
            defer { ledger.isClosed = true }
            return !ledger.isClosed
        }
        guard wasOpen else { return }
        await maintenance.enterAlone()
        defer { maintenance.leaveAlone() }
        if options.sealsAtClose {
            do {
                try await seal(now: clock(), everything: true)
            } catch {
                // What could not be sealed is in the journal.
                report("sealing at the end failed: \(error)")
            }
        }
        await gate.enterAlone()
        defer { gate.leaveAlone() }
        try journal.close()
    }
}

/// Up to which journal sequence each window is in a part, as the part's note in the catalog.
enum SealNote {
    static func encode(_ sealed: [Int64: UInt64]) -> String {
        sealed.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ";")
    }

    static func decode(_ text: String) -> [Int64: UInt64] {
        var sealed: [Int64: UInt64] = [:]
        for pair in text.split(separator: ";") {
            let halves = pair.split(separator: "=")
            if halves.count == 2, let window = Int64(halves[0]), let sequence = UInt64(halves[1]) {
                sealed[window] = sequence
            }
        }
        return sealed
    }
}
