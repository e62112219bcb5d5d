import Telemetry

/// Rows that blocks are put together from: a chunk of memory or a block of a part. Its groups are numbers of whatever
/// it came from; `groups` maps them to those of the part that is written.
final class RowSource: Sendable {
    let batch: EventBatch
    let groups: [UInt32]
    /// Of each row, as ``sizes(_:)`` has them.
    let sizes: [UInt32]
    let columnOfName: [String: Int]

    init(_ batch: EventBatch, groups: [UInt32]) {
        self.batch = batch
        self.groups = groups
        var names: [String: Int] = [:]
        for (number, column) in batch.columns.enumerated() { names[column.name] = number }
        sizes = RowSource.sizes(batch)
        columnOfName = names
    }

    /// Bytes of each row's values, and what it is known by.
    static func sizes(_ batch: EventBatch) -> [UInt32] {
        var sizes = [UInt32](repeating: 16, count: batch.rowCount)
        for column in batch.columns {
            var start: UInt32 = 0
            if column.count == sizes.count {
                for (i, end) in column.ends.enumerated() {
                    sizes[i] &+= end &- start
                    start = end
                }
            } else {
                for (i, row) in column.rows.enumerated() where Int(row) < sizes.count {
                    sizes[Int(row)] &+= column.ends[i] &- start
                    start = column.ends[i]
                }
            }
        }
        return sizes
    }
}
