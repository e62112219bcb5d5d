import Codecs
internal import Storage
internal import Telemetry

/// Writes one part file. Each series comes once, best in ``PartOrder``: other orders are stored as well, but larger, and
/// a merge of such a part has to sort it.
struct PartWriter {
    private let file: any File
    private var buffer: ByteWriter
    /// Bytes of the file before ``buffer``.
    private var written = 0
    private var directory = PartDirectory()
    private var index = LabelIndexBuilder()
    private var times = PartTimesWriter()
    private var values: ValueColumnEncoder
    private var group = PartGroupWriter()
    private var previous: PartOrder?
    /// Of the series before: what its buckets' neighbour may be the difference to.
    private var references: [(times: PartTimes, integers: ValueColumn.Integers, depth: Int)] = []

    private var offset: Int { written + buffer.count }
    var seriesCount: Int { directory.seriesCount }

    init(_ file: any File, effort: ColumnEffort = .thorough) {
        self.file = file
        values = ValueColumnEncoder(effort: effort)
        buffer = ByteWriter(reserving: 1 << 20)
        buffer.writeBytes(PartFormat.header)
    }

    /// Columns ascending in time.
    mutating func add(_ columns: SeriesColumns) throws {
        try add(
            columns.labels, timestamps: columns.timestamps, values: columns.values,
            startTimestamps: columns.startTimestamps, histogramTimestamps: columns.histogramTimestamps,
            histograms: columns.histograms, histogramStartTimestamps: columns.histogramStartTimestamps)
    }

    /// Columns ascending in time; start timestamps are empty or parallel to theirs. Series without samples are left out.
    mutating func add(
        _ labels: LabelSet, timestamps: [Int64], values: [Double], startTimestamps: [Int64] = [],
        histogramTimestamps: [Int64] = [], histograms: [NativeHistogram] = [], histogramStartTimestamps: [Int64] = []
    ) throws {
        guard !timestamps.isEmpty || !histogramTimestamps.isEmpty else { return }
        let order = PartOrder(labels)
        // A group's first series refers to none: what it would refer to is in another table.
        let isSibling = group.count > 0 && (previous.map { order.isSibling(of: $0) } ?? false)
        if let previous, !(previous < order) { directory.isOrdered = false }
        group.begin(labels)
        let known = isSibling ? references : []
        references.removeAll(keepingCapacity: true)
        for range in PartFormat.blockSizes(timestamps.count, limit: PartFormat.blockSamples) {
            try addFloats(
                slice(timestamps, range), slice(values, range), starts: slice(startTimestamps, range),
                hasBound: order.hasBound, known)
        }
        for range in PartFormat.blockSizes(histogramTimestamps.count, limit: PartFormat.blockHistograms) {
            let column = writeTimes(slice(histogramTimestamps, range), areSamples: true)
            let bytes = HistogramColumn.encode(Array(histograms[range]))
            group.add(
                .histograms, bytes, times: column, starts: startTimes(slice(histogramStartTimestamps, range)),
                isDifference: false)
        }
        group.end()
        index.add(labels)
        directory.seriesCount += 1
        previous = order
        if group.count == PartFormat.groupSize { endGroup() }
        if buffer.count >= 1 << 20 { try flush() }
    }

    private func slice<Element>(_ column: [Element], _ range: Range<Int>) -> [Element] {
        range.count == column.count ? column : range.upperBound <= column.count ? Array(column[range]) : []
    }

    private mutating func addFloats(
        _ timestamps: [Int64], _ numbers: [Double], starts: [Int64], hasBound: Bool,
        _ known: [(times: PartTimes, integers: ValueColumn.Integers, depth: Int)]
    ) throws {
        let column = writeTimes(timestamps, areSamples: true)
        let reference = known.first { $0.times === column && $0.depth < PartFormat.chainLimit }
        var bytes = ByteWriter(reserving: 64 + numbers.count)
        let integers = values.encode(numbers, reference: reference?.integers, into: &bytes)
        let isDifference = ValueColumn.needsReference(bytes.bytes[...])
        if hasBound, let integers {
            references.append((column, integers, isDifference ? (reference?.depth ?? 0) + 1 : 0))
        }
        group.add(.floats, bytes.bytes, times: column, starts: startTimes(starts), isDifference: isDifference)
    }

    private mutating func startTimes(_ starts: [Int64]) -> PartTimes? {
        starts.contains { $0 != 0 } ? writeTimes(starts, areSamples: false) : nil
    }

    private mutating func writeTimes(_ column: [Int64], areSamples: Bool) -> PartTimes {
        let start = written
        let place = times.place(column) { bytes in
            let offset = start + buffer.count
            buffer.writeFixed32(CRC32C.checksum(bytes))
            buffer.writeBytes(bytes)
            return offset
        }
        if areSamples {
            directory.samples += place.count
            directory.minTime = min(directory.minTime, place.first)
            directory.maxTime = max(directory.maxTime, place.last)
        }
        return place
    }

    private mutating func endGroup() {
        guard group.count > 0 else { return }
        let data = offset
        let count = group.count
        let (blocks, table) = group.finished()
        buffer.writeBytes(blocks)
        let (place, length) = writeSealed(table)
        directory.groups.append(
            PartDirectory.Group(tableOffset: place, tableLength: length, dataOffset: data, count: count))
        references.removeAll(keepingCapacity: true)
    }

    private mutating func writeSealed(_ plain: [UInt8]) -> (offset: Int, length: Int) {
        let place = offset
        SealedBlock.write(plain, to: &buffer)
        return (place, offset - place)
    }

    private mutating func flush() throws {
        try file.append(buffer.bytes)
        written += buffer.count
        buffer.bytes.removeAll(keepingCapacity: true)
    }

    /// Writes index and trailer and syncs the file.
    mutating func finish() throws -> (directory: PartDirectory, bytes: Int) {
        endGroup()
        try index.pages { name, first, bytes in
            let (place, length) = writeSealed(bytes)
            let page = PartDirectory.Page(
                firstValue: String(decoding: first, as: UTF8.self), offset: place, length: length)
            let text = String(decoding: name, as: UTF8.self)
            if directory.names.last?.name == text {
                directory.names[directory.names.count - 1].pages.append(page)
            } else {
                directory.names.append((text, [page]))
            }
            if buffer.count >= 1 << 20 { try flush() }
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
}
