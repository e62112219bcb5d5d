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
    let name: [UInt8]
    let isDelta: Bool
}
