import Telemetry

/// Turns delta points into the cumulative ones that series are made of.
///
/// One for each process, handed to every decoding in turn. Its state is lost with the process: the series then begin
/// again from the next delta, which `rate` reads as a counter reset. A point that is not newer than the last one of
/// its
/// series is refused, so that a request sent twice counts once; since the sum remembers a point whose storing
/// failed, the
/// next point brings it in.
package struct DeltaAccumulator: Sendable {
    private struct Sum {
        var value: Double
        var time: Int64
    }
    private struct HistogramSum {
        var histogram: NativeHistogram
        var time: Int64
    }
    private enum Undo {
        case sum(LabelSet, Sum?)
        case histogram(LabelSet, HistogramSum?)
    }

    private let maximumSeries: Int
    private var sums: [LabelSet: Sum] = [:]
    private var histograms: [LabelSet: HistogramSum] = [:]
    private var undo: [Undo] = []

    package init(maximumSeries: Int = 1_000_000) { self.maximumSeries = maximumSeries }

    package var seriesCount: Int { sums.count + histograms.count }

    /// Forgets series without a point since `time` (milliseconds); call it now and then.
    package mutating func removeIdle(before time: Int64) {
        sums = sums.filter { $0.value.time >= time }
        histograms = histograms.filter { $0.value.time >= time }
    }

    mutating func begin() { undo.removeAll(keepingCapacity: true) }

    /// Takes back everything since ``begin()``: the request turned out to be broken.
    mutating func rollBack() {
        for step in undo.reversed() {
            switch step {
            case .sum(let series, let old): sums[series] = old
            case .histogram(let series, let old): histograms[series] = old
            }
        }
        undo.removeAll()
    }

    /// Nil where a point of this series and time may be added, else why not.
    func refusal(_ series: LabelSet, time: Int64) -> String? {
        if let last = sums[series]?.time ?? histograms[series]?.time {
            return time > last ? nil : "a delta point is not newer than the one before it in its series"
        }
        return seriesCount < maximumSeries ? nil : "more than \(maximumSeries) series with delta temporality"
    }

    mutating func add(_ series: LabelSet, _ delta: Double, time: Int64) -> Double {
        let old = sums[series]
        undo.append(.sum(series, old))
        let value = (old?.value ?? 0) + delta
        sums[series] = Sum(value: value, time: time)
        return value
    }

    /// Nil where the bucket indices of the two do not fit 32 bits together.
    mutating func add(_ series: LabelSet, _ delta: NativeHistogram, time: Int64) -> NativeHistogram? {
        let old = histograms[series]
        guard let total = old.map({ $0.histogram.adding(delta) }) ?? delta else { return nil }
        undo.append(.histogram(series, old))
        histograms[series] = HistogramSum(histogram: total, time: time)
        return total
    }
}

extension NativeHistogram {
    /// The sum at the lower of the two resolutions. Only for standard schemas, and for thresholds of one sender,
    /// which do
    /// not cut populated buckets.
    fileprivate func adding(_ other: NativeHistogram) -> NativeHistogram? {
        var out = self
        out.schema = Swift.min(schema, other.schema)
        out.count += other.count
        out.sum += other.sum
        out.zeroCount += other.zeroCount
        out.zeroThreshold = Swift.max(zeroThreshold, other.zeroThreshold)
        guard
            let positive = NativeHistogram.merged(
                (positiveSpans, positiveBuckets, schema - out.schema),
                (other.positiveSpans, other.positiveBuckets, other.schema - out.schema)),
            let negative = NativeHistogram.merged(
                (negativeSpans, negativeBuckets, schema - out.schema),
                (other.negativeSpans, other.negativeBuckets, other.schema - out.schema))
        else { return nil }
        (out.positiveSpans, out.positiveBuckets) = positive
        (out.negativeSpans, out.negativeBuckets) = negative
        return out
    }

    private typealias Side = (spans: [Span], counts: [Double], shift: Int32)

    private static func merged(_ a: Side, _ b: Side) -> ([Span], [Double])? {
        var counts: [Int64: Double] = [:]
        for side in [a, b] {
            let fits = BucketRuns.forEach(side.spans, side.counts) { index, count in
                counts[((index - 1) >> Int64(side.shift)) + 1, default: 0] += count
                return true
            }
            guard fits else { return nil }
        }
        var runs = BucketRuns()
        for (index, count) in counts.sorted(by: { $0.key < $1.key }) {
            guard runs.add(index: index, count: count) else { return nil }
        }
        return (runs.spans, runs.counts)
    }
}
