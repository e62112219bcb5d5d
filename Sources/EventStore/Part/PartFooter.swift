import Codecs
import Storage
import Telemetry

/// An id of a batch whose rows are in a part, and the sequence of its first row.
struct StoredBatchID {
    var id: BatchID
    var sequence: UInt64
}

/// How much of a group is in a part.
struct GroupExtent {
    var rows = 0
    var bytes = 0
    var firstTime = Int64.max
    var lastTime = Int64.min
}

/// Everything about a part that is held in memory while it is open.
struct PartFooter {
    /// The whole number of partitions since 1970, or ``mixedPartition``.
    var partition: Int64 = 0
    var rows = 0
    var rawBytes = 0
    var firstTime = Int64.max
    var lastTime = Int64.min
    var lastSequence: UInt64 = 0
    var groups: [EventGroup] = []
    var keys: [GroupKey] = []
    var extents: [GroupExtent] = []
    /// Names of all columns, sorted.
    var columnNames: [String] = []
    var batchIDs: [StoredBatchID] = []
    var blocks: [BlockEntry] = []

    static let mixedPartition = Int64.min
    static let magic: [UInt8] = Array("NTEVPRT1".utf8)
    static let trailerSize = 32

    var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.writeZigzag(partition)
        writer.writeVarint(rows)
        writer.writeVarint(rawBytes)
        writer.writeZigzag(firstTime)
        writer.writeZigzag(lastTime)
        writer.writeVarint(lastSequence)
        writer.writeVarint(keys.count)
        for (key, extent) in zip(keys, extents) {
            key.write(to: &writer)
            writer.writeVarint(extent.rows)
            writer.writeVarint(extent.bytes)
            writer.writeZigzag(extent.firstTime)
            writer.writeZigzag(extent.lastTime)
        }
        writer.writeVarint(columnNames.count)
        for name in columnNames { writer.writeLengthPrefixed(name) }
        writer.writeVarint(batchIDs.count)
        for batch in batchIDs {
            writer.writeFixed64(batch.id.high)
            writer.writeFixed64(batch.id.low)
            writer.writeVarint(batch.sequence)
        }
        writer.writeVarint(blocks.count)
        for block in blocks { block.write(to: &writer) }
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
        lastSequence = try reader.readVarint()
        for _ in 0..<(try reader.readCount(limit: reader.remaining)) {
            let key = try GroupKey(&reader)
            guard let group = key.group else { throw reader.failure("labels of a group are not canonical") }
            keys.append(key)
            groups.append(group)
            extents.append(
                GroupExtent(
                    rows: try reader.readCount(limit: 1 << 48), bytes: try reader.readCount(limit: 1 << 56),
                    firstTime: try reader.readZigzag(), lastTime: try reader.readZigzag()))
        }
        for _ in 0..<(try reader.readCount(limit: reader.remaining)) { columnNames.append(try reader.readString()) }
        for _ in 0..<(try reader.readCount(limit: reader.remaining)) {
            let id = BatchID(high: try reader.readFixed64(), low: try reader.readFixed64())
            batchIDs.append(StoredBatchID(id: id, sequence: try reader.readVarint()))
        }
        for _ in 0..<(try reader.readCount(limit: reader.remaining)) {
            blocks.append(try BlockEntry(&reader, fileSize: fileSize, groupCount: groups.count))
        }
    }
}
