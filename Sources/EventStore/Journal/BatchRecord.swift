import Codecs
import Storage
import Telemetry

/// A batch as a record of the journal: the columns as they are in memory, so that writing and reading it are copies.
/// It is not compressed: seals follow within seconds, and the bytes hardly live long enough to be worth it.
struct BatchRecord {
    var id: BatchID?
    var batch: EventBatch

    private static let format: UInt8 = 2

    /// `batch` has consecutive sequences.
    static func encode(_ batch: EventBatch, id: BatchID?, firstSequence: UInt64) -> [UInt8] {
        var writer = ByteWriter(reserving: MemoryTable.size(of: batch) + 1024)
        writer.write(format)
        writer.write(id == nil ? 0 : 1)
        if let id {
            writer.writeFixed64(id.high)
            writer.writeFixed64(id.low)
        }
        writer.writeVarint(firstSequence)
        writer.writeVarint(batch.groups.count)
        for group in batch.groups { GroupKey(group).write(to: &writer) }
        writer.writeVarint(batch.rowCount)
        NumberBytes.write(batch.timestamps, to: &writer)
        NumberBytes.write(batch.groupOfRow, to: &writer)
        writer.writeVarint(batch.columns.count)
        for column in batch.columns { write(column, rowCount: batch.rowCount, to: &writer) }
        return writer.bytes
    }

    private static func write(_ column: EventColumn, rowCount: Int, to writer: inout ByteWriter) {
        writer.writeLengthPrefixed(column.name)
        writer.writeVarint(column.count)
        if column.count != rowCount { NumberBytes.write(column.rows, to: &writer) }
        let first = column.kinds.first ?? .empty
        if column.kinds.allSatisfy({ $0 == first }) {
            writer.write(first.rawValue)
        } else {
            writer.write(mixed)
            for kind in column.kinds { writer.write(kind.rawValue) }
        }
        NumberBytes.write(column.ends, to: &writer)
        writer.writeBytes(column.bytes)
    }

    private static let mixed: UInt8 = 255

    init(_ payload: [UInt8]) throws(CodecError) {
        var reader = ByteReader(payload)
        let format = try reader.readByte()
        guard format == BatchRecord.format else {
            throw reader.failure(
                "record format \(format), this needletail reads \(BatchRecord.format): let the version that wrote it "
                    + "seal its rows by stopping it once")
        }
        if try reader.readByte() == 1 { id = BatchID(high: try reader.readFixed64(), low: try reader.readFixed64()) }
        let first = try reader.readVarint()
        batch = EventBatch()
        for _ in 0..<(try reader.readCount(limit: reader.remaining)) {
            guard let group = try GroupKey(&reader).group else { throw reader.failure("labels are not canonical") }
            _ = batch.addGroup(group)
        }
        let rowCount = try reader.readCount(limit: reader.remaining / 8)
        batch.timestamps = NumberBytes.read(try reader.readBytes(rowCount * 8))
        batch.groupOfRow = NumberBytes.read(try reader.readBytes(rowCount * 4))
        let groupCount = batch.groups.count
        guard batch.groupOfRow.allSatisfy({ Int($0) < groupCount }) else {
            throw reader.failure("a row of a group that is not there")
        }
        batch.sequences = (0..<UInt64(rowCount)).map { first &+ $0 }
        for _ in 0..<(try reader.readCount(limit: reader.remaining)) {
            batch.addColumn(try BatchRecord.readColumn(&reader, rowCount: rowCount))
        }
    }

    private static func readColumn(_ reader: inout ByteReader, rowCount: Int) throws(CodecError) -> EventColumn {
        let name = try reader.readString()
        let count = try reader.readCount(limit: rowCount)
        let rows: [UInt32]
        if count == rowCount {
            rows = (0..<count).map { UInt32(truncatingIfNeeded: $0) }
        } else {
            rows = NumberBytes.read(try reader.readBytes(count * 4))
            var previous: Int = -1
            for row in rows {
                guard Int(row) > previous, Int(row) < rowCount else {
                    throw reader.failure("row \(row) of \(rowCount)")
                }
                previous = Int(row)
            }
        }
        let kindByte = try reader.readByte()
        var kinds: [ValueKind] = []
        if kindByte == mixed {
            for byte in try reader.readBytes(count) {
                guard let kind = ValueKind(rawValue: byte) else { throw reader.failure("unknown kind \(byte)") }
                kinds.append(kind)
            }
        } else {
            guard let kind = ValueKind(rawValue: kindByte) else { throw reader.failure("unknown kind \(kindByte)") }
            kinds = [ValueKind](repeating: kind, count: count)
        }
        let ends: [UInt32] = NumberBytes.read(try reader.readBytes(count * 4))
        var previous: UInt32 = 0
        for end in ends {
            guard end >= previous else { throw reader.failure("values that end before they begin") }
            previous = end
        }
        let bytes = Array(try reader.readBytes(Int(previous)))
        guard let column = EventColumn(name: name, rows: rows, kinds: kinds, ends: ends, bytes: bytes) else {
            throw reader.failure("column \(name) does not fit together")
        }
        return column
    }
}

/// Numbers as little-endian bytes, copied as a whole where the machine has them so.
enum NumberBytes {
    static func write<T: FixedWidthInteger & BitwiseCopyable>(_ numbers: [T], to writer: inout ByteWriter) {
        #if _endian(little)
            unsafe numbers.withUnsafeBytes { unsafe writer.bytes.append(contentsOf: $0) }
        #else
            for number in numbers {
                for byte in 0..<T.bitWidth / 8 {
                    writer.write(UInt8(truncatingIfNeeded: number >> T(truncatingIfNeeded: byte * 8)))
                }
            }
        #endif
    }

    static func read<T: FixedWidthInteger & BitwiseCopyable>(_ bytes: ArraySlice<UInt8>) -> [T] {
        let width = T.bitWidth / 8
        let count = bytes.count / width
        return unsafe [T](unsafeUninitializedCapacity: count) { target, initialized in
            unsafe bytes.withUnsafeBytes { source in
                for i in 0..<count {
                    unsafe target[i] = T(littleEndian: source.loadUnaligned(fromByteOffset: i * width, as: T.self))
                }
            }
            initialized = count
        }
    }
}
