import Synchronization

/// The series of one metric. Above the limit new label sets are summed up in `{otel_metric_overflow="true"}`:
/// a label with unbounded values costs precision, not the process.
final class MetricFamily<Value: Sendable>: Sendable {
    static var seriesLimit: Int { 2000 }
    let name: String
    let help: String
    private let series: Mutex<[MetricLabels: Value]>

    init(name: String, help: String) {
        self.name = name
        self.help = help
        series = Mutex([:])
    }

    func update(_ labels: MetricLabels, initial: @autoclosure () -> Value, _ body: (inout Value) -> Void) {
        series.withLock { series in
            let known = series[labels] != nil || series.count < Self.seriesLimit
            body(&series[known ? labels : .overflow, default: initial()])
        }
    }

    func value(_ labels: MetricLabels) -> Value? { series.withLock { $0[labels] } }

    func remove(_ labels: MetricLabels) { series.withLock { _ = $0.removeValue(forKey: labels) } }

    /// In label order, so that two renderings of the same state are equal.
    var sorted: [(labels: MetricLabels, value: Value)] {
        series.withLock { $0.map { ($0.key, $0.value) } }.sorted { $0.labels < $1.labels }
    }
}

/// A value that only grows. Its name ends in `_total`.
public final class Counter: Sendable {
    let family: MetricFamily<Double>

    init(name: String, help: String) { family = MetricFamily(name: name, help: help) }

    /// Negative amounts are ignored: a counter that falls looks like a restart.
    public func increment(by amount: Double = 1, _ labels: MetricLabels = [:]) {
        guard amount >= 0 else { return }
        family.update(labels, initial: 0) { $0 += amount }
    }

    /// For counts that are kept elsewhere and copied here when they are collected.
    public func set(_ total: Double, _ labels: MetricLabels = [:]) {
        family.update(labels, initial: 0) { $0 = total }
    }

    public func value(_ labels: MetricLabels = [:]) -> Double { family.value(labels) ?? 0 }
}

/// A value that goes up and down.
public final class Gauge: Sendable {
    let family: MetricFamily<Double>

    init(name: String, help: String) { family = MetricFamily(name: name, help: help) }

    public func set(_ value: Double, _ labels: MetricLabels = [:]) {
        family.update(labels, initial: 0) { $0 = value }
    }

    public func add(_ amount: Double, _ labels: MetricLabels = [:]) {
        family.update(labels, initial: 0) { $0 += amount }
    }

    public func value(_ labels: MetricLabels = [:]) -> Double { family.value(labels) ?? 0 }
}

/// The span behind one observation of a histogram bucket.
struct Exemplar: Sendable {
    let traceID: TraceID
    let spanID: SpanID
    let value: Double
    /// Seconds since 1970.
    let time: Double
}

/// Counts observations in buckets by upper boundary.
public final class Histogram: Sendable {
    /// The boundaries that the semantic conventions advise for durations in seconds.
    public static let durationBoundaries: [Double] = [
        0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
    ]

    struct State: Sendable {
        var counts: [UInt64]
        var sum = 0.0
        var exemplars: [Exemplar?]
    }

    let boundaries: [Double]
    let family: MetricFamily<State>

    init(name: String, help: String, boundaries: [Double]) {
        self.boundaries = boundaries.filter { $0.isFinite }.sorted()
        family = MetricFamily(name: name, help: help)
    }

    /// Keeps the task's current span as the bucket's exemplar.
    public func observe(_ value: Double, _ labels: MetricLabels = [:]) {
        guard !value.isNaN else { return }
        let bucket = boundaries.firstIndex { value <= $0 } ?? boundaries.count
        let exemplar = SpanContext.current.flatMap { context in
            context.isSampled
                ? Exemplar(
                    traceID: context.traceID, spanID: context.spanID, value: value,
                    time: Double(WallClock.nanoseconds()) / 1e9)
                : nil
        }
        let buckets = boundaries.count + 1
        let empty = State(
            counts: Array(repeating: 0, count: buckets), exemplars: Array(repeating: nil, count: buckets))
        family.update(labels, initial: empty) { state in
            state.counts[bucket] &+= 1
            state.sum += value
            if let exemplar { state.exemplars[bucket] = exemplar }
        }
    }

    public func observe(_ duration: Duration, _ labels: MetricLabels = [:]) {
        observe(duration / .seconds(1), labels)
    }
}
