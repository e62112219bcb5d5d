import Codecs
import Storage
import Telemetry

/// An id of a batch whose rows are in a part, and the sequence of its first row.
struct StoredBatchID: Sendable {
    var id: BatchID
    var sequence: UInt64
}

/// Where a stretch of groups is in the file: their labels, and how much of each is in the part.
struct SegmentReference: Sendable {
    var count: Int
    var offset: Int
    var identityLength: Int
    var identityChecksum: UInt32
    /// Follows the identity.
    var extentLength: Int
    var extentChecksum: UInt32

    func write(to writer: inout ByteWriter) {
        writer.writeVarint(count)
        writer.writeVarint(offset)
        writer.writeVarint(identityLength)
        writer.writeFixed32(identityChecksum)
        writer.writeVarint(extentLength)
        writer.writeFixed32(extentChecksum)
    }

    init(
        count: Int, offset: Int, identityLength: Int, identityChecksum: UInt32, extentLength: Int,
        extentChecksum: UInt32
    ) {
        self.count = count
        self.offset = offset
        self.identityLength = identityLength
        self.identityChecksum = identityChecksum
        self.extentLength = extentLength
        self.extentChecksum = extentChecksum
    }

    init(_ reader: inout ByteReader, fileSize: Int) throws(CodecError) {
        count = try reader.readCount(limit: StreamSegment.capacity)
        offset = try reader.readCount(limit: fileSize)
        identityLength = try reader.readCount(limit: fileSize - offset)
        identityChecksum = try reader.readFixed32()
        extentLength = try reader.readCount(limit: fileSize - offset - identityLength)
        extentChecksum = try reader.readFixed32()
    }
}

/// What is held of a part in memory while it is open. Labels and filters stay in the file.
struct PartFooter: Sendable {
    /// The whole number of partitions since 1970, or ``mixedPartition``.
    var partition: Int64 = 0
    var rows = 0
    var rawBytes = 0
    var firstTime = Int64.max
    var lastTime = Int64.min
    var firstSequence = UInt64.max
    var lastSequence: UInt64 = 0
    var hasTraces = false
    var groupCount = 0
    /// All but the last have ``StreamSegment/capacity`` groups.
    var segments: [SegmentReference] = []
    /// Names of labels and of shared fields of any group, sorted.
    var labelNames: [String] = []
    var sharedNames: [String] = []
    /// Names of all columns, sorted.
    var columnNames: [String] = []
    var batchIDs: [StoredBatchID] = []
    var blocks: [BlockEntry] = []
    var matrices: [FilterMatrix] = []

    static let mixedPartition = Int64.min
    static let magic: [UInt8] = Array("NTEVPRT4".utf8)
    static let trailerSize = 32

    var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.writeZigzag(partition)
        writer.writeVarint(rows)
        writer.writeVarint(rawBytes)
        writer.writeZigzag(firstTime)
        writer.writeZigzag(lastTime)
        writer.writeVarint(firstSequence)
        writer.writeVarint(lastSequence)
        writer.write(hasTraces ? 1 : 0)
        writer.writeVarint(groupCount)
        writer.writeVarint(segments.count)
        for segment in segments { segment.write(to: &writer) }
        for names in [labelNames, sharedNames, columnNames] {
            writer.writeVarint(names.count)
            for name in names { writer.writeLengthPrefixed(name) }
        }
        writer.writeVarint(batchIDs.count)
        for batch in batchIDs {
            writer.writeFixed64(batch.id.high)
            writer.writeFixed64(batch.id.low)
            writer.writeVarint(batch.sequence)
        }
        writer.writeVarint(blocks.count)
        for block in blocks { block.write(to: &writer, table: hasTraces) }
        writer.writeVarint(matrices.count)
        for matrix in matrices { matrix.write(to: &writer) }
        return writer.bytes
    }

    init() {}

    init(_ bytes: [UInt8], fileSize: Int) throws(CodecError) {
        var reader = ByteReader(bytes)
        partition = try reader.readZigzag()
        rows = try reader.readCount(limit: 1 << 48)
        rawBytes = try reader.readCount(limit: 1 << 56)
        firstTime = try reader.readZigzag()
        lastTime = try reader.readZigzag()
        firstSequence = try reader.readVarint()
        lastSequence = try reader.readVarint()
        hasTraces = try reader.readByte() == 1
        groupCount = try reader.readCount(limit: Int(UInt32.max))
        var left = groupCount
        for _ in 0..<(try reader.readCount(limit: reader.remaining)) {
            let segment = try SegmentReference(&reader, fileSize: fileSize)
            guard segment.count == min(left, StreamSegment.capacity) else {
                throw reader.failure("a segment of \(segment.count) groups with \(left) left")
            }
            left -= segment.count
            segments.append(segment)
        }
        guard left == 0 else { throw reader.failure("\(left) groups are in no segment") }
        labelNames = try PartFooter.names(&reader)
        sharedNames = try PartFooter.names(&reader)
        columnNames = try PartFooter.names(&reader)
        for _ in 0..<(try reader.readCount(limit: reader.remaining)) {
            let id = BatchID(high: try reader.readFixed64(), low: try reader.readFixed64())
            batchIDs.append(StoredBatchID(id: id, sequence: try reader.readVarint()))
        }
        let blockCount = try reader.readCount(limit: reader.remaining)
        blocks.reserveCapacity(blockCount)
        for _ in 0..<blockCount {
            blocks.append(try BlockEntry(&reader, fileSize: fileSize, groupCount: groupCount, table: hasTraces))
        }
        for _ in 0..<(try reader.readCount(limit: reader.remaining)) {
            matrices.append(try FilterMatrix(&reader, fileSize: fileSize, blockCount: blockCount))
        }
    }

    private static func names(_ reader: inout ByteReader) throws(CodecError) -> [String] {
        var out: [String] = []
        for _ in 0..<(try reader.readCount(limit: reader.remaining)) { out.append(try reader.readString()) }
        return out
    }
}
