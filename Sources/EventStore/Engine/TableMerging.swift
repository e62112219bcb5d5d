import Storage
import Synchronization
import Telemetry

extension TableStore {
    /// Merges small parts into larger ones until there are no more candidates. Answers how many merges it made.
    @discardableResult
    func merge(limit: Int = 8) async throws -> Int {
        await maintenanceGate.enterAlone()
        defer { maintenanceGate.leaveAlone() }
        var done = 0
        while done < limit, !Task.isCancelled, let inputs = mergeCandidates() {
            try mergeOnce(inputs)
            done += 1
            await Task.yield()
        }
        return done
    }

    /// Parts of one partition and about one size; of several such sets the one with the smallest parts.
    private func mergeCandidates() -> [OpenPart]? {
        let (parts, damaged) = state.withLock { ($0.parts, $0.damaged) }
        var classes: [MergeClass: [OpenPart]] = [:]
        for part in parts where !damaged.contains(part.part.name) {
            let raw = part.part.footer.rawBytes
            guard raw < options.largestMerge / 2 else { continue }
            classes[MergeClass(partition: part.part.footer.partition, tier: tier(of: raw)), default: []].append(part)
        }
        let ready = classes.filter { $0.value.count >= max(2, options.mergeFanIn) }
        let first = ready.keys.min { ($0.tier, $0.partition) < ($1.tier, $1.partition) }
        guard let first, let inputs = ready[first] else { return nil }
        return Array(inputs.prefix(16))
    }

    private struct MergeClass: Hashable {
        var partition: Int64
        var tier: Int
    }

    /// 0 up to 1 MiB, one more for every factor of four.
    private func tier(of bytes: Int) -> Int {
        var size = bytes >> 20
        var tier = 0
        while size > 0 {
            size >>= 2
            tier += 1
        }
        return tier
    }

    private func mergeOnce(_ inputs: [OpenPart]) throws {
        try folder.recordCodec(options.codec)
        let merged: SealedPart
        do {
            merged = try PartMerger(store: self).merge(inputs.map(\.part))
        } catch let error as StorageError {
            guard case .corrupt(let path, _, _) = error else { throw error }
            // A merge must not drop what it cannot read: the part stays as it is, and so do its readable blocks.
            state.withLock { state in
                state.note("\(error)")
                if let name = path.split(separator: "/").last { state.damaged.insert(String(name)) }
            }
            return
        }
        let level = (inputs.map(\.record.level).max() ?? 0) + 1
        let record = record(of: merged, level: level)
        let ids = inputs.map(\.record.id)
        let added = try swapSurely(remove: ids, add: record)
        state.withLock { state in
            state.parts.removeAll { ids.contains($0.record.id) }
            state.parts.append(OpenPart(part: merged, record: added))
        }
        remove(inputs)
    }

    /// Asks the catalog again where the answer was an error, so that no part is removed that is still named there.
    private func swapSurely(remove ids: [Int64], add record: PartRecord) throws -> PartRecord {
        do {
            return try folder.catalog.swap(remove: ids, add: [record]).first ?? record
        } catch {
            if let committed = try folder.catalog.parts(of: table.rawValue).first(where: { $0.file == record.file }) {
                return committed
            }
            try? folder.fileSystem.remove(folder.path + "/" + record.file)
            throw error
        }
    }

    /// Queries that still read them keep their mappings; a file that cannot be removed goes at the next start.
    private func remove(_ parts: [OpenPart]) {
        for part in parts { try? folder.fileSystem.remove(folder.path + "/" + part.record.file) }
    }

    func retain(after time: Int64) async throws {
        await maintenanceGate.enterAlone()
        defer { maintenanceGate.leaveAlone() }
        let (old, lost) = state.withLock { state in
            (state.parts.filter { $0.part.footer.lastTime < time }, state.lost.filter { $0.maxTime < time })
        }
        guard !old.isEmpty || !lost.isEmpty else { return }
        let ids = Set(old.map(\.record.id) + lost.map(\.id))
        try folder.catalog.swap(remove: Array(ids), add: [])
        state.withLock { state in
            state.parts.removeAll { ids.contains($0.record.id) }
            state.lost.removeAll { ids.contains($0.id) }
        }
        remove(old)
        for record in lost { try? folder.fileSystem.remove(folder.path + "/" + record.file) }
    }
}

/// Merges sorted parts to one.
struct PartMerger {
    let store: TableStore

    /// A part and how far it has been read.
    private struct Source {
        let part: SealedPart
        /// Number of the part's group in the merged part.
        var numbers: [UInt32]
        var block = 0
        var row = 0
        var copier: RowCopier?
        var key = TraceKey.zero
        var time: Int64 = 0
        var sequence: UInt64 = 0
        let table: EventTable

        init(_ part: SealedPart, table: EventTable) {
            self.part = part
            self.table = table
            numbers = []
        }

        /// Reads the key of the next row, and its block where it begins one. False at the end.
        mutating func load() throws -> Bool {
            if let copier, row >= copier.source.rowCount {
                self.copier = nil
                block += 1
                row = 0
            }
            if copier == nil {
                guard block < part.footer.blocks.count else { return false }
                copier = RowCopier(try part.batch(of: block))
            }
            guard let source = copier?.source else { return false }
            time = source.timestamps[row]
            sequence = source.sequences[row]
            if table == .logs {
                key.high = UInt64(numbers[Int(source.groupOfRow[row])])
            } else {
                key = TraceKey(source.column(EventColumnName.traceID)?.payload(ofRow: row) ?? [])
            }
            return true
        }

        var group: UInt32 { copier.map { numbers[Int($0.source.groupOfRow[row])] } ?? 0 }

        func precedes(_ other: Source) -> Bool {
            if key != other.key { return key < other.key }
            return time == other.time ? sequence < other.sequence : time < other.time
        }
    }

    func merge(_ parts: [SealedPart]) throws -> SealedPart {
        var sources = parts.map { Source($0, table: store.table) }
        let (groups, keys) = number(&sources)
        let ids = parts.flatMap(\.footer.batchIDs).sorted { $0.sequence < $1.sequence }
        let name = store.newFileName()
        let path = store.folder.path + "/" + store.partsFolder + "/" + name
        let writer = try PartWriter(
            table: store.table, path: path, files: store.folder.fileSystem, codec: store.options.codec,
            partition: parts.first?.footer.partition ?? 0, groups: groups, keys: keys,
            batchIDs: ids.suffix(RecentBatches.limit))
        var cutter = BlockCutter(table: store.table, writer: writer)
        do {
            try copy(&sources, to: &cutter)
            try cutter.finish()
            return try SealedPart(name: name, path: path, files: store.folder.fileSystem)
        } catch {
            cutter.abandon()
            throw error
        }
    }

    private func number(_ sources: inout [Source]) -> ([EventGroup], [GroupKey]) {
        var known: [GroupKey: EventGroup] = [:]
        for source in sources {
            for (key, group) in zip(source.part.footer.keys, source.part.footer.groups) { known[key] = group }
        }
        let keys = known.keys.sorted()
        var numbers: [GroupKey: UInt32] = [:]
        for (i, key) in keys.enumerated() { numbers[key] = UInt32(truncatingIfNeeded: i) }
        for i in sources.indices { sources[i].numbers = sources[i].part.footer.keys.map { numbers[$0] ?? 0 } }
        return (keys.compactMap { known[$0] }, keys)
    }

    private func copy(_ sources: inout [Source], to cutter: inout BlockCutter) throws {
        var live: [Int] = []
        for i in sources.indices where try sources[i].load() { live.append(i) }
        var copied = 0
        while var best = live.first {
            for i in live.dropFirst() where sources[i].precedes(sources[best]) { best = i }
            let row = sources[best].row
            let group = sources[best].group
            if var copier = sources[best].copier.take() {
                try cutter.add(row: row, from: &copier, group: group)
                sources[best].copier = consume copier
            }
            sources[best].row += 1
            if try !sources[best].load() { live.removeAll { $0 == best } }
            copied += 1
            if copied & 0xffff == 0, Task.isCancelled { throw StorageError.cancelled }
        }
    }
}
