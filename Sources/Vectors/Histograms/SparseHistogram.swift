internal import Telemetry

/// A native histogram with its buckets as (index, count) pairs in ascending order, none of them empty: the form in
/// which histograms are easy to add, compare and walk.
struct SparseHistogram: Equatable {
    struct Bucket: Equatable {
        var index: Int
        var count: Double
    }

    var schema: Int32
    var zeroThreshold: Double
    var zeroCount: Double
    var positive: [Bucket]
    var negative: [Bucket]
    var customValues: [Double]

    init(_ histogram: NativeHistogram) {
        schema = histogram.schema
        zeroThreshold = histogram.zeroThreshold
        zeroCount = histogram.zeroCount
        customValues = histogram.customValues
        positive = SparseHistogram.expand(histogram.positiveSpans, histogram.positiveBuckets)
        negative = SparseHistogram.expand(histogram.negativeSpans, histogram.negativeBuckets)
    }

    private static func expand(_ spans: [NativeHistogram.Span], _ counts: [Double]) -> [Bucket] {
        var out: [Bucket] = []
        var index = 0
        var at = 0
        for span in spans {
            index += Int(span.offset)
            for _ in 0..<span.length {
                guard at < counts.count else { return out }
                if counts[at] != 0 { out.append(Bucket(index: index, count: counts[at])) }
                index += 1
                at += 1
            }
        }
        return out
    }

    var isCustom: Bool { schema == NativeHistogram.customBucketsSchema }

    /// Halves the resolution until the schema is reached.
    mutating func reduce(to target: Int32) {
        guard !isCustom, target < schema else { return }
        let shift = Int(schema) - Int(target)
        func fold(_ buckets: [Bucket]) -> [Bucket] {
            var out: [Bucket] = []
            for bucket in buckets {
                let index = ((bucket.index - 1) >> shift) + 1
                if out.last?.index == index {
                    out[out.count - 1].count += bucket.count
                } else {
                    out.append(Bucket(index: index, count: bucket.count))
                }
            }
            return out
        }
        positive = fold(positive)
        negative = fold(negative)
        schema = target
    }

    /// Widens the zero bucket to at least `threshold`, and on to the bound of a populated bucket that it would cut.
    mutating func widenZeroBucket(to threshold: Double) {
        guard threshold > zeroThreshold else { return }
        zeroThreshold = threshold
        var again = true
        while again {
            again = false
            for side in 0..<2 {
                var buckets = side == 0 ? positive : negative
                while let first = buckets.first, bound(first.index - 1) < zeroThreshold {
                    zeroCount += first.count
                    buckets.removeFirst()
                    let upper = bound(first.index)
                    if upper > zeroThreshold {
                        zeroThreshold = upper
                        again = true
                    }
                }
                if side == 0 { positive = buckets } else { negative = buckets }
            }
        }
    }

    /// The zero bucket's limit that is needed when it is at least `threshold`.
    func zeroThreshold(atLeast threshold: Double) -> Double {
        var copy = self
        copy.widenZeroBucket(to: threshold)
        return copy.zeroThreshold
    }

    /// Keeps only the bounds of `shared`, a subset of ours.
    mutating func rebound(to shared: [Double]) {
        var out: [Bucket] = []
        for bucket in positive {
            let upper = bucket.index < customValues.count && bucket.index >= 0 ? customValues[bucket.index] : .infinity
            let index = shared.firstIndex { $0 >= upper } ?? shared.count
            if out.last?.index == index {
                out[out.count - 1].count += bucket.count
            } else {
                out.append(Bucket(index: index, count: bucket.count))
            }
        }
        positive = out
        customValues = shared
    }

    /// b^index of the standard schemas; the last finite bound is the largest double.
    func bound(_ index: Int) -> Double {
        let exponent =
            schema >= 0
            ? Double(index) / Double(1 << min(schema, 20)) : Double(index) * Double(1 << min(schema.magnitude, 20))
        if exponent == 1024 { return .greatestFiniteMagnitude }
        return Elementary.exp2(exponent)
    }

    func limits(positive index: Int) -> (lower: Double, upper: Double) {
        guard isCustom else { return (bound(index - 1), bound(index)) }
        let lower =
            index <= 0 ? -Double.infinity : (index - 1 < customValues.count ? customValues[index - 1] : .infinity)
        return (lower, index >= 0 && index < customValues.count ? customValues[index] : .infinity)
    }

    /// Puts buckets, zero bucket and bounds into `histogram`.
    func write(to histogram: inout NativeHistogram) {
        histogram.schema = schema
        histogram.zeroThreshold = zeroThreshold
        histogram.zeroCount = zeroCount
        histogram.customValues = customValues
        (histogram.positiveSpans, histogram.positiveBuckets) = SparseHistogram.compact(positive)
        (histogram.negativeSpans, histogram.negativeBuckets) = SparseHistogram.compact(negative)
    }

    private static func compact(_ buckets: [Bucket]) -> ([NativeHistogram.Span], [Double]) {
        var spans: [NativeHistogram.Span] = []
        var counts: [Double] = []
        var next = 0
        for bucket in buckets where bucket.count != 0 {
            if spans.isEmpty || bucket.index != next {
                spans.append(
                    NativeHistogram.Span(
                        offset: Int32(truncatingIfNeeded: bucket.index - (spans.isEmpty ? 0 : next)), length: 0))
            }
            spans[spans.count - 1].length += 1
            counts.append(bucket.count)
            next = bucket.index + 1
        }
        return (spans, counts)
    }

    static func merge(_ a: [Bucket], _ b: [Bucket], sign: Double) -> [Bucket] {
        var out: [Bucket] = []
        out.reserveCapacity(a.count + b.count)
        var i = 0
        var j = 0
        while i < a.count || j < b.count {
            if j >= b.count || (i < a.count && a[i].index < b[j].index) {
                out.append(a[i])
                i += 1
            } else if i >= a.count || b[j].index < a[i].index {
                out.append(Bucket(index: b[j].index, count: sign * b[j].count))
                j += 1
            } else {
                out.append(Bucket(index: a[i].index, count: a[i].count + sign * b[j].count))
                i += 1
                j += 1
            }
        }
        return out
    }

    /// Brings two histograms of one kind to one layout. True where custom bounds differed.
    static func reconcile(_ a: inout SparseHistogram, _ b: inout SparseHistogram) -> Bool {
        if a.isCustom {
            if a.customValues == b.customValues { return false }
            let shared = a.customValues.filter { b.customValues.contains($0) }
            a.rebound(to: shared)
            b.rebound(to: shared)
            return true
        }
        while a.zeroThreshold != b.zeroThreshold {
            let wanted = max(a.zeroThreshold, b.zeroThreshold)
            a.widenZeroBucket(to: wanted)
            b.widenZeroBucket(to: wanted)
        }
        let schema = min(a.schema, b.schema)
        a.reduce(to: schema)
        b.reduce(to: schema)
        return false
    }
}

/// One bucket of a walk in ascending order of values.
struct HistogramBucket {
    var lower: Double
    var upper: Double
    var count: Double
    var isZero = false
}

extension NativeHistogram {
    /// Populated buckets, ascending.
    func walk() -> [HistogramBucket] {
        let sparse = SparseHistogram(self)
        var out: [HistogramBucket] = []
        for bucket in sparse.negative.reversed() {
            let limits = sparse.limits(positive: bucket.index)
            out.append(HistogramBucket(lower: -limits.upper, upper: -limits.lower, count: bucket.count))
        }
        if sparse.zeroCount > 0, !sparse.isCustom {
            out.append(
                HistogramBucket(
                    lower: -sparse.zeroThreshold, upper: sparse.zeroThreshold, count: sparse.zeroCount, isZero: true))
        }
        for bucket in sparse.positive {
            let limits = sparse.limits(positive: bucket.index)
            out.append(HistogramBucket(lower: limits.lower, upper: limits.upper, count: bucket.count))
        }
        return out
    }
}
