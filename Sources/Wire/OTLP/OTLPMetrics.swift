import Codecs
import Telemetry

package struct OTLPMetricsResult: Sendable {
    /// Its series are known by keys: hashes of what the sender wrote.
    package var batch = SeriesBatch()
    /// Data points in ``batch``.
    package var points = 0
    /// Samples of `target_info` in ``batch``, which are of no point.
    package var infoSamples = 0
    /// Data points left out; the others are in ``batch``.
    package var rejected = 0
    /// English, why the first of them was rejected.
    package var rejectionMessage: String?
    /// Metrics with delta temporality whose series must be looked up in the store first. Where there are any, nothing
    /// was taken from the request: decode it again after ``DeltaAccumulator/adopt(_:_:)``.
    package var unknownDeltas: [UnknownDelta] = []

    package struct UnknownDelta: Hashable, Sendable {
        package var name: String
        /// Whether its values may be in `_sum`, `_count` and `_bucket`.
        package var isHistogram: Bool
    }
}

/// ExportMetricsServiceRequest to series, with Prometheus' translation.
package enum OTLPMetrics {
    /// `now` in milliseconds stamps points without a time. `deltas` is left as it was when this throws.
    package static func decode(
        protobuf bytes: [UInt8], now: Int64, translation: OTLPTranslation = OTLPTranslation(),
        deltas: inout DeltaAccumulator
    ) throws(WireError) -> OTLPMetricsResult {
        deltas.begin()
        var decoder = MetricsDecoder(bytes, now: now, translation: translation)
        do {
            try decoder.request(&deltas)
        } catch {
            deltas.rollBack()
            throw error
        }
        if !decoder.result.unknownDeltas.isEmpty {
            deltas.rollBack()
            var result = OTLPMetricsResult()
            result.unknownDeltas = decoder.result.unknownDeltas
            return result
        }
        deltas.begin()
        decoder.result.batch.source = decoder.source
        return decoder.result
    }

    package static func decode(
        json: [UInt8], now: Int64, translation: OTLPTranslation = OTLPTranslation(), deltas: inout DeltaAccumulator
    ) throws(WireError) -> OTLPMetricsResult {
        try decode(protobuf: try OTLPSchemas.metrics(json), now: now, translation: translation, deltas: &deltas)
    }
}

/// Walks the request down to single points; the files `…Points` turn those into samples.
struct MetricsDecoder {
    /// A batch that spans more than a day gets `target_info` for its last day only.
    private static let longestInfoSpan: Int64 = 86_400_000

    var result = OTLPMetricsResult()
    var source: OTLPSeriesSource
    let bytes: [UInt8]
    let now: Int64
    private let translation: OTLPTranslation
    private var builder = LabelBuilder()
    private var described: Set<String> = []
    private var earliest = Int64.max
    private var latest = Int64.min

    init(_ bytes: [UInt8], now: Int64, translation: OTLPTranslation) {
        self.bytes = bytes
        self.now = now
        self.translation = translation
        source = OTLPSeriesSource(bytes: bytes, translation: translation)
    }

    mutating func request(_ deltas: inout DeltaAccumulator) throws(WireError) {
        var cursor = ProtobufCursor(bytes)
        while try cursor.next(bytes) {
            if cursor.field == 1 {
                if let inner = try cursor.message(bytes) { try resourceMetrics(inner, &deltas) }
            } else {
                try cursor.skip(bytes)
            }
        }
    }

    private mutating func resourceMetrics(
        _ message: ProtobufCursor, _ deltas: inout DeltaAccumulator
    ) throws(WireError) {
        let resource = try OTLPOwner(bytes, message, prefix: "", schemaURL: nil, dropped: nil, attributeField: 1)
        func text(_ key: String) -> String { resource.fields.first { $0.key == key }?.value.text ?? "" }
        let namespace = text("service.namespace")
        let name = text("service.name")
        var owner = OTLPSeriesSource.Owner()
        owner.job = name.isEmpty ? "" : namespace.isEmpty ? name : "\(namespace)/\(name)"
        owner.instance = text("service.instance.id")
        owner.resource = resource.fields
        owner.promoted = translation.promoted(resource.fields)
        owner.hash = try hash(of: message, field: 1)
        earliest = .max
        latest = .min
        let first = source.owners.count
        source.owners.append(owner)
        var cursor = message
        while try cursor.next(bytes) {
            guard cursor.field == 2 else {
                try cursor.skip(bytes)
                continue
            }
            if let scope = try cursor.message(bytes) { try scopeMetrics(scope, owner, &deltas) }
        }
        addTargetInfo(UInt32(truncatingIfNeeded: first), message)
    }

    private mutating func scopeMetrics(
        _ message: ProtobufCursor, _ resource: OTLPSeriesSource.Owner, _ deltas: inout DeltaAccumulator
    ) throws(WireError) {
        var index = source.owners.count - 1
        if translation.promotesScopeMetadata {
            let scope = try OTLPOwner(
                bytes, message, prefix: "", schemaURL: nil, dropped: nil, attributeField: 3)
            var owner = resource
            owner.scope = translation.scopeLabels(scope, schemaURL: try text(of: message, field: 3))
            owner.hash = Hash128.combine(
                owner.hash, Hash128.combine(try hash(of: message, field: 1), try hash(of: message, field: 3)))
            index = source.owners.count
            source.owners.append(owner)
        }
        var cursor = message
        while try cursor.next(bytes) {
            guard cursor.field == 2 else {
                try cursor.skip(bytes)
                continue
            }
            if let inner = try cursor.message(bytes) { try metric(inner, owner: index, &deltas) }
        }
    }

    /// Of all fields with this number.
    private func hash(of message: ProtobufCursor, field: Int) throws(WireError) -> Hash128.Value {
        // The same bytes under another configuration are another series.
        var hash = Hash128.hash(bytes, 0..<0, seed: UInt64(bitPattern: Int64(translation.hashValue)))
        var cursor = message
        while try cursor.next(bytes) {
            if cursor.field == field, let range = try cursor.range(bytes) {
                hash = Hash128.combine(hash, Hash128.hash(bytes, range))
            } else if cursor.field != field {
                try cursor.skip(bytes)
            }
        }
        return hash
    }

    private func text(of message: ProtobufCursor, field: Int) throws(WireError) -> String {
        var text = ""
        var cursor = message
        while try cursor.next(bytes) {
            if cursor.field == field {
                if let range = try cursor.range(bytes) { text = UTF8Text.string(bytes, range) }
            } else {
                try cursor.skip(bytes)
            }
        }
        return text
    }

    private mutating func metric(
        _ message: ProtobufCursor, owner: Int, _ deltas: inout DeltaAccumulator
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
        let translated = MetricNaming.name(
            UTF8Text.string(bytes, name), unit: unitText, kind: shape.namingKind, strategy: translation.strategy)
        if let reason = translated.isEmpty ? "a metric has no usable name" : shape.defect {
            return reject(shape.pointCount, "\(reason) (metric \"\(UTF8Text.string(bytes, name))\")")
        }
        var deltaName: Int?
        if shape.isDelta {
            deltaName = deltas.name(translated)
            if deltaName == nil {
                let unknown = OTLPMetricsResult.UnknownDelta(name: translated, isHistogram: data.field == 9)
                if !result.unknownDeltas.contains(unknown) { result.unknownDeltas.append(unknown) }
                return
            }
        }
        describe(
            translated, shape.kind, UTF8Text.string(bytes, help),
            MetricNaming.unit(unitText, strategy: translation.strategy))
        source.metrics.append(Array(translated.utf8))
        let translatedBytes = source.metrics[source.metrics.count - 1]
        let context = MetricContext(
            metric: UInt32(truncatingIfNeeded: source.metrics.count - 1), owner: UInt32(truncatingIfNeeded: owner),
            hash: Hash128.combine(
                source.owners[owner].hash, Hash128.hash(translatedBytes, 0..<translatedBytes.count)),
            delta: deltaName, hasStart: shape.hasStart, becomesCustomBuckets: translation.convertsHistogramsToNHCB)
        try points(data.field, data.body, context, &deltas)
    }

    private mutating func points(
        _ field: Int, _ body: ProtobufCursor, _ context: MetricContext, _ deltas: inout DeltaAccumulator
    ) throws(WireError) {
        var points = body
        while try points.next(bytes) {
            guard points.field == 1 else {
                try points.skip(bytes)
                continue
            }
            guard let inner = try points.message(bytes) else { continue }
            result.points += 1
            switch field {
            case 5, 7: try numberPoint(inner, context, &deltas)
            case 9: try histogramPoint(inner, context, &deltas)
            case 10: try exponentialPoint(inner, context, &deltas)
            default: try summaryPoint(inner, context)
            }
        }
    }

    mutating func reject(_ count: Int, _ reason: String) {
        guard count > 0 else { return }
        result.rejected += count
        if result.rejectionMessage == nil { result.rejectionMessage = reason }
    }

    /// Of a point that was begun.
    mutating func rejectPoint(_ reason: String) {
        result.points -= 1
        reject(1, reason)
    }

    private mutating func describe(_ name: String, _ kind: MetricMetadata.Kind, _ help: String, _ unit: String) {
        guard described.insert(name).inserted else { return }
        result.batch.metadata.append(MetricMetadata(name: name, kind: kind, help: help, unit: unit))
    }

    /// Milliseconds, truncated; remembers the span of times for `target_info`. Nil where the store would refuse the
    /// point, which is then rejected here: as one, however many samples it is, and without a `target_info` at its time.
    mutating func timestamp(_ nanoseconds: UInt64) -> Int64? {
        let time = nanoseconds == 0 ? now : Int64(nanoseconds / 1_000_000)
        let age = now.subtractingReportingOverflow(time).partialValue
        if age > translation.longestAge || age < 0 - translation.longestLead {
            rejectPoint(
                "out of bounds: the time of a point, \(RFC3339.format(milliseconds: time)), is "
                    + (age > 0 ? "older than the retention time" : "too far in the future"))
            return nil
        }
        earliest = min(earliest, time)
        latest = max(latest, time)
        return time
    }

    mutating func addSample(_ series: UInt32, _ time: Int64, _ value: Double, start: Int64) {
        if start != 0, result.batch.startTimestamps.isEmpty {
            result.batch.startTimestamps = Array(repeating: 0, count: result.batch.refs.count)
        }
        result.batch.addSample(series, timestamp: time, value: value)
        if !result.batch.startTimestamps.isEmpty || start != 0 { result.batch.startTimestamps.append(start) }
    }

    // MARK: Series

    /// The hash of the point's attributes as they are written, under its metric and owner.
    func pointKey(_ metric: MetricContext, _ message: ProtobufCursor, attributes field: Int) throws(WireError)
        -> PointKey
    {
        var hash = metric.hash
        var cursor = message
        while try cursor.next(bytes) {
            if cursor.field == field, let range = try cursor.range(bytes) {
                hash = Hash128.combine(hash, Hash128.hash(bytes, range))
            } else if cursor.field != field {
                try cursor.skip(bytes)
            }
        }
        return PointKey(metric: metric, message: message, attributeField: UInt8(truncatingIfNeeded: field), hash: hash)
    }

    mutating func series(
        _ point: PointKey, _ suffix: OTLPSeriesSource.Suffix = .none, bound: Double = 0
    ) -> UInt32 {
        source.entries.append(point.entry(suffix, bound))
        result.batch.keys.append(point.key(suffix, bound))
        return UInt32(truncatingIfNeeded: source.entries.count - 1)
    }

    /// What the accumulator calls the series: whatever the order of the attributes.
    mutating func deltaKey(
        _ point: PointKey, _ suffix: OTLPSeriesSource.Suffix = .none, bound: Double = 0
    ) throws(WireError) -> SeriesKey {
        try source.build(point.entry(suffix, bound), &builder)
        return DeltaAccumulator.key(builder.canonical)
    }

    private mutating func addTargetInfo(_ owner: UInt32, _ message: ProtobufCursor) {
        guard earliest <= latest, source.hasInfo(source.owners[Int(owner)]) else { return }
        let metric = MetricContext(
            metric: 0, owner: owner, hash: source.owners[Int(owner)].hash, delta: nil, hasStart: false,
            becomesCustomBuckets: false)
        let index = series(PointKey(metric: metric, message: message, attributeField: 0, hash: metric.hash), .info)
        describe("target_info", .gauge, "Target metadata", "")
        let before = result.batch.refs.count
        defer { result.infoSamples += result.batch.refs.count - before }
        var time =
            latest - earliest > MetricsDecoder.longestInfoSpan ? latest - MetricsDecoder.longestInfoSpan : earliest
        while time < latest {
            addSample(index, time, 1, start: 0)
            time += max(1, translation.lookback / 2)
        }
        addSample(index, latest, 1, start: 0)
    }
}
