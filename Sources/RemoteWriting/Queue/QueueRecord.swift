import Codecs
import Storage
import Telemetry

/// One thing to send, with all that a request says of it.
package struct QueuedItem: Sendable {
    package enum Content: Sendable {
        case value(Double)
        case histogram(NativeHistogram)
        case exemplar(Exemplar)
    }

    package var labels: LabelSet
    package var timestamp: Int64
    package var startTimestamp: Int64 = 0
    package var content: Content

    package init(labels: LabelSet, timestamp: Int64, startTimestamp: Int64 = 0, content: Content) {
        self.labels = labels
        self.timestamp = timestamp
        self.startTimestamp = startTimestamp
        self.content = content
    }
}

/// The payload of a record of the queue: see docs/formats/remote-write-queue.md.
struct QueueRecordWriter {
    private var definitions = ByteWriter()
    private var definitionCount = 0
    private var samples = ByteWriter()
    private var sampleCount = 0
    private var histograms = ByteWriter()
    private var histogramCount = 0
    private var exemplars = ByteWriter()
    private var exemplarCount = 0
    private var base: Int64?

    var itemCount: Int { sampleCount + histogramCount + exemplarCount }

    mutating func define(_ labels: LabelSet) {
        definitions.writeLengthPrefixed(labels.bytes)
        definitionCount += 1
    }

    private mutating func offset(_ timestamp: Int64) -> Int64 {
        if let base { return timestamp &- base }
        base = timestamp
        return 0
    }

    mutating func sample(_ id: UInt32, timestamp: Int64, start: Int64, value: Double) {
        samples.writeVarint(UInt64(id))
        samples.writeZigzag(offset(timestamp))
        samples.writeVarint(start == 0 ? 0 : UInt64(bitPattern: timestamp &- start) &+ 1)
        samples.writeDouble(value)
        sampleCount += 1
    }

    mutating func histogram(_ id: UInt32, _ sample: SeriesBatch.HistogramSample) {
        histograms.writeVarint(UInt64(id))
        histograms.writeZigzag(offset(sample.timestamp))
        let start = sample.startTimestamp
        histograms.writeVarint(start == 0 ? 0 : UInt64(bitPattern: sample.timestamp &- start) &+ 1)
        sample.histogram.write(to: &histograms)
        histogramCount += 1
    }

    mutating func exemplar(_ id: UInt32, _ exemplar: Exemplar) {
        exemplars.writeVarint(UInt64(id))
        exemplars.writeZigzag(offset(exemplar.timestamp))
        exemplars.writeLengthPrefixed(exemplar.labels.bytes)
        exemplars.writeDouble(exemplar.value)
        exemplarCount += 1
    }

    func encoded() -> [UInt8] {
        var out = ByteWriter(
            reserving: definitions.count + samples.count + histograms.count + exemplars.count + 48)
        out.writeVarint(definitionCount)
        out.writeBytes(definitions.bytes)
        out.writeZigzag(base ?? 0)
        out.writeVarint(sampleCount)
        out.writeBytes(samples.bytes)
        out.writeVarint(histogramCount)
        out.writeBytes(histograms.bytes)
        out.writeVarint(exemplarCount)
        out.writeBytes(exemplars.bytes)
        return out.bytes
    }
}

/// Reads payloads; knows the series that the records of one segment defined so far.
struct QueueRecordReader {
    private var series: [LabelSet] = []

    /// Takes the definitions and passes the rest over.
    mutating func takeDefinitions(_ payload: ArraySlice<UInt8>) throws(CodecError) {
        var reader = ByteReader(payload)
        try definitions(&reader)
    }

    private mutating func definitions(_ reader: inout ByteReader) throws(CodecError) {
        for _ in 0..<(try reader.readCount(limit: reader.remaining)) {
            let bytes = Array(try reader.readLengthPrefixed())
            guard let labels = LabelSet(checking: bytes) else { throw reader.failure("labels are not canonical") }
            series.append(labels)
        }
    }

    mutating func items(_ payload: ArraySlice<UInt8>) throws(CodecError) -> [QueuedItem] {
        var reader = ByteReader(payload)
        try definitions(&reader)
        let base = try reader.readZigzag()
        var items: [QueuedItem] = []
        let samples = try reader.readCount(limit: reader.remaining)
        items.reserveCapacity(samples)
        for _ in 0..<samples {
            let labels = try labels(&reader)
            let (timestamp, start) = try times(&reader, base)
            items.append(
                QueuedItem(
                    labels: labels, timestamp: timestamp, startTimestamp: start,
                    content: .value(try reader.readDouble())))
        }
        for _ in 0..<(try reader.readCount(limit: reader.remaining)) {
            let labels = try labels(&reader)
            let (timestamp, start) = try times(&reader, base)
            let histogram = try NativeHistogram(from: &reader)
            items.append(
                QueuedItem(labels: labels, timestamp: timestamp, startTimestamp: start, content: .histogram(histogram)))
        }
        for _ in 0..<(try reader.readCount(limit: reader.remaining)) {
            let labels = try labels(&reader)
            let timestamp = base &+ (try reader.readZigzag())
            guard let own = LabelSet(checking: Array(try reader.readLengthPrefixed())) else {
                throw reader.failure("labels of an exemplar are not canonical")
            }
            let exemplar = Exemplar(labels: own, value: try reader.readDouble(), timestamp: timestamp)
            items.append(QueuedItem(labels: labels, timestamp: timestamp, content: .exemplar(exemplar)))
        }
        return items
    }

    private func labels(_ reader: inout ByteReader) throws(CodecError) -> LabelSet {
        let id = try reader.readVarint()
        guard id < UInt64(series.count) else { throw reader.failure("series \(id) is not defined") }
        return series[Int(id)]
    }

    private func times(
        _ reader: inout ByteReader, _ base: Int64
    ) throws(CodecError) -> (timestamp: Int64, start: Int64) {
        let timestamp = base &+ (try reader.readZigzag())
        let before = try reader.readVarint()
        return (timestamp, before == 0 ? 0 : timestamp &- Int64(bitPattern: before &- 1))
    }
}

extension NativeHistogram {
    fileprivate func write(to writer: inout ByteWriter) {
        writer.writeZigzag(Int64(schema))
        writer.write(resetHint.rawValue | (isInteger ? 0x80 : 0))
        for value in [zeroThreshold, zeroCount, count, sum] { writer.writeDouble(value) }
        for spans in [positiveSpans, negativeSpans] {
            writer.writeVarint(spans.count)
            for span in spans {
                writer.writeZigzag(Int64(span.offset))
                writer.writeVarint(UInt64(span.length))
            }
        }
        for values in [positiveBuckets, negativeBuckets, customValues] {
            writer.writeVarint(values.count)
            for value in values { writer.writeDouble(value) }
        }
    }

    fileprivate init(from reader: inout ByteReader) throws(CodecError) {
        self.init()
        schema = Int32(truncatingIfNeeded: try reader.readZigzag())
        let flags = try reader.readByte()
        isInteger = flags & 0x80 != 0
        resetHint = ResetHint(rawValue: flags & 0x7f) ?? .unknown
        zeroThreshold = try reader.readDouble()
        zeroCount = try reader.readDouble()
        count = try reader.readDouble()
        sum = try reader.readDouble()
        positiveSpans = try NativeHistogram.spans(&reader)
        negativeSpans = try NativeHistogram.spans(&reader)
        positiveBuckets = try NativeHistogram.values(&reader)
        negativeBuckets = try NativeHistogram.values(&reader)
        customValues = try NativeHistogram.values(&reader)
    }

    private static func spans(_ reader: inout ByteReader) throws(CodecError) -> [Span] {
        var spans: [Span] = []
        for _ in 0..<(try reader.readCount(limit: reader.remaining)) {
            let offset = Int32(truncatingIfNeeded: try reader.readZigzag())
            spans.append(Span(offset: offset, length: UInt32(truncatingIfNeeded: try reader.readVarint())))
        }
        return spans
    }

    private static func values(_ reader: inout ByteReader) throws(CodecError) -> [Double] {
        var values: [Double] = []
        for _ in 0..<(try reader.readCount(limit: reader.remaining / 8)) { values.append(try reader.readDouble()) }
        return values
    }
}
