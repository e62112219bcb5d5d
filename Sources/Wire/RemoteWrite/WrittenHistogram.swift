import Telemetry

/// A native histogram as remote write spells it: integer buckets as deltas, float buckets absolute.
struct WrittenHistogram {
    private(set) var histogram = NativeHistogram()
    private(set) var timestamp: Int64 = 0
    /// Of 2.0 only.
    private(set) var startTimestamp: Int64 = 0
    private(set) var defect: String?
    private var positiveDeltas: [UInt64] = []
    private var negativeDeltas: [UInt64] = []
    private var positiveCounts: [UInt64] = []
    private var negativeCounts: [UInt64] = []
    private var customBits: [UInt64] = []

    init(_ bytes: [UInt8], _ message: ProtobufCursor) throws(WireError) {
        var cursor = message
        histogram.isInteger = true
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1: try cursor.varint(bytes).map { histogram.count = Double($0) }
            case 2:
                guard let count = try cursor.double(bytes) else { continue }
                histogram.count = count
                histogram.isInteger = false
            case 3: histogram.sum = try cursor.double(bytes) ?? histogram.sum
            case 4:
                if let schema = try cursor.varint(bytes) {
                    histogram.schema = Int32(truncatingIfNeeded: decodeZigZag(schema & 0xffff_ffff))
                }
            case 5: histogram.zeroThreshold = try cursor.double(bytes) ?? histogram.zeroThreshold
            case 6: try cursor.varint(bytes).map { histogram.zeroCount = Double($0) }
            case 7: histogram.zeroCount = try cursor.double(bytes) ?? histogram.zeroCount
            case 8: if let inner = try cursor.message(bytes) { histogram.negativeSpans.append(try span(bytes, inner)) }
            case 9: try cursor.varints(bytes, into: &negativeDeltas)
            case 10: try cursor.fixed64s(bytes, into: &negativeCounts)
            case 11: if let inner = try cursor.message(bytes) { histogram.positiveSpans.append(try span(bytes, inner)) }
            case 12: try cursor.varints(bytes, into: &positiveDeltas)
            case 13: try cursor.fixed64s(bytes, into: &positiveCounts)
            case 14: histogram.resetHint = try cursor.varint(bytes).map(resetHint) ?? histogram.resetHint
            case 15: timestamp = try cursor.varint(bytes).map { Int64(bitPattern: $0) } ?? timestamp
            case 16: try cursor.fixed64s(bytes, into: &customBits)
            case 17: startTimestamp = try cursor.varint(bytes).map { Int64(bitPattern: $0) } ?? startTimestamp
            default: try cursor.skip(bytes)
            }
        }
        histogram.customValues = customBits.map { Double(bitPattern: $0) }
        histogram.positiveBuckets = buckets(positiveDeltas, positiveCounts)
        histogram.negativeBuckets = buckets(negativeDeltas, negativeCounts)
    }

    private mutating func buckets(_ deltas: [UInt64], _ counts: [UInt64]) -> [Double] {
        guard histogram.isInteger else { return counts.map { Double(bitPattern: $0) } }
        var running: Int64 = 0
        var out: [Double] = []
        out.reserveCapacity(deltas.count)
        for delta in deltas {
            let (sum, overflow) = running.addingReportingOverflow(decodeZigZag(delta))
            if overflow { defect = "the bucket deltas overflow" }
            running = sum
            out.append(Double(sum))
        }
        return out
    }

    private func resetHint(_ value: UInt64) -> NativeHistogram.ResetHint {
        NativeHistogram.ResetHint(rawValue: UInt8(truncatingIfNeeded: min(value, 255))) ?? .unknown
    }

    private func span(_ bytes: [UInt8], _ message: ProtobufCursor) throws(WireError) -> NativeHistogram.Span {
        var cursor = message
        var span = NativeHistogram.Span(offset: 0, length: 0)
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1:
                if let offset = try cursor.varint(bytes) {
                    span.offset = Int32(truncatingIfNeeded: decodeZigZag(offset & 0xffff_ffff))
                }
            case 2: span.length = try cursor.varint(bytes).map { UInt32(truncatingIfNeeded: $0) } ?? span.length
            default: try cursor.skip(bytes)
            }
        }
        return span
    }
}
