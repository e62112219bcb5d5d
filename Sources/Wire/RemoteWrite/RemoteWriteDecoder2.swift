import Codecs
import Telemetry

extension RemoteWrite {
    static func decodeTwo(_ bytes: [UInt8]) throws(WireError) -> RemoteWriteResult {
        let symbols = try SymbolTable(bytes)
        var decoder = RequestDecoder(bytes, symbols)
        try unsafe bytes.span.withUnsafeBytes { (buffer) throws(WireError) in
            if let pointer = unsafe FieldPointer(buffer) { try unsafe decoder.request(pointer) }
        }
        return decoder.finished()
    }
}

/// The strings of a 2.0 request, each hashed once.
struct SymbolTable: Sendable {
    /// Keeps this protocol's spellings apart from those of others.
    static let seed: UInt64 = 0x5752_322e_3000_0002

    private(set) var ranges: [MessageRange] = []
    private(set) var hashes: [Hash128.Value] = []
    /// The symbol `__name__`; nil where no series has a name.
    private(set) var metricName: UInt32?

    init(_ bytes: [UInt8]) throws(WireError) {
        try unsafe bytes.span.withUnsafeBytes { (buffer) throws(WireError) in
            if let pointer = unsafe FieldPointer(buffer) { try unsafe collect(bytes, pointer) }
        }
    }

    @unsafe
    private mutating func collect(_ bytes: [UInt8], _ pointer: FieldPointer) throws(WireError) {
        let count = unsafe pointer.count
        var offset = 0
        while offset < count {
            let tag = unsafe pointer.byte(offset)
            var next = offset &+ 1
            if tag == 0x22 || tag == 0x2a, let end = unsafe pointer.end(&next, limit: count) {
                if tag == 0x22 { add(bytes, next..<end) }
                offset = end
                continue
            }
            var cursor = ProtobufCursor(offset..<count)
            guard try cursor.next(bytes) else { return }
            if cursor.field == 4 {
                if let range = try cursor.range(bytes) { add(bytes, range) }
            } else {
                try cursor.skip(bytes)
            }
            offset = cursor.offset
        }
    }

    private mutating func add(_ bytes: [UInt8], _ range: Range<Int>) {
        if metricName == nil, range.count == 8, UTF8Text.equals(bytes, range, "__name__") {
            metricName = UInt32(truncatingIfNeeded: ranges.count)
        }
        ranges.append(MessageRange(range.lowerBound, range.upperBound))
        hashes.append(Hash128.hash(bytes, range, seed: SymbolTable.seed))
    }

    var count: Int { ranges.count }

    /// nil where there is no such symbol.
    func range(_ ref: UInt64) -> Range<Int>? { ref < UInt64(ranges.count) ? ranges[Int(ref)].range : nil }
}

/// Hashes a sequence of symbols, in order, by their hashes: two lanes of multiply-and-fold with secrets of this run.
private struct SymbolMixer {
    private static let secrets = (
        UInt64.random(in: .min ... .max) | 1, UInt64.random(in: .min ... .max) | 1,
        UInt64.random(in: .min ... .max) | 1, UInt64.random(in: .min ... .max) | 1
    )
    /// Copied for a request: reading a global asks each time whether it was set.
    private let secrets = SymbolMixer.secrets
    private(set) var high: UInt64 = 0x243f_6a88_85a3_08d3
    private(set) var low: UInt64 = 0x1319_8a2e_0370_7344

    @inline(__always)
    mutating func add(_ symbol: Hash128.Value) {
        let mixed = SymbolMixer.fold(high ^ secrets.0, symbol.high ^ secrets.2) ^ symbol.low
        low = SymbolMixer.fold(low ^ secrets.1, symbol.low ^ secrets.3) ^ symbol.high
        high = mixed
    }

    @inline(__always)
    private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }
}

private struct RequestDecoder {
    private let bytes: [UInt8]
    private let symbols: SymbolTable
    /// What the key of a series starts from.
    private let empty = SymbolMixer()
    private var result = RemoteWriteResult()
    /// Where the references of each series lie: packed, in one run.
    private var references: [MessageRange] = []
    /// By name symbol: metadata is the same for all series of a name.
    private var hasMetadata: [Bool]

    init(_ bytes: [UInt8], _ symbols: SymbolTable) {
        self.bytes = bytes
        self.symbols = symbols
        hasMetadata = Array(repeating: false, count: symbols.count)
    }

    consuming func finished() -> RemoteWriteResult {
        result.batch.source = SymbolLabels(bytes: bytes, symbols: symbols.ranges, references: references)
        return result
    }

    @unsafe
    mutating func request(_ pointer: FieldPointer) throws(WireError) {
        let count = unsafe pointer.count
        var offset = 0
        while offset < count {
            var next = offset &+ 1
            if unsafe pointer.byte(offset) == 0x2a, let end = unsafe pointer.end(&next, limit: count) {
                if references.isEmpty {
                    let expected = min((count &- offset) / max(end &- offset, 8) &+ 1, RemoteWrite.largestReserve)
                    references.reserveCapacity(expected)
                    result.batch.reserve(series: expected, samples: expected)
                }
                try unsafe timeSeries(pointer, next, end)
                offset = end
            } else {
                var cursor = ProtobufCursor(offset..<count)
                guard try cursor.next(bytes) else { return }
                if cursor.field == 5, let inner = try cursor.message(bytes) {
                    try unsafe timeSeries(pointer, inner.offset, inner.end)
                } else if cursor.field != 5 {
                    try cursor.skip(bytes)
                }
                offset = cursor.offset
            }
        }
    }

    /// What one series of the request adds to the batch.
    private struct Series {
        var index: UInt32
        var references: MessageRange?
        /// Why the series cannot be taken.
        var defect: String?
        var samples = 0
        var histograms = 0
        var refusedHistograms = 0
        var metadata: Range<Int>?
    }

    @unsafe @inline(__always)
    private mutating func timeSeries(_ pointer: FieldPointer, _ start: Int, _ end: Int) throws(WireError) {
        var series = Series(index: UInt32(truncatingIfNeeded: result.batch.keys.count))
        let before = result.batch.mark
        var offset = start
        var key: SymbolMixer?
        var next = start &+ 1
        if start < end, unsafe pointer.byte(start) == 0x0a, let referencesEnd = unsafe pointer.end(&next, limit: end) {
            series.references = MessageRange(next, referencesEnd)
            offset = referencesEnd
            key = unsafe self.key(pointer, next, referencesEnd)
        }
        while offset < end {
            if unsafe pointer.byte(offset) == 0x12, let sample = unsafe pointer.sample(&offset, limit: end) {
                result.batch.addSample(
                    series.index, timestamp: sample.timestamp, value: sample.value,
                    startTimestamp: sample.startTimestamp)
                series.samples &+= 1
            } else {
                try seriesField(&offset, end, &series)
            }
        }
        if key == nil, let late = series.references {
            key = unsafe self.key(pointer, Int(late.start), Int(late.end))
        }
        if series.samples > 0, series.histograms &+ series.refusedHistograms > 0 {
            series.defect =
                "TimeSeries must contain either samples or histograms for series "
                + "\(describe(series.references)) not both"
        }
        guard let key, series.defect == nil, series.samples > 0 || series.histograms > 0 else {
            return refuse(series, before)
        }
        result.batch.keys.append(SeriesKey(high: key.high, low: key.low))
        if let references = series.references {
            self.references.append(references)
            if let metadata = series.metadata { try self.metadata(metadata, references.range) }
        }
    }

    /// nil where a reference points at no symbol, or one is missing.
    @unsafe @inline(__always)
    private func key(_ pointer: FieldPointer, _ start: Int, _ end: Int) -> SymbolMixer? {
        var key = empty
        var offset = start
        var isEven = true
        while offset < end {
            guard let reference = unsafe pointer.varint(&offset, limit: end), reference < UInt64(symbols.hashes.count)
            else { return nil }
            key.add(symbols.hashes[Int(truncatingIfNeeded: reference)])
            isEven.toggle()
        }
        return isEven ? key : nil
    }

    private mutating func refuse(_ series: Series, _ before: SeriesBatch.Mark) {
        result.batch.rewind(to: before)
        if series.defect == nil, series.refusedHistograms > 0 { return }
        let count = series.samples + series.histograms
        result.skipSeries(samples: count, series.defect ?? (count == 0 ? nothing(series) : broken(series)))
    }

    private func nothing(_ series: Series) -> String {
        "TimeSeries must contain at least one sample or histogram for series \(describe(series.references))"
    }

    private func broken(_ series: Series) -> String {
        guard let references = series.references else { return "a series has no labels_refs" }
        var numbers: [UInt64] = []
        var cursor = ProtobufCursor(references.range, in: 5)
        while cursor.offset < references.range.upperBound, let number = try? cursor.number(bytes) {
            numbers.append(number)
        }
        if let bad = numbers.first(where: { $0 >= UInt64(symbols.count) }) {
            return "labels_refs of a series hold \(bad), the request has \(symbols.count) symbols"
        }
        return "labels_refs of a series hold \(numbers.count) references: an even number is needed"
    }

    @inline(never)
    private mutating func seriesField(_ offset: inout Int, _ end: Int, _ series: inout Series) throws(WireError) {
        var cursor = ProtobufCursor(offset..<end, in: 5)
        guard try cursor.next(bytes) else { return }
        defer { offset = cursor.offset }
        switch cursor.field {
        case 1:
            if let range = try cursor.range(bytes), series.references == nil {
                series.references = MessageRange(range.lowerBound, range.upperBound)
            } else {
                // Legal protobuf, and no encoder's.
                series.defect = "labels_refs of a series are not packed in one run"
            }
        case 2:
            guard let inner = try cursor.message(bytes) else { return }
            let sample = try WrittenSample(bytes, inner)
            result.batch.addSample(
                series.index, timestamp: sample.timestamp, value: sample.value, startTimestamp: sample.startTimestamp)
            series.samples &+= 1
        case 3:
            guard let inner = try cursor.message(bytes) else { return }
            let point = try WrittenHistogram(bytes, inner)
            var histogram = point.histogram
            if let defect = point.defect ?? histogram.defectAsWritten() {
                series.refusedHistograms &+= 1
                result.rejectHistogram("histogram of \(describe(series.references)): \(defect)")
                return
            }
            result.batch.histograms.append(
                SeriesBatch.HistogramSample(
                    series: series.index, timestamp: point.timestamp, histogram: histogram,
                    startTimestamp: point.startTimestamp))
            series.histograms &+= 1
        case 4: if let inner = try cursor.message(bytes) { try exemplar(inner, &series) }
        case 5: series.metadata = try cursor.range(bytes) ?? series.metadata
        default: try cursor.skip(bytes)
        }
    }

    private mutating func exemplar(_ message: ProtobufCursor, _ series: inout Series) throws(WireError) {
        var cursor = message
        var references: [UInt64] = []
        var value = 0.0
        var timestamp: Int64 = 0
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1: try cursor.varints(bytes, into: &references)
            case 2: value = try cursor.double(bytes) ?? value
            case 3: timestamp = try cursor.varint(bytes).map { Int64(bitPattern: $0) } ?? timestamp
            default: try cursor.skip(bytes)
            }
        }
        var labels: [Label] = []
        for position in stride(from: 0, to: references.count - references.count % 2, by: 2) {
            guard let name = symbols.range(references[position]), let value = symbols.range(references[position + 1])
            else {
                return result.skipExemplar("an exemplar of \(describe(series.references)) refers to no symbol")
            }
            labels.append(Label(UTF8Text.string(bytes, name), UTF8Text.string(bytes, value)))
        }
        guard references.count.isMultiple(of: 2) else {
            return result.skipExemplar("an exemplar of \(describe(series.references)) has an odd number of references")
        }
        result.batch.exemplars.append(
            SeriesBatch.ExemplarSample(
                series: series.index, exemplar: Exemplar(labels: LabelSet(labels), value: value, timestamp: timestamp)))
    }

    /// Adds the metadata of a series' family, once for each name of the request.
    @inline(never)
    private mutating func metadata(_ message: Range<Int>, _ references: Range<Int>) throws(WireError) {
        guard let wanted = symbols.metricName else { return }
        var pairs = ProtobufCursor(references, in: 5)
        var name: Int?
        while pairs.offset < references.upperBound {
            let key = try pairs.number(bytes)
            let value = try pairs.number(bytes)
            if key == UInt64(wanted), value < UInt64(symbols.count) { name = Int(value) }
        }
        guard let name, !hasMetadata[name] else { return }
        hasMetadata[name] = true
        var type: UInt64 = 0
        var help: UInt64 = 0
        var unit: UInt64 = 0
        var cursor = ProtobufCursor(message, in: 5)
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1: type = try cursor.varint(bytes) ?? type
            case 3: help = try cursor.varint(bytes) ?? help
            case 4: unit = try cursor.varint(bytes) ?? unit
            default: try cursor.skip(bytes)
            }
        }
        func text(_ ref: UInt64) -> String { symbols.range(ref).map { UTF8Text.string(bytes, $0) } ?? "" }
        let kinds = RemoteWrite.metadataKinds
        let kind = type < UInt64(kinds.count) ? kinds[Int(type)] : .unknown
        guard type != 0 || help != 0 || unit != 0 else { return }
        result.batch.metadata.append(
            MetricMetadata(
                name: RemoteWrite.familyName(text(UInt64(name)), kind), kind: kind, help: text(help), unit: text(unit)))
    }

    private func describe(_ references: MessageRange?) -> String {
        guard let references else { return "a series without labels" }
        return SymbolLabels(bytes: bytes, symbols: symbols.ranges, references: [references]).description(ofSeries: 0)
    }
}

extension RemoteWrite {
    /// Metadata belongs to a family, 2.0 hangs it on each of its series.
    static func familyName(_ series: String, _ kind: MetricMetadata.Kind) -> String {
        let suffixes: [String] =
            switch kind {
            case .histogram: ["_bucket", "_sum", "_count"]
            case .gaugehistogram: ["_bucket", "_gsum", "_gcount"]
            case .summary: ["_sum", "_count"]
            default: []
            }
        guard let suffix = suffixes.first(where: series.hasSuffix) else { return series }
        return String(series.dropLast(suffix.utf8.count))
    }
}

extension SeriesBatch {
    /// How much of a batch was there before a series.
    struct Mark {
        fileprivate var samples: Int
        fileprivate var histograms: Int
        fileprivate var exemplars: Int
    }

    @inline(__always)
    var mark: Mark { Mark(samples: refs.count, histograms: histograms.count, exemplars: exemplars.count) }

    mutating func rewind(to mark: Mark) {
        refs.removeLast(refs.count - mark.samples)
        timestamps.removeLast(timestamps.count - mark.samples)
        values.removeLast(values.count - mark.samples)
        if startTimestamps.count > mark.samples { startTimestamps.removeLast(startTimestamps.count - mark.samples) }
        histograms.removeLast(histograms.count - mark.histograms)
        exemplars.removeLast(exemplars.count - mark.exemplars)
    }
}

/// The label sets of a 2.0 request, put together one by one when asked for.
struct SymbolLabels: SeriesLabelSource {
    let bytes: [UInt8]
    let symbols: [MessageRange]
    let references: [MessageRange]

    func labels(ofSeries index: Int) throws(InvalidSeries) -> LabelSet {
        guard references.indices.contains(index), var labels = collect(references[index].range) else {
            throw InvalidSeries("labels_refs of series \(index) are broken")
        }
        return try labels.checked()
    }

    /// For sentences about a series.
    func description(ofSeries index: Int) -> String {
        guard references.indices.contains(index), var labels = collect(references[index].range) else {
            return "series \(index)"
        }
        return labels.description
    }

    private func collect(_ range: Range<Int>) -> WrittenLabels? {
        var labels = WrittenLabels()
        var cursor = ProtobufCursor(range, in: 5)
        while cursor.offset < range.upperBound {
            guard let name = try? cursor.number(bytes), let value = try? cursor.number(bytes),
                name < UInt64(symbols.count), value < UInt64(symbols.count)
            else { return nil }
            labels.append(bytes, name: symbols[Int(name)].range, value: symbols[Int(value)].range)
        }
        return labels
    }
}
