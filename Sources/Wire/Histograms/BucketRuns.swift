import Telemetry

/// Builds a native histogram's spans and counts from buckets that come in ascending order.
struct BucketRuns {
    private(set) var spans: [NativeHistogram.Span] = []
    private(set) var counts: [Double] = []
    private var last: Int64 = 0

    /// Adds to the bucket; several of one index are summed. False where the index leaves the 32 bits it has.
    mutating func add(index: Int64, count: Double) -> Bool {
        guard Int32(exactly: index) != nil else { return false }
        if spans.isEmpty {
            spans.append(NativeHistogram.Span(offset: Int32(truncatingIfNeeded: index), length: 1))
            counts.append(count)
        } else if index == last {
            counts[counts.count - 1] += count
        } else {
            let gap = index - last - 1
            guard gap >= 0 else { return false }
            // A gap of up to two empty buckets is cheaper as zeros than as a span.
            if gap <= 2 {
                counts.append(contentsOf: repeatElement(0, count: Int(gap)))
                spans[spans.count - 1].length += UInt32(gap) + 1
            } else {
                guard let offset = Int32(exactly: gap) else { return false }
                spans.append(NativeHistogram.Span(offset: offset, length: 1))
            }
            counts.append(count)
        }
        last = index
        return true
    }

    /// Calls with each bucket's index; false where spans and counts do not fit together.
    static func forEach(
        _ spans: [NativeHistogram.Span], _ counts: [Double], _ body: (_ index: Int64, _ count: Double) -> Bool
    ) -> Bool {
        var index: Int64 = 0
        var position = 0
        for (number, span) in spans.enumerated() {
            guard number == 0 || span.offset >= 0, Int(span.length) <= counts.count - position else { return false }
            index += Int64(span.offset)
            for _ in 0..<span.length {
                guard body(index, counts[position]) else { return false }
                position += 1
                index += 1
            }
        }
        return position == counts.count
    }

    /// The same buckets at a resolution lower by `shift` steps; nil where spans and counts do not fit together.
    static func reduced(
        _ spans: [NativeHistogram.Span], _ counts: [Double], by shift: Int32
    ) -> (spans: [NativeHistogram.Span], counts: [Double])? {
        var runs = BucketRuns()
        let fits = forEach(spans, counts) { index, count in
            runs.add(index: ((index - 1) >> Int64(shift)) + 1, count: count)
        }
        return fits ? (runs.spans, runs.counts) : nil
    }
}

extension NativeHistogram {
    static let lowestSchema: Int32 = -4
    static let highestSchema: Int32 = 8

    /// Why a histogram from outside cannot be kept; nil after bringing too fine a resolution down to what is
    /// supported.
    mutating func defectAfterReducing() -> String? {
        if schema > NativeHistogram.highestSchema, schema <= 52 {
            let shift = schema - NativeHistogram.highestSchema
            guard let positive = BucketRuns.reduced(positiveSpans, positiveBuckets, by: shift),
                let negative = BucketRuns.reduced(negativeSpans, negativeBuckets, by: shift)
            else { return "spans do not fit the buckets" }
            (positiveSpans, positiveBuckets) = positive
            (negativeSpans, negativeBuckets) = negative
            schema = NativeHistogram.highestSchema
        }
        let isCustom = schema == NativeHistogram.customBucketsSchema
        guard isCustom || (NativeHistogram.lowestSchema...NativeHistogram.highestSchema).contains(schema) else {
            return "schema \(schema) is not supported"
        }
        func isGood(_ index: Int64, _ count: Double) -> Bool { count >= 0 && Int32(exactly: index) != nil }
        guard BucketRuns.forEach(positiveSpans, positiveBuckets, isGood),
            BucketRuns.forEach(negativeSpans, negativeBuckets, isGood)
        else { return "spans do not fit the buckets, or a bucket is negative" }
        if isCustom {
            for (lower, upper) in zip(customValues, customValues.dropFirst()) where !(lower < upper) {
                return "custom bounds are not ascending"
            }
            if customValues.contains(where: { $0.isNaN || $0 == .infinity }) {
                return "custom bounds must not be NaN or +Inf"
            }
        }
        return nil
    }

    /// Also what Prometheus refuses of senders, and what needs no check in what it stored itself.
    mutating func defectAsWritten() -> String? {
        if let defect = defectAfterReducing() { return defect }
        guard !(count < 0), !(zeroCount < 0) else { return "a count is negative" }
        if schema == NativeHistogram.customBucketsSchema {
            if let defect = defectOfCustomBuckets { return defect }
        } else if !customValues.isEmpty {
            return "bounds stand beside an exponential schema"
        }
        return defectOfCount
    }

    private var defectOfCustomBuckets: String? {
        if zeroCount != 0 || zeroThreshold != 0 || !negativeSpans.isEmpty {
            return "custom buckets have neither a zero bucket nor negative ones"
        }
        let length = positiveSpans.reduce(Int64(0)) { $0 + Int64($1.offset) + Int64($1.length) }
        guard (positiveSpans.first?.offset ?? 0) >= 0, length <= Int64(customValues.count) + 1 else {
            return "\(customValues.count) custom bounds do not reach over \(length) buckets"
        }
        return nil
    }

    /// Whole numbers must add up, as in Prometheus; NaN observations count and are in no bucket. Fractions may be off
    /// by rounding, and so may whole numbers that a double does not hold.
    private var defectOfCount: String? {
        guard isInteger, count < 0x1p53 else { return nil }
        let found = positiveBuckets.reduce(0, +) + negativeBuckets.reduce(0, +) + zeroCount
        guard sum.isNaN ? found > count : found != count else { return nil }
        return "\(FloatText.string(found, .plain)) observations are in buckets, the count is "
            + FloatText.string(count, .plain)
    }
}
