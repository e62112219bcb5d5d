import Codecs
import Telemetry

/// Prometheus' remote write: `prometheus.WriteRequest` (1.0) and `io.prometheus.write.v2.Request` (2.0).
package enum RemoteWrite {
    /// Which of the two messages a request carries.
    package enum Version: Sendable, Hashable { case one, two }

    /// Reads a decompressed request. The batch has keys and a source: no label is looked at before a store asks for
    /// those of a series that it does not know.
    package static func decode(
        _ bytes: [UInt8], version: Version = .one
    ) throws(WireError) -> RemoteWriteResult {
        switch version {
        case .one: try decodeOne(bytes)
        case .two: try decodeTwo(bytes)
        }
    }

    private static func decodeOne(_ bytes: [UInt8]) throws(WireError) -> RemoteWriteResult {
        var decoder = WriteRequestDecoder(bytes)
        try unsafe bytes.span.withUnsafeBytes { (buffer) throws(WireError) in
            if let pointer = unsafe FieldPointer(buffer) { try unsafe decoder.request(pointer) }
        }
        return decoder.finished()
    }

    /// A first series that is shorter than the others must not make us ask for memory in vain.
    static let largestReserve = 1 << 16

    /// In the order of the protocol's enumeration.
    static let metadataKinds: [MetricMetadata.Kind] = [
        .unknown, .counter, .gauge, .histogram, .gaugehistogram, .summary, .info, .stateset,
    ]
}

private struct WriteRequestDecoder {
    /// Keeps this protocol's spellings apart from those of others.
    private static let seed: UInt64 = 0x5752_312e_3000_0001

    private let bytes: [UInt8]
    private var result = RemoteWriteResult()
    private var messages: [MessageRange] = []

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    consuming func finished() -> RemoteWriteResult {
        result.batch.source = WriteRequestLabels(bytes: bytes, messages: messages)
        return result
    }

    @unsafe
    mutating func request(_ pointer: FieldPointer) throws(WireError) {
        let count = unsafe pointer.count
        var offset = 0
        while offset < count {
            var next = offset &+ 1
            if unsafe pointer.byte(offset) == 0x0a, let end = unsafe pointer.end(&next, limit: count) {
                if messages.isEmpty {
                    reserve(for: min(count / max(end &- offset, 16) &+ 1, RemoteWrite.largestReserve))
                }
                try unsafe timeSeries(pointer, next, end)
                offset = end
            } else {
                try field(&offset, count)
            }
        }
    }

    /// Requests are of one kind: what the first series takes, the others take too.
    private mutating func reserve(for series: Int) {
        messages.reserveCapacity(series)
        result.batch.reserve(series: series, samples: series)
    }

    /// Whatever is not a plain series.
    private mutating func field(_ offset: inout Int, _ end: Int) throws(WireError) {
        var cursor = ProtobufCursor(offset..<end)
        guard try cursor.next(bytes) else { return }
        switch cursor.field {
        case 1:
            if let inner = try cursor.message(bytes) {
                let (start, end) = (inner.offset, inner.end)
                let bytes = bytes
                try unsafe bytes.span.withUnsafeBytes { (buffer) throws(WireError) in
                    if let pointer = unsafe FieldPointer(buffer) { try unsafe timeSeries(pointer, start, end) }
                }
            }
        case 3: if let inner = try cursor.message(bytes) { try metadata(inner) }
        default: try cursor.skip(bytes)
        }
        offset = cursor.offset
    }

    @unsafe @inline(__always)
    private mutating func timeSeries(_ pointer: FieldPointer, _ start: Int, _ end: Int) throws(WireError) {
        var offset = start
        // The labels stand first and together; what follows them, or breaks off, is for the loop below.
        while offset < end, unsafe pointer.byte(offset) == 0x0a {
            var next = offset &+ 1
            guard let labelEnd = unsafe pointer.end(&next, limit: end) else { break }
            offset = labelEnd
        }
        var key = unsafe Hash128.hash(raw: pointer.bytes(start, offset), seed: WriteRequestDecoder.seed)
        let series = UInt32(truncatingIfNeeded: result.batch.keys.count)
        var isUsed = false
        while offset < end {
            if unsafe pointer.byte(offset) == 0x12, let sample = unsafe pointer.sample(&offset, limit: end) {
                result.batch.addSample(series, timestamp: sample.timestamp, value: sample.value)
                isUsed = true
            } else if try seriesField(&offset, start..<end, series, &key) {
                isUsed = true
            }
        }
        guard isUsed else { return }
        messages.append(MessageRange(start, end))
        result.batch.keys.append(SeriesKey(high: key.high, low: key.low))
    }

    /// A field that is not a plain sample; true where the batch holds something of the series after it.
    @inline(never)
    private mutating func seriesField(
        _ offset: inout Int, _ message: Range<Int>, _ series: UInt32, _ key: inout Hash128.Value
    ) throws(WireError) -> Bool {
        var cursor = ProtobufCursor(offset..<message.upperBound, in: 1)
        guard try cursor.next(bytes) else { return false }
        let start = offset
        defer { offset = cursor.offset }
        switch cursor.field {
        case 1:
            guard try cursor.range(bytes) != nil else { return false }
            key = Hash128.combine(key, Hash128.hash(bytes, start..<cursor.offset, seed: WriteRequestDecoder.seed))
            return false
        case 2:
            guard let inner = try cursor.message(bytes) else { return false }
            let sample = try WrittenSample(bytes, inner)
            result.batch.addSample(series, timestamp: sample.timestamp, value: sample.value)
            return true
        case 3:
            guard let inner = try cursor.message(bytes) else { return false }
            try exemplar(inner, series)
            return true
        case 4:
            guard let inner = try cursor.message(bytes) else { return false }
            return try histogram(inner, message, series)
        default:
            try cursor.skip(bytes)
            return false
        }
    }

    private mutating func histogram(
        _ inner: ProtobufCursor, _ message: Range<Int>, _ series: UInt32
    ) throws(WireError) -> Bool {
        let point = try WrittenHistogram(bytes, inner)
        var histogram = point.histogram
        if let defect = point.defect ?? histogram.defectAsWritten() {
            let labels = WriteRequestLabels(
                bytes: bytes, messages: [MessageRange(message.lowerBound, message.upperBound)])
            result.rejectHistogram("histogram of \(labels.description(ofSeries: 0)): \(defect)")
            return false
        }
        result.batch.histograms.append(
            SeriesBatch.HistogramSample(series: series, timestamp: point.timestamp, histogram: histogram))
        return true
    }

    private mutating func exemplar(_ message: ProtobufCursor, _ series: UInt32) throws(WireError) {
        var cursor = message
        var labels: [Label] = []
        var value = 0.0
        var timestamp: Int64 = 0
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1:
                guard let inner = try cursor.message(bytes) else { continue }
                let label = try WriteRequestLabels.pair(bytes, inner)
                labels.append(Label(UTF8Text.string(bytes, label.name), UTF8Text.string(bytes, label.value)))
            case 2: value = try cursor.double(bytes) ?? value
            case 3: timestamp = try cursor.varint(bytes).map { Int64(bitPattern: $0) } ?? timestamp
            default: try cursor.skip(bytes)
            }
        }
        result.batch.exemplars.append(
            SeriesBatch.ExemplarSample(
                series: series, exemplar: Exemplar(labels: LabelSet(labels), value: value, timestamp: timestamp)))
    }

    private mutating func metadata(_ message: ProtobufCursor) throws(WireError) {
        var cursor = message
        var type: UInt64 = 0
        var name = 0..<0
        var help = 0..<0
        var unit = 0..<0
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1: type = try cursor.varint(bytes) ?? type
            case 2: name = try cursor.range(bytes) ?? name
            case 4: help = try cursor.range(bytes) ?? help
            case 5: unit = try cursor.range(bytes) ?? unit
            default: try cursor.skip(bytes)
            }
        }
        guard !name.isEmpty else { return }
        let kinds = RemoteWrite.metadataKinds
        result.batch.metadata.append(
            MetricMetadata(
                name: UTF8Text.string(bytes, name), kind: type < UInt64(kinds.count) ? kinds[Int(type)] : .unknown,
                help: UTF8Text.string(bytes, help), unit: UTF8Text.string(bytes, unit)))
    }
}

/// A message inside a request, whose size fits in 32 bits.
struct MessageRange: Sendable {
    var start: UInt32
    var end: UInt32

    @inline(__always)
    init(_ start: Int, _ end: Int) {
        self.start = UInt32(truncatingIfNeeded: start)
        self.end = UInt32(truncatingIfNeeded: end)
    }

    var range: Range<Int> { Int(start)..<Int(end) }
}

/// A sample whose fields come in any order, perhaps with others between.
struct WrittenSample {
    private(set) var value = 0.0
    private(set) var timestamp: Int64 = 0
    private(set) var startTimestamp: Int64 = 0

    init(_ bytes: [UInt8], _ message: ProtobufCursor) throws(WireError) {
        var cursor = message
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1: value = try cursor.double(bytes) ?? value
            case 2: timestamp = try cursor.varint(bytes).map { Int64(bitPattern: $0) } ?? timestamp
            case 3: startTimestamp = try cursor.varint(bytes).map { Int64(bitPattern: $0) } ?? startTimestamp
            default: try cursor.skip(bytes)
            }
        }
    }
}

extension SeriesBatch {
    mutating func reserve(series: Int, samples: Int) {
        keys.reserveCapacity(series)
        refs.reserveCapacity(samples)
        timestamps.reserveCapacity(samples)
        values.reserveCapacity(samples)
    }

    /// A sample with the time at which its counting began: the column is made when the first one says it.
    @inline(__always)
    mutating func addSample(_ ref: UInt32, timestamp: Int64, value: Double, startTimestamp: Int64) {
        if startTimestamp != 0 || !startTimestamps.isEmpty {
            if startTimestamps.count < refs.count {
                startTimestamps.append(contentsOf: repeatElement(0, count: refs.count - startTimestamps.count))
            }
            startTimestamps.append(startTimestamp)
        }
        addSample(ref, timestamp: timestamp, value: value)
    }
}
