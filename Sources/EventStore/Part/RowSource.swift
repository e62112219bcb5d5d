import Telemetry

/// Rows that blocks are put together from: a chunk of memory or a block of a part. Its groups are numbers of whatever
/// it came from; `groups` maps them to those of the part that is written.
final class RowSource: Sendable {
    let batch: EventBatch
    let groups: [UInt32]
    /// Bytes of each row's values.
    let sizes: [UInt32]
    let columnOfName: [String: Int]

    init(_ batch: EventBatch, groups: [UInt32]) {
        self.batch = batch
        self.groups = groups
        var sizes = [UInt32](repeating: 16, count: batch.rowCount)
        var names: [String: Int] = [:]
        for (number, column) in batch.columns.enumerated() {
            names[column.name] = number
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
        self.sizes = sizes
        columnOfName = names
    }
}

/// Some rows of several sources, in the order of the block that they will be.
struct RowGathering {
    private(set) var sources: [RowSource] = []
    private var numberOfSource: [ObjectIdentifier: UInt32] = [:]
    private var sourceOfRow: [UInt32] = []
    private var rows: [UInt32] = []
    private(set) var bytes = 0

    var count: Int { rows.count }

    mutating func add(_ source: RowSource, row: UInt32) {
        let number: UInt32
        if let last = sources.last, last === source {
            number = UInt32(truncatingIfNeeded: sources.count - 1)
        } else if let known = numberOfSource[ObjectIdentifier(source)] {
            number = known
        } else {
            number = UInt32(truncatingIfNeeded: sources.count)
            numberOfSource[ObjectIdentifier(source)] = number
            sources.append(source)
        }
        sourceOfRow.append(number)
        rows.append(row)
        bytes += Int(source.sizes[Int(row)])
    }

    /// Column by column, so that a value costs a copy of its bytes and little else.
    var batch: EventBatch {
        var out = EventBatch()
        out.timestamps.reserveCapacity(rows.count)
        out.sequences.reserveCapacity(rows.count)
        out.groupOfRow.reserveCapacity(rows.count)
        for i in rows.indices {
            let source = sources[Int(sourceOfRow[i])]
            let row = Int(rows[i])
            out.timestamps.append(source.batch.timestamps[row])
            out.sequences.append(source.batch.sequences[row])
            out.groupOfRow.append(source.groups[Int(source.batch.groupOfRow[row])])
        }
        var names: [String] = []
        var known: Set<String> = []
        for source in sources {
            for column in source.batch.columns where known.insert(column.name).inserted { names.append(column.name) }
        }
        for name in names {
            if let column = gather(name) { out.addColumn(column) }
        }
        return out
    }

    /// nil where no row has a value.
    private func gather(_ name: String) -> EventColumn? {
        let views = sources.map { source in source.columnOfName[name].map { source.batch.columns[$0] } }
        // Where a source's next row is probably found: rows of a source mostly come in their own order.
        var cursors = [Int](repeating: 0, count: views.count)
        var outRows: [UInt32] = []
        var kinds: [ValueKind] = []
        var ends: [UInt32] = []
        var bytes: [UInt8] = []
        bytes.reserveCapacity(views.count == 1 ? 0 : self.bytes / 2)
        for i in rows.indices {
            let number = Int(sourceOfRow[i])
            guard let view = views[number] else { continue }
            let row = rows[i]
            var at = cursors[number]
            if at >= view.count || view.rows[at] != row {
                guard let found = view.index(ofRow: Int(row)) else { continue }
                at = found
            }
            cursors[number] = at + 1
            outRows.append(UInt32(truncatingIfNeeded: i))
            kinds.append(view.kinds[at])
            bytes.append(contentsOf: view.bytes[view.range(at: at)])
            ends.append(UInt32(truncatingIfNeeded: bytes.count))
        }
        guard !outRows.isEmpty else { return nil }
        return EventColumn(name: name, rows: outRows, kinds: kinds, ends: ends, bytes: bytes)
    }
}
