import ServiceInstrumentation
import Storage
import Synchronization

/// What the process says about itself at `/metrics`.
package struct SelfMetrics: Sendable {
    package let registry = MetricsRegistry()
    let ingested: Counter
    let rejected: Counter
    let requestsRefused: Counter
    let discardedLines: Counter
    let discardedBytes: Counter
    let httpRequests: Counter
    let seriesRefused: Counter
    /// Targets and metrics that have a series of their own in `seriesRefused`.
    let subjects = NamedSubjects()
    let queryDuration: Histogram
    let reloadSuccessful: Gauge
    let reloadTime: Gauge

    init() {
        ingested = registry.counter(
            "needletail_ingested_total", help: "Samples, log lines and spans stored, by signal and protocol.")
        rejected = registry.counter(
            "needletail_rejected_total",
            help: "Parts of accepted requests that were refused, by signal, protocol and reason.")
        requestsRefused = registry.counter(
            "needletail_ingest_requests_refused_total", help: "Whole requests refused, by signal, protocol and reason.")
        discardedLines = registry.counter(
            "loki_discarded_samples_total", help: "Log lines that were not stored, by reason and protocol.")
        discardedBytes = registry.counter(
            "loki_discarded_bytes_total", help: "Bytes of log lines that were not stored, by reason and protocol.")
        httpRequests = registry.counter(
            "needletail_http_requests_total", help: "Requests answered, by handler and status.")
        seriesRefused = registry.counter(
            "needletail_series_refused_total",
            help: "New series that the cardinality guard refused, by the target or metric and the label to blame.")
        queryDuration = registry.histogram(
            "needletail_query_duration_seconds", help: "Time to answer a query, by language.")
        reloadSuccessful = registry.gauge(
            "prometheus_config_last_reload_successful",
            help: "Whether the last configuration reload attempt was successful.")
        reloadTime = registry.gauge(
            "prometheus_config_last_reload_success_timestamp_seconds",
            help: "Timestamp of the last successful configuration reload.")
        // Zeros from the start: a rate sees a first refusal only where a sample stood before it.
        for signal in IngestSignal.allCases {
            for transport in ["otlp_http", "otlp_grpc"] {
                requestsRefused.increment(
                    by: 0, ["signal": signal.rawValue, "protocol": transport, "reason": "bad_data"])
                rejected.increment(by: 0, ["signal": signal.rawValue, "protocol": transport, "reason": "invalid"])
            }
        }
        registry.registerProcessMetrics()
    }
}

/// The first hundred names; the guard against too many series must not make too many itself.
final class NamedSubjects: Sendable {
    private let names = Mutex<Set<String>>([])

    func admit(_ name: String) -> String {
        names.withLock { names in
            if names.contains(name) { return name }
            guard names.count < 100 else { return "other" }
            names.insert(name)
            return name
        }
    }
}
