package import Telemetry

/// What came of adding or subtracting.
package struct HistogramOutcome: Sendable {
    package var histogram: NativeHistogram
    /// One side says "reset", the other "no reset".
    package var resetCollision: Bool
    /// Custom bounds differed: only the shared ones were kept.
    package var reconciled: Bool
}

extension NativeHistogram {
    package var hasCustomBuckets: Bool { schema == NativeHistogram.customBucketsSchema }

    /// Both must be of one kind: standard schemas or custom bounds.
    package func adding(_ other: NativeHistogram) -> HistogramOutcome { combining(other, sign: 1) }

    /// The result is a gauge.
    package func subtracting(_ other: NativeHistogram) -> HistogramOutcome {
        var outcome = combining(other, sign: -1)
        outcome.histogram.resetHint = .gauge
        return outcome
    }

    private func combining(_ other: NativeHistogram, sign: Double) -> HistogramOutcome {
        var a = SparseHistogram(self)
        var b = SparseHistogram(other)
        let reconciled = SparseHistogram.reconcile(&a, &b)
        a.positive = SparseHistogram.merge(a.positive, b.positive, sign: sign)
        a.negative = SparseHistogram.merge(a.negative, b.negative, sign: sign)
        a.zeroCount += sign * b.zeroCount
        var result = self
        result.isInteger = false
        a.write(to: &result)
        result.count += sign * other.count
        result.sum += sign * other.sum
        var collision = false
        if resetHint != other.resetHint {
            if resetHint == .gauge || other.resetHint == .gauge {
                result.resetHint = .gauge
            } else {
                collision = resetHint != .unknown && other.resetHint != .unknown
                result.resetHint = .unknown
            }
        }
        return HistogramOutcome(histogram: result, resetCollision: collision, reconciled: reconciled)
    }

    package func scaled(by factor: Double) -> NativeHistogram {
        var result = self
        result.isInteger = false
        result.zeroCount *= factor
        result.count *= factor
        result.sum *= factor
        for i in result.positiveBuckets.indices { result.positiveBuckets[i] *= factor }
        for i in result.negativeBuckets.indices { result.negativeBuckets[i] *= factor }
        if factor < 0 { result.resetHint = .gauge }
        return result
    }

    package func divided(by divisor: Double) -> NativeHistogram {
        var result = self
        result.isInteger = false
        result.zeroCount /= divisor
        result.count /= divisor
        result.sum /= divisor
        if divisor == 0 {
            // What 0/0 and n/0 would leave in the buckets says nothing.
            result.positiveSpans = []
            result.negativeSpans = []
            result.positiveBuckets = []
            result.negativeBuckets = []
            return result
        }
        for i in result.positiveBuckets.indices { result.positiveBuckets[i] /= divisor }
        for i in result.negativeBuckets.indices { result.negativeBuckets[i] /= divisor }
        if divisor < 0 { result.resetHint = .gauge }
        return result
    }

    /// Without empty buckets, and with the fewest spans.
    package func compacted() -> NativeHistogram {
        var result = self
        SparseHistogram(self).write(to: &result)
        return result
    }

    /// Equal up to the layout of spans and the reset hint.
    package func hasSameContent(as other: NativeHistogram) -> Bool {
        count == other.count && (sum == other.sum || (sum.isNaN && other.sum.isNaN))
            && SparseHistogram(self) == SparseHistogram(other)
    }

    /// Whether a counter was reset between `previous` and this: observations went away.
    package func isReset(after previous: NativeHistogram) -> Bool {
        switch resetHint {
        case .reset: return true
        case .notReset: return false
        case .unknown, .gauge: break
        }
        if count < previous.count || hasCustomBuckets != previous.hasCustomBuckets { return true }
        var now = SparseHistogram(self)
        var before = SparseHistogram(previous)
        if now.isCustom {
            if now.customValues != before.customValues { _ = SparseHistogram.reconcile(&now, &before) }
        } else {
            if schema > previous.schema || zeroThreshold < previous.zeroThreshold { return true }
            if before.zeroThreshold(atLeast: now.zeroThreshold) != now.zeroThreshold { return true }
            before.widenZeroBucket(to: now.zeroThreshold)
            before.reduce(to: now.schema)
            if now.zeroCount < before.zeroCount { return true }
        }
        return SparseHistogram.merge(now.positive, before.positive, sign: -1).contains { $0.count < 0 }
            || SparseHistogram.merge(now.negative, before.negative, sign: -1).contains { $0.count < 0 }
    }

    /// `{count:4, sum:5, (0.5,1]:1, (1,2]:3}`.
    package var compactText: String {
        var out = "{count:\(formatGeneral(count)), sum:\(formatGeneral(sum))"
        for bucket in walk() {
            let open = bucket.isZero || bucket.upper <= 0 && !hasCustomBuckets ? "[" : "("
            let close = bucket.isZero || bucket.upper > 0 || hasCustomBuckets ? "]" : ")"
            out +=
                ", \(open)\(formatGeneral(bucket.lower)),\(formatGeneral(bucket.upper))\(close):\(formatGeneral(bucket.count))"
        }
        return out + "}"
    }

    /// The buckets as the API gives them out: rule 0 `(]`, 1 `[)`, 3 `[]`.
    package func apiBuckets() -> [(rule: Int, lower: Double, upper: Double, count: Double)] {
        walk().map { bucket in
            let rule = bucket.isZero ? 3 : (bucket.upper <= 0 && !hasCustomBuckets ? 1 : 0)
            return (rule, bucket.lower, bucket.upper, bucket.count)
        }
    }
}

extension NativeHistogram {
    /// No part has overflowed; a sum that is no number does not count.
    fileprivate var isFinite: Bool {
        !count.isInfinite && !sum.isInfinite && !zeroCount.isInfinite
            && !positiveBuckets.contains(where: \.isInfinite) && !negativeBuckets.contains(where: \.isInfinite)
    }
}

package enum HistogramSum {
    /// Sum or mean of histograms. Nil for none, and where standard and custom buckets are mixed (with a warning).
    package static func combine(
        _ histograms: [NativeHistogram], mean: Bool, operationName: String, metricName: String? = nil,
        _ annotations: inout Annotations
    ) -> NativeHistogram? {
        guard var total = histograms.first else { return nil }
        var compensation = CompensatedSum(total.sum)
        var count = CompensatedSum(total.count)
        for histogram in histograms.dropFirst() {
            guard histogram.hasCustomBuckets == total.hasCustomBuckets else {
                annotations.warn(AnnotationText.named(AnnotationText.mixedSchemas, metricName))
                return nil
            }
            let outcome = total.adding(histogram)
            if outcome.reconciled { annotations.inform(AnnotationText.reconciledBuckets(operationName)) }
            total = outcome.histogram
            compensation.add(histogram.sum)
            count.add(histogram.count)
        }
        if histograms.contains(where: { $0.resetHint == .reset }),
            histograms.contains(where: { $0.resetHint == .notReset })
        {
            annotations.warn(AnnotationText.counterResetCollision(operationName))
        }
        if histograms.count > 1 {
            total.sum = compensation.value
            total.count = count.value
        }
        guard mean else { return total }
        if total.isFinite || !histograms.allSatisfy(\.isFinite) { return total.divided(by: Double(histograms.count)) }
        // The sum overflows where the mean does not: weigh one by one.
        var average = histograms[0]
        for (i, histogram) in histograms.enumerated().dropFirst() {
            let weight = Double(i) / Double(i + 1)
            average = average.scaled(by: weight).adding(histogram.divided(by: Double(i + 1))).histogram
        }
        var (sums, counts) = (CompensatedMean(), CompensatedMean())
        for histogram in histograms {
            sums.add(histogram.sum)
            counts.add(histogram.count)
        }
        average.sum = sums.value
        average.count = counts.value
        average.resetHint = total.resetHint
        return average
    }
}
