import Codecs
internal import Storage
internal import Telemetry

/// Writes one part file. Series must come in ascending order of their labels, each once.
struct PartWriter {
    private let file: any File
    private var buffer = ByteWriter(reserving: 1 << 20)
    /// Bytes of the file before ``buffer``.
    private var written = 0
    private var directory = PartDirectory()
    private var groupTable = ByteWriter()
    private var groupCount = 0
    private var groupData = 0
    private var previousLabels: [UInt8] = []
    private var postings: [String: [String: [UInt32]]] = [:]

    private var offset: Int { written + buffer.count }
    var seriesCount: Int { directory.seriesCount }

    init(_ file: any File) {
        self.file = file
        buffer.writeBytes(PartFormat.magic)
        buffer.writeFixed32(PartFormat.version)
        buffer.writeFixed32(0)
        groupData = buffer.count
    }

    /// Columns ascending in time.
    mutating func add(_ columns: SeriesColumns) throws {
        var blocks: [PartBlock] = []
        var start = 0
        while start < columns.timestamps.count {
            let end = min(start + PartFormat.blockSamples, columns.timestamps.count)
            let times = Array(columns.timestamps[start..<end])
            let bytes = SealedColumn.encode(timestamps: times, values: Array(columns.values[start..<end]))
            blocks.append(write(.floats, bytes, count: end - start, first: times[0], last: times[times.count - 1]))
            start = end
        }
        start = 0
        while start < columns.histogramTimestamps.count {
            let end = min(start + PartFormat.blockHistograms, columns.histogramTimestamps.count)
            let times = Array(columns.histogramTimestamps[start..<end])
            var plain = ByteWriter()
            IntegerColumn.encode(times, into: &plain)
            for histogram in columns.histograms[start..<end] {
                plain.writeLengthPrefixed(HistogramCodec.encode(histogram))
            }
            var packed = ByteWriter()
            SealedBlock.write(plain.bytes, to: &packed)
            blocks.append(
                write(.histograms, packed.bytes, count: end - start, first: times[0], last: times[times.count - 1]))
            start = end
        }
        guard !blocks.isEmpty else { return }
        addEntry(columns.labels, blocks)
        if groupCount == PartFormat.groupSize { endGroup() }
        if buffer.count >= 1 << 20 { try flush() }
    }

    private mutating func write(_ kind: BlockKind, _ bytes: [UInt8], count: Int, first: Int64, last: Int64) -> PartBlock
    {
        let place = offset
        buffer.writeFixed32(CRC32C.checksum(bytes))
        buffer.writeBytes(bytes)
        directory.samples += count
        directory.minTime = min(directory.minTime, first)
        directory.maxTime = max(directory.maxTime, last)
        return PartBlock(kind: kind, offset: place, length: bytes.count + 4, count: count, first: first, last: last)
    }

    private mutating func addEntry(_ labels: LabelSet, _ blocks: [PartBlock]) {
        let series = UInt32(truncatingIfNeeded: directory.seriesCount)
        labels.forEach { name, value in postings[name, default: [:]][value, default: []].append(series) }
        directory.seriesCount += 1
        groupCount += 1
        var shared = 0
        while shared < min(previousLabels.count, labels.bytes.count), previousLabels[shared] == labels.bytes[shared] {
            shared += 1
        }
        groupTable.writeVarint(shared)
        groupTable.writeLengthPrefixed(labels.bytes[shared...])
        previousLabels = labels.bytes
        groupTable.writeVarint(blocks.count)
        for block in blocks {
            groupTable.write(block.kind.rawValue)
            groupTable.writeVarint(block.length)
            groupTable.writeVarint(block.count)
            groupTable.writeZigzag(block.first)
            groupTable.writeVarint(UInt64(bitPattern: block.last &- block.first))
        }
    }

    private mutating func endGroup() {
        guard groupCount > 0 else { return }
        let (place, length) = writeSealed(groupTable.bytes)
        directory.groups.append(
            PartDirectory.Group(tableOffset: place, tableLength: length, dataOffset: groupData, count: groupCount))
        groupTable = ByteWriter()
        groupCount = 0
        previousLabels = []
        groupData = offset
    }

    private mutating func writeSealed(_ plain: [UInt8]) -> (offset: Int, length: Int) {
        let place = offset
        SealedBlock.write(plain, to: &buffer)
        return (place, offset - place)
    }

    private mutating func flush() throws {
        try file.append(buffer.bytes)
        written += buffer.count
        buffer = ByteWriter(reserving: 1 << 20)
    }

    /// Writes index and trailer and syncs the file.
    mutating func finish() throws -> (directory: PartDirectory, bytes: Int) {
        endGroup()
        for name in postings.keys.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
            let values = (postings[name] ?? [:]).sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            var pages: [PartDirectory.Page] = []
            for start in stride(from: 0, to: values.count, by: PartFormat.pageSize) {
                let page = values[start..<min(start + PartFormat.pageSize, values.count)]
                let (place, length) = writeSealed(PartWriter.encode(page))
                pages.append(PartDirectory.Page(firstValue: values[start].key, offset: place, length: length))
                if buffer.count >= 1 << 20 { try flush() }
            }
            directory.names.append((name, pages))
        }
        let (place, length) = writeSealed(directory.encoded())
        var trailer = ByteWriter()
        trailer.writeFixed64(UInt64(place))
        trailer.writeFixed64(UInt64(length))
        trailer.writeFixed32(PartFormat.version)
        trailer.writeFixed32(CRC32C.checksum(trailer.bytes))
        trailer.writeBytes(PartFormat.magic)
        buffer.writeBytes(trailer.bytes)
        try flush()
        try file.sync()
        return (directory, written)
    }

    private static func encode(_ page: ArraySlice<(key: String, value: [UInt32])>) -> [UInt8] {
        var writer = ByteWriter()
        writer.writeVarint(page.count)
        for (value, series) in page {
            writer.writeLengthPrefixed(value)
            writer.writeVarint(series.count)
            var packed = ByteWriter(reserving: series.count + 8)
            var last: UInt32 = 0
            for one in series {
                packed.writeVarint(UInt64(one &- last))
                last = one
            }
            // With its length, so that a reader passes over the values that it does not want.
            writer.writeLengthPrefixed(packed.bytes)
        }
        return writer.bytes
    }
}
