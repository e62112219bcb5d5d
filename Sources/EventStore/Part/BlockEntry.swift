import Codecs

/// What a part's footer says of a block: enough to pass it over without reading it.
struct BlockEntry {
    /// In the file.
    var offset: Int
    /// Column chunks, then filters, then the directory.
    var length: Int
    var directoryOffset: Int
    var directoryChecksum: UInt32
    var rows: Int
    /// Bytes of the values before encoding.
    var rawBytes: Int
    var firstTime: Int64
    var lastTime: Int64
    /// Numbers of the groups with rows in the block, ascending.
    var groups: [UInt32]
    var firstTrace: TraceKey
    var lastTrace: TraceKey

    func write(to writer: inout ByteWriter) {
        writer.writeVarint(offset)
        writer.writeVarint(length)
        writer.writeVarint(directoryOffset)
        writer.writeFixed32(directoryChecksum)
        writer.writeVarint(rows)
        writer.writeVarint(rawBytes)
        writer.writeZigzag(firstTime)
        writer.writeZigzag(lastTime)
        writer.writeVarint(groups.count)
        var previous: UInt32 = 0
        for group in groups {
            writer.writeVarint(UInt64(group &- previous))
            previous = group
        }
        for trace in [firstTrace, lastTrace] {
            writer.writeFixed64(trace.high)
            writer.writeFixed64(trace.low)
        }
    }

    init(
        offset: Int, length: Int, directoryOffset: Int, directoryChecksum: UInt32, rows: Int, rawBytes: Int,
        firstTime: Int64, lastTime: Int64, groups: [UInt32], firstTrace: TraceKey, lastTrace: TraceKey
    ) {
        self.offset = offset
        self.length = length
        self.directoryOffset = directoryOffset
        self.directoryChecksum = directoryChecksum
        self.rows = rows
        self.rawBytes = rawBytes
        self.firstTime = firstTime
        self.lastTime = lastTime
        self.groups = groups
        self.firstTrace = firstTrace
        self.lastTrace = lastTrace
    }

    init(_ reader: inout ByteReader, fileSize: Int, groupCount: Int) throws(CodecError) {
        offset = try reader.readCount(limit: fileSize)
        length = try reader.readCount(limit: fileSize)
        directoryOffset = try reader.readCount(limit: length)
        directoryChecksum = try reader.readFixed32()
        rows = try reader.readCount(limit: BlockLimits.maximumRows)
        rawBytes = try reader.readCount(limit: 1 << 40)
        firstTime = try reader.readZigzag()
        lastTime = try reader.readZigzag()
        let count = try reader.readCount(limit: groupCount)
        var list: [UInt32] = []
        list.reserveCapacity(count)
        var number = 0
        for _ in 0..<count {
            number += try reader.readCount(limit: groupCount)
            guard number < groupCount else { throw reader.failure("group \(number) of \(groupCount)") }
            list.append(UInt32(truncatingIfNeeded: number))
        }
        groups = list
        firstTrace = TraceKey(high: try reader.readFixed64(), low: try reader.readFixed64())
        lastTrace = TraceKey(high: try reader.readFixed64(), low: try reader.readFixed64())
        guard rows > 0, firstTime <= lastTime, offset <= fileSize - length else {
            throw reader.failure("block of \(rows) rows at \(offset)")
        }
    }
}

enum BlockLimits {
    static let rows = 4096
    static let bytes = 1 << 20
    /// A block ends with its group from this size on; smaller groups share a block.
    static let ownBlockRows = 1024
    static let ownBlockBytes = 1 << 18
    /// No reader accepts more.
    static let maximumRows = 1 << 20
}

/// The columns of a block.
struct BlockDirectory {
    var rows: Int
    var times: ChunkReference
    var sequences: ChunkReference
    var groups: ChunkReference
    /// Sorted by name.
    var columns: [ColumnEntry]

    func column(_ name: String) -> ColumnEntry? {
        var low = 0
        var high = columns.count
        while low < high {
            let middle = (low + high) / 2
            if columns[middle].name.utf8.lexicographicallyPrecedes(name.utf8) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low < columns.count && columns[low].name.utf8.elementsEqual(name.utf8) ? columns[low] : nil
    }

    var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.writeVarint(rows)
        times.write(to: &writer)
        sequences.write(to: &writer)
        groups.write(to: &writer)
        writer.writeVarint(columns.count)
        for column in columns { column.write(to: &writer) }
        return writer.bytes
    }

    init(rows: Int, times: ChunkReference, sequences: ChunkReference, groups: ChunkReference, columns: [ColumnEntry]) {
        self.rows = rows
        self.times = times
        self.sequences = sequences
        self.groups = groups
        self.columns = columns
    }

    init(_ bytes: [UInt8]) throws(CodecError) {
        var reader = ByteReader(bytes)
        rows = try reader.readCount(limit: BlockLimits.maximumRows)
        times = try ChunkReference(&reader)
        sequences = try ChunkReference(&reader)
        groups = try ChunkReference(&reader)
        let count = try reader.readCount(limit: reader.remaining)
        columns = []
        columns.reserveCapacity(count)
        for _ in 0..<count { columns.append(try ColumnEntry(&reader, rowCount: rows)) }
    }
}
