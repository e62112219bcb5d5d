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

/// What a sender's own spelling of a label set is known by: a 128-bit hash, keyed for each run of the process, of the
/// bytes that the sender wrote. Two spellings of one label set have two keys; that two label sets share one key is as
/// likely as a broken memory cell, so nobody compares the bytes.
package struct SeriesKey: Hashable, Sendable {
    package var high: UInt64
    package var low: UInt64
    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

/// Why a series of a batch has no label set.
package struct InvalidSeries: Error, Hashable, Sendable, CustomStringConvertible {
    package var reason: String
    package init(_ reason: String) { self.reason = reason }
    package var description: String { reason }
}

/// Answers the label set of a series that a store does not know by its key. Called for such series only.
package protocol SeriesLabelSource: Sendable {
    func labels(ofSeries index: Int) throws(InvalidSeries) -> LabelSet
}

/// A unit of metric ingestion: columns of samples over a list of distinct series.
///
/// The series are either all in ``series``, or all known by ``keys`` with a ``source`` that parses the labels of the
/// few that the store does not know yet: a known series then costs one hash.
package struct SeriesBatch: Sendable {
    package struct HistogramSample: Sendable {
        package var series: UInt32
        package var timestamp: Int64
        package var histogram: NativeHistogram
        /// Milliseconds since 1970 at which counting began; 0 where nobody said.
        package var startTimestamp: Int64
        package init(series: UInt32, timestamp: Int64, histogram: NativeHistogram, startTimestamp: Int64 = 0) {
            self.series = series
            self.timestamp = timestamp
            self.histogram = histogram
            self.startTimestamp = startTimestamp
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

    /// The distinct series; the columns below index into it. Empty where ``keys`` is used.
    package var series: [LabelSet] = []
    /// Empty where ``series`` is used. A key may stand more than once.
    package var keys: [SeriesKey] = []
    package var source: (any SeriesLabelSource)?
    package var refs: [UInt32] = []
    /// Milliseconds since 1970.
    package var timestamps: [Int64] = []
    package var values: [Double] = []
    /// Milliseconds since 1970 at which each sample's counting began, 0 where nobody said. Empty, or one for each
    /// sample.
    package var startTimestamps: [Int64] = []
    package var histograms: [HistogramSample] = []
    package var exemplars: [ExemplarSample] = []
    package var metadata: [MetricMetadata] = []

    package init() {}

    package var isEmpty: Bool {
        refs.isEmpty && histograms.isEmpty && exemplars.isEmpty && metadata.isEmpty
    }

    package var seriesCount: Int { max(series.count, keys.count) }

    /// Label set of a series, parsed where it came by key.
    package func labels(ofSeries index: Int) throws(InvalidSeries) -> LabelSet {
        if index < series.count { return series[index] }
        guard let source, index < keys.count else { throw InvalidSeries("the batch has no series \(index)") }
        return try source.labels(ofSeries: index)
    }

    /// Adds a series and answers its index. The caller sees to it that no series is added twice.
    package mutating func addSeries(_ labels: LabelSet) -> UInt32 {
        series.append(labels)
        return UInt32(truncatingIfNeeded: series.count - 1)
    }

    @inlinable
    package mutating func addSample(_ ref: UInt32, timestamp: Int64, value: Double) {
        refs.append(ref)
        timestamps.append(timestamp)
        values.append(value)
    }
}
