import Codecs
internal import Storage
internal import Telemetry

/// One appended batch as the journal keeps it, column by column: see docs/formats/journal.md.
struct JournalRecord {
    private static let kind: UInt8 = 1

    var generation = 0
    var batch: BatchID?
    var definitions: [(id: UInt64, labels: LabelSet)] = []
    var ids: [UInt64] = []
    var timestamps: [Int64] = []
    var values: [Double] = []
    var histograms: [(id: UInt64, timestamp: Int64, bytes: [UInt8])] = []
    var exemplars: [(labels: LabelSet, exemplar: Exemplar)] = []
    var metadata: [MetricMetadata] = []

    var isEmpty: Bool { ids.isEmpty && histograms.isEmpty && exemplars.isEmpty && metadata.isEmpty }

    func encoded() -> [UInt8] {
        var writer = ByteWriter(reserving: 64 + ids.count * 12)
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
        var last: UInt64 = 0
        for id in ids {
            writer.writeZigzag(Int64(bitPattern: id &- last))
            last = id
        }
        var time: Int64 = 0
        for timestamp in timestamps {
            writer.writeZigzag(timestamp &- time)
            time = timestamp
        }
        for value in values { writer.writeDouble(value) }
        writer.writeVarint(histograms.count)
        for (id, timestamp, bytes) in histograms {
            writer.writeVarint(id)
            writer.writeZigzag(timestamp)
            writer.writeLengthPrefixed(bytes)
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
        guard kind == JournalRecord.kind else { throw reader.failure("unknown journal record kind \(kind)") }
        generation = try reader.readCount(limit: .max)
        if try reader.readByte() == 1 {
            batch = BatchID(high: try reader.readFixed64(), low: try reader.readFixed64())
        }
        for _ in 0..<(try reader.readCount(limit: reader.remaining)) {
            definitions.append((try reader.readVarint(), try JournalRecord.labels(&reader)))
        }
        try decodeSamples(&reader)
        for _ in 0..<(try reader.readCount(limit: reader.remaining)) {
            let id = try reader.readVarint()
            let timestamp = try reader.readZigzag()
            histograms.append((id, timestamp, Array(try reader.readLengthPrefixed())))
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

    private mutating func decodeSamples(_ reader: inout ByteReader) throws(CodecError) {
        let count = try reader.readCount(limit: reader.remaining)
        ids.reserveCapacity(count)
        timestamps.reserveCapacity(count)
        values.reserveCapacity(count)
        var last: UInt64 = 0
        for _ in 0..<count {
            last = last &+ UInt64(bitPattern: try reader.readZigzag())
            ids.append(last)
        }
        var time: Int64 = 0
        for _ in 0..<count {
            time = time &+ (try reader.readZigzag())
            timestamps.append(time)
        }
        for _ in 0..<count { values.append(try reader.readDouble()) }
    }

    private static func labels(_ reader: inout ByteReader) throws(CodecError) -> LabelSet {
        guard let labels = LabelSet(checking: Array(try reader.readLengthPrefixed())) else {
            throw reader.failure("labels are not canonical")
        }
        return labels
    }
}
