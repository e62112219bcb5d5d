import Codecs
import Telemetry

/// What the data message of a metric says about all of its points.
struct MetricShape {
    private let field: Int
    private var temporality: UInt64 = 0
    private var isMonotonic = false
    private(set) var pointCount = 0

    /// `field` is the member of the union `data`: 5 gauge, 7 sum, 9 histogram, 10 exponential histogram, 11 summary.
    init(_ bytes: [UInt8], field: Int, _ body: ProtobufCursor) throws(WireError) {
        self.field = field
        var cursor = body
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1: if try cursor.range(bytes) != nil { pointCount += 1 }
            case 2: temporality = try cursor.varint(bytes) ?? temporality
            case 3: isMonotonic = try cursor.varint(bytes).map { $0 != 0 } ?? isMonotonic
            default: try cursor.skip(bytes)
            }
        }
    }

    private var hasTemporality: Bool { field == 7 || field == 9 || field == 10 }

    var isDelta: Bool { hasTemporality && temporality == 1 }

    /// Whether counting begins somewhere: not for gauges.
    var hasStart: Bool { field != 5 && (field != 7 || isMonotonic) }

    var defect: String? {
        hasTemporality && temporality != 1 && temporality != 2
            ? "the aggregation temporality is neither delta nor cumulative" : nil
    }

    var namingKind: MetricNaming.Kind {
        switch field {
        case 5: .gauge
        case 7: isMonotonic ? .monotonicSum : .other
        default: .other
        }
    }

    var kind: MetricMetadata.Kind {
        switch field {
        case 7: isMonotonic ? .counter : .gauge
        case 9, 10: .histogram
        case 11: .summary
        default: .gauge
        }
    }
}

/// What the points of one metric need of it.
struct MetricContext {
    let metric: UInt32
    let owner: UInt32
    /// Of owner and name.
    let hash: Hash128.Value
    /// The accumulator's number of the name, where the points are deltas.
    let delta: Int?
    let hasStart: Bool
    let becomesCustomBuckets: Bool

    /// Milliseconds; 0 where nobody said.
    func start(_ nanoseconds: UInt64) -> Int64 { hasStart ? Int64(nanoseconds / 1_000_000) : 0 }
}

/// One point, known by the bytes of its attributes.
struct PointKey {
    let metric: MetricContext
    let message: ProtobufCursor
    let attributeField: UInt8
    let hash: Hash128.Value

    func entry(_ suffix: OTLPSeriesSource.Suffix, _ bound: Double) -> OTLPSeriesSource.Entry {
        OTLPSeriesSource.Entry(
            metric: metric.metric, owner: metric.owner, suffix: suffix, attributeField: attributeField, bound: bound,
            point: message)
    }

    /// The hash with the suffix and the bound mixed into both of its halves.
    func key(_ suffix: OTLPSeriesSource.Suffix, _ bound: Double) -> SeriesKey {
        let kind = UInt64(suffix.rawValue) &* 0x9e37_79b9_7f4a_7c15
        let high = PointKey.fold(hash.high ^ bound.bitPattern, 0xa076_1d64_78bd_642f) ^ kind
        let low = PointKey.fold(hash.low ^ bound.bitPattern &+ kind, 0xe703_7ed1_a0b4_28db)
        return SeriesKey(high: high, low: low)
    }

    private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }
}
