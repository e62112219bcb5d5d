import Telemetry

/// Which values each row of a batch has: a batch with a hundred sparse columns is copied row by row in the time of the
/// values that are there, not of the columns that are not.
struct RowMajorIndex {
    private var starts: [UInt32]
    private var columns: [UInt32]
    private var indexes: [UInt32]

    init(_ batch: EventBatch) {
        let rowCount = batch.rowCount
        starts = [UInt32](repeating: 0, count: rowCount + 1)
        for column in batch.columns {
            for row in column.rows where Int(row) < rowCount { starts[Int(row) + 1] += 1 }
        }
        for row in 0..<rowCount { starts[row + 1] += starts[row] }
        let total = Int(starts[rowCount])
        columns = [UInt32](repeating: 0, count: total)
        indexes = [UInt32](repeating: 0, count: total)
        var cursor = starts
        for (c, column) in batch.columns.enumerated() {
            for (i, row) in column.rows.enumerated() where Int(row) < rowCount {
                let at = Int(cursor[Int(row)])
                columns[at] = UInt32(truncatingIfNeeded: c)
                indexes[at] = UInt32(truncatingIfNeeded: i)
                cursor[Int(row)] += 1
            }
        }
    }

    /// The (column, index of its value) pairs of a row.
    func forEachValue(ofRow row: Int, _ body: (_ column: Int, _ index: Int) -> Void) {
        for at in Int(starts[row])..<Int(starts[row + 1]) { body(Int(columns[at]), Int(indexes[at])) }
    }
}

/// Copies rows of one batch to the end of others.
struct RowCopier {
    let source: EventBatch
    private let index: RowMajorIndex
    /// Column of the source to column of the target; forgotten when the target is a new one.
    private var targets: [Int]
    private var epoch = 0

    init(_ source: EventBatch) {
        self.source = source
        index = RowMajorIndex(source)
        targets = [Int](repeating: -1, count: source.columns.count)
    }

    /// `epoch` is another number for every new target.
    mutating func copy(row: Int, to target: inout EventBatch, epoch: Int, group: UInt32) {
        if epoch != self.epoch {
            self.epoch = epoch
            for i in targets.indices { targets[i] = -1 }
        }
        let newRow = target.addRow(timestamp: source.timestamps[row], group: group, sequence: source.sequences[row])
        index.forEachValue(ofRow: row) { column, value in
            if targets[column] < 0 { targets[column] = target.columnIndex(source.columns[column].name) }
            let from = source.columns[column]
            target.set(
                targets[column], row: newRow, kind: from.kinds[value], payload: from.bytes[from.range(at: value)])
        }
    }

    /// Bytes of the row's values.
    func size(ofRow row: Int) -> Int {
        var total = 16
        index.forEachValue(ofRow: row) { column, value in total += source.columns[column].range(at: value).count }
        return total
    }
}
