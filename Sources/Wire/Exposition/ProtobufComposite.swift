import Telemetry

/// A summary or histogram message.
struct ProtobufComposite {
    var value = CompositeValue()
    /// Of the whole histogram; those without a time are left out, as Prometheus does.
    var exemplars: [Exemplar] = []
    var start: Int64 = 0

    init(summary message: ProtobufCursor, _ bytes: [UInt8]) throws(WireError) {
        var cursor = message
        value.isSummary = true
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1: value.count = try cursor.varint(bytes).map { Double($0) } ?? value.count
            case 2: value.sum = try cursor.double(bytes) ?? value.sum
            case 3:
                guard var inner = try cursor.message(bytes) else { continue }
                var entry = CompositeValue.Entry(bound: 0, value: 0)
                while try inner.next(bytes) {
                    switch inner.field {
                    case 1: entry.bound = try inner.double(bytes) ?? 0
                    case 2: entry.value = try inner.double(bytes) ?? 0
                    default: try inner.skip(bytes)
                    }
                }
                value.quantiles.append(entry)
            case 4: if let inner = try cursor.message(bytes) { start = try ProtobufNumber.time(inner, bytes) }
            default: try cursor.skip(bytes)
            }
        }
    }

    init(
        histogram message: ProtobufCursor, _ bytes: [UInt8], _ defaultTimestamp: Int64, isGauge: Bool
    ) throws(WireError) {
        var cursor = message
        var parts = HistogramParts()
        var nativeExemplars: [Exemplar] = []
        var bucketExemplars: [Exemplar] = []
        value.isGauge = isGauge
        while try cursor.next(bytes) {
            switch cursor.field {
            case 2: value.sum = try cursor.double(bytes) ?? value.sum
            case 3:
                guard let inner = try cursor.message(bytes) else { continue }
                let (entry, hasTime) = try ProtobufComposite.bucket(inner, bytes, defaultTimestamp)
                value.buckets.append(entry)
                if let exemplar = entry.exemplar, hasTime { bucketExemplars.append(exemplar) }
            case 15: if let inner = try cursor.message(bytes) { start = try ProtobufNumber.time(inner, bytes) }
            case 16:
                guard let inner = try cursor.message(bytes) else { continue }
                let (exemplar, hasTime) = try ProtobufNumber.exemplar(inner, bytes, defaultTimestamp)
                if hasTime { nativeExemplars.append(exemplar) }
            default: try parts.read(&cursor, bytes)
            }
        }
        for (lower, upper) in zip(value.buckets, value.buckets.dropFirst()) where !(lower.bound < upper.bound) {
            throw .exposition("the bounds of a histogram's buckets are not ascending", line: 1, column: cursor.offset)
        }
        exemplars = nativeExemplars.isEmpty ? bucketExemplars : nativeExemplars
        value.count = parts.totalCount
        if parts.isNative {
            var native = try parts.histogram(at: cursor.offset)
            native.sum = value.sum.isNaN ? SpecialValue.ordinaryNaN : value.sum
            if isGauge { native.resetHint = .gauge }
            if let defect = native.defectAfterReducing() {
                throw .exposition("a histogram is broken: \(defect)", line: 1, column: cursor.offset)
            }
            value.native = native
        }
    }

    private static func bucket(
        _ message: ProtobufCursor, _ bytes: [UInt8], _ defaultTimestamp: Int64
    ) throws(WireError) -> (entry: CompositeValue.Entry, hasTime: Bool) {
        var cursor = message
        var entry = CompositeValue.Entry(bound: 0, value: 0)
        var hasTime = false
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1: if let count = try cursor.varint(bytes), entry.value == 0 { entry.value = Double(count) }
            case 2: entry.bound = try cursor.double(bytes) ?? 0
            case 3:
                guard let inner = try cursor.message(bytes) else { continue }
                let read = try ProtobufNumber.exemplar(inner, bytes, defaultTimestamp)
                entry.exemplar = read.exemplar
                hasTime = read.hasTime
            case 4: if let count = try cursor.double(bytes), count > 0 { entry.value = count }
            default: try cursor.skip(bytes)
            }
        }
        return (entry, hasTime)
    }
}

/// The fields of a native histogram, as integers (bucket counts are differences) and as floats (they are absolute).
private struct HistogramParts {
    private var count: UInt64 = 0
    private var floatCount = 0.0
    private var zeroCount: UInt64 = 0
    private var floatZeroCount = 0.0
    private var zeroThreshold = 0.0
    private var schema: Int32 = 0
    private var negativeSpans: [NativeHistogram.Span] = []
    private var positiveSpans: [NativeHistogram.Span] = []
    private var negativeDeltas: [UInt64] = []
    private var positiveDeltas: [UInt64] = []
    private var negativeCounts: [UInt64] = []
    private var positiveCounts: [UInt64] = []

    var totalCount: Double { floatCount > 0 ? floatCount : Double(count) }

    /// A histogram without observations is told by its threshold or by an empty span.
    var isNative: Bool {
        zeroThreshold > 0 || zeroCount > 0 || floatZeroCount > 0 || !negativeSpans.isEmpty || !positiveSpans.isEmpty
    }

    mutating func read(_ cursor: inout ProtobufCursor, _ bytes: [UInt8]) throws(WireError) {
        switch cursor.field {
        case 1: count = try cursor.varint(bytes) ?? count
        case 4: floatCount = try cursor.double(bytes) ?? floatCount
        case 5:
            if let written = try cursor.varint(bytes) { schema = Int32(truncatingIfNeeded: decodeZigZag(written)) }
        case 6: zeroThreshold = try cursor.double(bytes) ?? zeroThreshold
        case 7: zeroCount = try cursor.varint(bytes) ?? zeroCount
        case 8: floatZeroCount = try cursor.double(bytes) ?? floatZeroCount
        case 9: if let inner = try cursor.message(bytes) { negativeSpans.append(try HistogramParts.span(inner, bytes)) }
        case 10: try cursor.varints(bytes, into: &negativeDeltas)
        case 11: try cursor.fixed64s(bytes, into: &negativeCounts)
        case 12:
            if let inner = try cursor.message(bytes) { positiveSpans.append(try HistogramParts.span(inner, bytes)) }
        case 13: try cursor.varints(bytes, into: &positiveDeltas)
        case 14: try cursor.fixed64s(bytes, into: &positiveCounts)
        default: try cursor.skip(bytes)
        }
    }

    private static func span(_ message: ProtobufCursor, _ bytes: [UInt8]) throws(WireError) -> NativeHistogram.Span {
        var cursor = message
        var span = NativeHistogram.Span(offset: 0, length: 0)
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1:
                if let written = try cursor.varint(bytes) {
                    span.offset = Int32(truncatingIfNeeded: decodeZigZag(written))
                }
            case 2: span.length = try cursor.varint(bytes).map { UInt32(truncatingIfNeeded: $0) } ?? 0
            default: try cursor.skip(bytes)
            }
        }
        return span
    }

    func histogram(at offset: Int) throws(WireError) -> NativeHistogram {
        var out = NativeHistogram()
        let isFloat =
            floatCount > 0 || floatZeroCount > 0 || !positiveCounts.isEmpty || !negativeCounts.isEmpty
        out.isInteger = !isFloat
        out.schema = schema
        out.zeroThreshold = zeroThreshold
        out.zeroCount = isFloat ? floatZeroCount : Double(zeroCount)
        out.count = isFloat ? floatCount : Double(count)
        out.positiveSpans = positiveSpans.filter { $0.length > 0 || $0.offset != 0 }
        out.negativeSpans = negativeSpans.filter { $0.length > 0 || $0.offset != 0 }
        out.positiveBuckets = try HistogramParts.counts(isFloat, positiveDeltas, positiveCounts, offset)
        out.negativeBuckets = try HistogramParts.counts(isFloat, negativeDeltas, negativeCounts, offset)
        return out
    }

    private static func counts(
        _ isFloat: Bool, _ deltas: [UInt64], _ counts: [UInt64], _ offset: Int
    ) throws(WireError) -> [Double] {
        if isFloat { return counts.map { Double(bitPattern: $0) } }
        var out: [Double] = []
        out.reserveCapacity(deltas.count)
        var count: Int64 = 0
        for delta in deltas {
            let (sum, overflow) = count.addingReportingOverflow(decodeZigZag(delta))
            guard !overflow, sum >= 0 else {
                throw .exposition("a histogram's bucket count is negative", line: 1, column: offset)
            }
            count = sum
            out.append(Double(count))
        }
        return out
    }
}
