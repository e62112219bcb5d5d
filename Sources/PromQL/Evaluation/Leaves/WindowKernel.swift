internal import Telemetry
internal import Vectors

/// A leaf's function over one series after the other. What slides is kept from window to window where the answer is the
/// same to the bit; sums are not such, as each has its own rounding.
struct WindowKernel {
    private let leaf: Leaf
    private let general: RangeKernel
    private let parameters: [[Double]]
    private let seconds: Double
    /// Places of counter resets, or the places that a sliding extreme keeps.
    var places: [Int32] = []
    var sorted: [Double] = []

    init(_ leaf: Leaf, _ setting: QuerySetting) {
        self.leaf = leaf
        var function = RangeFunction.presentOverTime
        if case .window(let wanted) = leaf.kernel { function = wanted }
        general = RangeKernel(
            function: function,
            source: RangeSource(
                series: [], range: leaf.window, offset: leaf.offset, at: leaf.at, rangeExtension: nil,
                setting: setting))
        parameters = leaf.parameters.map { [Double](repeating: $0, count: leaf.grid.count) }
        seconds = Double(leaf.window) / 1000
    }

    /// Fills the row. True where a window had a sample.
    ///
    /// - Parameter values: as many as timestamps, or none where only times were asked for.
    @unsafe
    mutating func apply(
        _ timestamps: [Int64], _ values: UnsafeBufferPointer<Double>, _ table: borrowing WindowTable,
        hidesStale: Bool = false, into row: inout StepRow
    ) -> Bool {
        guard table.hasSamples, values.count == timestamps.count || (values.isEmpty && !leaf.needsValues) else {
            return false
        }
        guard case .window(let function) = leaf.kernel else {
            unsafe newest(values, table, hidesStale, &row)
            return true
        }
        switch function {
        case .countOverTime:
            for step in 0..<leaf.grid.count where table.high[step] > table.low[step] {
                row.set(Double(table.high[step] - table.low[step]), step)
            }
        case .presentOverTime:
            for step in 0..<leaf.grid.count where table.high[step] > table.low[step] { row.set(1, step) }
        case .rate, .increase: unsafe rate(values, table, isCounter: true, isRate: function == .rate, &row)
        case .delta: unsafe rate(values, table, isCounter: false, isRate: false, &row)
        case .irate, .idelta: unsafe lastDifference(timestamps, values, table, isRate: function == .irate, &row)
        case .sumOverTime:
            unsafe overWindows(table, &row) { low, high in
                var sum = CompensatedSum()
                for at in low..<high { unsafe sum.add(values[at]) }
                return sum.value
            }
        case .averageOverTime:
            unsafe overWindows(table, &row) { low, high in
                var mean = CompensatedMean()
                for at in low..<high { unsafe mean.add(values[at]) }
                return mean.value
            }
        case .varianceOverTime, .deviationOverTime:
            unsafe variances(values, table, isDeviation: function == .deviationOverTime, &row)
        case .lastOverTime: unsafe overWindows(table, &row) { _, high in unsafe values[high - 1] }
        case .firstOverTime: unsafe overWindows(table, &row) { low, _ in unsafe values[low] }
        case .leastOverTime: unsafe extreme(values, table, largest: false, &row)
        case .greatestOverTime: unsafe extreme(values, table, largest: true, &row)
        case .quantileOverTime: unsafe quantiles(values, table, leaf.parameters.first ?? .nan, &row)
        default: unsafe others(timestamps, values, table, &row)
        }
        return true
    }

    @unsafe @inline(__always)
    private func overWindows(_ table: borrowing WindowTable, _ row: inout StepRow, _ body: (Int, Int) -> Double) {
        for step in 0..<leaf.grid.count {
            let (low, high) = (Int(table.low[step]), Int(table.high[step]))
            if high > low { row.set(body(low, high), step) }
        }
    }

    @unsafe
    private func newest(
        _ values: UnsafeBufferPointer<Double>, _ table: borrowing WindowTable, _ hidesStale: Bool, _ row: inout StepRow
    ) {
        let hasValues = !values.isEmpty
        for step in 0..<leaf.grid.count {
            let high = Int(table.high[step])
            guard high > Int(table.low[step]) else { continue }
            let value = unsafe hasValues ? values[high - 1] : 1
            if hidesStale, SpecialValue.isStaleMarker(value) { continue }
            row.set(value, step)
        }
    }

    // MARK: Differences

    @unsafe
    private mutating func rate(
        _ values: UnsafeBufferPointer<Double>, _ table: borrowing WindowTable, isCounter: Bool, isRate: Bool,
        _ row: inout StepRow
    ) {
        guard let terms = table.rates else { return }
        places.removeAll(keepingCapacity: true)
        if isCounter, let first = table.low.first, let end = table.high.last, end > first + 1 {
            unsafe findResets(values, Int(first) + 1, Int(end))
        }
        var reset = 0
        for step in 0..<leaf.grid.count {
            let low = Int(table.low[step])
            let high = Int(table.high[step])
            guard high &- low > 1 else { continue }
            let first = unsafe values[low]
            var difference = unsafe values[high &- 1] - first
            if !places.isEmpty {
                while reset < places.count, Int(places[reset]) <= low { reset += 1 }
                var next = reset
                while next < places.count, Int(places[next]) < high {
                    difference += unsafe values[Int(places[next]) &- 1]
                    next += 1
                }
            }
            var factor = terms.factor[step]
            if isCounter, difference > 0, first >= 0 {
                let sampled = terms.sampled[step]
                let toStart = terms.toStart[step]
                // A counter that was at zero within the window is not extrapolated beyond that moment. The division
                // is for those that come near it.
                if !(first * sampled > toStart * difference * 1.000_001) {
                    factor = (sampled + min(toStart, sampled * (first / difference)) + terms.toEnd[step]) / sampled
                    if isRate { factor /= seconds }
                }
            }
            row.set(difference * factor, step)
        }
    }

    @unsafe
    private mutating func findResets(_ values: UnsafeBufferPointer<Double>, _ start: Int, _ end: Int) {
        var count = 0
        for at in start..<end { count &+= unsafe values[at] < values[at &- 1] ? 1 : 0 }
        guard count > 0 else { return }
        for at in start..<end where unsafe values[at] < values[at &- 1] { places.append(Int32(truncatingIfNeeded: at)) }
    }

    @unsafe
    private func lastDifference(
        _ timestamps: [Int64], _ values: UnsafeBufferPointer<Double>, _ table: borrowing WindowTable, isRate: Bool,
        _ row: inout StepRow
    ) {
        for step in 0..<leaf.grid.count {
            let high = Int(table.high[step])
            guard high - Int(table.low[step]) > 1 else { continue }
            let seconds = Double(timestamps[high - 1] &- timestamps[high - 2]) / 1000
            guard seconds > 0 else { continue }
            let (last, before) = unsafe (values[high - 1], values[high - 2])
            let difference = isRate && last < before ? last : last - before
            row.set(isRate ? difference / seconds : difference, step)
        }
    }

    // MARK: Statistics

    /// Welford's method with compensated sums.
    @unsafe
    private static func variance(_ values: UnsafeBufferPointer<Double>, _ low: Int, _ high: Int) -> Double {
        var count = 0.0
        var mean = CompensatedSum()
        var total = CompensatedSum()
        for at in low..<high {
            count += 1
            let value = unsafe values[at]
            let delta = value - (mean.sum + mean.compensation)
            mean.add(delta / count)
            total.add(delta * (value - (mean.sum + mean.compensation)))
        }
        return (total.sum + total.compensation) / count
    }

    /// Four windows side by side: each is one long chain of divisions and sums, and the processor has room for several.
    @unsafe
    private func variances(
        _ values: UnsafeBufferPointer<Double>, _ table: borrowing WindowTable, isDeviation: Bool, _ row: inout StepRow
    ) {
        var step = 0
        while step < leaf.grid.count {
            let width = min(4, leaf.grid.count - step)
            var shortest = Int.max
            for lane in 0..<width { shortest = min(shortest, Int(table.high[step + lane] - table.low[step + lane])) }
            var chains = VarianceChains()
            let together = width == 4 && shortest > 0
            if together {
                let lows = (
                    Int(table.low[step]), Int(table.low[step + 1]), Int(table.low[step + 2]), Int(table.low[step + 3])
                )
                for place in 0..<shortest {
                    chains.add(
                        unsafe SIMD4(
                            values[lows.0 &+ place], values[lows.1 &+ place], values[lows.2 &+ place],
                            values[lows.3 &+ place]))
                }
            }
            for lane in 0..<width {
                let (low, high) = (Int(table.low[step + lane]), Int(table.high[step + lane]))
                guard high > low else { continue }
                var variance = Double.nan
                if together, high - low == shortest { variance = chains.variance(lane) }
                // What is not finite took another turn than the four together can take.
                if !variance.isFinite { variance = unsafe WindowKernel.variance(values, low, high) }
                row.set(isDeviation ? variance.squareRoot() : variance, step + lane)
            }
            step += width
        }
    }

    @unsafe
    private static func holdsNaN(
        _ values: UnsafeBufferPointer<Double>, _ table: borrowing WindowTable
    ) -> Bool {
        var found = false
        let first = Int(table.low.first ?? 0)
        for at in first..<max(Int(table.high.last ?? 0), first) { if unsafe values[at].isNaN { found = true } }
        return found
    }

    @unsafe
    private mutating func extreme(
        _ values: UnsafeBufferPointer<Double>, _ table: borrowing WindowTable, largest: Bool, _ row: inout StepRow
    ) {
        if unsafe table.longest < 8 || WindowKernel.holdsNaN(values, table) {
            return unsafe overWindows(table, &row) { low, high in
                var best = unsafe values[low]
                for at in low + 1..<max(high, low + 1) {
                    let value = unsafe values[at]
                    if largest ? value > best : value < best { best = value }
                    if best.isNaN { best = value }
                }
                return best
            }
        }
        // The places whose values no later one beats, oldest first: each sample comes and goes once.
        places.removeAll(keepingCapacity: true)
        var head = 0
        var next = 0
        for step in 0..<leaf.grid.count {
            let (low, high) = (Int(table.low[step]), Int(table.high[step]))
            if next < low { next = low }
            while next < high {
                let value = unsafe values[next]
                while places.count > head, let last = places.last {
                    let other = unsafe values[Int(last)]
                    guard largest ? other < value : other > value else { break }
                    places.removeLast()
                }
                places.append(Int32(truncatingIfNeeded: next))
                next += 1
            }
            while head < places.count, Int(places[head]) < low { head += 1 }
            guard high > low, head < places.count else { continue }
            unsafe row.set(values[Int(places[head])], step)
        }
    }

    /// Keeps the window's values sorted: those that leave are taken out, those that come are put in.
    @unsafe
    private mutating func quantiles(
        _ values: UnsafeBufferPointer<Double>, _ table: borrowing WindowTable, _ rank: Double, _ row: inout StepRow
    ) {
        if unsafe WindowKernel.holdsNaN(values, table) || !(rank >= 0 && rank <= 1) {
            return unsafe overWindows(table, &row) { low, high in
                var window = unsafe Array(values[low..<high])
                return quantile(rank, &window)
            }
        }
        sorted.removeAll(keepingCapacity: true)
        var first = 0
        var next = 0
        for step in 0..<leaf.grid.count {
            let (low, high) = (Int(table.low[step]), Int(table.high[step]))
            guard high > low else { continue }
            if low >= next || high - next > table.longest / 2 {
                sorted.removeAll(keepingCapacity: true)
                for at in low..<high { unsafe sorted.append(values[at]) }
                sorted.sort()
            } else {
                for at in first..<low { unsafe sorted.remove(at: place(of: values[at])) }
                for at in next..<high { unsafe sorted.insert(values[at], at: place(of: values[at])) }
            }
            (first, next) = (low, high)
            let position = rank * Double(sorted.count - 1)
            let lower = max(0, min(sorted.count - 1, Int(position.rounded(.down))))
            let upper = min(sorted.count - 1, lower + 1)
            let weight = position - position.rounded(.down)
            row.set(sorted[lower] * (1 - weight) + sorted[upper] * weight, step)
        }
    }

    /// The first place whose value is not below.
    private func place(of value: Double) -> Int {
        var low = 0
        var high = sorted.count
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Window by window.
    @unsafe
    private func others(
        _ timestamps: [Int64], _ values: UnsafeBufferPointer<Double>, _ table: borrowing WindowTable,
        _ row: inout StepRow
    ) {
        let series = unsafe RangeSeries(labels: .empty, timestamps: timestamps, values: Array(values))
        // Floats alone give rise to no sentence.
        var none = Annotations()
        for step in 0..<leaf.grid.count {
            let (low, high) = (Int(table.low[step]), Int(table.high[step]))
            guard high > low else { continue }
            let time = leaf.grid.timestamp(at: step)
            let (start, end) = general.source.window(at: time)
            let window = RangeWindow(floats: low..<high, histograms: 0..<0, start: start, end: end)
            if case .float(let value) = general.apply(series, window, parameters, step, time, &none) {
                row.set(value, step)
            }
        }
    }
}
