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
    var firstSequence: UInt64
    var lastSequence: UInt64
    /// The part's numbers of the groups with rows in the block. Inside the block a row names its group by the place in
    /// this list, so that a merge can copy the block as it is.
    var groups: GroupRuns
    var firstTrace: TraceKey
    var lastTrace: TraceKey
    /// Encoded as well as can be and large enough: merges copy it.
    var isFinal: Bool

    func write(to writer: inout ByteWriter, table hasTraces: Bool) {
        writer.writeVarint(offset)
        writer.writeVarint(length)
        writer.writeVarint(directoryOffset)
        writer.writeFixed32(directoryChecksum)
        writer.writeVarint(rows)
        writer.writeVarint(rawBytes)
        writer.writeZigzag(firstTime)
        writer.writeVarint(UInt64(bitPattern: lastTime &- firstTime))
        writer.writeVarint(firstSequence)
        writer.writeVarint(lastSequence &- firstSequence)
        writer.write(isFinal ? 1 : 0)
        groups.write(to: &writer)
        guard hasTraces else { return }
        for trace in [firstTrace, lastTrace] {
            writer.writeFixed64(trace.high)
            writer.writeFixed64(trace.low)
        }
    }

    init(
        offset: Int, length: Int, directoryOffset: Int, directoryChecksum: UInt32, rows: Int, rawBytes: Int,
        times: ClosedRange<Int64>, sequences: ClosedRange<UInt64>, groups: GroupRuns, firstTrace: TraceKey,
        lastTrace: TraceKey, isFinal: Bool
    ) {
        self.offset = offset
        self.length = length
        self.directoryOffset = directoryOffset
        self.directoryChecksum = directoryChecksum
        self.rows = rows
        self.rawBytes = rawBytes
        firstTime = times.lowerBound
        lastTime = times.upperBound
        firstSequence = sequences.lowerBound
        lastSequence = sequences.upperBound
        self.groups = groups
        self.firstTrace = firstTrace
        self.lastTrace = lastTrace
        self.isFinal = isFinal
    }

    init(
        _ reader: inout ByteReader, fileSize: Int, groupCount: Int, table hasTraces: Bool
    ) throws(CodecError) {
        offset = try reader.readCount(limit: fileSize)
        length = try reader.readCount(limit: fileSize)
        directoryOffset = try reader.readCount(limit: length)
        directoryChecksum = try reader.readFixed32()
        rows = try reader.readCount(limit: BlockLimits.maximumRows)
        rawBytes = try reader.readCount(limit: 1 << 40)
        firstTime = try reader.readZigzag()
        lastTime = firstTime &+ Int64(bitPattern: try reader.readVarint())
        firstSequence = try reader.readVarint()
        lastSequence = firstSequence &+ (try reader.readVarint())
        isFinal = try reader.readByte() == 1
        groups = try GroupRuns(&reader, limit: groupCount)
        firstTrace = .zero
        lastTrace = .zero
        if hasTraces {
            firstTrace = TraceKey(high: try reader.readFixed64(), low: try reader.readFixed64())
            lastTrace = TraceKey(high: try reader.readFixed64(), low: try reader.readFixed64())
        }
        guard rows > 0, firstTime <= lastTime, firstSequence <= lastSequence, groups.count > 0,
            offset <= fileSize - length
        else { throw reader.failure("block of \(rows) rows at \(offset)") }
    }
}

enum BlockLimits {
    static let rows = 16_384
    static let bytes = 2 << 20
    /// A block ends with its group from this size on; smaller groups share a block.
    static let ownBlockRows = 2048
    static let ownBlockBytes = 1 << 18
    /// From this size on a block is worth its best encoding, and a merge copies it as it is. Of sixty streams
    /// two fifths of the lines are in such blocks when memory is sealed, and are encoded once in their life; at twice the
    /// size it is a tenth of them.
    static let finalRows = 8192
    static let finalBytes = 1 << 19
    /// A block may be larger by so much where the rest of a group, or of a block that had to be taken apart, would
    /// else be a block of its own.
    static let spareRows = 8192
    static let spareBytes = 3 << 18
    /// No reader accepts more.
    static let maximumRows = 1 << 20
}

/// The columns of a block.
struct BlockDirectory {
    var rows: Int
    var times: ChunkReference
    var sequences: ChunkReference
    /// Of places in the block's list of groups; of no length where the list has one.
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
