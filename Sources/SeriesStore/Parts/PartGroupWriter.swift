import Codecs
internal import Telemetry

/// The blocks and the table of up to ``PartFormat/groupSize`` series.
struct PartGroupWriter {
    private(set) var count = 0
    private var blocks = ByteWriter()
    private var rows = ByteWriter()
    private var columns: [PartTimes] = []
    private var numbers: [ObjectIdentifier: Int] = [:]
    private var lastColumn: (times: PartTimes, number: Int)?
    /// Of the series that is being added.
    private var entries = ByteWriter()
    private var entryCount = 0
    private var previousLabels: [UInt8] = []

    mutating func begin(_ labels: LabelSet) {
        var shared = 0
        let limit = min(previousLabels.count, labels.bytes.count)
        while shared < limit, previousLabels[shared] == labels.bytes[shared] { shared += 1 }
        rows.writeVarint(shared)
        rows.writeLengthPrefixed(labels.bytes[shared...])
        previousLabels = labels.bytes
        entries.bytes.removeAll(keepingCapacity: true)
        entryCount = 0
    }

    mutating func add(
        _ kind: BlockKind, _ bytes: [UInt8], times: PartTimes, starts: PartTimes?, isDifference: Bool
    ) {
        let isInline = bytes.count <= PartFormat.inlineBytes
        var flags = kind.rawValue
        if isInline { flags |= BlockFlag.inline }
        if starts != nil { flags |= BlockFlag.starts }
        if isDifference { flags |= BlockFlag.difference }
        entries.write(flags)
        entries.writeVarint(column(times))
        if let starts { entries.writeVarint(column(starts)) }
        if isInline {
            entries.writeLengthPrefixed(bytes)
        } else {
            entries.writeVarint(bytes.count + 4)
            blocks.writeFixed32(CRC32C.checksum(bytes))
            blocks.writeBytes(bytes)
        }
        entryCount += 1
    }

    /// Its number in the group's list.
    private mutating func column(_ times: PartTimes) -> Int {
        if let lastColumn, lastColumn.times === times { return lastColumn.number }
        let number = numbers[ObjectIdentifier(times)] ?? columns.count
        if number == columns.count {
            columns.append(times)
            numbers[ObjectIdentifier(times)] = number
        }
        lastColumn = (times, number)
        return number
    }

    mutating func end() {
        rows.writeVarint(entryCount)
        rows.writeBytes(entries.bytes)
        count += 1
    }

    /// Empties the group.
    mutating func finished() -> (blocks: [UInt8], table: [UInt8]) {
        var table = ByteWriter(reserving: rows.count + columns.count * 16)
        table.writeVarint(columns.count)
        var before = 0
        for column in columns {
            table.writeVarint(column.count)
            table.writeZigzag(column.first)
            table.writeZigzag(column.last &- column.first)
            table.writeVarint(column.length)
            if column.length > 0 {
                table.writeZigzag(Int64(column.offset - before))
                before = column.offset
            }
        }
        table.writeBytes(rows.bytes)
        defer { self = PartGroupWriter() }
        return (blocks.bytes, table.bytes)
    }
}
