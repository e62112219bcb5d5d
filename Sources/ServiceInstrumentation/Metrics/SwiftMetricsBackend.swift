import Metrics

/// A swift-metrics backend: `MetricsSystem.bootstrap(PrometheusMetricsFactory(registry))` makes the counters, meters,
/// recorders and timers of every library in the process part of `registry`.
public struct PrometheusMetricsFactory: MetricsFactory {
    public let registry: MetricsRegistry

    public init(_ registry: MetricsRegistry) { self.registry = registry }

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        CounterBackend(counter: registry.counter(label), labels: MetricLabels(dimensions))
    }

    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        FloatingPointCounterBackend(counter: registry.counter(label), labels: MetricLabels(dimensions))
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        GaugeBackend(gauge: registry.gauge(label), labels: MetricLabels(dimensions))
    }

    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        let labels = MetricLabels(dimensions)
        guard aggregate else { return GaugeBackend(gauge: registry.gauge(label), labels: labels) }
        return HistogramBackend(histogram: registry.histogram(label), labels: labels)
    }

    /// In seconds, whatever the display unit: Prometheus has one unit of time.
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        HistogramBackend(histogram: registry.histogram(label), labels: MetricLabels(dimensions))
    }

    public func destroyCounter(_ handler: any CounterHandler) {
        (handler as? CounterBackend).map { $0.counter.family.remove($0.labels) }
    }

    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {
        (handler as? FloatingPointCounterBackend).map { $0.counter.family.remove($0.labels) }
    }

    public func destroyMeter(_ handler: any MeterHandler) {
        (handler as? GaugeBackend).map { $0.gauge.family.remove($0.labels) }
    }

    public func destroyRecorder(_ handler: any RecorderHandler) {
        (handler as? GaugeBackend).map { $0.gauge.family.remove($0.labels) }
        (handler as? HistogramBackend).map { $0.histogram.family.remove($0.labels) }
    }

    public func destroyTimer(_ handler: any TimerHandler) {
        (handler as? HistogramBackend).map { $0.histogram.family.remove($0.labels) }
    }
}

private final class CounterBackend: CounterHandler {
    let counter: Counter
    let labels: MetricLabels

    init(counter: Counter, labels: MetricLabels) {
        self.counter = counter
        self.labels = labels
    }

    func increment(by amount: Int64) { counter.increment(by: Double(amount), labels) }
    func reset() { counter.set(0, labels) }
}

private final class FloatingPointCounterBackend: FloatingPointCounterHandler {
    let counter: Counter
    let labels: MetricLabels

    init(counter: Counter, labels: MetricLabels) {
        self.counter = counter
        self.labels = labels
    }

    func increment(by amount: Double) { counter.increment(by: amount, labels) }
    func reset() { counter.set(0, labels) }
}

private final class GaugeBackend: MeterHandler, RecorderHandler {
    let gauge: Gauge
    let labels: MetricLabels

    init(gauge: Gauge, labels: MetricLabels) {
        self.gauge = gauge
        self.labels = labels
    }

    func set(_ value: Int64) { gauge.set(Double(value), labels) }
    func set(_ value: Double) { gauge.set(value, labels) }
    func increment(by amount: Double) { gauge.add(amount, labels) }
    func decrement(by amount: Double) { gauge.add(-amount, labels) }
    func record(_ value: Int64) { set(value) }
    func record(_ value: Double) { set(value) }
}

private final class HistogramBackend: RecorderHandler, TimerHandler {
    let histogram: Histogram
    let labels: MetricLabels

    init(histogram: Histogram, labels: MetricLabels) {
        self.histogram = histogram
        self.labels = labels
    }

    func record(_ value: Int64) { histogram.observe(Double(value), labels) }
    func record(_ value: Double) { histogram.observe(value, labels) }
    func recordNanoseconds(_ duration: Int64) { histogram.observe(Double(duration) / 1e9, labels) }
}
