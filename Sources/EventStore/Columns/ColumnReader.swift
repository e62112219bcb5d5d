import Codecs
import Telemetry

/// Reads what ``ColumnWriter`` wrote. The bytes have passed their checksum; counts and places are checked all the same.
enum ColumnReader {
    /// `times` are those of the block's rows; asked for where a text has times that are kept against them.
    static func decode(
        _ body: [UInt8], entry: ColumnEntry, rowCount: Int, times: @escaping () throws(CodecError) -> [Int64]
    ) throws(CodecError) -> DecodedColumn {
        if entry.encoding == .text {
            return try TextColumn(body, entry: entry, rowCount: rowCount, times: times).decoded()
        }
        var reader = ByteReader(body)
        let presence = try readPresence(&reader, entry: entry, rowCount: rowCount)
        let values = try readValues(&reader, entry: entry)
        return DecodedColumn(name: entry.name, rowCount: rowCount, presence: presence, values: values)
    }

    static func readPresence(
        _ reader: inout ByteReader, entry: ColumnEntry, rowCount: Int
    ) throws(CodecError) -> DecodedColumn.Presence {
        if entry.count == rowCount { return .all }
        var rows: [UInt32] = []
        rows.reserveCapacity(entry.count)
        switch try reader.readByte() {
        case 1:
            let bits = try PackedBytes.read(&reader)
            guard bits.count == (rowCount + 7) / 8 else {
                throw reader.failure("presence bitmap of \(bits.count) bytes")
            }
            for row in 0..<rowCount where bits[row >> 3] >> UInt8(row & 7) & 1 != 0 {
                rows.append(UInt32(truncatingIfNeeded: row))
            }
        case 2:
            var previous: Int64 = -1
            for row in try IntegerColumn.decode(&reader, count: entry.count) {
                guard row > previous, row < Int64(rowCount) else { throw reader.failure("row \(row) out of order") }
                previous = row
                rows.append(UInt32(truncatingIfNeeded: row))
            }
        case let mode: throw reader.failure("unknown presence mode \(mode)")
        }
        guard rows.count == entry.count else {
            throw reader.failure("\(rows.count) rows, directory says \(entry.count)")
        }
        return .rows(rows)
    }

    private static func readValues(
        _ reader: inout ByteReader, entry: ColumnEntry
    ) throws(CodecError) -> DecodedColumn.Values {
        switch entry.encoding {
        case .constant:
            let kind = try readKind(&reader)
            return .constant(kind, Array(reader.rest))
        case .integers: return .integers(try IntegerColumn.decode(&reader, count: entry.count))
        case .dictionary: return try readDictionary(&reader, entry: entry)
        case .fixed:
            let width = try reader.readCount(limit: 64)
            let bytes = try PackedBytes.read(&reader)
            return try fixed(entry, width: width, bytes, reader)
        case .hexadecimal:
            let width = try reader.readCount(limit: 32)
            let binary = try PackedBytes.read(&reader)
            return try fixed(entry, width: width * 2, Hexadecimal.encode(binary), reader)
        case .plain:
            var kinds: [ValueKind] = []
            if entry.kind == nil {
                for byte in try PackedBytes.read(&reader) { kinds.append(try checked(byte, reader)) }
                guard kinds.count == entry.count else { throw reader.failure("\(kinds.count) kinds") }
            }
            let lengths = try IntegerColumn.decode(&reader, count: entry.count)
            let bytes = try PackedBytes.read(&reader)
            let ends = try ends(lengths, total: bytes.count, reader)
            return .plain(uniform: entry.kind ?? .empty, kinds: kinds, ends: ends, bytes: bytes)
        case .text: throw reader.failure("text is read by itself")
        }
    }

    private static func readDictionary(
        _ reader: inout ByteReader, entry: ColumnEntry
    ) throws(CodecError) -> DecodedColumn.Values {
        let size = try reader.readCount(limit: 256)
        guard size > 0 else { throw reader.failure("empty dictionary") }
        var kinds: [ValueKind] = []
        var lengths: [Int64] = []
        for _ in 0..<size {
            if let kind = entry.kind { kinds.append(kind) } else { kinds.append(try readKind(&reader)) }
            lengths.append(Int64(try reader.readCount(limit: maximumDecodedCount)))
        }
        let bytes = try PackedBytes.read(&reader)
        let ends = try ends(lengths, total: bytes.count, reader)
        let width = UInt8.bitWidth - UInt8(truncatingIfNeeded: size - 1).leadingZeroBitCount
        let packed = try PackedBytes.read(&reader)
        var bits = BitReader(packed[...])
        var codes: [UInt8] = []
        codes.reserveCapacity(entry.count)
        for _ in 0..<entry.count {
            let code = try bits.read(width)
            guard code < UInt64(size) else { throw reader.failure("code \(code) of \(size)") }
            codes.append(UInt8(truncatingIfNeeded: code))
        }
        return .dictionary(kinds: kinds, ends: ends, bytes: bytes, codes: codes)
    }

    private static func fixed(
        _ entry: ColumnEntry, width: Int, _ bytes: [UInt8], _ reader: ByteReader
    ) throws(CodecError) -> DecodedColumn.Values {
        guard bytes.count == width * entry.count else {
            throw reader.failure("\(bytes.count) bytes for \(entry.count) values of \(width)")
        }
        let ends = (0..<entry.count).map { UInt32(truncatingIfNeeded: ($0 + 1) * width) }
        return .plain(uniform: entry.kind ?? .bytes, kinds: [], ends: ends, bytes: bytes)
    }

    private static func ends(_ lengths: [Int64], total: Int, _ reader: ByteReader) throws(CodecError) -> [UInt32] {
        var out: [UInt32] = []
        out.reserveCapacity(lengths.count)
        var end: Int64 = 0
        for length in lengths {
            guard length >= 0, length <= Int64(total) - end else { throw reader.failure("value of \(length) bytes") }
            end += length
            out.append(UInt32(truncatingIfNeeded: end))
        }
        guard end == Int64(total) else { throw reader.failure("values have \(end) bytes of \(total)") }
        return out
    }

    private static func readKind(_ reader: inout ByteReader) throws(CodecError) -> ValueKind {
        try checked(try reader.readByte(), reader)
    }

    private static func checked(_ byte: UInt8, _ reader: ByteReader) throws(CodecError) -> ValueKind {
        guard let kind = ValueKind(rawValue: byte) else { throw reader.failure("unknown kind \(byte)") }
        return kind
    }
}
