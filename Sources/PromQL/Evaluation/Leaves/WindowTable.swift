internal import Vectors

/// Where the windows of a grid begin and end in a column of timestamps, and what of a rate depends on these alone.
/// Worked out once for all series that share the column.
struct WindowTable {
    /// Of window `i` the samples are `low[i]..<high[i]`.
    private(set) var low: [Int32] = []
    private(set) var high: [Int32] = []
    private(set) var rates: RateTerms?
    /// Some window has a sample.
    private(set) var hasSamples = false
    /// Samples of all windows, one in several of them counted in each.
    private(set) var total = 0
    /// Samples of the fullest window.
    private(set) var longest = 0

    /// What `rate` and its like multiply a difference by.
    struct RateTerms {
        /// Seconds between the first and the last sample.
        var sampled: [Double]
        /// Seconds that the difference is extrapolated by at either end.
        var toStart: [Double]
        var toEnd: [Double]
        /// The product where no counter was at zero in between.
        var factor: [Double]
    }

    init(_ timestamps: [Int64], _ leaf: Leaf, _ setting: QuerySetting) {
        let count = leaf.grid.count
        low.reserveCapacity(count)
        high.reserveCapacity(count)
        var first = 0
        var next = 0
        for step in 0..<count {
            let end = setting.reference(leaf.at, leaf.grid.timestamp(at: step)) &- leaf.offset
            let start = end &- leaf.window
            while first < timestamps.count, timestamps[first] <= start { first += 1 }
            next = max(next, first)
            while next < timestamps.count, timestamps[next] <= end { next += 1 }
            low.append(Int32(truncatingIfNeeded: first))
            high.append(Int32(truncatingIfNeeded: next))
            longest = max(longest, next - first)
            total += next - first
        }
        hasSamples = longest > 0
        guard case .window(let function) = leaf.kernel else { return }
        switch function {
        case .rate, .increase, .delta: rates = terms(timestamps, leaf, setting, isRate: function == .rate)
        default: break
        }
    }

    private func terms(
        _ timestamps: [Int64], _ leaf: Leaf, _ setting: QuerySetting, isRate: Bool
    ) -> RateTerms {
        let count = leaf.grid.count
        let zeros = [Double](repeating: 0, count: count)
        var terms = RateTerms(sampled: zeros, toStart: zeros, toEnd: zeros, factor: zeros)
        let seconds = Double(leaf.window) / 1000
        for step in 0..<count where high[step] &- low[step] > 1 {
            let first = timestamps[Int(low[step])]
            let last = timestamps[Int(high[step]) - 1]
            let end = setting.reference(leaf.at, leaf.grid.timestamp(at: step)) &- leaf.offset
            let sampled = Double(last &- first) / 1000
            let gap = sampled / Double(high[step] &- low[step] &- 1)
            let threshold = gap * 1.1
            var toStart = Double(first &- (end &- leaf.window)) / 1000
            var toEnd = Double(end &- last) / 1000
            if toStart >= threshold { toStart = gap / 2 }
            if toEnd >= threshold { toEnd = gap / 2 }
            terms.sampled[step] = sampled
            terms.toStart[step] = toStart
            terms.toEnd[step] = toEnd
            terms.factor[step] = (sampled + toStart + toEnd) / sampled
            if isRate { terms.factor[step] /= seconds }
        }
        return terms
    }
}
