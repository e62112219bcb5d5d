import Telemetry

/// Exponential histograms become native ones.
extension MetricsDecoder {
    /// What Prometheus assumes where the sender names none.
    private static let defaultZeroThreshold = 1e-128

    mutating func exponentialPoint(
        _ message: ProtobufCursor, _ metric: MetricContext, _ deltas: inout DeltaAccumulator
    ) throws(WireError) {
        let point = try ExponentialPoint(bytes, message)
        guard let histogram = point.histogram(zeroThreshold: MetricsDecoder.defaultZeroThreshold) else {
            return rejectPoint(
                "an exponential histogram has scale \(point.scale); -4 is the lowest, and indices need 32 bits")
        }
        guard let stamp = timestamp(point.time) else { return }
        let key = try pointKey(metric, message, attributes: 1)
        try nativePoint(
            histogram, key, stamp, metric.start(point.start), point.flags & 1 != 0,
            exemplarField: point.hasExemplars ? 11 : nil, &deltas)
    }
}

private struct ExponentialPoint {
    private struct Buckets {
        var offset: Int64 = 0
        var counts: [UInt64] = []
    }

    var start: UInt64 = 0
    var time: UInt64 = 0
    var scale: Int64 = 0
    var flags: UInt64 = 0
    var hasExemplars = false
    private var count: UInt64 = 0
    private var sum: Double?
    private var zeroCount: UInt64 = 0
    private var zeroThreshold = 0.0
    private var positive = Buckets()
    private var negative = Buckets()

    init(_ bytes: [UInt8], _ message: ProtobufCursor) throws(WireError) {
        var cursor = message
        while try cursor.next(bytes) {
            switch cursor.field {
            case 2: start = try cursor.fixed64(bytes) ?? start
            case 3: time = try cursor.fixed64(bytes) ?? time
            case 4: count = try cursor.fixed64(bytes) ?? count
            case 5: sum = try cursor.double(bytes) ?? sum
            case 6: scale = try cursor.varint(bytes).map(ExponentialPoint.signed32) ?? scale
            case 7: zeroCount = try cursor.fixed64(bytes) ?? zeroCount
            case 8:
                if let inner = try cursor.message(bytes) { try ExponentialPoint.read(bytes, inner, into: &positive) }
            case 9:
                if let inner = try cursor.message(bytes) { try ExponentialPoint.read(bytes, inner, into: &negative) }
            case 10: flags = try cursor.varint(bytes) ?? flags
            case 11: if try cursor.range(bytes) != nil { hasExemplars = true }
            case 14: zeroThreshold = try cursor.double(bytes) ?? zeroThreshold
            default: try cursor.skip(bytes)
            }
        }
    }

    private static func signed32(_ value: UInt64) -> Int64 {
        Int64(Int32(truncatingIfNeeded: decodeZigZag(value & 0xffff_ffff)))
    }

    private static func read(_ bytes: [UInt8], _ message: ProtobufCursor, into out: inout Buckets) throws(WireError) {
        var cursor = message
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1: out.offset = try cursor.varint(bytes).map(signed32) ?? out.offset
            case 2: try cursor.varints(bytes, into: &out.counts)
            default: try cursor.skip(bytes)
            }
        }
    }

    /// Nil where the scale is too coarse or an index leaves its 32 bits.
    func histogram(zeroThreshold defaultThreshold: Double) -> NativeHistogram? {
        guard scale >= Int64(NativeHistogram.lowestSchema) else { return nil }
        let shift = max(scale - Int64(NativeHistogram.highestSchema), 0)
        var out = NativeHistogram()
        out.schema = Int32(truncatingIfNeeded: scale - shift)
        out.zeroThreshold = zeroThreshold > 0 ? zeroThreshold : defaultThreshold
        out.zeroCount = Double(zeroCount)
        out.count = Double(count)
        out.sum = sum ?? 0
        out.isInteger = true
        guard let above = ExponentialPoint.runs(positive, shift), let below = ExponentialPoint.runs(negative, shift)
        else {
            return nil
        }
        (out.positiveSpans, out.positiveBuckets) = (above.spans, above.counts)
        (out.negativeSpans, out.negativeBuckets) = (below.spans, below.counts)
        return out
    }

    /// OTLP's bucket i is (base^i, base^(i+1)], Prometheus' is (base^(i-1), base^i]: hence the 1.
    private static func runs(_ buckets: Buckets, _ shift: Int64) -> BucketRuns? {
        var runs = BucketRuns()
        var index = buckets.offset
        for count in buckets.counts {
            if count > 0, !runs.add(index: (index >> min(shift, 62)) + 1, count: Double(count)) { return nil }
            index += 1
        }
        return runs
    }
}
