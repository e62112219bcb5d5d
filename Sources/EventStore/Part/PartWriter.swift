import Codecs
import Storage
import Telemetry

/// Writes one part: blocks as they are finished, then filters and groups, the footer at the end, then the name.
struct PartWriter {
    let path: String
    private let codec: BlockCodec
    private let files: any FileSystem
    private let file: any File
    private var offset: Int
    private(set) var footer = PartFooter()
    private var names: Set<String> = []
    private var filters = FilterCollector()
    private(set) var extents: [GroupExtent]

    /// Rows' groups are numbered `0..<groupCount`, in `logs` in the order of their keys.
    init(
        table: EventTable, path: String, files: any FileSystem, codec: BlockCodec, partition: Int64, groupCount: Int,
        batchIDs: [StoredBatchID]
    ) throws(StorageError) {
        self.codec = codec
        self.path = path
        self.files = files
        file = try files.open(path + ".tmp", .create)
        try file.append(PartFooter.magic)
        offset = PartFooter.magic.count
        footer.partition = partition
        footer.hasTraces = table == .spans
        footer.groupCount = groupCount
        footer.batchIDs = batchIDs
        extents = [GroupExtent](repeating: GroupExtent(), count: groupCount)
    }

    private mutating func place(_ bytes: [UInt8]) throws(StorageError) {
        try file.append(bytes)
        offset += bytes.count
    }

    mutating func append(_ block: EncodedBlock) throws(StorageError) {
        let number = footer.blocks.count
        var entry = block.entry
        entry.offset = offset
        try place(block.bytes)
        footer.blocks.append(entry)
        footer.rows += entry.rows
        footer.rawBytes += entry.rawBytes
        footer.firstTime = min(footer.firstTime, entry.firstTime)
        footer.lastTime = max(footer.lastTime, entry.lastTime)
        footer.firstSequence = min(footer.firstSequence, entry.firstSequence)
        footer.lastSequence = max(footer.lastSequence, entry.lastSequence)
        names.formUnion(block.columnNames)
        for (group, extent) in zip(entry.groups.numbers, block.extents) {
            let at = Int(group)
            extents[at].rows += extent.rows
            extents[at].bytes += extent.bytes
            extents[at].firstTime = min(extents[at].firstTime, extent.firstTime)
            extents[at].lastTime = max(extents[at].lastTime, extent.lastTime)
        }
        for (column, filter) in block.filters { try write(filters.add(filter, column: column, block: number)) }
    }

    private mutating func write(_ matrices: [(matrix: FilterMatrix, body: [UInt8])]) throws(StorageError) {
        for (matrix, body) in matrices {
            var placed = matrix
            placed.offset = offset
            footer.matrices.append(placed)
            try place(body)
        }
    }

    /// The next groups in the order of their numbers: ``StreamSegment/capacity`` of them, fewer only at the end. After
    /// the last block.
    mutating func append(groups keys: ArraySlice<GroupKey>, first: Int) throws(StorageError) {
        let segment = StreamSegment(keys)
        var identity = ByteWriter()
        PackedBytes.write(segment.encoded, codec: codec, to: &identity)
        let extent = GroupExtent.encode(extents[first..<first + keys.count])
        footer.segments.append(
            SegmentReference(
                count: keys.count, offset: offset, identityLength: identity.count,
                identityChecksum: CRC32C.checksum(identity.bytes), extentLength: extent.count,
                extentChecksum: CRC32C.checksum(extent)))
        try place(identity.bytes + extent)
        var labels = Set(footer.labelNames)
        for label in segment.labels { labels.insert(String(decoding: label.name, as: UTF8.self)) }
        footer.labelNames = PartWriter.sorted(labels)
        var shared = Set(footer.sharedNames)
        for payload in segment.shared {
            for attribute in StreamSegment.attributes(payload) { shared.insert(attribute.key) }
        }
        footer.sharedNames = PartWriter.sorted(shared)
    }

    private static func sorted(_ names: Set<String>) -> [String] {
        names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// Makes the file durable under its name.
    mutating func finish() throws(StorageError) {
        try write(filters.takeAll())
        footer.columnNames = PartWriter.sorted(names)
        var packed = ByteWriter()
        PackedBytes.write(footer.encoded, codec: codec, to: &packed)
        var trailer = ByteWriter()
        trailer.writeFixed64(UInt64(offset))
        trailer.writeFixed64(UInt64(packed.count))
        trailer.writeFixed32(CRC32C.checksum(packed.bytes))
        trailer.writeFixed32(CRC32C.checksum(trailer.bytes))
        trailer.writeBytes(PartFooter.magic)
        try place(packed.bytes + trailer.bytes)
        try file.sync()
        file.close()
        try files.rename(path + ".tmp", to: path)
        try files.syncFolder(parentFolder(of: path))
    }

    /// Of the file, once it is finished.
    var size: Int { offset }

    /// Removes what was written.
    func abandon() {
        file.close()
        try? files.remove(path + ".tmp")
        try? files.remove(path)
    }
}
