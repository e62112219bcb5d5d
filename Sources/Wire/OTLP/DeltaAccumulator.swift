import Codecs
import Telemetry

/// Turns delta points into the cumulative ones that series are made of.
///
/// One for each process, handed to every decoding in turn. What it holds is what was stored last of each series, so
/// it can be had again from the store: a decoding that meets a metric whose series are not known here names it, and
/// goes on when somebody has looked them up (``adopt(_:_:)``). A point that is not newer than the last one of its
/// series is refused, so that a request sent twice counts once; since the sum remembers a point whose storing failed,
/// the next point brings it in.
package struct DeltaAccumulator: Sendable {
    /// What the store has of a series: its newest value.
    package struct Stored: Sendable {
        package var labels: LabelSet
        package var value: Double
        package var histogram: NativeHistogram?
        package var time: Int64
        package var start: Int64
        package init(labels: LabelSet, value: Double, histogram: NativeHistogram? = nil, time: Int64, start: Int64) {
            self.labels = labels
            self.value = value
            self.histogram = histogram
            self.time = time
            self.start = start
        }
    }

    private struct Sum {
        var value: Double
        var time: Int64
        var start: Int64
        /// Number of the metric's name.
        var name: Int
    }
    private struct HistogramSum {
        var histogram: NativeHistogram
        var time: Int64
        var start: Int64
        var name: Int
    }
    private enum Undo {
        case sum(SeriesKey, Sum?)
        case histogram(SeriesKey, HistogramSum?)
    }

    private static let seed: UInt64 = 0x6465_6c74_6173

    private let maximumSeries: Int
    /// Whether somebody looks series up in a store. Otherwise every series begins at its first point.
    private let isRecovering: Bool
    private var sums: [SeriesKey: Sum] = [:]
    private var histograms: [SeriesKey: HistogramSum] = [:]
    private var names: [String: Int] = [:]
    /// By the number of the name: whether all of its series that the store has are here.
    private var isComplete: [Bool] = []
    private var undo: [Undo] = []

    package init(maximumSeries: Int = 1_000_000, isRecovering: Bool = false) {
        self.maximumSeries = maximumSeries
        self.isRecovering = isRecovering
    }

    package var seriesCount: Int { sums.count + histograms.count }

    /// The same for every spelling of a series, other than the keys of what a sender wrote.
    static func key(_ canonical: [UInt8]) -> SeriesKey {
        let hash = Hash128.hash(canonical, 0..<canonical.count, seed: seed)
        return SeriesKey(high: hash.high, low: hash.low)
    }

    // MARK: What the store has

    private mutating func number(_ name: String) -> Int {
        if let known = names[name] { return known }
        isComplete.append(!isRecovering)
        names[name] = isComplete.count - 1
        return isComplete.count - 1
    }

    /// Whether points of the metric may be added; nil where its series must be looked up first.
    mutating func name(_ name: String) -> Int? {
        let number = number(name)
        return isComplete[number] ? number : nil
    }

    /// The metric's series as the store has them. Those that are known here already are newer.
    package mutating func adopt(_ name: String, _ found: [Stored]) {
        let number = number(name)
        guard !isComplete[number] else { return }
        for one in found where seriesCount < maximumSeries {
            let key = DeltaAccumulator.key(one.labels.bytes)
            if let histogram = one.histogram {
                guard histograms[key] == nil else { continue }
                histograms[key] = HistogramSum(histogram: histogram, time: one.time, start: one.start, name: number)
            } else if sums[key] == nil {
                sums[key] = Sum(value: one.value, time: one.time, start: one.start, name: number)
            }
        }
        isComplete[number] = true
    }

    /// Forgets series without a point since `time` (milliseconds); call it now and then. One that comes back is looked
    /// up in the store again.
    package mutating func removeIdle(before time: Int64) {
        for (key, sum) in sums where sum.time < time {
            isComplete[sum.name] = !isRecovering
            sums[key] = nil
        }
        for (key, sum) in histograms where sum.time < time {
            isComplete[sum.name] = !isRecovering
            histograms[key] = nil
        }
    }

    // MARK: Points

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
    func refusal(_ series: SeriesKey, time: Int64) -> String? {
        if let last = sums[series]?.time ?? histograms[series]?.time {
            return time > last ? nil : "a delta point is not newer than the one before it in its series"
        }
        return seriesCount < maximumSeries ? nil : "more than \(maximumSeries) series with delta temporality"
    }

    /// Answers the sum, and when its counting began.
    mutating func add(
        _ series: SeriesKey, _ delta: Double, time: Int64, start: Int64, name: Int
    ) -> (value: Double, start: Int64) {
        let old = sums[series]
        undo.append(.sum(series, old))
        let sum = Sum(value: (old?.value ?? 0) + delta, time: time, start: old?.start ?? start, name: name)
        sums[series] = sum
        return (sum.value, sum.start)
    }

    /// Nil where the bucket indices of the two do not fit 32 bits together.
    mutating func add(
        _ series: SeriesKey, _ delta: NativeHistogram, time: Int64, start: Int64, name: Int
    ) -> (histogram: NativeHistogram, start: Int64)? {
        let old = histograms[series]
        var total = delta
        var begin = start
        if let old {
            if old.histogram.canBeAdded(to: delta) {
                guard let sum = old.histogram.adding(delta) else { return nil }
                (total, begin) = (sum, old.start)
            } else {
                // Other bounds: counting begins anew.
                total.resetHint = .reset
            }
        }
        undo.append(.histogram(series, old))
        histograms[series] = HistogramSum(histogram: total, time: time, start: begin, name: name)
        return (total, begin)
    }
}

extension NativeHistogram {
    fileprivate func canBeAdded(to other: NativeHistogram) -> Bool {
        let isCustom = schema == NativeHistogram.customBucketsSchema
        let otherIsCustom = other.schema == NativeHistogram.customBucketsSchema
        return isCustom || otherIsCustom
            ? isCustom && otherIsCustom && customValues == other.customValues : true
    }

    /// The sum at the lower of the two resolutions. Only for thresholds of one sender, which do not cut populated
    /// buckets.
    fileprivate func adding(_ other: NativeHistogram) -> NativeHistogram? {
        var out = self
        out.schema = Swift.min(schema, other.schema)
        out.resetHint = .unknown
        out.isInteger = isInteger && other.isInteger
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
