import Storage
import Synchronization
import Telemetry

extension TableStore {
    /// Writes what is in memory to parts, names them in the catalog and lets go of the journal. Rows stay visible all
    /// along.
    func seal(onlyIf condition: () -> Bool = { true }) async throws {
        await maintenanceGate.enterAlone()
        defer { maintenanceGate.leaveAlone() }
        guard condition() else { return }
        if state.withLock({ $0.frozen }) == nil { try await freeze() }
        guard let frozen = state.withLock({ $0.frozen }) else { return }
        if try finishEarlierAttempt(frozen) { return }
        try folder.recordCodec(options.codec)
        let added = try PartSealer(store: self).seal(frozen.snapshot)
        state.withLock { $0.frozen?.attempt = added.map(\.record) }
        let records = try folder.catalog.swap(
            remove: [], add: added.map(\.record), checkpoint: (table.rawValue, frozen.position))
        show(zip(added, records).map { OpenPart(part: $0.part, record: $1) })
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
        var parts: [OpenPart] = []
        for record in committed {
            let name = String(record.file.split(separator: "/").last ?? "")
            let part = try SealedPart(name: name, path: folder.path + "/" + record.file, files: folder.fileSystem)
            parts.append(OpenPart(part: part, record: record))
        }
        show(parts)
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

    func record(of part: SealedPart, level: Int) -> PartRecord {
        PartRecord(
            table: table.rawValue, file: partsFolder + "/" + part.name, minTime: part.footer.firstTime,
            maxTime: part.footer.lastTime, rows: part.footer.rows, bytes: part.size, level: level)
    }

    func partition(of time: Int64) -> Int64 {
        let length = options.partitionNanoseconds(of: table)
        let (quotient, remainder) = time.quotientAndRemainder(dividingBy: length)
        return remainder < 0 ? quotient - 1 : quotient
    }
}

/// Writes memory to parts, one for each partition of time.
struct PartSealer {
    let store: TableStore

    /// More partitions than this in one seal share a mixed part: rows of a thousand days are not a thousand files.
    private static let partitionLimit = 8

    /// Where a row is, with what it is sorted by.
    private struct RowReference {
        var high: UInt64
        var low: UInt64
        var time: Int64
        var sequence: UInt64
        var chunk: UInt32
        var row: UInt32

        static func precedes(_ a: RowReference, _ b: RowReference) -> Bool {
            if a.high != b.high { return a.high < b.high }
            if a.low != b.low { return a.low < b.low }
            return a.time == b.time ? a.sequence < b.sequence : a.time < b.time
        }
    }

    func seal(_ memory: MemorySnapshot) throws -> [OpenPart] {
        let order = memory.keys.indices.sorted { memory.keys[$0] < memory.keys[$1] }
        var rank = [UInt32](repeating: 0, count: order.count)
        for (position, group) in order.enumerated() { rank[group] = UInt32(truncatingIfNeeded: position) }
        var partitions = references(memory, rank)
        mixSmallest(&partitions)
        var copiers = memory.chunks.map { RowCopier($0.batch) }
        var parts: [OpenPart] = []
        do {
            for (i, partition) in partitions.keys.sorted().enumerated() {
                let rows = partitions.removeValue(forKey: partition) ?? []
                let part = try write(rows, memory, order, rank, partition, number: i, &copiers)
                parts.append(OpenPart(part: part, record: store.record(of: part, level: 0)))
            }
        } catch {
            for part in parts { try? store.folder.fileSystem.remove(store.folder.path + "/" + part.record.file) }
            throw error
        }
        return parts
    }

    private func references(_ memory: MemorySnapshot, _ rank: [UInt32]) -> [Int64: [RowReference]] {
        var partitions: [Int64: [RowReference]] = [:]
        for (number, chunk) in memory.chunks.enumerated() {
            let batch = chunk.batch
            let traces = store.table == .spans ? batch.column(EventColumnName.traceID) : nil
            let only = store.partition(of: chunk.firstTime)
            let isOne = only == store.partition(of: chunk.lastTime)
            var rows: [RowReference] = []
            rows.reserveCapacity(batch.rowCount)
            for row in 0..<batch.rowCount {
                var key = TraceKey.zero
                if store.table == .logs {
                    key.high = UInt64(rank[Int(batch.groupOfRow[row])])
                } else if let traces, let index = traces.index(ofRow: row) {
                    key = TraceKey(traces.bytes[traces.range(at: index)])
                }
                rows.append(
                    RowReference(
                        high: key.high, low: key.low, time: batch.timestamps[row], sequence: batch.sequences[row],
                        chunk: UInt32(truncatingIfNeeded: number), row: UInt32(truncatingIfNeeded: row)))
            }
            if isOne {
                partitions[only, default: []] += rows
            } else {
                for row in rows { partitions[store.partition(of: row.time), default: []].append(row) }
            }
        }
        return partitions
    }

    private func mixSmallest(_ partitions: inout [Int64: [RowReference]]) {
        guard partitions.count > PartSealer.partitionLimit else { return }
        let bySize = partitions.keys.sorted { (partitions[$0]?.count ?? 0, $0) > (partitions[$1]?.count ?? 0, $1) }
        var mixed: [RowReference] = []
        for key in bySize.dropFirst(PartSealer.partitionLimit - 1) {
            mixed += partitions.removeValue(forKey: key) ?? []
        }
        partitions[PartFooter.mixedPartition] = mixed
    }

    private func write(
        _ references: [RowReference], _ memory: MemorySnapshot, _ order: [Int], _ rank: [UInt32], _ partition: Int64,
        number: Int, _ copiers: inout [RowCopier]
    ) throws -> SealedPart {
        let sorted = references.sorted(by: RowReference.precedes)
        var used = [Bool](repeating: false, count: order.count)
        for reference in sorted {
            used[Int(rank[Int(memory.chunks[Int(reference.chunk)].batch.groupOfRow[Int(reference.row)])])] = true
        }
        // Numbers in the part, by rank: only groups with rows in this part are in its table.
        var numbers = [UInt32](repeating: 0, count: order.count)
        var groups: [Int] = []
        for (position, group) in order.enumerated() where used[position] {
            numbers[group] = UInt32(truncatingIfNeeded: groups.count)
            groups.append(group)
        }
        let name = store.newFileName()
        let path = store.folder.path + "/" + store.partsFolder + "/" + name
        let writer = try PartWriter(
            table: store.table, path: path, files: store.folder.fileSystem, codec: store.options.codec,
            partition: partition, groups: groups.map { memory.groups[$0] }, keys: groups.map { memory.keys[$0] },
            batchIDs: number == 0 ? memory.batchIDs.suffix(RecentBatches.limit) : [])
        var cutter = BlockCutter(table: store.table, writer: writer, firstEpoch: (number + 1) << 32)
        do {
            for reference in sorted {
                let chunk = Int(reference.chunk)
                let group = memory.chunks[chunk].batch.groupOfRow[Int(reference.row)]
                try cutter.add(row: Int(reference.row), from: &copiers[chunk], group: numbers[Int(group)])
            }
            try cutter.finish()
            return try SealedPart(name: name, path: path, files: store.folder.fileSystem)
        } catch {
            cutter.abandon()
            throw error
        }
    }
}
