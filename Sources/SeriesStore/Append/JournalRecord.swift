import Codecs
internal import Storage
internal import Telemetry

/// One appended batch as the journal keeps it, column by column: see docs/formats/journal.md.
struct JournalRecord {
    private static let kind: UInt8 = 2
    /// As before start timestamps were kept.
    private static let firstKind: UInt8 = 1

    struct Histogram {
        var id: UInt64
        var timestamp: Int64
        var startTimestamp: Int64
        var bytes: [UInt8]
    }

    var generation = 0
    var batch: BatchID?
    var definitions: [(id: UInt64, labels: LabelSet)] = []
    var ids: [UInt64] = []
    var timestamps: [Int64] = []
    var values: [Double] = []
    /// Empty, or one for each sample.
    var starts: [Int64] = []
    var histograms: [Histogram] = []
    var exemplars: [(labels: LabelSet, exemplar: Exemplar)] = []
    var metadata: [MetricMetadata] = []

    var isEmpty: Bool { ids.isEmpty && histograms.isEmpty && exemplars.isEmpty && metadata.isEmpty }

    func encoded() -> [UInt8] {
        let labelBytes = definitions.reduce(0) { $0 + $1.labels.bytes.count + 12 }
        var writer = ByteWriter(reserving: 64 + ids.count * 14 + labelBytes)
        writer.write(JournalRecord.kind)
        writer.writeVarint(generation)
        writer.write(batch == nil ? 0 : 1)
        if let batch {
            writer.writeFixed64(batch.high)
            writer.writeFixed64(batch.low)
        }
        writer.writeVarint(definitions.count)
        for (id, labels) in definitions {
            writer.writeVarint(id)
            writer.writeLengthPrefixed(labels.bytes)
        }
        writer.writeVarint(ids.count)
        writer.writeDeltas(ids)
        writer.writeDeltas(timestamps)
        writer.writeDoubles(values)
        writer.write(starts.isEmpty ? 0 : 1)
        if !starts.isEmpty { writer.writeDeltas(starts) }
        writer.writeVarint(histograms.count)
        for histogram in histograms {
            writer.writeVarint(histogram.id)
            writer.writeZigzag(histogram.timestamp)
            writer.writeZigzag(histogram.startTimestamp)
            writer.writeLengthPrefixed(histogram.bytes)
        }
        writer.writeVarint(exemplars.count)
        for (labels, exemplar) in exemplars {
            writer.writeLengthPrefixed(labels.bytes)
            writer.writeLengthPrefixed(exemplar.labels.bytes)
            writer.writeZigzag(exemplar.timestamp)
            writer.writeDouble(exemplar.value)
        }
        writer.writeVarint(metadata.count)
        for one in metadata {
            writer.writeLengthPrefixed(one.name)
            writer.writeLengthPrefixed(one.kind.rawValue)
            writer.writeLengthPrefixed(one.help)
            writer.writeLengthPrefixed(one.unit)
        }
        return writer.bytes
    }

    init() {}

    init(decoding bytes: ArraySlice<UInt8>) throws(CodecError) {
        var reader = ByteReader(bytes)
        let kind = try reader.readByte()
        guard kind == JournalRecord.kind || kind == JournalRecord.firstKind else {
            throw reader.failure("unknown journal record kind \(kind)")
        }
        generation = try reader.readCount(limit: .max)
        if try reader.readByte() == 1 {
            batch = BatchID(high: try reader.readFixed64(), low: try reader.readFixed64())
        }
        for _ in 0..<(try reader.readCount(limit: reader.remaining)) {
            definitions.append((try reader.readVarint(), try JournalRecord.labels(&reader)))
        }
        let count = try reader.readCount(limit: reader.remaining)
        ids = try reader.readDeltas(count).map { UInt64(bitPattern: $0) }
        timestamps = try reader.readDeltas(count)
        values = try reader.readDoubles(count)
        let hasStarts = kind == JournalRecord.kind
        if hasStarts, try reader.readByte() == 1 { starts = try reader.readDeltas(count) }
        for _ in 0..<(try reader.readCount(limit: reader.remaining)) {
            let id = try reader.readVarint()
            let timestamp = try reader.readZigzag()
            let start = hasStarts ? try reader.readZigzag() : 0
            histograms.append(
                Histogram(
                    id: id, timestamp: timestamp, startTimestamp: start,
                    bytes: Array(try reader.readLengthPrefixed())))
        }
        for _ in 0..<(try reader.readCount(limit: reader.remaining)) {
            let series = try JournalRecord.labels(&reader)
            let labels = try JournalRecord.labels(&reader)
            let timestamp = try reader.readZigzag()
            exemplars.append((series, Exemplar(labels: labels, value: try reader.readDouble(), timestamp: timestamp)))
        }
        for _ in 0..<(try reader.readCount(limit: reader.remaining)) {
            let name = try reader.readString()
            let kind = MetricMetadata.Kind(rawValue: try reader.readString()) ?? .unknown
            let help = try reader.readString()
            metadata.append(MetricMetadata(name: name, kind: kind, help: help, unit: try reader.readString()))
        }
    }

    /// The record's checksum held, so the labels are as they were written; only their shape is looked at.
    private static func labels(_ reader: inout ByteReader) throws(CodecError) -> LabelSet {
        let labels = LabelSet(canonical: Array(try reader.readLengthPrefixed()))
        var end = 0
        labels.forEachRange { _, value in end = value.upperBound }
        guard end == labels.bytes.count else { throw reader.failure("labels are not canonical") }
        return labels
    }
}
