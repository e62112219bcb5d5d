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
            let merged = try MergedPart(part, table: store.table, numbers: numbers[number], deletions: deletions)
            for chain in merged.chains { sources.append(try MergeSource(merged, blocks: chain)) }
        }
        let ids = try parts.flatMap { try $0.footer.batchIDs }.sorted { $0.sequence < $1.sequence }
        let name = store.newFileName()
        let path = store.folder.path + "/" + store.partsFolder + "/" + name
        let files = store.folder.fileSystem
        let writer = try PartWriter(
            table: store.table, path: path, files: files, codec: store.options.codec,
            partition: try parts.first?.footer.partition ?? 0, groupCount: groupBytes.count,
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

/// Blocks of a part that is being merged, and how far.
struct MergeSource {
    private let merged: MergedPart
    /// In order, no two of them with rows that would have to be mixed.
    private let blocks: [Int]
    /// Index of the next one in `blocks`.
    private var position = 0
    private var row = 0
    private var rows: RowSource?
    private var deleted: RowMask?
    private var traces: [TraceKey] = []
    /// Whether the block is made anew for the sake of those before it only.
    private var staysTogether = false
    /// Of the next row; while its block is not decoded, nothing in it comes before this.
    private(set) var head = PartMerger.Key(high: 0, low: 0, time: 0, sequence: 0)

    init(_ merged: MergedPart, blocks: [Int]) throws {
        self.merged = merged
        self.blocks = blocks
        beginBlock()
    }

    var isAtEnd: Bool { position >= blocks.count }
    private var block: Int { blocks[position] }

    private mutating func beginBlock() {
        rows = nil
        deleted = nil
        row = 0
        staysTogether = false
        guard !isAtEnd else { return }
        head = merged.start(of: merged.footer.blocks[block])
    }

    /// Hands over what comes before `limit`, or only decodes the block where it has to be looked at first.
    mutating func advance(until limit: PartMerger.Key?, to cutter: inout BlockCutter) throws {
        guard let source = rows else {
            if try copyBlock(before: limit, to: &cutter) {
                position += 1
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
                    group: source.groups[Int(source.batch.groupOfRow[row])], staysTogether: staysTogether)
            }
            row += 1
            if row < count { setHead(source) }
        }
        position += 1
        beginBlock()
    }

    private mutating func setHead(_ source: RowSource) {
        if merged.table == .logs {
            head.high = UInt64(merged.numbers[Int(source.batch.groupOfRow[row])])
        } else {
            head.high = traces[row].high
            head.low = traces[row].low
        }
        head.time = source.batch.timestamps[row]
        head.sequence = source.batch.sequences[row]
    }

    private mutating func load() throws {
        let batch = try merged.part.batch(of: block)
        let source = RowSource(batch, groups: merged.numbers)
        deleted = try merged.deletions.deletedRows(of: block)
        merged.filters.drop(block)
        if merged.table == .spans {
            let ids = batch.column(EventColumnName.traceID)
            traces = (0..<batch.rowCount).map { TraceKey(ids?.payload(ofRow: $0) ?? []) }
        }
        rows = source
        row = 0
        setHead(source)
    }

    /// Copies the block as it is where that takes nothing deleted along and, but for a little at its end, keeps the
    /// order.
    private mutating func copyBlock(before limit: PartMerger.Key?, to cutter: inout BlockCutter) throws -> Bool {
        let entry = merged.footer.blocks[block]
        guard merged.table == .logs, entry.isFinal, let group = entry.groups.only else { return false }
        let number = merged.numbers[Int(group)]
        if let limit, limit.high == UInt64(number), !MergeSource.isOrdered(entry, before: limit.time) { return false }
        guard !(try merged.deletions.touch(block)) else { return false }
        // A crumb of the same group before it would stay one.
        let pending = cutter.pendingBytes(of: number)
        guard pending == 0 || pending >= BlockLimits.finalBytes else {
            staysTogether = true
            return false
        }
        var copied = entry
        copied.groups = GroupRuns([number])
        let extent = GroupExtent(
            rows: entry.rows, bytes: entry.rawBytes, firstTime: entry.firstTime, lastTime: entry.lastTime)
        try cutter.add(
            EncodedBlock(
                bytes: try merged.part.raw(block), entry: copied, filters: try merged.filters.take(block),
                columnNames: try merged.part.directory(of: block).columns.map(\.name), extents: [extent]))
        return true
    }

    /// What is sent over two connections lies in two parts, and a little of it in each is older than the last of the other
    /// part. No more than a quarter of a block may be: else rows are mixed, so that a query for a short time reads few
    /// blocks.
    private static func isOrdered(_ entry: BlockEntry, before time: Int64) -> Bool {
        if entry.lastTime < time { return true }
        guard entry.firstTime < time else { return false }
        let length = UInt64(bitPattern: entry.lastTime &- entry.firstTime)
        return UInt64(bitPattern: entry.lastTime &- time) <= length / 4
    }
}
