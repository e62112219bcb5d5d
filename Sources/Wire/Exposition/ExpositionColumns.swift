import Telemetry

/// Where one sample's series is spelled.
package struct ExpositionRow: Sendable {
    var start: UInt32
    /// Bytes of the spelling, with the metric's kind in the upper four bits: `le="1"` means a bound in some kinds only.
    var lengthAndKind: UInt32
    /// Which spelling it is; ``ExpositionReader/capacity`` or more where the reader could not remember it.
    package var spelling: UInt32

    @inline(__always)
    var length: Int { Int(lengthAndKind & 0x0fff_ffff) }
    @inline(__always)
    var kind: UInt32 { lengthAndKind >> 28 }

    static let longest = 1 << 28

    package var metricKind: MetricMetadata.Kind { ExpositionKind.kinds[Int(kind & 7)] }
}

/// Metric kinds as numbers.
enum ExpositionKind {
    static let kinds: [MetricMetadata.Kind] = [
        .unknown, .counter, .gauge, .histogram, .gaugehistogram, .summary, .info, .stateset,
    ]
    /// Of a comment that says nothing about the kind.
    static let unchanged: UInt32 = 15

    static func number(_ kind: MetricMetadata.Kind) -> UInt32 {
        UInt32(truncatingIfNeeded: kinds.firstIndex(of: kind) ?? 0)
    }
}

struct ExpositionComment: Sendable {
    var start: UInt32
    var length: UInt32
    /// The kind of the samples after it.
    var kind: UInt32
}

/// What one scrape says, in columns: one row for each sample, in the order of the body.
package struct ExpositionColumns: Sendable {
    /// The body; behind it the spellings of samples that had none of their own (binary formats, composite values).
    package internal(set) var text: [UInt8] = []
    package internal(set) var rows: [ExpositionRow] = []
    /// Any NaN has the ordinary bits. 0 for a native histogram.
    package internal(set) var values: [Double] = []
    /// Milliseconds since 1970, ``noTime`` where the target named none. Empty where it named none at all.
    package internal(set) var timestamps: [Int64] = []
    /// Milliseconds since 1970, 0 where the target named none. Empty where it named none at all.
    package internal(set) var startTimestamps: [Int64] = []
    package internal(set) var exemplars: [(row: UInt32, exemplar: Exemplar)] = []
    package internal(set) var histograms: [(row: UInt32, histogram: NativeHistogram)] = []
    /// Metadata that is new or changed.
    package internal(set) var metadata: [MetricMetadata] = []
    /// Rows whose spelling the reader had not seen in the last scrapes.
    package internal(set) var fresh: [UInt32] = []
    var comments: [ExpositionComment] = []
    var format = ExpositionFormat.text004
    /// Whether every row was where it had been in the scrape before.
    var isInOrder = false

    package static let noTime = Int64.min

    package init() {}

    /// Whether `_created` lines may be among the samples.
    package var isOpenMetrics1: Bool { format == .openMetrics1 }

    /// Whether histograms come as lines of their own.
    package var isClassicText: Bool { format == .text004 || format == .openMetrics1 }

    /// The labels as the target wrote them. Nil only where the bytes are not what a reader made of them.
    package func labels(ofRow index: Int) -> LabelSet? {
        guard index >= 0, index < rows.count else { return nil }
        let row = rows[index]
        let start = Int(row.start)
        guard start + row.length <= text.count else { return nil }
        var line = ExpositionLine(strict: false)
        var builder = LabelBuilder()
        line.begin(start..<start + row.length)
        guard (try? line.series(text, kind: row.metricKind, spaced: format != .openMetrics2, &builder)) != nil else {
            return nil
        }
        return builder.labelSet
    }
}
