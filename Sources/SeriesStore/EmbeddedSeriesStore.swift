import Codecs
import Dispatch
import Foundation
package import Storage
import Synchronization
internal import Telemetry

/// The metrics engine in this process: a head in memory behind a journal, and parts on disk.
///
/// A sample goes to the journal and to the head's rows. Every million samples, every five minutes, or when nothing comes
/// any more, the rows are sorted into parts of two hours each (``flush(now:)``) and the journal begins anew, so that
/// memory and the work of a restart do not grow with the data. Parts are merged later.
package final class EmbeddedSeriesStore: SeriesStorage {
    static let engine = "series"
    /// Names the checkpoint in the catalog: all records up to it are in parts.
    static let checkpointName = "series.flushed"

    let options: SeriesStoreOptions
    let folder: DataFolder
    /// Path of the parts.
    let partFolder: String
    let journal: Journal
    let registry = Mutex(SeriesRegistry())
    let shards: [HeadShardBox]
    let shardMask: Int
    let shardBits: Int
    let seriesGuard: CardinalityGuard
    let clock: @Sendable () -> Int64
    private let opened: Int64
    /// Appends are inside; who moves what they stand on (a flush that begins, slots that are freed) waits until they
    /// have left.
    let gate = AppendGate()
    /// One flush at a time.
    let flushing = AppendGate()
    /// One merge, deletion or retention at a time.
    let maintenance = AppendGate()
    let flushQueue = DispatchQueue(label: "needletail.series.flush")
    let maintenanceQueue = DispatchQueue(label: "needletail.series.maintenance", qos: .utility)
    let nextID = Atomic<UInt64>(0)
    /// The journal segment that definitions are in or after; 0 where no append has begun one.
    let generation = Atomic(0)
    let isClosed = Atomic(false)
    /// Samples in the head that no flush has begun to write.
    let freshRows = Atomic(0)
    /// Active series as of the last flush.
    let seriesCount = Atomic(0)
    /// Samples at which a flush is due.
    let flushRows: Atomic<Int>
    let lastAppend: Atomic<Int64>
    /// ``lastAppend`` as it was when free memory was last handed back after it.
    let lastTrim = Atomic<Int64>(0)
    let lastFlush: Atomic<Int64>
    let lastEviction: Atomic<Int64>
    let batchIDs: Mutex<BatchIDMemory>
    let exemplarMemory: Mutex<ExemplarMemory>
    let exemplarFiles = Mutex<[PartRecord]>([])
    let families = Mutex<[String: [MetricMetadata]]>([:])
    /// Families that the catalog does not have yet.
    let changedFamilies = Mutex<Set<String>>([])
    let parts = Mutex<[SeriesPart]>([])
    let flushOrder = Mutex(FlushOrder())
    let problems = Mutex(ProblemLog())
    /// What queries remember of the parts.
    let queryIndex: QueryIndex
    let wishes: AsyncStream<Void>
    private let wish: AsyncStream<Void>.Continuation

    /// Opens the store in the data folder, reads the directories of its parts and replays the journal.
    package static func open(
        folder: DataFolder, options: SeriesStoreOptions = SeriesStoreOptions(),
        clock: @escaping @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970 * 1000) }
    ) throws -> EmbeddedSeriesStore {
        let store = try EmbeddedSeriesStore(folder: folder, options: options, clock: clock)
        try store.openParts()
        try store.readTombstones()
        try store.openExemplarFiles()
        try store.readFamilies()
        try store.replay()
        return store
    }

    private init(folder: DataFolder, options: SeriesStoreOptions, clock: @escaping @Sendable () -> Int64) throws {
        self.folder = folder
        self.options = options
        self.clock = clock
        opened = clock()
        queryIndex = QueryIndex(options.guards.budget)
        partFolder = try folder.folder("series")
        let wanted = max(1, min(64, options.shards ?? ProcessInfo.processInfo.activeProcessorCount))
        var count = 1
        while count < wanted { count *= 2 }
        shards = (0..<count).map { _ in HeadShardBox() }
        shardMask = count - 1
        shardBits = count.trailingZeroBitCount
        flushRows = Atomic(options.flushRows)
        lastAppend = Atomic(opened)
        lastFlush = Atomic(opened)
        lastEviction = Atomic(opened)
        seriesGuard = options.guards.cardinality ?? CardinalityGuard(pressure: options.guards.pressure)
        batchIDs = Mutex(BatchIDMemory(capacity: options.rememberedBatches))
        exemplarMemory = Mutex(ExemplarMemory(capacity: options.exemplars))
        (wishes, wish) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        let checkpoints = [EmbeddedSeriesStore.engine, EmbeddedSeriesStore.checkpointName]
        journal = try Journal(
            folder: try folder.folder("series/journal"), fileSystem: folder.fileSystem, options: options.journal,
            after: try checkpoints.compactMap { try folder.catalog.checkpoint(of: $0) }.max())
    }

    func report(_ sentence: String) { problems.withLock { $0.add(sentence) } }

    // MARK: Slots

    func shard(_ slot: UInt32) -> HeadShardBox { shards[Int(slot) & shardMask] }

    /// Where the slot's series is in its shard.
    @inline(__always)
    func place(_ slot: UInt32) -> Int { Int(slot) >> shardBits }

    func slot(place: Int, shard: Int) -> UInt32 { UInt32(truncatingIfNeeded: place << shardBits | shard) }

    /// Seconds since the store was opened.
    func touchTime(_ now: Int64) -> Int32 { Int32(clamping: (now &- opened) / 1000) }

    /// Asks for a flush; whoever runs ``run()`` hears it.
    func wishFlush() { wish.yield() }

    // MARK: Start

    private func openParts() throws {
        let fileSystem = folder.fileSystem
        let records = try folder.catalog.parts(of: EmbeddedSeriesStore.engine)
        let known = Set(records.map { folder.path + "/" + $0.file })
        for name in try fileSystem.list(partFolder) where name.hasSuffix(".part") || name.hasSuffix(".tmp") {
            // Of a flush or a merge that did not reach the catalog: its samples are elsewhere.
            if !known.contains(partFolder + "/" + name) { try fileSystem.remove(partFolder + "/" + name) }
        }
        var open: [SeriesPart] = []
        for record in records {
            do {
                open.append(try SeriesPart(record, path: folder.path + "/" + record.file, fileSystem: fileSystem))
            } catch let error as StorageError {
                if case .unsupported = error { throw error }
                report(error.description)
            }
        }
        parts.withLock { $0 = open.sorted { $0.age < $1.age } }
    }

    /// Call with nobody inside ``gate``. Ids of this run must not meet those of the last one, so a generation of its own
    /// begins with a segment of its own.
    func beginGeneration() throws {
        guard generation.load(ordering: .acquiring) == 0 else { return }
        generation.store(try journal.rotate().segment, ordering: .releasing)
    }

    func remember(exemplars: [(labels: LabelSet, exemplar: Exemplar)], metadata: [MetricMetadata]) {
        if !exemplars.isEmpty {
            exemplarMemory.withLock { memory in
                for (labels, exemplar) in exemplars { memory.insert(labels, exemplar) }
            }
        }
        if !metadata.isEmpty { remember(metadata) }
    }

    // MARK: Health and end

    package func health() async -> StoreHealth {
        var health = StoreHealth()
        health.activeSeries = registry.withLock { $0.count }
        let open = parts.withLock { $0 }
        health.parts = open.count
        health.rows = open.reduce(0) { $0 + $1.directory.samples }
        for shard in shards { health.rows += shard.state.withLock { $0.sampleCount } }
        health.bytesOnDisk = open.reduce(0) { $0 + $1.record.bytes } + journal.bytes
        health.bytesOnDisk += exemplarFiles.withLock { $0.reduce(0) { $0 + $1.bytes } }
        health.journalBytes = journal.bytes
        let log = problems.withLock { $0 }
        health.problems = log.sentences + journal.problems
        return health
    }

    package func close() async throws {
        guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        wish.finish()
        await maintenance.enterAlone()
        defer { maintenance.leaveAlone() }
        if options.sealsAtClose {
            do {
                try await flushEverything()
            } catch {
                // What could not be written to parts is in the journal.
                report("writing the last samples to parts failed: \(error)")
            }
        }
        await gate.enterAlone()
        defer { gate.leaveAlone() }
        try journal.close()
    }
}
