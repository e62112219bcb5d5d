import Codecs
import Storage
import Telemetry

/// How the values of one column of a block are laid out. The raw value is on disk (docs/formats/event-part.md).
enum ColumnEncoding: UInt8 {
    /// One value for all rows that have one.
    case constant = 0
    /// At most 256 distinct values and a code for each row.
    case dictionary = 1
    /// Kind int only.
    case integers = 2
    /// All payloads have the same width: ids.
    case fixed = 3
    /// Strings of lower-case hexadecimal digits of one even length, at half their size.
    case hexadecimal = 4
    /// Lengths and bytes.
    case plain = 5
    /// Strings as templates and typed variables (docs/formats/text-column.md).
    case text = 6
}

enum ColumnFilterKind: UInt8 {
    case none = 0
    /// Hashes of the whole values: answers "no value is this".
    case exact = 2
}

/// Where bytes are, counted from the start of their block, and their checksum.
struct ChunkReference: Equatable {
    var offset: Int
    var length: Int
    var checksum: UInt32

    static let none = ChunkReference(offset: 0, length: 0, checksum: 0)

    func write(to writer: inout ByteWriter) {
        writer.writeVarint(offset)
        writer.writeVarint(length)
        writer.writeFixed32(checksum)
    }

    init(offset: Int, length: Int, checksum: UInt32) {
        self.offset = offset
        self.length = length
        self.checksum = checksum
    }

    init(_ reader: inout ByteReader) throws(CodecError) {
        offset = try reader.readCount(limit: 1 << 40)
        length = try reader.readCount(limit: 1 << 30)
        checksum = try reader.readFixed32()
    }
}

/// What a block's directory says of a column.
struct ColumnEntry {
    var name: String
    var encoding: ColumnEncoding
    /// Rows that have a value.
    var count: Int
    /// nil where the column holds values of several kinds.
    var kind: ValueKind?
    /// Of integers.
    var bounds: ClosedRange<Int64>?
    var chunk: ChunkReference
    var filterKind: ColumnFilterKind
    var filter: ChunkReference

    private static let mixed: UInt8 = 255

    func write(to writer: inout ByteWriter) {
        writer.writeLengthPrefixed(name)
        writer.write(encoding.rawValue)
        writer.write(kind?.rawValue ?? ColumnEntry.mixed)
        writer.writeVarint(count)
        chunk.write(to: &writer)
        writer.write(filterKind.rawValue)
        if filterKind != .none { filter.write(to: &writer) }
        writer.write(bounds == nil ? 0 : 1)
        if let bounds {
            writer.writeZigzag(bounds.lowerBound)
            writer.writeZigzag(bounds.upperBound)
        }
    }

    init(
        name: String, encoding: ColumnEncoding, count: Int, kind: ValueKind?, bounds: ClosedRange<Int64>?,
        chunk: ChunkReference, filterKind: ColumnFilterKind, filter: ChunkReference
    ) {
        self.name = name
        self.encoding = encoding
        self.count = count
        self.kind = kind
        self.bounds = bounds
        self.chunk = chunk
        self.filterKind = filterKind
        self.filter = filter
    }

    init(_ reader: inout ByteReader, rowCount: Int) throws(CodecError) {
        name = try reader.readString()
        let encodingByte = try reader.readByte()
        guard let encoding = ColumnEncoding(rawValue: encodingByte) else {
            throw reader.failure("unknown column encoding \(encodingByte)")
        }
        self.encoding = encoding
        let kindByte = try reader.readByte()
        if kindByte == ColumnEntry.mixed {
            kind = nil
        } else {
            guard let known = ValueKind(rawValue: kindByte) else { throw reader.failure("unknown kind \(kindByte)") }
            kind = known
        }
        count = try reader.readCount(limit: rowCount)
        chunk = try ChunkReference(&reader)
        let filterByte = try reader.readByte()
        guard let filterKind = ColumnFilterKind(rawValue: filterByte) else {
            throw reader.failure("unknown filter \(filterByte)")
        }
        self.filterKind = filterKind
        filter = filterKind == .none ? .none : try ChunkReference(&reader)
        if try reader.readByte() == 1 {
            let low = try reader.readZigzag()
            let high = try reader.readZigzag()
            guard low <= high else { throw reader.failure("bounds \(low)...\(high)") }
            bounds = low...high
        } else {
            bounds = nil
        }
    }
}
