import Dispatch
import Storage
import Synchronization
import Telemetry

/// Collects rows that come in the table's order into blocks of a part. Blocks are encoded on all cores.
struct BlockCutter {
    private let table: EventTable
    private let encoder: BlockEncoder
    private(set) var writer: PartWriter
    private var gathering = RowGathering()
    private var lastGroup: UInt32 = .max
    /// Of the first row that waits.
    private var firstGroup: UInt32 = .max
    /// Raw bytes of each group of the part, so that a large group is cut into blocks of one size.
    private let groupBytes: [Int]
    private var target = BlockLimits.bytes
    /// Raw bytes of the last group that are still to come, if none of its rows is deleted.
    private var left = 0
    private var waiting: [Waiting] = []

    private enum Waiting {
        case rows(RowGathering)
        case block(EncodedBlock)
    }

    init(table: EventTable, writer: PartWriter, encoder: BlockEncoder, groupBytes: [Int]) {
        self.table = table
        self.writer = writer
        self.encoder = encoder
        self.groupBytes = groupBytes
    }

    /// `group` is a number of the part's groups. `staysTogether` where the row follows others of a block that was as
    /// large as a block should be: cut elsewhere, all blocks of the group behind it would have to be made anew too.
    mutating func add(
        _ source: RowSource, row: UInt32, group: UInt32, staysTogether: Bool = false
    ) throws(StorageError) {
        if gathering.count > 0 {
            let isFull = isFull(staysTogether: staysTogether)
            if isFull || (group != lastGroup && table == .logs && endsBlock(before: group)) { try cut() }
        }
        if group != lastGroup {
            begin(group)
            if gathering.count == 0 { target = BlockCutter.target(groupBytes[Int(group)], table) }
        }
        if gathering.count == 0 { firstGroup = group }
        gathering.add(source, row: row)
        left -= Int(source.sizes[Int(row)])
    }

    private func isFull(staysTogether: Bool) -> Bool {
        let spareRows = staysTogether ? BlockLimits.spareRows : 0
        if gathering.count >= BlockLimits.rows + spareRows { return true }
        if gathering.bytes < target { return false }
        let isEnd = table == .logs && firstGroup == lastGroup && left > 0 && left < BlockLimits.ownBlockBytes
        return !(isEnd || staysTogether) || gathering.bytes >= BlockLimits.bytes + BlockLimits.spareBytes
    }

    private mutating func begin(_ group: UInt32) {
        lastGroup = group
        left = groupBytes[Int(group)]
    }

    /// Small groups share a block.
    private func endsBlock(before group: UInt32) -> Bool {
        gathering.count >= BlockLimits.ownBlockRows || gathering.bytes >= BlockLimits.ownBlockBytes
            || groupBytes[Int(group)] >= BlockLimits.ownBlockBytes
    }

    private static func target(_ total: Int, _ table: EventTable) -> Int {
        guard table == .logs, total > BlockLimits.bytes else { return BlockLimits.bytes }
        let pieces = (total + BlockLimits.bytes - 1) / BlockLimits.bytes
        return total / pieces + 1
    }

    /// Rows of the group that wait for their block to be full; a merge would rather fill it than leave a crumb.
    func pendingBytes(of group: UInt32) -> Int { lastGroup == group ? gathering.bytes : 0 }

    /// A block as it is in another part, after all rows so far.
    mutating func add(_ block: EncodedBlock) throws(StorageError) {
        try cut()
        let group = block.entry.groups.first
        if group != lastGroup { begin(group) }
        left -= block.entry.rawBytes
        target = BlockCutter.target(left, table)
        waiting.append(.block(block))
        if waiting.count >= 4 { try write() }
    }

    private mutating func cut() throws(StorageError) {
        guard gathering.count > 0 else { return }
        waiting.append(.rows(gathering))
        gathering = RowGathering()
        target = lastGroup == .max ? BlockLimits.bytes : BlockCutter.target(left, table)
        if waiting.count >= 2 { try write() }
    }

    private mutating func write() throws(StorageError) {
        let jobs = waiting
        waiting = []
        let encoder = encoder
        let done = Mutex([EncodedBlock?](repeating: nil, count: jobs.count))
        DispatchQueue.concurrentPerform(iterations: jobs.count) { i in
            let block: EncodedBlock
            switch jobs[i] {
            case .rows(let gathering): block = encoder.encode(gathering.batch)
            case .block(let ready): block = ready
            }
            done.withLock { $0[i] = block }
        }
        for block in done.withLock({ $0 }) { if let block { try writer.append(block) } }
    }

    /// The blocks are written; groups and footer are not.
    mutating func finishBlocks() throws(StorageError) -> PartWriter {
        try cut()
        try write()
        return writer
    }

    func abandon() { writer.abandon() }
}
