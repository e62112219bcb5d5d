import Storage
import Telemetry

/// Collects rows that come in the table's order into blocks of a part.
struct BlockCutter {
    private let table: EventTable
    private(set) var writer: PartWriter
    private var pending = EventBatch()
    private var pendingBytes = 0
    private var lastGroup: UInt32 = 0
    private var epoch: Int

    /// Copiers that serve several cutters tell their blocks apart by `firstEpoch`: it must lie over all blocks before.
    init(table: EventTable, writer: PartWriter, firstEpoch: Int = 1) {
        self.table = table
        self.writer = writer
        epoch = firstEpoch
    }

    /// `group` is a number of the part's groups.
    mutating func add(row: Int, from copier: inout RowCopier, group: UInt32) throws(StorageError) {
        let rows = pending.rowCount
        if rows > 0 {
            let full = rows >= BlockLimits.rows || pendingBytes >= BlockLimits.bytes
            let groupEnds =
                table == .logs && group != lastGroup
                && (rows >= BlockLimits.ownBlockRows || pendingBytes >= BlockLimits.ownBlockBytes)
            if full || groupEnds { try cut() }
        }
        pendingBytes += copier.size(ofRow: row)
        copier.copy(row: row, to: &pending, epoch: epoch, group: group)
        lastGroup = group
    }

    private mutating func cut() throws(StorageError) {
        try writer.append(pending)
        pending = EventBatch()
        pendingBytes = 0
        epoch += 1
    }

    mutating func finish() throws(StorageError) {
        try cut()
        try writer.finish()
    }

    func abandon() { writer.abandon() }
}
