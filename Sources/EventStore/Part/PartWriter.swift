import Codecs
import Storage
import Telemetry

/// Writes one part: blocks as they are finished, the footer at the end, then the name.
struct PartWriter {
    private let table: EventTable
    private let codec: BlockCodec
    private let path: String
    private let files: any FileSystem
    private let file: any File
    private var offset: Int
    private(set) var footer = PartFooter()
    private var names: Set<String> = []

    /// `groups` are numbered as the rows' groups will be; for `logs` they must be in the order of their keys.
    init(
        table: EventTable, path: String, files: any FileSystem, codec: BlockCodec, partition: Int64,
        groups: [EventGroup],
        keys: [GroupKey], batchIDs: [StoredBatchID]
    ) throws(StorageError) {
        self.table = table
        self.codec = codec
        self.path = path
        self.files = files
        file = try files.open(path + ".tmp", .create)
        try file.append(PartFooter.magic)
        offset = PartFooter.magic.count
        footer.partition = partition
        footer.groups = groups
        footer.keys = keys
        footer.extents = [GroupExtent](repeating: GroupExtent(), count: groups.count)
        footer.batchIDs = batchIDs
    }

    /// Rows in the order of the table, with sequences; `groupOfRow` are numbers of the part's groups.
    mutating func append(_ batch: EventBatch) throws(StorageError) {
        guard batch.rowCount > 0 else { return }
        var bytes: [UInt8] = []
        func place(_ chunk: [UInt8]) -> ChunkReference {
            let reference = ChunkReference(offset: bytes.count, length: chunk.count, checksum: CRC32C.checksum(chunk))
            bytes.append(contentsOf: chunk)
            return reference
        }
        let times = place(IntegerColumn.encode(batch.timestamps))
        let sequences = place(IntegerColumn.encode(batch.sequences.map { Int64(bitPattern: $0) }))
        let groups = place(IntegerColumn.encode(batch.groupOfRow.map { Int64($0) }))
        let writer = ColumnWriter(codec: codec)
        var filters: [[UInt8]] = []
        var entries: [ColumnEntry] = []
        var raw = batch.rowCount * 16
        let ordered = batch.columns.filter { $0.count > 0 }
            .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        for column in ordered {
            // Every block has all the span ids of its traces once: a filter of them is a tenth of the ids and skips
            // nothing.
            let exact =
                table == .logs || (column.name != EventColumnName.spanID && column.name != EventColumnName.parentID)
            let encoded = writer.encode(
                column, rowCount: batch.rowCount, times: batch.timestamps, exactFilter: exact)
            entries.append(
                ColumnEntry(
                    name: column.name, encoding: encoded.encoding, count: encoded.count, kind: encoded.kind,
                    bounds: encoded.bounds, chunk: place(encoded.body), filterKind: encoded.filterKind, filter: .none))
            filters.append(encoded.filter)
            raw += column.bytes.count
            names.insert(column.name)
        }
        // Filters lie beside the directory, so that passing a block over touches one place of the file.
        for i in entries.indices where entries[i].filterKind != .none { entries[i].filter = place(filters[i]) }
        let directory = BlockDirectory(
            rows: batch.rowCount, times: times, sequences: sequences, groups: groups, columns: entries
        ).encoded
        let directoryOffset = bytes.count
        bytes.append(contentsOf: directory)
        try file.append(bytes)
        note(batch, raw: raw, length: bytes.count, directoryOffset, CRC32C.checksum(directory))
        offset += bytes.count
    }

    private mutating func note(
        _ batch: EventBatch, raw: Int, length: Int, _ directoryOffset: Int, _ directoryChecksum: UInt32
    ) {
        let first = batch.timestamps.min() ?? 0
        let last = batch.timestamps.max() ?? 0
        let average = raw / batch.rowCount
        for (row, group) in batch.groupOfRow.enumerated() {
            let time = batch.timestamps[row]
            let number = Int(group)
            footer.extents[number].rows += 1
            footer.extents[number].bytes += average
            footer.extents[number].firstTime = min(footer.extents[number].firstTime, time)
            footer.extents[number].lastTime = max(footer.extents[number].lastTime, time)
        }
        var traces = (TraceKey.zero, TraceKey.zero)
        if table == .spans {
            let ids = batch.column(EventColumnName.traceID)
            traces.0 = TraceKey(ids?.payload(ofRow: 0) ?? [])
            traces.1 = TraceKey(ids?.payload(ofRow: batch.rowCount - 1) ?? [])
        }
        footer.blocks.append(
            BlockEntry(
                offset: offset, length: length, directoryOffset: directoryOffset, directoryChecksum: directoryChecksum,
                rows: batch.rowCount, rawBytes: raw, firstTime: first, lastTime: last,
                groups: Set(batch.groupOfRow).sorted(), firstTrace: traces.0, lastTrace: traces.1))
        footer.rows += batch.rowCount
        footer.rawBytes += raw
        footer.firstTime = min(footer.firstTime, first)
        footer.lastTime = max(footer.lastTime, last)
        footer.lastSequence = max(footer.lastSequence, batch.sequences.max() ?? 0)
    }

    /// Makes the file durable under its name.
    mutating func finish() throws(StorageError) {
        footer.columnNames = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        var packed = ByteWriter()
        PackedBytes.write(footer.encoded, codec: codec, to: &packed)
        var trailer = ByteWriter()
        trailer.writeFixed64(UInt64(offset))
        trailer.writeFixed64(UInt64(packed.count))
        trailer.writeFixed32(CRC32C.checksum(packed.bytes))
        trailer.writeFixed32(CRC32C.checksum(trailer.bytes))
        trailer.writeBytes(PartFooter.magic)
        try file.append(packed.bytes + trailer.bytes)
        try file.sync()
        file.close()
        try files.rename(path + ".tmp", to: path)
        try files.syncFolder(parentFolder(of: path))
    }

    /// Removes what was written.
    func abandon() {
        file.close()
        try? files.remove(path + ".tmp")
        try? files.remove(path)
    }
}
