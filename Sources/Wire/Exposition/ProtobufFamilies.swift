import Telemetry

/// `io.prometheus.client.MetricFamily` messages, each after its length: the form that carries native histograms.
extension ExpositionScanner {
    private struct Family {
        var name = 0..<0
        var help = 0..<0
        var unit = 0..<0
        var kind = MetricMetadata.Kind.counter
        var metrics: [Range<Int>] = []
    }

    mutating func readFamilies() throws(WireError) {
        while position < body.count {
            let length = try messageLength()
            guard length <= body.count - position else {
                throw .protobuf(.truncated, offset: position, path: [])
            }
            let family = try family(position..<position + length)
            position += length
            guard !family.name.isEmpty else {
                throw .exposition("a metric family has no name", line: 1, column: position)
            }
            let (help, unit) = (UTF8Text.string(body, family.help), UTF8Text.string(body, family.unit))
            describe(UTF8Text.string(body, family.name)) {
                $0.kind = family.kind
                $0.help = help
                $0.unit = unit
            }
            var spelling = SeriesSpelling(name: body[family.name])
            for metric in family.metrics { try readMetric(metric, family.kind, &spelling) }
        }
    }

    private mutating func messageLength() throws(WireError) -> Int {
        var value = 0
        var shift = 0
        while position < body.count, shift < 35 {
            let byte = body[position]
            position += 1
            value |= Int(byte & 0x7f) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        throw .protobuf(shift < 35 ? .truncated : .varintTooLong, offset: position, path: [])
    }

    private func family(_ range: Range<Int>) throws(WireError) -> Family {
        var cursor = ProtobufCursor(body, message: range)
        var family = Family()
        while try cursor.next(body) {
            switch cursor.field {
            case 1: if let range = try cursor.range(body) { family.name = range }
            case 2: if let range = try cursor.range(body) { family.help = range }
            case 3:
                guard let type = try cursor.varint(body) else { continue }
                let kinds: [MetricMetadata.Kind] = [.counter, .gauge, .summary, .unknown, .histogram, .gaugehistogram]
                family.kind = type < UInt64(kinds.count) ? kinds[Int(type)] : .unknown
            case 4: if let range = try cursor.range(body) { family.metrics.append(range) }
            case 5: if let range = try cursor.range(body) { family.unit = range }
            default: try cursor.skip(body)
            }
        }
        return family
    }

    private mutating func readMetric(
        _ range: Range<Int>, _ kind: MetricMetadata.Kind, _ spelling: inout SeriesSpelling
    ) throws(WireError) {
        var cursor = ProtobufCursor(body, message: range)
        spelling.removeLabels()
        var time: Int64?
        var number: ProtobufNumber?
        var composite: ProtobufComposite?
        while try cursor.next(body) {
            switch cursor.field {
            case 1:
                guard let pair = try cursor.message(body) else { continue }
                let (name, value) = try ProtobufNumber.labelPair(pair, body)
                if !value.isEmpty { spelling.addLabel(body[name], body[value]) }
            case 2 where kind == .gauge, 3 where kind == .counter, 5 where kind == .unknown:
                if let message = try cursor.message(body) {
                    number = try ProtobufNumber(message, body, defaultTimestamp)
                }
            case 4 where kind == .summary:
                if let message = try cursor.message(body) { composite = try ProtobufComposite(summary: message, body) }
            case 7 where kind == .histogram || kind == .gaugehistogram:
                if let message = try cursor.message(body) {
                    composite = try ProtobufComposite(
                        histogram: message, body, defaultTimestamp, isGauge: kind == .gaugehistogram)
                }
            case 6:
                if let written = try cursor.varint(body), written != 0 { time = Int64(bitPattern: written) }
            default: try cursor.skip(body)
            }
        }
        if let number {
            let part = ExpandedSample(value: number.value, exemplars: number.exemplar.map { [$0] } ?? [])
            add(part, spelling, time: time, start: number.start)
        } else if let composite {
            guard let parts = composite.value.expanded(histograms, exemplars: composite.exemplars) else {
                throw .exposition(ExpositionScanner.tooManyBuckets, line: 1, column: range.lowerBound + 1)
            }
            for part in parts { add(part, spelling, time: time, start: composite.start) }
        }
    }
}

/// A gauge, a counter or an untyped value.
struct ProtobufNumber {
    var value = 0.0
    var start: Int64 = 0
    var exemplar: Exemplar?

    init(_ message: ProtobufCursor, _ bytes: [UInt8], _ defaultTimestamp: Int64) throws(WireError) {
        var cursor = message
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1: value = try cursor.double(bytes) ?? value
            case 2:
                if let inner = try cursor.message(bytes) {
                    exemplar = try ProtobufNumber.exemplar(inner, bytes, defaultTimestamp).exemplar
                }
            case 3: if let inner = try cursor.message(bytes) { start = try ProtobufNumber.time(inner, bytes) }
            default: try cursor.skip(bytes)
            }
        }
    }

    static func labelPair(
        _ message: ProtobufCursor, _ bytes: [UInt8]
    ) throws(WireError) -> (name: Range<Int>, value: Range<Int>) {
        var cursor = message
        var (name, value) = (0..<0, 0..<0)
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1: name = try cursor.range(bytes) ?? name
            case 2: value = try cursor.range(bytes) ?? value
            default: try cursor.skip(bytes)
            }
        }
        guard !name.isEmpty else { throw .exposition("a label has no name", line: 1, column: message.offset + 1) }
        return (name, value)
    }

    /// A `google.protobuf.Timestamp` in milliseconds.
    static func time(_ message: ProtobufCursor, _ bytes: [UInt8]) throws(WireError) -> Int64 {
        var cursor = message
        var (seconds, nanoseconds): (Int64, Int64) = (0, 0)
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1: seconds = try cursor.varint(bytes).map { Int64(bitPattern: $0) } ?? seconds
            case 2: nanoseconds = try cursor.varint(bytes).map { Int64(bitPattern: $0) } ?? nanoseconds
            default: try cursor.skip(bytes)
            }
        }
        return seconds &* 1000 &+ nanoseconds / 1_000_000
    }

    static func exemplar(
        _ message: ProtobufCursor, _ bytes: [UInt8], _ defaultTimestamp: Int64
    ) throws(WireError) -> (exemplar: Exemplar, hasTime: Bool) {
        var cursor = message
        var builder = LabelBuilder()
        var value = 0.0
        var time: Int64?
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1:
                guard let pair = try cursor.message(bytes) else { continue }
                let (name, value) = try labelPair(pair, bytes)
                builder.append(bytes, name: name, value: value)
            case 2: value = try cursor.double(bytes) ?? value
            case 3: if let inner = try cursor.message(bytes) { time = try ProtobufNumber.time(inner, bytes) }
            default: try cursor.skip(bytes)
            }
        }
        _ = builder.finish()
        let exemplar = Exemplar(labels: builder.labelSet, value: value, timestamp: time ?? defaultTimestamp)
        return (exemplar, time != nil)
    }
}
