import Telemetry

/// Which form of a histogram is stored, by what a scrape's configuration says.
package struct HistogramReading: Sendable, Hashable {
    /// `scrape_native_histograms`
    package var native = false
    /// `always_scrape_classic_histograms`: the classic series too where a native histogram is stored.
    package var alwaysClassic = false
    /// `convert_classic_histograms_to_nhcb`
    package var customBuckets = false
    /// `native_histogram_bucket_limit`; 0 is no limit.
    package var bucketLimit = 0
    /// `native_histogram_min_bucket_factor`; 0 is none.
    package var minimalFactor = 0.0

    package init() {}
}

/// One sample of a histogram or summary that came in one piece.
struct ExpandedSample {
    var suffix = ""
    /// `le` or `quantile`.
    var label: (name: String, bound: Double)?
    var value = 0.0
    var histogram: NativeHistogram?
    var exemplars: [Exemplar] = []
}

extension CompositeValue {
    /// The samples that Prometheus stores of it. Nil where the native histogram cannot be brought under the limit of
    /// buckets.
    ///
    /// A classic histogram stays classic, or gets custom buckets where asked for; a native one stays native where those
    /// are scraped and else shows its total alone; what has both forms is native, and never converted.
    func expanded(_ reading: HistogramReading, exemplars: [Exemplar]) -> [ExpandedSample]? {
        if isSummary { return summary }
        var out: [ExpandedSample] = []
        if var native, reading.native {
            guard native.limit(reading) else { return nil }
            out.append(ExpandedSample(histogram: native, exemplars: exemplars))
        } else if native == nil, reading.customBuckets, let custom = CustomBuckets.histogram(self) {
            out.append(ExpandedSample(histogram: custom, exemplars: exemplars + buckets.compactMap(\.exemplar)))
        }
        guard out.isEmpty || (reading.alwaysClassic && !buckets.isEmpty) else { return out }
        let areOnBuckets = buckets.contains { $0.exemplar != nil }
        return out + classic(areOnBuckets ? [] : exemplars)
    }

    private var summary: [ExpandedSample] {
        quantiles.map { ExpandedSample(label: ("quantile", $0.bound), value: $0.value) }
            + [ExpandedSample(suffix: "_sum", value: sum), ExpandedSample(suffix: "_count", value: count)]
    }

    private func classic(_ exemplars: [Exemplar]) -> [ExpandedSample] {
        var out: [ExpandedSample] = []
        for entry in buckets {
            out.append(
                ExpandedSample(
                    suffix: "_bucket", label: ("le", entry.bound), value: entry.value,
                    exemplars: entry.exemplar.map { [$0] } ?? []))
        }
        if buckets.last?.bound != .infinity {
            out.append(ExpandedSample(suffix: "_bucket", label: ("le", .infinity), value: count))
        }
        // An exemplar of the whole belongs to the bucket that its value fell into.
        for exemplar in exemplars {
            let place = out.firstIndex { exemplar.value <= $0.label?.bound ?? 0 } ?? out.count - 1
            out[place].exemplars.append(exemplar)
        }
        out.append(ExpandedSample(suffix: hasGaugeNames ? "_gsum" : "_sum", value: sum))
        out.append(ExpandedSample(suffix: hasGaugeNames ? "_gcount" : "_count", value: count))
        return out
    }
}

/// Classic histograms as native ones with the same bounds (NHCB).
package enum CustomBuckets {
    static func histogram(_ classic: CompositeValue) -> NativeHistogram? {
        var histogram = histogram(
            classic.buckets.map { ($0.bound, $0.value) }, count: classic.count, sum: classic.sum)
        if classic.isGauge { histogram?.resetHint = .gauge }
        return histogram
    }

    /// Cumulative buckets, ascending by bound, `+Inf` optional. Nil where counts fall or a bound is no number.
    package static func histogram(
        _ buckets: [(bound: Double, value: Double)], count: Double?, sum: Double
    ) -> NativeHistogram? {
        var out = NativeHistogram()
        out.schema = NativeHistogram.customBucketsSchema
        var runs = BucketRuns()
        var below = 0.0
        var index: Int64 = 0
        for (bound, value) in buckets where bound != .infinity {
            guard !bound.isNaN, value >= below, out.customValues.last.map({ $0 < bound }) ?? true else { return nil }
            out.customValues.append(bound)
            if value > below, !runs.add(index: index, count: value - below) { return nil }
            below = value
            index += 1
        }
        let total = buckets.last.flatMap { $0.bound == .infinity ? $0.value : nil } ?? count ?? below
        guard total >= below else { return nil }
        if total > below, !runs.add(index: index, count: total - below) { return nil }
        out.positiveSpans = runs.spans
        out.positiveBuckets = runs.counts
        out.count = total
        out.sum = sum
        out.isInteger = out.hasWholeCounts
        return out
    }
}

extension NativeHistogram {
    /// Lowers the resolution until the limits of the configuration hold; false where the coarsest has too many buckets
    /// still.
    mutating func limit(_ reading: HistogramReading) -> Bool {
        if schema == NativeHistogram.customBucketsSchema {
            return reading.bucketLimit <= 0 || positiveBuckets.count <= reading.bucketLimit
        }
        if reading.minimalFactor > 1 {
            // The finest schema whose buckets grow by the wanted factor at least: 2^(2^-n) ≥ factor.
            var finest = NativeHistogram.highestSchema
            while finest > NativeHistogram.lowestSchema, NativeHistogram.growth(finest) < reading.minimalFactor {
                finest -= 1
            }
            if schema > finest, !reduceResolution(by: schema - finest) { return false }
        }
        guard reading.bucketLimit > 0 else { return true }
        while positiveBuckets.count + negativeBuckets.count > reading.bucketLimit {
            guard schema > NativeHistogram.lowestSchema, reduceResolution(by: 1) else { return false }
        }
        return true
    }

    /// By how much a bucket's upper bound exceeds the one below.
    private static func growth(_ schema: Int32) -> Double {
        var growth = 2.0
        if schema >= 0 {
            for _ in 0..<schema { growth.formSquareRoot() }
        } else {
            for _ in 0..<(-schema) { growth *= growth }
        }
        return growth
    }

    private mutating func reduceResolution(by shift: Int32) -> Bool {
        guard let positive = BucketRuns.reduced(positiveSpans, positiveBuckets, by: shift),
            let negative = BucketRuns.reduced(negativeSpans, negativeBuckets, by: shift)
        else { return false }
        (positiveSpans, positiveBuckets) = positive
        (negativeSpans, negativeBuckets) = negative
        schema -= shift
        return true
    }
}
