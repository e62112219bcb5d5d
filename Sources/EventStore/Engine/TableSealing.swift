import Storage
import Synchronization
import Telemetry

extension TableStore {
    /// Writes what is in memory to parts, names them in the catalog and lets go of the journal. Rows stay visible all
    /// along.
    func seal(onlyIf condition: () -> Bool = { true }) async throws {
        await sealGate.enterAlone()
        defer { sealGate.leaveAlone() }
        guard condition() else { return }
        if state.withLock({ $0.frozen }) == nil { try await freeze() }
        guard let frozen = state.withLock({ $0.frozen }) else { return }
        do {
            try sealFrozen(frozen)
            state.withLock { $0.sealingFailed = false }
        } catch {
            state.withLock { $0.sealingFailed = true }
            throw error
        }
    }

    private func sealFrozen(_ frozen: FrozenMemory) throws {
        if try finishEarlierAttempt(frozen) { return }
        try folder.recordCodec(options.codec)
        let added = try PartSealer(store: self, memory: frozen.snapshot).seal()
        state.withLock { $0.frozen?.attempt = added.map(\.record) }
        let records = try folder.catalog.swap(
            remove: [], add: added.map(\.record), checkpoint: (table.rawValue, frozen.position))
        var shown = added
        for i in shown.indices where i < records.count { shown[i].record = records[i] }
        show(shown)
        try journal.discard(before: frozen.position)
    }

    /// The memory becomes frozen, and the journal goes on in a new segment. No append is under way meanwhile, so that
    /// the records up to the position are those whose rows are frozen.
    private func freeze() async throws {
        await appendGate.enterAlone()
        defer { appendGate.leaveAlone() }
        let isEmpty = state.withLock { $0.memory.rows == 0 && $0.memory.batchIDs.isEmpty }
        if isEmpty { return }
        let position = try journal.rotate()
        state.withLock { state in
            state.frozen = FrozenMemory(snapshot: state.memory.snapshot, position: position)
            state.memory = MemoryTable()
            state.unsealedSince = nil
        }
    }

    /// In one step, so that no query sees the rows twice or not at all.
    private func show(_ parts: [OpenPart]) {
        state.withLock { state in
            state.parts += parts
            state.frozen = nil
        }
        noteMemory()
    }

    /// A transaction that failed may have been committed all the same; then its parts are shown.
    private func finishEarlierAttempt(_ frozen: FrozenMemory) throws -> Bool {
        guard !frozen.attempt.isEmpty else { return false }
        let names = Set(frozen.attempt.map(\.file))
        let committed = try folder.catalog.parts(of: table.rawValue).filter { names.contains($0.file) }
        if committed.isEmpty {
            for file in names { try? folder.fileSystem.remove(folder.path + "/" + file) }
            state.withLock { $0.frozen?.attempt = [] }
            return false
        }
        show(try committed.map { try opened($0) })
        try journal.discard(before: frozen.position)
        return true
    }

    func newFileName() -> String {
        let number = state.withLock { state in
            defer { state.nextFile += 1 }
            return state.nextFile
        }
        let digits = String(number)
        return String(repeating: "0", count: max(0, 10 - digits.count)) + digits + ".part"
    }

    /// A part that was just written.
    func opened(_ part: SealedPart, _ footer: PartFooter, level: Int, deletions: Int) -> OpenPart {
        let facts = PartFacts(footer, deletions: deletions)
        return OpenPart(
            part: part,
            record: PartRecord(
                table: table.rawValue, file: partsFolder + "/" + part.name, minTime: footer.firstTime,
                maxTime: footer.lastTime, rows: footer.rows, bytes: part.size, level: level, extra: facts.text),
            facts: facts)
    }

    /// A part that the catalog names.
    func opened(_ record: PartRecord) throws -> OpenPart {
        let name = String(record.file.split(separator: "/").last ?? "")
        return OpenPart(
            part: SealedPart(
                name: name, path: folder.path + "/" + record.file, size: record.bytes, files: folder.fileSystem),
            record: record, facts: try PartFacts(record))
    }

    func partition(of time: Int64) -> Int64 {
        let length = options.partitionNanoseconds(of: table)
        let (quotient, remainder) = time.quotientAndRemainder(dividingBy: length)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
