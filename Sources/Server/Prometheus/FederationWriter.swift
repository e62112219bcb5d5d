import Telemetry
import Wire

/// Writes federated samples as an exposition: untyped families in the order they come, with timestamps.
struct FederationWriter {
    private let format: FederationFormat
    /// Added where a sample has none of the name.
    private let external: [Label]
    private var bytes: [UInt8] = []
    private var family: String?
    private var familyIsHistogram = false
    private var metrics = ProtobufWriter()

    init(format: FederationFormat, external: [Label]) {
        self.format = format
        self.external = external
    }

    mutating func add(_ sample: FederatedSample) {
        if format.isProtobuf {
            addProtobuf(sample)
        } else if case .number(let value) = sample.value {
            // Native histograms have no text form.
            addText(sample, value)
        }
    }

    consuming func finished() -> [UInt8] {
        closeFamily()
        return bytes
    }

    private func labels(_ sample: FederatedSample) -> [Label] {
        var labels = sample.labels.labels.filter { $0.name != "__name__" }
        for label in external where sample.labels.valueRange(of: label.name) == nil { labels.append(label) }
        return labels
    }

    // MARK: Text

    private mutating func addText(_ sample: FederatedSample, _ value: Double) {
        let name = format.allowsUTF8 ? sample.name : FederationWriter.plain(sample.name, colons: true)
        let isPlain = FederationWriter.isPlain(name, colons: true)
        if family != sample.name {
            family = sample.name
            append("# TYPE ")
            if isPlain { append(name) } else { quoted(name) }
            append(" untyped\n")
        }
        var separator = UInt8(ascii: "{")
        if isPlain {
            append(name)
        } else {
            append("{")
            quoted(name)
            separator = UInt8(ascii: ",")
        }
        for label in labels(sample) {
            bytes.append(separator)
            separator = UInt8(ascii: ",")
            let labelName = format.allowsUTF8 ? label.name : FederationWriter.plain(label.name, colons: false)
            if FederationWriter.isPlain(labelName, colons: false) { append(labelName) } else { quoted(labelName) }
            append("=")
            quoted(label.value)
        }
        if separator == UInt8(ascii: ",") { append("}") }
        append(" ")
        FloatText.append(value, .general, to: &bytes)
        append(" \(sample.timestamp)\n")
    }

    private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

    private mutating func quoted(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): append("\\\\")
            case UInt8(ascii: "\n"): append("\\n")
            case UInt8(ascii: "\""): append("\\\"")
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func isPlain(_ byte: UInt8, first: Bool, colons: Bool) -> Bool {
        (byte | 0x20) &- 0x61 < 26 || byte == UInt8(ascii: "_") || (colons && byte == UInt8(ascii: ":"))
            || (!first && byte &- 0x30 < 10)
    }

    private static func isPlain(_ name: String, colons: Bool) -> Bool {
        !name.isEmpty && name.utf8.enumerated().allSatisfy { isPlain($1, first: $0 == 0, colons: colons) }
    }

    /// Every character that the old rules do not have becomes an underscore.
    private static func plain(_ name: String, colons: Bool) -> String {
        if isPlain(name, colons: colons) { return name }
        var out: [UInt8] = []
        for scalar in name.unicodeScalars {
            let byte = scalar.isASCII ? UInt8(truncatingIfNeeded: scalar.value) : UInt8(ascii: "-")
            out.append(isPlain(byte, first: out.isEmpty, colons: colons) ? byte : UInt8(ascii: "_"))
        }
        return String(decoding: out, as: UTF8.self)
    }

    // MARK: Protobuf

    /// `io.prometheus.client.MetricFamily`, each after its length.
    private mutating func closeFamily() {
        guard format.isProtobuf, let family else { return }
        var message = ProtobufWriter()
        message.string(1, family)
        message.varint(3, familyIsHistogram ? 4 : 3 as UInt64)
        message.append(metrics)
        var length = UInt64(message.bytes.count)
        while length >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: length) | 0x80)
            length >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: length))
        bytes.append(contentsOf: message.bytes)
        metrics = ProtobufWriter()
    }

    private mutating func addProtobuf(_ sample: FederatedSample) {
        var isHistogram = false
        if case .histogram = sample.value { isHistogram = true }
        if family != sample.name || familyIsHistogram != isHistogram {
            closeFamily()
            family = sample.name
            familyIsHistogram = isHistogram
        }
        let labels = labels(sample)
        metrics.message(4) { metric in
            for label in labels {
                metric.message(1) { pair in
                    pair.string(1, label.name)
                    pair.string(2, label.value)
                }
            }
            switch sample.value {
            case .number(let value): metric.message(5) { $0.double(1, value) }
            case .histogram(let histogram): metric.message(7) { $0.clientHistogram(histogram) }
            }
            metric.varint(6, sample.timestamp)
        }
    }
}

extension ProtobufWriter {
    /// `io.prometheus.client.Histogram`; one with custom bounds has the classic form, as in Prometheus.
    fileprivate mutating func clientHistogram(_ histogram: NativeHistogram) {
        double(4, histogram.count)
        double(2, histogram.sum)
        guard histogram.schema != NativeHistogram.customBucketsSchema else { return classicBuckets(histogram) }
        zigZag(5, Int64(histogram.schema))
        double(6, histogram.zeroThreshold)
        double(8, histogram.zeroCount)
        for (field, spans) in [(9, histogram.negativeSpans), (12, histogram.positiveSpans)] {
            for span in spans {
                message(field) { out in
                    out.zigZag(1, Int64(span.offset))
                    out.varint(2, UInt64(span.length))
                }
            }
        }
        packedDoubles(11, histogram.negativeBuckets)
        packedDoubles(14, histogram.positiveBuckets)
    }

    private mutating func classicBuckets(_ histogram: NativeHistogram) {
        var counts = [Double](repeating: 0, count: histogram.customValues.count + 1)
        var index = 0
        var position = 0
        for span in histogram.positiveSpans {
            index += Int(span.offset)
            for _ in 0..<span.length where position < histogram.positiveBuckets.count {
                if counts.indices.contains(index) { counts[index] = histogram.positiveBuckets[position] }
                index += 1
                position += 1
            }
        }
        var running = 0.0
        for (bound, count) in zip(histogram.customValues + [.infinity], counts) {
            running += count
            message(3) { bucket in
                bucket.double(4, running)
                bucket.double(2, bound)
            }
        }
    }
}
