internal import Vectors

/// What some samples of a series amount to. Two summaries of neighbouring stretches merge into one of both.
struct SampleSummary {
    var count = 0.0
    private var sum = CompensatedSum()
    /// Infinities and NaN added up apart: they would spoil the compensation. Zero where there are none.
    private var boundless = 0.0
    private var minimum = Double.nan
    private var maximum = Double.nan
    /// Welford's and Chan's running mean and sum of squared distances.
    private var mean = 0.0
    private var squares = 0.0
    private var firstTime: Int64 = 0
    private var firstValue = 0.0
    private var lastTime: Int64 = 0
    private var lastValue = 0.0
    /// Of a counter, resets added up.
    private var increase = 0.0

    init() {}

    init(_ value: Double, at time: Int64) {
        count = 1
        if value.isFinite { sum.add(value) } else { boundless = value }
        minimum = value
        maximum = value
        mean = value
        firstTime = time
        firstValue = value
        lastTime = time
        lastValue = value
    }

    /// `later` must not begin before the end of this one.
    mutating func merge(_ later: SampleSummary) {
        guard later.count > 0 else { return }
        guard count > 0 else {
            self = later
            return
        }
        increase += later.increase + (later.firstValue < lastValue ? later.firstValue : later.firstValue - lastValue)
        lastTime = later.lastTime
        lastValue = later.lastValue
        sum.add(later.sum.sum)
        sum.add(later.sum.compensation)
        boundless += later.boundless
        if later.minimum < minimum || minimum.isNaN { minimum = later.minimum }
        if later.maximum > maximum || maximum.isNaN { maximum = later.maximum }
        let both = count + later.count
        let distance = later.mean - mean
        squares += later.squares + distance * distance * count * later.count / both
        mean += distance * later.count / both
        count = both
    }

    private var total: Double { boundless == 0 ? sum.value : boundless }

    /// The answer for a window that ends at `end` and is `range` long, both nanoseconds.
    func result(_ operation: RangeOperator, end: Int64, range: Int64) -> Double {
        switch operation {
        case .count: count
        case .sum, .bytes: total
        case .rate, .bytesRate: total / (Double(range) / 1e9)
        // Where finite values add up to more than a double holds, their running mean still does.
        case .average: boundless == 0 && !sum.value.isFinite ? mean : total / count
        case .minimum: minimum
        case .maximum: maximum
        case .first: firstValue
        case .last: lastValue
        case .variance: squares / count
        case .deviation: (squares / count).squareRoot()
        case .rateCounter: extrapolatedRate(end: end, range: range)
        case .absent: 1
        case .quantile, .approximateCountDistinct, .countDistinct: .nan
        }
    }

    /// Prometheus' `rate`: the increase between the first and the last sample, stretched to the window's edges where
    /// the samples come near them.
    private func extrapolatedRate(end: Int64, range: Int64) -> Double {
        guard count >= 2, lastTime > firstTime else { return 0 }
        var toStart = Double(firstTime &- (end &- range)) / 1e9
        var toEnd = Double(end &- lastTime) / 1e9
        let sampled = Double(lastTime &- firstTime) / 1e9
        let average = sampled / (count - 1)
        if toStart >= average * 1.1 { toStart = average / 2 }
        if toEnd >= average * 1.1 { toEnd = average / 2 }
        // A counter is never below zero: what was clamped already can only become shorter.
        if increase > 0, firstValue >= 0 { toStart = Swift.min(toStart, sampled * firstValue / increase) }
        return increase * (sampled + toStart + toEnd) / sampled / (Double(range) / 1e9)
    }
}

/// Summaries of one series by segment, and their sums over windows that move forward: the queue of two stacks, each
/// summary merged a constant number of times.
struct SlidingSummaries {
    private var entries: [(segment: Int32, summary: SampleSummary)] = []

    /// Rows come in ascending order of time.
    mutating func add(_ value: Double, at time: Int64, segment: Int) {
        if let last = entries.indices.last, entries[last].segment == Int32(truncatingIfNeeded: segment) {
            entries[last].summary.merge(SampleSummary(value, at: time))
        } else {
            entries.append((Int32(truncatingIfNeeded: segment), SampleSummary(value, at: time)))
        }
    }

    func forEachWindow(_ windows: WindowPlan, _ body: (_ window: Int, _ summary: SampleSummary) -> Void) {
        var suffixes = [SampleSummary](repeating: SampleSummary(), count: entries.count)
        var head = 0
        var middle = 0
        var tail = 0
        var back = SampleSummary()
        for window in windows.lower.indices {
            while tail < entries.count, Int(entries[tail].segment) < windows.upper[window] {
                back.merge(entries[tail].summary)
                tail += 1
            }
            while head < tail, Int(entries[head].segment) < windows.lower[window] {
                if head == middle {
                    var suffix = SampleSummary()
                    for i in (head..<tail).reversed() {
                        var own = entries[i].summary
                        own.merge(suffix)
                        suffix = own
                        suffixes[i] = own
                    }
                    middle = tail
                    back = SampleSummary()
                }
                head += 1
            }
            var whole = head < middle ? suffixes[head] : SampleSummary()
            whole.merge(back)
            if whole.count > 0 { body(window, whole) }
        }
    }
}
