import Storage
import Telemetry

/// Some rows in memory. Immutable; its rows' groups are numbers in the table's ``GroupTable``.
final class MemoryChunk: Sendable {
    let batch: EventBatch
    let firstTime: Int64
    let lastTime: Int64

    init(_ batch: EventBatch) {
        self.batch = batch
        firstTime = batch.timestamps.min() ?? 0
        lastTime = batch.timestamps.max() ?? 0
    }
}

/// Rows in memory as a query or a seal sees them.
struct MemorySnapshot: Sendable {
    var groups: [EventGroup] = []
    var keys: [GroupKey] = []
    var chunks: [MemoryChunk] = []
    var batchIDs: [StoredBatchID] = []
    var rows = 0
    var bytes = 0
    /// The least of its rows.
    var firstSequence = UInt64.max
}

/// The rows that are in the journal but in no part yet.
struct MemoryTable {
    private(set) var groups = GroupTable()
    private var closed: [MemoryChunk] = []
    private var open = EventBatch()
    private var openBytes = 0
    private(set) var rows = 0
    /// Of values and their bookkeeping.
    private(set) var bytes = 0
    private(set) var batchIDs: [StoredBatchID] = []
    private(set) var firstSequence = UInt64.max

    private static let chunkRows = 4096
    private static let chunkBytes = 1 << 20
    /// A batch of this size becomes a chunk as it is.
    private static let ownChunkRows = 256

    /// `batch` has sequences. Its groups are looked up once for the batch, not for every row.
    mutating func append(_ batch: EventBatch, id: BatchID?) {
        if let id { batchIDs.append(StoredBatchID(id: id, sequence: batch.sequences.first ?? 0)) }
        guard batch.rowCount > 0 else { return }
        firstSequence = min(firstSequence, batch.sequences.first ?? .max)
        let known = groups.count
        let numbers = batch.groups.map { groups.number(of: $0) }
        let size = MemoryTable.size(of: batch)
        bytes += size + (groups.count - known) * 400
        rows += batch.rowCount
        if batch.rowCount >= MemoryTable.ownChunkRows || size >= MemoryTable.chunkBytes / 2 {
            var chunk = batch
            chunk.groups = []
            chunk.groupOfRow = batch.groupOfRow.map { numbers[Int($0)] }
            closed.append(MemoryChunk(chunk))
            return
        }
        copy(batch, numbers)
        openBytes += size
        if open.rowCount >= MemoryTable.chunkRows || openBytes >= MemoryTable.chunkBytes { closeChunk() }
    }

    private mutating func copy(_ batch: EventBatch, _ numbers: [UInt32]) {
        let base = open.rowCount
        open.timestamps += batch.timestamps
        open.sequences += batch.sequences
        for group in batch.groupOfRow { open.groupOfRow.append(numbers[Int(group)]) }
        for column in batch.columns {
            let target = open.columnIndex(column.name)
            for i in 0..<column.count {
                open.set(
                    target, row: base + Int(column.rows[i]), kind: column.kinds[i],
                    payload: column.bytes[column.range(at: i)])
            }
        }
    }

    private mutating func closeChunk() {
        guard open.rowCount > 0 else { return }
        closed.append(MemoryChunk(open))
        open = EventBatch()
        openBytes = 0
    }

    static func size(of batch: EventBatch) -> Int {
        batch.columns.reduce(batch.rowCount * 20) { $0 + $1.bytes.count + $1.count * 9 }
    }

    var snapshot: MemorySnapshot {
        var chunks = closed
        if open.rowCount > 0 { chunks.append(MemoryChunk(open)) }
        return MemorySnapshot(
            groups: groups.groups, keys: groups.keys, chunks: chunks, batchIDs: batchIDs, rows: rows, bytes: bytes,
            firstSequence: firstSequence)
    }
}
