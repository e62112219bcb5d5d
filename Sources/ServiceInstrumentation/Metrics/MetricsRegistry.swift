import Synchronization

/// The metrics of one service. Asking twice for a name gives the same instrument.
public final class MetricsRegistry: Sendable {
    enum Instrument: Sendable {
        case counter(Counter)
        case gauge(Gauge)
        case histogram(Histogram)
    }

    private struct State {
        var instruments: [String: Instrument] = [:]
        var collectors: [@Sendable () -> Void] = []
    }

    private let state = Mutex(State())

    public init() {}

    /// `_total` is appended to a name that lacks it, as both exposition formats ask.
    public func counter(_ name: String, help: String = "") -> Counter {
        let valid = MetricName.metric(name)
        let full = valid.hasSuffix("_total") ? valid : valid + "_total"
        return find(full, { if case .counter(let known) = $0 { known } else { nil } }) {
            let new = Counter(name: full, help: help)
            return (new, .counter(new))
        }
    }

    public func gauge(_ name: String, help: String = "") -> Gauge {
        let valid = MetricName.metric(name)
        return find(valid, { if case .gauge(let known) = $0 { known } else { nil } }) {
            let new = Gauge(name: valid, help: help)
            return (new, .gauge(new))
        }
    }

    public func histogram(
        _ name: String, help: String = "", boundaries: [Double] = Histogram.durationBoundaries
    ) -> Histogram {
        let valid = MetricName.metric(name)
        return find(valid, { if case .histogram(let known) = $0 { known } else { nil } }) {
            let new = Histogram(name: valid, help: help, boundaries: boundaries)
            return (new, .histogram(new))
        }
    }

    /// Runs before each rendering: the place to read values that are kept elsewhere.
    public func onCollect(_ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.collectors.append(body) }
    }

    /// The text of `/metrics`.
    public func render(_ format: ExpositionFormat = .prometheusText) -> String {
        let collectors = state.withLock { $0.collectors }
        for collector in collectors { collector() }
        let instruments = state.withLock { $0.instruments }.sorted { $0.key < $1.key }
        var writer = ExpositionWriter(format: format)
        for (_, instrument) in instruments {
            switch instrument {
            case .counter(let counter): writer.write(counter)
            case .gauge(let gauge): writer.write(gauge)
            case .histogram(let histogram): writer.write(histogram)
            }
        }
        return writer.finish()
    }

    /// A name that is already taken by another kind gives an instrument that is not rendered: the first one wins,
    /// since one name with two types would make the whole page unreadable.
    private func find<Kind>(
        _ name: String, _ known: (Instrument) -> Kind?, make: () -> (Kind, Instrument)
    ) -> Kind {
        state.withLock { state in
            if let instrument = state.instruments[name] { return known(instrument) ?? make().0 }
            let (new, instrument) = make()
            state.instruments[name] = instrument
            return new
        }
    }
}
