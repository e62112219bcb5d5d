import Codecs
import Storage
import Synchronization
import Telemetry

/// A part that queries see, with its line in the catalog.
struct OpenPart: Sendable {
    var part: SealedPart
    var record: PartRecord
    var facts: PartFacts

    func isConcerned(by deletion: PreparedDeletion) -> Bool {
        deletion.concerns(
            deletionsDone: facts.deletions, firstTime: record.minTime, lastTime: record.maxTime,
            firstSequence: facts.firstSequence)
    }
}

/// Rows that are being sealed: still visible, not growing any more.
struct FrozenMemory {
    var snapshot: MemorySnapshot
    /// Of the last record whose rows are in it.
    var position: JournalPosition
    /// Parts of an earlier attempt whose transaction failed in doubt.
    var attempt: [PartRecord] = []
}

/// One table: journal, memory, parts.
final class TableStore: Sendable {
    struct State {
        var memory = MemoryTable()
        var frozen: FrozenMemory?
        var parts: [OpenPart] = []
        /// In the catalog, but not readable.
        var lost: [PartRecord] = []
        var problems: [String] = []
        /// Names of parts with damage; merging leaves them alone.
        var damaged: Set<String> = []
        var nextSequence: UInt64 = 1
        var nextFile = 1
        var recentRows: RecentRows
        var batches = RecentBatches()
        /// When maintenance first saw the rows in memory, nanoseconds since 1970.
        var unsealedSince: Int64?
        var lastAppend = ContinuousClock.now
        /// The last seal did not succeed: appends leave the next attempt to maintenance.
        var sealingFailed = false
        var isClosed = false
        var deletions: [EventDeletion] = []
        var preparedDeletions: [PreparedDeletion] = []
        var lastDeletion = 0
        var retentionRules: [PreparedDeletion] = []

        mutating func note(_ problem: String) {
            if problems.count < 100, !problems.contains(problem) { problems.append(problem) }
        }
    }

    let table: EventTable
    let options: EventStoreOptions
    let folder: DataFolder
    /// Of the parts, inside the data folder.
    let partsFolder: String
    let journal: Journal
    let state: Mutex<State>
    /// Appends are inside; freezing the memory is alone.
    let appendGate = AsyncGate()
    /// Seals are alone.
    let sealGate = AsyncGate()
    /// Merging and retention are alone.
    let partsGate = AsyncGate()
    let templateCache = TemplateCache(limit: 32 << 20)

    private let memoryChanged: @Sendable (EventTable, _ bytes: Int) -> Void

    init(
        table: EventTable, folder: DataFolder, options: EventStoreOptions,
        memoryChanged: @escaping @Sendable (EventTable, _ bytes: Int) -> Void
    ) throws {
        self.memoryChanged = memoryChanged
        self.table = table
        self.options = options
        self.folder = folder
        partsFolder = "\(table.rawValue)/parts"
        let partsPath = try folder.folder(partsFolder)
        var state = State(recentRows: RecentRows(table: table))
        try TableStore.openParts(
            of: table, folder: folder, partsFolder: partsFolder, partsPath: partsPath, into: &state)
        try TableStore.readDeletions(of: table, folder: folder, into: &state)
        let checkpoint = try folder.catalog.checkpoint(of: table.rawValue)
        journal = try Journal(
            folder: try folder.folder("\(table.rawValue)/journal"), fileSystem: folder.fileSystem,
            options: options.journal, after: checkpoint)
        let report = try journal.replay(after: checkpoint) { position, payload in
            do {
                let record = try BatchRecord(Array(payload))
                TableStore.restore(record, table: table, into: &state)
            } catch {
                state.note("journal of \(table.rawValue), record \(position): \(error)")
            }
        }
        for problem in report.problems { state.note(problem) }
        self.state = Mutex(state)
        noteMemory()
    }

    private static func restore(_ record: BatchRecord, table: EventTable, into state: inout State) {
        state.memory.append(record.batch, id: record.id)
        state.recentRows.remember(record.batch, RecentRows.fingerprints(of: record.batch, table: table))
        if let id = record.id { state.batches.remember(id) }
        if let last = record.batch.sequences.last { state.nextSequence = max(state.nextSequence, last &+ 1) }
    }

    /// From the catalog alone: files are opened by the first query that needs them.
    private static func openParts(
        of table: EventTable, folder: DataFolder, partsFolder: String, partsPath: String, into state: inout State
    ) throws {
        let records = try folder.catalog.parts(of: table.rawValue)
        var names: Set<String> = []
        for record in records {
            let name = String(record.file.split(separator: "/").last ?? "")
            names.insert(name)
            state.nextFile = max(state.nextFile, fileNumber(name) + 1)
            let facts = try PartFacts(record)
            state.nextSequence = max(state.nextSequence, facts.lastSequence &+ 1)
            let path = folder.path + "/" + record.file
            let size = try? folder.fileSystem.size(of: path)
            guard size == record.bytes else {
                state.lost.append(record)
                state.note(
                    StorageError.corrupt(
                        path: path, offset: 0,
                        reason: size.map { "it has \($0) bytes and the catalog knows \(record.bytes)" }
                            ?? "it is not there"
                    ).description)
                continue
            }
            let part = SealedPart(name: name, path: path, size: record.bytes, files: folder.fileSystem)
            state.parts.append(OpenPart(part: part, record: record, facts: facts))
        }
        rememberBatches(&state)
        // What a crash left behind between writing a file and naming it in the catalog, or the other way round.
        for name in try folder.fileSystem.list(partsPath) where !names.contains(name) {
            try folder.fileSystem.remove(partsPath + "/" + name)
        }
    }

    /// The newest ids; of a thousand parts only the last few are opened for them.
    private static func rememberBatches(_ state: inout State) {
        var ids: [StoredBatchID] = []
        let holders = state.parts.filter(\.facts.hasBatchIDs).sorted { $0.facts.lastSequence > $1.facts.lastSequence }
        for part in holders where ids.count < RecentBatches.limit {
            do {
                ids += try part.part.footer.batchIDs
            } catch {
                state.note("\(error)")
            }
        }
        for id in ids.sorted(by: { $0.sequence < $1.sequence }).suffix(RecentBatches.limit) {
            state.batches.remember(id.id)
        }
    }

    private static func readDeletions(of table: EventTable, folder: DataFolder, into state: inout State) throws {
        state.lastDeletion = try folder.catalog.setting(deletionSetting(table)).flatMap { Int($0) } ?? 0
        for document in try folder.catalog.documents(kind: DeletionDocument.kind(of: table)) {
            let deletion = try DeletionDocument(decoding: document.body).deletion()
            state.deletions.append(deletion)
            state.preparedDeletions.append(try PreparedDeletion(deletion))
            state.lastDeletion = max(state.lastDeletion, deletion.number)
        }
    }

    private static func fileNumber(_ name: String) -> Int { Int(name.prefix { $0.isNumber }) ?? 0 }

    var snapshot: TableSnapshot {
        get throws {
            try state.withLock { state in
                guard !state.isClosed else { throw StorageError.closed }
                var memory: [MemorySnapshot] = []
                if let frozen = state.frozen { memory.append(frozen.snapshot) }
                memory.append(state.memory.snapshot)
                return TableSnapshot(
                    memory: memory, parts: state.parts, deletions: state.preparedDeletions + state.retentionRules)
            }
        }
    }

    /// Tells the process what the rows in memory cost.
    func noteMemory() {
        guard options.budget != nil else { return }
        memoryChanged(table, state.withLock { $0.memory.bytes + ($0.frozen?.snapshot.bytes ?? 0) })
    }

    // MARK: Append

    func append(_ batch: EventBatch, id: BatchID?) async throws -> AppendOutcome {
        try TableStore.check(batch)
        try options.pressure?.refuseWhenCritical()
        try options.disk?.refuseWhenFull()
        try await makeRoom()
        var outcome = AppendOutcome()
        outcome.accepted = batch.rowCount
        if batch.rowCount == 0 { return outcome }
        await appendGate.enter()
        defer { appendGate.leave() }
        guard try await claim(id) else { return outcome }
        var stored = false
        defer {
            if let id {
                let waiting = state.withLock { $0.batches.end(id, stored: stored) }
                for continuation in waiting { continuation.resume() }
            }
        }
        let fingerprints = RecentRows.fingerprints(of: batch, table: table)
        var rows = batch
        let repeats = state.withLock { $0.recentRows.repeats(in: batch, fingerprints) }
        if !repeats.isEmpty { rows = TableStore.removing(repeats, from: batch) }
        if rows.rowCount == 0, id == nil { return outcome }
        let first = state.withLock { state -> UInt64 in
            defer { state.nextSequence &+= UInt64(rows.rowCount) }
            return state.nextSequence
        }
        rows.sequences = (0..<UInt64(rows.rowCount)).map { first &+ $0 }
        let record = BatchRecord.encode(rows, id: id, firstSequence: first)
        _ = try await journal.append(record)
        state.withLock { state in
            state.memory.append(rows, id: id)
            state.lastAppend = .now
            state.recentRows.remember(batch, fingerprints)
        }
        noteMemory()
        stored = true
        return outcome
    }

    /// A record that is larger could not be read back: decoders bound what a header may ask for.
    private static let longestBatch = 128 << 20

    private static func check(_ batch: EventBatch) throws {
        let rows = batch.rowCount
        let sound =
            batch.groupOfRow.count == rows && batch.groupOfRow.allSatisfy { Int($0) < batch.groups.count }
            && batch.columns.allSatisfy { $0.rows.last.map { Int($0) < rows } ?? true }
        guard MemoryTable.size(of: batch) <= longestBatch else {
            throw StorageError.unsupported(
                "a batch of more than \(longestBatch >> 20) MiB is too large; send smaller batches")
        }
        guard sound else { throw StorageError.unsupported("the batch has values or groups for rows that it has not") }
    }

    /// Whether the caller has to store the batch; waits for another append of the same id.
    private func claim(_ id: BatchID?) async throws -> Bool {
        while true {
            let claim = try state.withLock { state in
                if state.isClosed { throw StorageError.closed }
                return id.map { state.batches.claim($0) } ?? .mine
            }
            switch claim {
            case .mine: return true
            case .stored: return false
            case .underWay:
                guard let id else { return true }
                await withCheckedContinuation { continuation in
                    if !state.withLock({ $0.batches.wait(for: id, continuation) }) { continuation.resume() }
                }
            }
        }
    }

    /// A seal before the append, where memory is full: who sends faster than rows are sealed waits for it.
    private func makeRoom() async throws {
        if state.withLock({ $0.memory.bytes >= options.sealBytes && !$0.sealingFailed }) {
            // Where that does not work, the limit below decides.
            try? await seal(onlyIf: { self.state.withLock { $0.memory.bytes >= self.options.sealBytes } })
        }
        guard isOverLimit else { return }
        var reason = "sealing does not keep up"
        do {
            try await seal(onlyIf: { self.isOverLimit })
        } catch let error as StorageError {
            if case .diskFull = error { throw error }
            reason = "\(error)"
        }
        if isOverLimit {
            throw StorageError.overloaded(
                "the \(table.rawValue) table holds more than \(options.memoryLimit >> 20) MiB in memory: \(reason); "
                    + "send again later")
        }
    }

    private var isOverLimit: Bool {
        state.withLock { $0.memory.bytes + ($0.frozen?.snapshot.bytes ?? 0) > options.memoryLimit }
    }

    /// `rows` ascending.
    private static func removing(_ rows: [Int], from batch: EventBatch) -> EventBatch {
        var source = batch
        source.sequences = [UInt64](repeating: 0, count: batch.rowCount)
        let numbers = batch.groups.indices.map { UInt32(truncatingIfNeeded: $0) }
        let kept = RowSource(source, groups: numbers)
        var gathering = RowGathering()
        var next = 0
        for row in 0..<batch.rowCount {
            if next < rows.count, rows[next] == row {
                next += 1
            } else {
                gathering.add(kept, row: UInt32(truncatingIfNeeded: row))
            }
        }
        var out = gathering.batch
        out.groups = batch.groups
        out.sequences = []
        return out
    }
}
