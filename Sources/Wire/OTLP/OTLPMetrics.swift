import Telemetry

package struct OTLPMetricsResult: Sendable {
    package var batch = SeriesBatch()
    /// Data points left out; the others are in ``batch``.
    package var rejected = 0
    /// English, why the first of them was rejected.
    package var rejectionMessage: String?
}

/// ExportMetricsServiceRequest to series, with Prometheus' default translation.
package enum OTLPMetrics {
    /// `now` in milliseconds stamps points without a time. `deltas` is left as it was when this throws.
    package static func decode(
        protobuf bytes: [UInt8], now: Int64, deltas: inout DeltaAccumulator
    ) throws(WireError) -> OTLPMetricsResult {
        deltas.begin()
        var decoder = MetricsDecoder(now: now)
        do {
            try decoder.request(bytes, &deltas)
        } catch {
            deltas.rollBack()
            throw error
        }
        deltas.begin()
        return decoder.result
    }

    package static func decode(
        json: [UInt8], now: Int64, deltas: inout DeltaAccumulator
    ) throws(WireError) -> OTLPMetricsResult {
        try decode(protobuf: try OTLPSchemas.metrics(json), now: now, deltas: &deltas)
    }
}

/// Walks the request down to single points; ``MetricPoints`` files turn those into samples.
struct MetricsDecoder {
    /// Of the query engine; `target_info` is repeated often enough to be found by it.
    private static let lookback: Int64 = 300_000
    /// A batch that spans more than a day gets `target_info` for its last day only.
    private static let longestInfoSpan: Int64 = 86_400_000

    var result = OTLPMetricsResult()
    let now: Int64
    var builder = LabelBuilder()
    var payload = ValuePayloadWriter()
    private var series = ByteInterner()
    private var attributeNames = ByteInterner()
    private var translatedNames: [[UInt8]] = []
    private var described: Set<String> = []
    private var job = ""
    private var instance = ""
    private var earliest = Int64.max
    private var latest = Int64.min

    init(now: Int64) { self.now = now }

    mutating func request(_ bytes: [UInt8], _ deltas: inout DeltaAccumulator) throws(WireError) {
        var cursor = ProtobufCursor(bytes)
        while try cursor.next(bytes) {
            if cursor.field == 1 {
                if let inner = try cursor.message(bytes) { try resourceMetrics(bytes, inner, &deltas) }
            } else {
                try cursor.skip(bytes)
            }
        }
    }

    private mutating func resourceMetrics(
        _ bytes: [UInt8], _ message: ProtobufCursor, _ deltas: inout DeltaAccumulator
    ) throws(WireError) {
        let resource = try OTLPOwner(bytes, message, prefix: "", schemaURL: nil, dropped: nil, attributeField: 1)
        func text(_ key: String) -> String { resource.fields.first { $0.key == key }?.value.text ?? "" }
        let namespace = text("service.namespace")
        let name = text("service.name")
        job = name.isEmpty ? "" : namespace.isEmpty ? name : "\(namespace)/\(name)"
        instance = text("service.instance.id")
        earliest = .max
        latest = .min
        var cursor = message
        while try cursor.next(bytes) {
            guard cursor.field == 2 else {
                try cursor.skip(bytes)
                continue
            }
            guard var scope = try cursor.message(bytes) else { continue }
            while try scope.next(bytes) {
                guard scope.field == 2 else {
                    try scope.skip(bytes)
                    continue
                }
                if let inner = try scope.message(bytes) { try metric(bytes, inner, &deltas) }
            }
        }
        addTargetInfo(resource.fields)
    }

    private mutating func metric(
        _ bytes: [UInt8], _ message: ProtobufCursor, _ deltas: inout DeltaAccumulator
    ) throws(WireError) {
        var cursor = message
        var name = 0..<0
        var help = 0..<0
        var unit = 0..<0
        var data: (field: Int, body: ProtobufCursor)?
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1: name = try cursor.range(bytes) ?? name
            case 2: help = try cursor.range(bytes) ?? help
            case 3: unit = try cursor.range(bytes) ?? unit
            case 5, 7, 9, 10, 11:
                let field = cursor.field
                if let inner = try cursor.message(bytes) { data = (field, inner) }
            default: try cursor.skip(bytes)
            }
        }
        guard let data else { return }
        let unitText = UTF8Text.string(bytes, unit)
        let shape = try MetricShape(bytes, field: data.field, data.body)
        let translated = MetricNaming.name(UTF8Text.string(bytes, name), unit: unitText, kind: shape.namingKind)
        if let reason = translated.isEmpty ? "a metric has no usable name" : shape.defect {
            return reject(shape.pointCount, "\(reason) (metric \"\(UTF8Text.string(bytes, name))\")")
        }
        describe(translated, shape.kind, UTF8Text.string(bytes, help), unitText)
        let context = MetricContext(name: Array(translated.utf8), isDelta: shape.isDelta)
        var points = data.body
        while try points.next(bytes) {
            guard points.field == 1 else {
                try points.skip(bytes)
                continue
            }
            guard let inner = try points.message(bytes) else { continue }
            switch data.field {
            case 5, 7: try numberPoint(bytes, inner, context, &deltas)
            case 9: try histogramPoint(bytes, inner, context, &deltas)
            case 10: try exponentialPoint(bytes, inner, context, &deltas)
            default: try summaryPoint(bytes, inner, context)
            }
        }
    }

    mutating func reject(_ count: Int, _ reason: String) {
        guard count > 0 else { return }
        result.rejected += count
        if result.rejectionMessage == nil { result.rejectionMessage = reason }
    }

    private mutating func describe(_ name: String, _ kind: MetricMetadata.Kind, _ help: String, _ unit: String) {
        guard described.insert(name).inserted else { return }
        result.batch.metadata.append(MetricMetadata(name: name, kind: kind, help: help, unit: unit))
    }

    /// Milliseconds, truncated; remembers the span of times for `target_info`.
    mutating func timestamp(_ nanoseconds: UInt64) -> Int64 {
        let time = nanoseconds == 0 ? now : Int64(nanoseconds / 1_000_000)
        earliest = min(earliest, time)
        latest = max(latest, time)
        return time
    }

    // MARK: Labels

    /// Fills the builder with the point's attributes, then job and instance, which win over attributes of these
    /// names.
    mutating func pointLabels(_ bytes: [UInt8], _ message: ProtobufCursor, field: Int) throws(WireError) {
        builder.removeAll()
        var cursor = message
        while try cursor.next(bytes) {
            guard cursor.field == field else {
                try cursor.skip(bytes)
                continue
            }
            guard let inner = try cursor.message(bytes) else { continue }
            let pair = try OTLPValue.keyValue(bytes, inner)
            payload.removeAll()
            let kind = try OTLPValue.encode(bytes, pair.value, to: &payload)
            let name = translated(bytes, pair.key)
            guard !name.isEmpty, !name.elementsEqual("__name__".utf8) else { continue }
            if kind == .string {
                builder.append(name: name, value: payload.bytes)
            } else {
                var text: [UInt8] = []
                AttributeValue(kind: kind, bytes: payload.bytes[...]).appendText(to: &text)
                builder.append(name: name, value: text)
            }
        }
        if !builder.finish() { try joinColliding(bytes, message, field: field) }
        appendIdentity()
    }

    private mutating func appendIdentity() {
        if !job.isEmpty { builder.append("job", job) }
        if !instance.isEmpty { builder.append("instance", instance) }
    }

    private mutating func translated(_ bytes: [UInt8], _ key: Range<Int>) -> [UInt8] {
        let (index, isNew) = attributeNames.intern(bytes, key)
        if isNew { translatedNames.append(Array(LabelNames.translated(UTF8Text.string(bytes, key)).utf8)) }
        return translatedNames[index]
    }

    /// The rare case that two attributes become one label: their values are joined with `;`, in order of key.
    private mutating func joinColliding(_ bytes: [UInt8], _ message: ProtobufCursor, field: Int) throws(WireError) {
        var attributes: [Attribute] = []
        var cursor = message
        while try cursor.next(bytes) {
            guard cursor.field == field else {
                try cursor.skip(bytes)
                continue
            }
            if let inner = try cursor.message(bytes) { attributes.append(try OTLPValue.attribute(bytes, inner)) }
        }
        builder.removeAll()
        appendJoined(attributes)
    }

    private mutating func appendJoined(_ attributes: [Attribute]) {
        var values: [String: String] = [:]
        for attribute in attributes.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
            let name = LabelNames.translated(attribute.key)
            guard !name.isEmpty, name != "__name__" else { continue }
            let text = attribute.value.text
            values[name] = values[name].map { "\($0);\(text)" } ?? text
        }
        for (name, value) in values { builder.append(name, value) }
    }

    /// The series of the point's labels, the metric's name with a suffix, and perhaps one label more.
    mutating func seriesIndex(
        _ name: [UInt8], _ suffix: StaticString = "", label: StaticString? = nil, value: String = ""
    ) -> UInt32 {
        let mark = builder.mark
        builder.append(
            name: "__name__".utf8, value: suffix.utf8CodeUnitCount == 0 ? name : name + Array("\(suffix)".utf8))
        if let label { builder.append("\(label)", value) }
        _ = builder.finish()
        builder.rewind(to: mark)
        let canonical = builder.canonical
        let (index, isNew) = series.intern(canonical, 0..<canonical.count)
        if isNew { _ = result.batch.addSeries(LabelSet(canonical: canonical)) }
        return UInt32(truncatingIfNeeded: index)
    }

    private mutating func addTargetInfo(_ attributes: [Attribute]) {
        let identifying = ["service.name", "service.namespace", "service.instance.id"]
        let others = attributes.filter { !identifying.contains($0.key) }
        guard !others.isEmpty, !job.isEmpty || !instance.isEmpty, earliest <= latest else { return }
        builder.removeAll()
        appendJoined(others)
        appendIdentity()
        let index = seriesIndex(Array("target_info".utf8))
        describe("target_info", .gauge, "Target metadata", "")
        var time =
            latest - earliest > MetricsDecoder.longestInfoSpan ? latest - MetricsDecoder.longestInfoSpan : earliest
        while time < latest {
            result.batch.addSample(index, timestamp: time, value: 1)
            time += MetricsDecoder.lookback / 2
        }
        result.batch.addSample(index, timestamp: latest, value: 1)
    }
}
