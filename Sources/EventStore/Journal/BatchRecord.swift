import Codecs
import Storage
import Telemetry

/// A batch as a record of the journal: format byte, codec, plain size, then the columns as they are in memory.
struct BatchRecord {
    var id: BatchID?
    var batch: EventBatch

    private static let format: UInt8 = 1

    /// `batch` has consecutive sequences.
    static func encode(_ batch: EventBatch, id: BatchID?, firstSequence: UInt64) -> [UInt8] {
        var writer = ByteWriter(reserving: MemoryTable.size(of: batch) + 256)
        writer.write(id == nil ? 0 : 1)
        if let id {
            writer.writeFixed64(id.high)
            writer.writeFixed64(id.low)
        }
        writer.writeVarint(firstSequence)
        writer.writeVarint(batch.groups.count)
        for group in batch.groups { GroupKey(group).write(to: &writer) }
        writer.writeVarint(batch.rowCount)
        for time in batch.timestamps { writer.writeFixed64(UInt64(bitPattern: time)) }
        for group in batch.groupOfRow { writer.writeVarint(UInt64(group)) }
        writer.writeVarint(batch.columns.count)
        for column in batch.columns { write(column, rowCount: batch.rowCount, to: &writer) }

        let large = writer.count > 1024
        let packed = BlockCodec.compress(writer.bytes, codec: large ? .best : .raw, level: 1)
        var record = ByteWriter(reserving: packed.bytes.count + 16)
        record.write(format)
        record.write(packed.codec.rawValue)
        record.writeVarint(writer.count)
        record.writeBytes(packed.bytes)
        return record.bytes
    }

    private static func write(_ column: EventColumn, rowCount: Int, to writer: inout ByteWriter) {
        writer.writeLengthPrefixed(column.name)
        writer.writeVarint(column.count)
        if column.count != rowCount {
            var previous: UInt32 = 0
            for row in column.rows {
                writer.writeVarint(UInt64(row &- previous))
                previous = row
            }
        }
        for kind in column.kinds { writer.write(kind.rawValue) }
        for i in 0..<column.count { writer.writeVarint(column.range(at: i).count) }
        writer.writeBytes(column.bytes)
    }

    init(_ payload: [UInt8]) throws(CodecError) {
        var outer = ByteReader(payload)
        let format = try outer.readByte()
        guard format == BatchRecord.format else { throw outer.failure("unknown record format \(format)") }
        let codecByte = try outer.readByte()
        guard let codec = BlockCodec(rawValue: codecByte) else { throw outer.failure("unknown codec \(codecByte)") }
        let size = try outer.readCount(limit: maximumDecodedCount)
        var reader = ByteReader(try BlockCodec.decompress(outer.rest, codec: codec, expectedSize: size))
        if try reader.readByte() == 1 { id = BatchID(high: try reader.readFixed64(), low: try reader.readFixed64()) }
        let first = try reader.readVarint()
        batch = EventBatch()
        for _ in 0..<(try reader.readCount(limit: reader.remaining)) {
            guard let group = try GroupKey(&reader).group else { throw reader.failure("labels are not canonical") }
            _ = batch.addGroup(group)
        }
        let rowCount = try reader.readCount(limit: reader.remaining / 8)
        batch.timestamps.reserveCapacity(rowCount)
        for _ in 0..<rowCount { batch.timestamps.append(Int64(bitPattern: try reader.readFixed64())) }
        for row in 0..<rowCount {
            let group = try reader.readCount(limit: batch.groups.count - 1)
            batch.groupOfRow.append(UInt32(truncatingIfNeeded: group))
            batch.sequences.append(first &+ UInt64(row))
        }
        for _ in 0..<(try reader.readCount(limit: reader.remaining)) {
            try BatchRecord.readColumn(&reader, rowCount: rowCount, into: &batch)
        }
    }

    private static func readColumn(
        _ reader: inout ByteReader, rowCount: Int, into batch: inout EventBatch
    ) throws(CodecError) {
        let column = batch.columnIndex(try reader.readString())
        let count = try reader.readCount(limit: rowCount)
        var rows: [Int] = []
        var row = 0
        for i in 0..<count {
            row = count == rowCount ? i : row + (try reader.readCount(limit: rowCount))
            guard row < rowCount, i == 0 || row > rows[i - 1] else { throw reader.failure("row \(row) of \(rowCount)") }
            rows.append(row)
        }
        var kinds: [ValueKind] = []
        for byte in try reader.readBytes(count) {
            guard let kind = ValueKind(rawValue: byte) else { throw reader.failure("unknown kind \(byte)") }
            kinds.append(kind)
        }
        var lengths: [Int] = []
        for _ in 0..<count { lengths.append(try reader.readCount(limit: reader.remaining)) }
        for i in 0..<count {
            batch.set(column, row: rows[i], kind: kinds[i], payload: try reader.readBytes(lengths[i]))
        }
    }
}
