import Codecs
import Storage
import Telemetry

/// Merges sorted parts to one, without the rows that were deleted. Blocks that are as good as they will be, and whose
/// rows no other part has to come between, are copied as they are.
struct PartMerger {
    let store: TableStore
    let deletions: [PreparedDeletion]

    /// What rows are sorted by.
    struct Key: Comparable {
        var high: UInt64
        var low: UInt64
        var time: Int64
        var sequence: UInt64

        static func < (a: Key, b: Key) -> Bool {
            if a.high != b.high { return a.high < b.high }
            if a.low != b.low { return a.low < b.low }
            return a.time == b.time ? a.sequence < b.sequence : a.time < b.time
        }
    }

    /// nil where no row is left.
    func merge(_ parts: [SealedPart], deletionNumber: Int) throws -> (part: SealedPart, footer: PartFooter)? {
        var numbers = [[UInt32]](repeating: [], count: parts.count)
        var groupBytes: [Int] = []
        var groups = try MergedGroups(parts)
        while let group = try groups.next() {
            for source in group.sources { numbers[source].append(UInt32(truncatingIfNeeded: groupBytes.count)) }
            groupBytes.append(group.bytes)
        }
        var sources: [MergeSource] = []
        for (number, part) in parts.enumerated() {
            sources.append(
                try MergeSource(part, table: store.table, numbers: numbers[number], deletions: deletions))
        }
        let ids = sources.flatMap(\.footer.batchIDs).sorted { $0.sequence < $1.sequence }
        let name = store.newFileName()
        let path = store.folder.path + "/" + store.partsFolder + "/" + name
        let files = store.folder.fileSystem
        let writer = try PartWriter(
            table: store.table, path: path, files: files, codec: store.options.codec,
            partition: sources.first?.footer.partition ?? 0, groupCount: groupBytes.count,
            batchIDs: ids.suffix(RecentBatches.limit))
        var cutter = BlockCutter(
            table: store.table, writer: writer,
            encoder: BlockEncoder(table: store.table, codec: store.options.codec, isMerge: true),
            groupBytes: groupBytes)
        do {
            try copy(&sources, to: &cutter)
            var writer = try cutter.finishBlocks()
            if writer.footer.rows == 0, ids.isEmpty {
                writer.abandon()
                return nil
            }
            try PartMerger.writeGroups(of: parts, to: &writer)
            try writer.finish()
            return (SealedPart(name: name, path: path, size: writer.size, files: files), writer.footer)
        } catch {
            cutter.abandon()
            throw error
        }
    }

    private static func writeGroups(of parts: [SealedPart], to writer: inout PartWriter) throws {
        var groups = try MergedGroups(parts)
        var keys: [GroupKey] = []
        var first = 0
        while let group = try groups.next() {
            keys.append(group.key)
            if keys.count == StreamSegment.capacity {
                try writer.append(groups: keys[...], first: first)
                first += keys.count
                keys.removeAll(keepingCapacity: true)
            }
        }
        if !keys.isEmpty { try writer.append(groups: keys[...], first: first) }
    }

    private func copy(_ sources: inout [MergeSource], to cutter: inout BlockCutter) throws {
        var live = sources.indices.filter { !sources[$0].isAtEnd }
        var steps = 0
        while var best = live.first {
            for i in live.dropFirst() where sources[i].head < sources[best].head { best = i }
            var others: Key?
            for i in live where i != best { others = others.map { min($0, sources[i].head) } ?? sources[i].head }
            try sources[best].advance(until: others, to: &cutter)
            if sources[best].isAtEnd { live.removeAll { $0 == best } }
            steps += 1
            if steps & 0xff == 0, Task.isCancelled { throw StorageError.cancelled }
        }
    }
}

/// A part that is being merged, and how far.
struct MergeSource {
    let part: SealedPart
    let footer: PartFooter
    private let table: EventTable
    /// Number of the part's group in the merged part.
    private let numbers: [UInt32]
    private let deletions: BlockDeletions
    private var filters: BlockFilters
    private var block = 0
    private var row = 0
    private var rows: RowSource?
    private var deleted: RowMask?
    private var traces: [TraceKey] = []
    /// Of the next row; while its block is not decoded, nothing in it comes before this.
    private(set) var head = PartMerger.Key(high: 0, low: 0, time: 0, sequence: 0)

    init(_ part: SealedPart, table: EventTable, numbers: [UInt32], deletions: [PreparedDeletion]) throws {
        self.part = part
        self.table = table
        self.numbers = numbers
        footer = try part.footer
        self.deletions = try BlockDeletions(deletions, part: part, footer: footer)
        filters = BlockFilters(part: part, footer: footer)
        beginBlock()
    }

    var isAtEnd: Bool { block >= footer.blocks.count }

    private mutating func beginBlock() {
        rows = nil
        deleted = nil
        row = 0
        guard block < footer.blocks.count else { return }
        let entry = footer.blocks[block]
        head.sequence = 0
        if table == .logs {
            head.high = UInt64(numbers[Int(entry.groups.first)])
            head.low = 0
            head.time = entry.groups.count == 1 ? entry.firstTime : .min
        } else {
            head.high = entry.firstTrace.high
            head.low = entry.firstTrace.low
            head.time = .min
        }
    }

    /// Hands over what comes before `limit`, or only decodes the block where it has to be looked at first.
    mutating func advance(until limit: PartMerger.Key?, to cutter: inout BlockCutter) throws {
        guard let source = rows else {
            if try copyBlock(before: limit, to: &cutter) {
                block += 1
                beginBlock()
            } else {
                try load()
            }
            return
        }
        let count = source.batch.rowCount
        while row < count {
            if let limit, limit < head { return }
            if deleted?[row] != true {
                try cutter.add(
                    source, row: UInt32(truncatingIfNeeded: row),
                    group: source.groups[Int(source.batch.groupOfRow[row])])
            }
            row += 1
            if row < count { setHead(source) }
        }
        block += 1
        beginBlock()
    }

    private mutating func setHead(_ source: RowSource) {
        if table == .logs {
            head.high = UInt64(numbers[Int(source.batch.groupOfRow[row])])
        } else {
            head.high = traces[row].high
            head.low = traces[row].low
        }
        head.time = source.batch.timestamps[row]
        head.sequence = source.batch.sequences[row]
    }

    private mutating func load() throws {
        let batch = try part.batch(of: block)
        let source = RowSource(batch, groups: numbers)
        deleted = try deletions.deletedRows(of: block)
        if table == .spans {
            let ids = batch.column(EventColumnName.traceID)
            traces = (0..<batch.rowCount).map { TraceKey(ids?.payload(ofRow: $0) ?? []) }
        }
        rows = source
        row = 0
        setHead(source)
    }

    /// Copies the block as it is where that keeps the order and takes nothing deleted along.
    private mutating func copyBlock(before limit: PartMerger.Key?, to cutter: inout BlockCutter) throws -> Bool {
        let entry = footer.blocks[block]
        guard table == .logs, entry.isFinal, let group = entry.groups.only else { return false }
        let number = numbers[Int(group)]
        if let limit {
            let last = PartMerger.Key(high: UInt64(number), low: 0, time: entry.lastTime, sequence: .max)
            guard last < limit else { return false }
        }
        // A crumb of the same group before it would stay one.
        let pending = cutter.pendingBytes(of: number)
        guard pending == 0 || pending >= BlockLimits.finalBytes / 2, !(try deletions.touch(block)) else { return false }
        var copied = entry
        copied.groups = GroupRuns([number])
        let extent = GroupExtent(
            rows: entry.rows, bytes: entry.rawBytes, firstTime: entry.firstTime, lastTime: entry.lastTime)
        try cutter.add(
            EncodedBlock(
                bytes: try part.raw(block), entry: copied, filters: try filters.take(block),
                columnNames: try part.directory(of: block).columns.map(\.name), extents: [extent]))
        return true
    }
}

/// The substring filters of a part's blocks, taken out of its matrices.
struct BlockFilters {
    let part: SealedPart
    let footer: PartFooter
    private var loaded: Set<Int> = []
    private var filters: [UInt32: [(column: String, filter: GramFilter)]] = [:]

    init(part: SealedPart, footer: PartFooter) {
        self.part = part
        self.footer = footer
    }

    /// Those of one block; once.
    mutating func take(_ block: Int) throws -> [(column: String, filter: GramFilter)] {
        let wanted = UInt32(truncatingIfNeeded: block)
        for (number, matrix) in footer.matrices.enumerated()
        where !loaded.contains(number) && matrix.blocks.contains(wanted) {
            loaded.insert(number)
            var plain: [UInt8] = []
            let bounds = try part.chunkBounds(of: matrix)
            for chunk in 0..<matrix.chunkCount { plain += try part.chunk(chunk, of: matrix, bounds) }
            for (block, filter) in zip(matrix.blocks, matrix.filters(plain: plain)) where block >= wanted {
                filters[block, default: []].append((matrix.column, GramFilter(kind: matrix.kind, bits: filter)))
            }
        }
        return filters.removeValue(forKey: wanted) ?? []
    }
}
