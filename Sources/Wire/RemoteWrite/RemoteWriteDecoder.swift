import Telemetry

/// `prometheus.WriteRequest` (remote write 1.0), already decompressed.
package enum RemoteWrite {
    package static func decode(_ bytes: [UInt8]) throws(WireError) -> RemoteWriteResult {
        var decoder = WriteRequestDecoder()
        try decoder.request(bytes)
        return decoder.result
    }
}

private struct WriteRequestDecoder {
    var result = RemoteWriteResult()
    private var builder = LabelBuilder()
    private var series = ByteInterner()

    mutating func request(_ bytes: [UInt8]) throws(WireError) {
        var cursor = ProtobufCursor(bytes)
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1: if let inner = try cursor.message(bytes) { try timeSeries(bytes, inner) }
            case 3: if let inner = try cursor.message(bytes) { try metadata(bytes, inner) }
            default: try cursor.skip(bytes)
            }
        }
    }

    private mutating func timeSeries(_ bytes: [UInt8], _ message: ProtobufCursor) throws(WireError) {
        var cursor = message
        builder.removeAll()
        var defect: String?
        while try cursor.next(bytes) {
            guard cursor.field == 1 else {
                try cursor.skip(bytes)
                continue
            }
            guard let inner = try cursor.message(bytes) else { continue }
            let label = try pair(bytes, inner)
            if label.name.isEmpty { defect = defect ?? "a label has no name" }
            if !UTF8Text.isValid(bytes, label.name) || !UTF8Text.isValid(bytes, label.value) {
                defect = defect ?? "a label is not UTF-8"
            }
            builder.append(bytes, name: label.name, value: label.value)
        }
        if !builder.finish() { defect = defect ?? "a label name stands twice" }
        if defect == nil, LabelSet(canonical: builder.canonical).valueRange(of: "__name__") == nil {
            defect = "the metric name is missing"
        }
        if let defect { return result.skipSeries("\(defect) in \(describe())") }
        let canonical = builder.canonical
        let (index, isNew) = series.intern(canonical, 0..<canonical.count)
        if isNew { _ = result.batch.addSeries(LabelSet(canonical: canonical)) }
        try samples(bytes, message, UInt32(truncatingIfNeeded: index))
    }

    private func describe() -> String {
        let text = LabelSet(canonical: builder.canonical).description
        return text.utf8.count > 200 ? String(text.prefix(200)) + "…" : text
    }

    private mutating func samples(_ bytes: [UInt8], _ message: ProtobufCursor, _ series: UInt32) throws(WireError) {
        var cursor = message
        while try cursor.next(bytes) {
            switch cursor.field {
            case 2: if let inner = try cursor.message(bytes) { try sample(bytes, inner, series) }
            case 3: if let inner = try cursor.message(bytes) { try exemplar(bytes, inner, series) }
            case 4:
                guard let inner = try cursor.message(bytes) else { continue }
                let point = try WrittenHistogram(bytes, inner)
                var histogram = point.histogram
                if let defect = point.defect ?? histogram.defectAfterReducing() {
                    result.rejectHistogram("histogram of \(describe()): \(defect)")
                } else {
                    result.batch.histograms.append(
                        SeriesBatch.HistogramSample(series: series, timestamp: point.timestamp, histogram: histogram))
                }
            default: try cursor.skip(bytes)
            }
        }
    }

    private mutating func sample(_ bytes: [UInt8], _ message: ProtobufCursor, _ series: UInt32) throws(WireError) {
        var cursor = message
        var value = 0.0
        var timestamp: Int64 = 0
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1: value = try cursor.double(bytes) ?? value
            case 2: timestamp = try cursor.varint(bytes).map { Int64(bitPattern: $0) } ?? timestamp
            default: try cursor.skip(bytes)
            }
        }
        result.batch.addSample(series, timestamp: timestamp, value: value)
    }

    private mutating func exemplar(_ bytes: [UInt8], _ message: ProtobufCursor, _ series: UInt32) throws(WireError) {
        var cursor = message
        var labels: [Label] = []
        var value = 0.0
        var timestamp: Int64 = 0
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1:
                guard let inner = try cursor.message(bytes) else { continue }
                let label = try pair(bytes, inner)
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

    private func pair(
        _ bytes: [UInt8], _ message: ProtobufCursor
    ) throws(WireError) -> (name: Range<Int>, value: Range<Int>) {
        var cursor = message
        var name = 0..<0
        var value = 0..<0
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1: name = try cursor.range(bytes) ?? name
            case 2: value = try cursor.range(bytes) ?? value
            default: try cursor.skip(bytes)
            }
        }
        return (name, value)
    }

    private mutating func metadata(_ bytes: [UInt8], _ message: ProtobufCursor) throws(WireError) {
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

extension RemoteWrite {
    /// In the order of the protocol's enumeration.
    static let metadataKinds: [MetricMetadata.Kind] = [
        .unknown, .counter, .gauge, .histogram, .gaugehistogram, .summary, .info, .stateset,
    ]
}
