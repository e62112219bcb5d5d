package import Telemetry

extension NativeHistogram {
    /// Keeps the observations below (`</`) or above (`>/`) a number; the sum is estimated anew from what is left.
    package func trimmed(at limit: Double, keepingLower: Bool) -> NativeHistogram {
        if limit == (keepingLower ? .infinity : -.infinity) || limit.isNaN && !keepingLower { return self }
        var sparse = SparseHistogram(self)
        var total = CompensatedSum()
        var sum = CompensatedSum()
        var changed = false

        func keep(_ bucket: HistogramBucket) -> Double {
            let linear = bucket.isZero || hasCustomBuckets
            var kept = bucket
            if keepingLower ? bucket.upper <= limit : bucket.lower >= limit {
                // Whole.
            } else if keepingLower ? bucket.lower >= limit : bucket.upper <= limit {
                changed = true
                return 0
            } else {
                changed = true
                if bucket.upper == .infinity {
                    // Nothing is known of where values lie above the last bound.
                    if keepingLower { return 0 }
                    sum.add(bucket.count * limit)
                    total.add(bucket.count)
                    return bucket.count
                }
                let below = bucket.share(below: limit, linear: linear)
                kept.count = bucket.count * (keepingLower ? below : 1 - below)
                if keepingLower { kept.upper = limit } else { kept.lower = limit }
            }
            guard kept.count > 0 else { return 0 }
            total.add(kept.count)
            sum.add(kept.count * kept.middle(linear: linear))
            return kept.count
        }
        for i in sparse.positive.indices {
            var limits = sparse.limits(positive: sparse.positive[i].index)
            if hasCustomBuckets, limits.lower == -.infinity, limits.upper > 0 {
                // Values are taken to lie above 0. Where the limit is below, or there is no upper bound either, nothing
                // is known of how they lie to it, and the bucket goes.
                if limits.upper == .infinity || (!keepingLower && limit < 0) {
                    sparse.positive[i].count = 0
                    changed = true
                    continue
                }
                limits.lower = 0
            }
            sparse.positive[i].count = keep(
                HistogramBucket(lower: limits.lower, upper: limits.upper, count: sparse.positive[i].count))
        }
        for i in sparse.negative.indices {
            let limits = sparse.limits(positive: sparse.negative[i].index)
            sparse.negative[i].count = keep(
                HistogramBucket(lower: -limits.upper, upper: -limits.lower, count: sparse.negative[i].count))
        }
        if sparse.zeroCount > 0, !hasCustomBuckets {
            var zero = HistogramBucket(
                lower: -zeroThreshold, upper: zeroThreshold, count: sparse.zeroCount, isZero: true)
            if negativeBuckets.isEmpty, !positiveBuckets.isEmpty { zero.lower = 0 }
            if positiveBuckets.isEmpty, !negativeBuckets.isEmpty { zero.upper = 0 }
            sparse.zeroCount = keep(zero)
        }
        guard changed else { return self }
        var result = self
        result.isInteger = false
        sparse.write(to: &result)
        result.count = total.value
        result.sum = sum.value
        return result
    }
}

extension HistogramBucket {
    func middle(linear: Bool) -> Double {
        if linear || lower <= 0 && upper >= 0 {
            if lower == -.infinity { return upper }
            if upper == .infinity { return lower }
            return (lower + upper) / 2
        }
        let root = (lower.magnitude.squareRoot() * upper.magnitude.squareRoot())
        return lower < 0 ? -root : root
    }
}
