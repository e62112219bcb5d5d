/// Gathers spans into series and steps.
///
/// Quantiles come from a histogram whose bounds grow by 2^(1/32), so that they are within about 1% of the truth; the
/// powers of two of Tempo allow a factor of two. `histogram_over_time` has the powers of two, which is what its readers
/// draw.
struct MetricsAccumulator {
    static let maximumSeries = 20_000
    static let bucketsPerDoubling = 32.0

    let function: MetricsFunction
    let grid: TraceStepGrid
    let maximumExemplars: Int
    private var index: [[Static]: Int] = [:]
    private var keys: [[Static]] = []
    private var values: [[Double]] = []
    private var counts: [[Double]] = []
    /// Per series and step; only for quantiles.
    private var distributions: [[LogHistogram]] = []
    private var exemplars: [[TraceMetricExemplar]] = []
    private var exemplarCount = 0
    private var lastExemplarStep: [Int] = []

    init(_ function: MetricsFunction, grid: TraceStepGrid, maximumExemplars: Int) {
        self.function = function
        self.grid = grid
        self.maximumExemplars = maximumExemplars
    }

    mutating func observe(_ span: TraceSpan, in trace: Trace?, at position: Int) throws(TraceQLError) {
        guard let step = grid.index(of: span.start) else { return }
        var value = 1.0
        var isDuration = false
        if let field = function.field {
            let found = field.value(of: span, in: trace, at: position)
            guard let number = found.asMetricValue, !number.isNaN else { return }
            if case .duration = found { isDuration = true }
            value = number
        }
        var key: [Static] = []
        for field in function.by { key.append(field.value(of: span, in: trace, at: position)) }
        if function.kind == .histogramOverTime {
            guard let bucket = MetricsAccumulator.powerOfTwo(atLeast: value, isDuration: isDuration) else { return }
            key.append(.float(bucket))
        }
        let series = try slot(key)
        add(value, series, step)
        note(span, value, series, step)
    }

    private mutating func slot(_ key: [Static]) throws(TraceQLError) -> Int {
        if let known = index[key] { return known }
        guard keys.count < MetricsAccumulator.maximumSeries else {
            throw .evaluation(
                "more than \(MetricsAccumulator.maximumSeries) series; group by something with fewer values"
            )
        }
        let made = keys.count
        index[key] = made
        keys.append(key)
        switch function.kind {
        case .rate, .countOverTime, .histogramOverTime, .compare:
            values.append(Array(repeating: 0, count: grid.count))
        case .quantileOverTime:
            distributions.append(Array(repeating: LogHistogram(), count: grid.count))
        case .minOverTime, .maxOverTime, .sumOverTime, .avgOverTime:
            values.append(Array(repeating: .nan, count: grid.count))
        }
        if function.kind == .avgOverTime { counts.append(Array(repeating: 0, count: grid.count)) }
        exemplars.append([])
        lastExemplarStep.append(-1)
        return made
    }

    private mutating func add(_ value: Double, _ series: Int, _ step: Int) {
        switch function.kind {
        case .rate, .countOverTime, .histogramOverTime, .compare: values[series][step] += 1
        case .quantileOverTime: distributions[series][step].add(value)
        case .minOverTime:
            let old = values[series][step]
            values[series][step] = old.isNaN ? value : min(old, value)
        case .maxOverTime:
            let old = values[series][step]
            values[series][step] = old.isNaN ? value : max(old, value)
        case .sumOverTime, .avgOverTime:
            let old = values[series][step]
            values[series][step] = old.isNaN ? value : old + value
            if function.kind == .avgOverTime { counts[series][step] += 1 }
        }
    }

    /// The first span of each step of a series, until there are enough.
    private mutating func note(_ span: TraceSpan, _ value: Double, _ series: Int, _ step: Int) {
        guard exemplarCount < maximumExemplars, lastExemplarStep[series] != step else { return }
        lastExemplarStep[series] = step
        exemplarCount += 1
        exemplars[series].append(
            TraceMetricExemplar(
                labels: [
                    TraceMetricLabel(name: "trace:id", value: .string(span.traceID.hex)),
                    TraceMetricLabel(name: "span:id", value: .string(span.spanID.hex)),
                    TraceMetricLabel(name: "name", value: .string(span.name)),
                ], value: function.field == nil ? .nan : value, timestamp: span.start))
    }

    /// Zero and negative values have no power of two; they are counted in the bucket 0.
    private static func powerOfTwo(atLeast value: Double, isDuration: Bool) -> Double? {
        guard value.isFinite else { return nil }
        if value <= 0 { return 0 }
        // Bounds of durations are powers of two of nanoseconds, as Tempo has them.
        let scale = isDuration ? 1e9 : 1
        let scaled = value * scale
        return binaryPower(binaryLogarithm(scaled).rounded(.up)) / scale
    }

    func result() -> [TraceMetricSeries] {
        var out: [TraceMetricSeries] = []
        let seconds = Double(grid.step) / 1e9
        for series in keys.indices {
            var labels = zip(function.by, keys[series]).map { TraceMetricLabel(name: $0.description, value: $1) }
            switch function.kind {
            case .quantileOverTime:
                for quantile in function.quantiles {
                    out.append(
                        TraceMetricSeries(
                            labels: labels + [TraceMetricLabel(name: "p", value: .float(quantile))],
                            values: distributions[series].map { $0.quantile(quantile) }, exemplars: exemplars[series]))
                }
                continue
            case .histogramOverTime:
                if let bucket = keys[series].last { labels.append(TraceMetricLabel(name: "__bucket", value: bucket)) }
            default:
                if labels.isEmpty {
                    labels = [TraceMetricLabel(name: "__name__", value: .string(function.kind.rawValue))]
                }
            }
            var row = values[series]
            if function.kind == .rate { row = row.map { $0 / seconds } }
            if function.kind == .avgOverTime { row = zip(row, counts[series]).map { $0 / $1 } }
            out.append(TraceMetricSeries(labels: labels, values: row, exemplars: exemplars[series]))
        }
        return out.filter { $0.hasValue || function.kind == .rate || function.kind == .countOverTime }
    }
}

/// Counts by the logarithm of the value, negative ones mirrored.
struct LogHistogram {
    private var positive: [Int32: Double] = [:]
    private var negative: [Int32: Double] = [:]
    private var zero = 0.0
    private var total = 0.0
    private var smallest = Double.infinity
    private var largest = -Double.infinity

    mutating func add(_ value: Double) {
        guard value.isFinite else { return }
        total += 1
        smallest = min(smallest, value)
        largest = max(largest, value)
        if value == 0 {
            zero += 1
        } else {
            let bucket = Int32((binaryLogarithm(value.magnitude) * MetricsAccumulator.bucketsPerDoubling).rounded(.up))
            if value > 0 { positive[bucket, default: 0] += 1 } else { negative[bucket, default: 0] += 1 }
        }
    }

    /// NaN without values. Inside a bucket the geometric interpolation of its bounds.
    func quantile(_ q: Double) -> Double {
        guard total > 0 else { return .nan }
        let rank = q * total
        var seen = 0.0
        for (bucket, count) in negative.sorted(by: { $0.key > $1.key }) {
            if seen + count >= rank { return clamped(-LogHistogram.inside(bucket, 1 - (rank - seen) / count)) }
            seen += count
        }
        if zero > 0 {
            if seen + zero >= rank { return clamped(0) }
            seen += zero
        }
        for (bucket, count) in positive.sorted(by: { $0.key < $1.key }) {
            if seen + count >= rank { return clamped(LogHistogram.inside(bucket, (rank - seen) / count)) }
            seen += count
        }
        return largest
    }

    private func clamped(_ value: Double) -> Double { min(max(value, smallest), largest) }

    private static func inside(_ bucket: Int32, _ fraction: Double) -> Double {
        binaryPower((Double(bucket) - 1 + fraction) / MetricsAccumulator.bucketsPerDoubling)
    }
}
