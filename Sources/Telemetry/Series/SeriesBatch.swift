/// NaNs with a meaning, told apart by their bits as Prometheus does.
package enum SpecialValue {
    /// Ends a series: "it is not exported any more".
    package static let staleMarkerBits: UInt64 = 0x7ff0_0000_0000_0002
    package static let ordinaryNaNBits: UInt64 = 0x7ff8_0000_0000_0001
    package static var staleMarker: Double { Double(bitPattern: staleMarkerBits) }
    package static var ordinaryNaN: Double { Double(bitPattern: ordinaryNaNBits) }
    package static func isStaleMarker(_ value: Double) -> Bool { value.bitPattern == staleMarkerBits }
}

/// A trace pointed at from a sample.
package struct Exemplar: Hashable, Sendable {
    package var labels: LabelSet
    package var value: Double
    /// Milliseconds since 1970.
    package var timestamp: Int64

    package init(labels: LabelSet, value: Double, timestamp: Int64) {
        self.labels = labels
        self.value = value
        self.timestamp = timestamp
    }
}

/// What an exporter says about a metric family.
package struct MetricMetadata: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        case counter, gauge, histogram, gaugehistogram, summary, info, stateset, unknown
    }

    package var name: String
    package var kind: Kind
    package var help: String
    package var unit: String

    package init(name: String, kind: Kind, help: String = "", unit: String = "") {
        self.name = name
        self.kind = kind
        self.help = help
        self.unit = unit
    }
}

/// A unit of metric ingestion: columns of samples over a list of distinct series.
package struct SeriesBatch: Sendable {
    package struct HistogramSample: Sendable {
        package var series: UInt32
        package var timestamp: Int64
        package var histogram: NativeHistogram
        package init(series: UInt32, timestamp: Int64, histogram: NativeHistogram) {
            self.series = series
            self.timestamp = timestamp
            self.histogram = histogram
        }
    }
    package struct ExemplarSample: Sendable {
        package var series: UInt32
        package var exemplar: Exemplar
        package init(series: UInt32, exemplar: Exemplar) {
            self.series = series
            self.exemplar = exemplar
        }
    }

    /// The distinct series; the columns below index into it.
    package var series: [LabelSet] = []
    package var refs: [UInt32] = []
    /// Milliseconds since 1970.
    package var timestamps: [Int64] = []
    package var values: [Double] = []
    package var histograms: [HistogramSample] = []
    package var exemplars: [ExemplarSample] = []
    package var metadata: [MetricMetadata] = []

    package init() {}

    package var isEmpty: Bool {
        refs.isEmpty && histograms.isEmpty && exemplars.isEmpty && metadata.isEmpty
    }

    /// Adds a series and answers its index. The caller sees to it that no series is added twice.
    package mutating func addSeries(_ labels: LabelSet) -> UInt32 {
        series.append(labels)
        return UInt32(truncatingIfNeeded: series.count - 1)
    }

    package mutating func addSample(_ ref: UInt32, timestamp: Int64, value: Double) {
        refs.append(ref)
        timestamps.append(timestamp)
        values.append(value)
    }
}
