import Storage
import Telemetry

/// The batch that is being made for the reader of a scan.
struct OutputBatch {
    private(set) var batch = EventBatch()
    private let projection: EventScanPlan.Projection
    /// Changes with every new batch, so that others know that their column numbers are stale.
    private(set) var epoch = 1
    private var groupNumbers: [GroupReference: UInt32] = [:]

    private struct GroupReference: Hashable {
        var source: ObjectIdentifier
        var group: UInt32
    }

    init(projection: EventScanPlan.Projection) { self.projection = projection }

    func wants(_ column: String) -> Bool {
        switch projection {
        case .all: true
        case .columns(let names): names.contains(column)
        }
    }

    mutating func group(_ number: UInt32, of facts: GroupFacts) throws -> UInt32 {
        let reference = GroupReference(source: ObjectIdentifier(facts), group: number)
        if let known = groupNumbers[reference] { return known }
        let new = batch.addGroup(try facts.group(number))
        groupNumbers[reference] = new
        return new
    }

    /// A group whose number the caller remembers for this batch.
    mutating func add(_ group: EventGroup) -> UInt32 { batch.addGroup(group) }

    mutating func addRow(time: Int64, group: UInt32, sequence: UInt64) -> Int {
        batch.addRow(timestamp: time, group: group, sequence: sequence)
    }

    mutating func column(_ name: String) -> Int { batch.columnIndex(name) }

    mutating func copy(_ column: DecodedColumn, _ index: Int, to target: Int, row: Int) {
        column.copy(index, to: &batch, column: target, row: row)
    }

    mutating func copy(row: Int, from copier: inout RowCopier, group: UInt32) {
        copier.copy(row: row, to: &batch, epoch: epoch, group: group)
    }

    mutating func take() -> EventBatch {
        let full = batch
        batch = EventBatch()
        groupNumbers = [:]
        epoch += 1
        return full
    }
}

/// Copies rows of a block into batches.
struct BlockCopier {
    private let block: ScanBlock
    private let columns: [DecodedColumn]
    private var targets: [Int]
    private var epoch = 0
    private let times: [Int64]
    private let sequences: [UInt64]
    private let groups: [UInt32]

    /// Reads the columns that `output` wants. Where only `rows` will be copied, other lines are not put together.
    init(_ block: ScanBlock, output: OutputBatch, rows: RowMask? = nil) throws {
        self.block = block
        times = try block.times
        sequences = try block.sequences
        groups = try block.groupOfRow
        var columns: [DecodedColumn] = []
        for name in try block.columnNames where output.wants(name) {
            if let column = try block.column(name, rows) { columns.append(column) }
        }
        self.columns = columns
        targets = [Int](repeating: -1, count: columns.count)
    }

    mutating func copy(row: Int, to output: inout OutputBatch) throws {
        if epoch != output.epoch {
            epoch = output.epoch
            for i in targets.indices { targets[i] = -1 }
        }
        let group = try output.group(groups[row], of: block.facts)
        let newRow = output.addRow(time: times[row], group: group, sequence: sequences[row])
        for i in columns.indices {
            guard let index = columns[i].index(ofRow: row) else { continue }
            if targets[i] < 0 { targets[i] = output.column(columns[i].name) }
            output.copy(columns[i], index, to: targets[i], row: newRow)
        }
    }
}
