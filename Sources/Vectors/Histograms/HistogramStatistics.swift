package import Telemetry

extension NativeHistogram {
    /// The φ-quantile: exponential interpolation inside a bucket, linear in the zero bucket and between custom bounds.
    /// From the middle on the walk goes from the top, where less error has added up.
    package func quantile(_ rank: Double, metricName: String?, annotations: inout Annotations) -> Double {
        if rank < 0 { return -.infinity }
        if rank > 1 { return .infinity }
        if count == 0 || rank.isNaN { return .nan }
        let forward = sum.isNaN || rank < 0.5
        var wanted = (forward ? rank : 1 - rank) * count
        let buckets = forward ? walk() : walk().reversed()
        var bucket = HistogramBucket(lower: 0, upper: 0, count: 0)
        var seen = 0.0
        for candidate in buckets {
            bucket = candidate
            seen += candidate.count
            if seen >= wanted { break }
        }
        if hasCustomBuckets {
            if bucket.lower == -.infinity {
                if bucket.upper <= 0 { return bucket.upper }
                bucket.lower = 0
            } else if bucket.upper == .infinity {
                return bucket.lower
            }
        } else {
            biasZeroBucket(&bucket)
        }
        seen = min(seen, count)
        if seen < wanted {
            guard sum.isNaN else { return bucket.upper }
            annotations.inform(
                AnnotationText.named(
                    "PromQL info: input to histogram_quantile has NaN observations, result is NaN", metricName))
            return .nan
        }
        if sum.isNaN {
            annotations.inform(
                AnnotationText.named(
                    "PromQL info: input to histogram_quantile has NaN observations, result is skewed higher", metricName
                ))
        }
        wanted = forward ? wanted - (seen - bucket.count) : seen - wanted
        let fraction = wanted / bucket.count
        if hasCustomBuckets || (bucket.lower <= 0 && bucket.upper >= 0) {
            return bucket.lower + (bucket.upper - bucket.lower) * fraction
        }
        let lower = Elementary.log2(bucket.lower.magnitude)
        let upper = Elementary.log2(bucket.upper.magnitude)
        if bucket.lower > 0 { return Elementary.exp2(lower + (upper - lower) * fraction) }
        return -Elementary.exp2(upper + (lower - upper) * (1 - fraction))
    }

    /// With buckets on one side only, the zero bucket is taken to hold values of that side.
    private func biasZeroBucket(_ bucket: inout HistogramBucket) {
        guard bucket.lower < 0, bucket.upper > 0 else { return }
        if negativeBuckets.isEmpty, !positiveBuckets.isEmpty { bucket.lower = 0 }
        if positiveBuckets.isEmpty, !negativeBuckets.isEmpty { bucket.upper = 0 }
    }

    /// The fraction of observations between two bounds.
    package func fraction(
        from lower: Double, to upper: Double, metricName: String?, annotations: inout Annotations
    ) -> Double {
        if count == 0 || lower.isNaN || upper.isNaN { return .nan }
        if sum.isNaN {
            annotations.inform(
                AnnotationText.named(
                    "PromQL info: input to histogram_fraction has NaN observations, which are excluded from all fractions",
                    metricName))
        }
        if lower >= upper { return 0 }
        var rank = 0.0
        var lowerRank: Double?
        var upperRank: Double?
        for var bucket in walk() {
            let linear = bucket.isZero || hasCustomBuckets
            if hasCustomBuckets {
                if bucket.lower == -.infinity, bucket.upper > 0 { bucket.lower = 0 }
            } else {
                biasZeroBucket(&bucket)
            }
            if lowerRank == nil {
                lowerRank = bucket.lower >= lower ? rank : bucket.rank(of: lower, after: rank, linear: linear)
            }
            if upperRank == nil {
                upperRank = bucket.lower >= upper ? rank : bucket.rank(of: upper, after: rank, linear: linear)
            }
            if lowerRank != nil, upperRank != nil { break }
            rank += bucket.count
        }
        return (min(upperRank ?? rank, count) - min(lowerRank ?? rank, count)) / count
    }

    /// Estimated from the middle of each bucket: geometric, but arithmetic for custom bounds, 0 for the zero bucket.
    package var variance: Double {
        let mean = sum / count
        var total = CompensatedSum()
        for bucket in walk() {
            let middle: Double
            if hasCustomBuckets {
                if bucket.lower == -.infinity, bucket.upper == .infinity {
                    middle = 0
                } else if bucket.lower == -.infinity {
                    middle = bucket.upper > 0 ? bucket.upper / 2 : bucket.upper
                } else {
                    middle = bucket.upper == .infinity ? bucket.lower : (bucket.lower + bucket.upper) / 2
                }
            } else if bucket.isZero {
                middle = 0
            } else {
                let root = (bucket.lower * bucket.upper).squareRoot()
                middle = bucket.upper < 0 || bucket.lower < 0 ? -root : root
            }
            total.add(bucket.count * (middle - mean) * (middle - mean))
        }
        return total.value / count
    }
}

extension HistogramBucket {
    /// How many observations lie at or below `value`, where it falls inside this bucket.
    func rank(of value: Double, after rank: Double, linear: Bool) -> Double? {
        guard lower < value, upper > value else { return nil }
        return rank + count * share(below: value, linear: linear)
    }

    /// The share of the bucket's observations below `value`.
    func share(below value: Double, linear: Bool) -> Double {
        if linear {
            if lower == -.infinity { return 1 }
            if upper == .infinity { return 0 }
            return (value - lower) / (upper - lower)
        }
        let low = Elementary.log2(lower.magnitude)
        let high = Elementary.log2(upper.magnitude)
        let position = Elementary.log2(value.magnitude)
        return value > 0 ? (position - low) / (high - low) : 1 - (position - high) / (low - high)
    }
}
