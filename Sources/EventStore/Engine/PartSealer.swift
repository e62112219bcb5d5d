import Codecs
import Storage
import Telemetry

/// Writes memory to parts, one for each partition of time.
struct PartSealer {
    let store: TableStore
    private let memory: MemorySnapshot
    /// Groups in the order of their keys, and the place of each group in it.
    private let order: [Int]
    private let rank: [UInt32]

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

    init(store: TableStore, memory: MemorySnapshot) {
        self.store = store
        self.memory = memory
        order = memory.keys.indices.sorted { memory.keys[$0] < memory.keys[$1] }
        var rank = [UInt32](repeating: 0, count: order.count)
        for (position, group) in order.enumerated() { rank[group] = UInt32(truncatingIfNeeded: position) }
        self.rank = rank
    }

    func seal() throws -> [OpenPart] {
        var partitions = references()
        mixSmallest(&partitions)
        var parts: [OpenPart] = []
        do {
            for (i, partition) in partitions.keys.sorted().enumerated() {
                let rows = sorted(partitions.removeValue(forKey: partition) ?? [])
                parts.append(try write(rows, partition, isFirst: i == 0))
            }
        } catch {
            for part in parts { try? store.folder.fileSystem.remove(part.part.path) }
            throw error
        }
        return parts
    }

    private func references() -> [Int64: [RowReference]] {
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

    /// Rows of a stream mostly come in order: they are dealt out to their groups, and a group is sorted only where it
    /// has to be.
    private func sorted(_ references: [RowReference]) -> [RowReference] {
        guard store.table == .logs, references.count > 64 else {
            return references.sorted(by: RowReference.precedes)
        }
        var starts = [Int](repeating: 0, count: order.count + 1)
        for reference in references { starts[Int(reference.high) + 1] += 1 }
        for i in 1..<starts.count { starts[i] += starts[i - 1] }
        var cursor = starts
        var out = references
        for reference in references {
            let at = Int(reference.high)
            out[cursor[at]] = reference
            cursor[at] += 1
        }
        for group in 0..<order.count where starts[group + 1] - starts[group] > 1 {
            let range = starts[group]..<starts[group + 1]
            if range.dropFirst().contains(where: { RowReference.precedes(out[$0], out[$0 - 1]) }) {
                out[range].sort(by: RowReference.precedes)
            }
        }
        return out
    }

    private func write(_ sorted: [RowReference], _ partition: Int64, isFirst: Bool) throws -> OpenPart {
        var used = [Bool](repeating: false, count: order.count)
        var hasChunk = [Bool](repeating: false, count: memory.chunks.count)
        let groups = memory.chunks.map(\.batch.groupOfRow)
        // Of each row the place of its group in the order of keys.
        let places = sorted.map { reference in
            store.table == .logs
                ? Int(reference.high) : Int(rank[Int(groups[Int(reference.chunk)][Int(reference.row)])])
        }
        for (i, reference) in sorted.enumerated() {
            hasChunk[Int(reference.chunk)] = true
            used[places[i]] = true
        }
        // Numbers in the part, by rank: only groups with rows in this part are in its table.
        var numbers = [UInt32](repeating: 0, count: order.count)
        var numberAtPlace = numbers
        var keys: [GroupKey] = []
        for (position, group) in order.enumerated() where used[position] {
            numbers[group] = UInt32(truncatingIfNeeded: keys.count)
            numberAtPlace[position] = numbers[group]
            keys.append(memory.keys[group])
        }
        let sources = memory.chunks.indices.map { number in
            hasChunk[number] ? RowSource(memory.chunks[number].batch, groups: numbers) : nil
        }
        var bytes = [Int](repeating: 0, count: keys.count)
        let sizes = sources.map { $0?.sizes ?? [] }
        for (i, reference) in sorted.enumerated() {
            bytes[Int(numberAtPlace[places[i]])] += Int(sizes[Int(reference.chunk)][Int(reference.row)])
        }
        let name = store.newFileName()
        let path = store.folder.path + "/" + store.partsFolder + "/" + name
        let writer = try PartWriter(
            table: store.table, path: path, files: store.folder.fileSystem, codec: store.options.codec,
            partition: partition, groupCount: keys.count,
            batchIDs: isFirst ? memory.batchIDs.suffix(RecentBatches.limit) : [])
        var cutter = BlockCutter(
            table: store.table, writer: writer,
            encoder: BlockEncoder(table: store.table, codec: store.options.codec, isMerge: false), groupBytes: bytes)
        do {
            for (i, reference) in sorted.enumerated() {
                guard let source = sources[Int(reference.chunk)] else { continue }
                try cutter.add(source, row: reference.row, group: numberAtPlace[places[i]])
            }
            return try finish(cutter.finishBlocks(), keys, name)
        } catch {
            cutter.abandon()
            throw error
        }
    }

    private func finish(_ unfinished: PartWriter, _ keys: [GroupKey], _ name: String) throws -> OpenPart {
        var writer = unfinished
        var first = 0
        while first < keys.count {
            let end = min(first + StreamSegment.capacity, keys.count)
            try writer.append(groups: keys[first..<end], first: first)
            first = end
        }
        try writer.finish()
        let part = SealedPart(name: name, path: writer.path, size: writer.size, files: store.folder.fileSystem)
        return store.opened(part, writer.footer, level: 0, deletions: 0)
    }
}
