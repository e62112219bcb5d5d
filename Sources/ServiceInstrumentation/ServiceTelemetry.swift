import AsyncHTTPClient
import Logging

/// The telemetry of one service: a tracer, loggers and a metrics registry that share a resource, and the export of
/// spans and logs by OTLP/HTTP (protobuf). Metrics are pulled: serve `metrics.render(…)` at `/metrics`.
///
///     let telemetry = ServiceTelemetry(
///         resource: Resource(serviceName: "checkout", serviceVersion: "1.4.0"),
///         exporter: ExporterConfiguration(endpoint: "http://127.0.0.1:4318"))
///     async let exporting: Void = telemetry.run()          // until cancelled
///     let log = telemetry.logger("checkout.orders")
///     try await telemetry.tracer.withSpan("GET /orders", kind: .server) { span in
///         log.info("orders listed", metadata: ["count": .stringConvertible(3)])
///     }
///     await telemetry.shutdown()                           // flushes
public final class ServiceTelemetry: Sendable {
    public let resource: Resource
    public let tracer: Tracer
    public let metrics: MetricsRegistry
    private let spans: BatchExporter<SpanRecord>
    private let logs: BatchExporter<LogRecord>
    private let configuration: ExporterConfiguration

    /// - Parameter client: the HTTP client to export with. It is not shut down by this object.
    public init(
        resource: Resource, exporter: ExporterConfiguration, metrics: MetricsRegistry = MetricsRegistry(),
        client: HTTPClient = .shared
    ) {
        self.resource = resource
        self.metrics = metrics
        self.configuration = exporter
        let sender = OTLPClient(client: client, configuration: exporter)
        let spans = BatchExporter<SpanRecord>(exporter) { await sender.sendSpans($0, resource: resource) }
        let logs = BatchExporter<LogRecord>(exporter) { await sender.sendLogs($0, resource: resource) }
        self.spans = spans
        self.logs = logs
        self.tracer = Tracer { spans.add($0) }
        Self.registerExportMetrics(in: metrics, spans: spans, logs: logs)
        Self.registerTargetInfo(in: metrics, resource: resource)
    }

    /// A logger that exports by OTLP with the trace and span id of the task's current span.
    public func logger(_ label: String, level: Logger.Level = .info) -> Logger {
        Logger(label: label) { _ in self.logHandler(label, level: level) }
    }

    /// For `LoggingSystem.bootstrap`, when the process is one service.
    public func logHandler(_ label: String, level: Logger.Level = .info) -> OTLPLogHandler {
        let logs = self.logs
        return OTLPLogHandler(label: label, level: level) { logs.add($0) }
    }

    /// Exports until the task is cancelled; call `shutdown()` after that.
    public func run() async {
        async let spanExport: Void = spans.run()
        async let logExport: Void = logs.run()
        _ = await (spanExport, logExport)
    }

    /// Sends what is still queued, for at most `shutdownTimeout`. Must not run in a cancelled task.
    public func shutdown() async {
        let deadline = ContinuousClock.now + configuration.shutdownTimeout
        async let spanExport: Void = spans.drain(until: deadline)
        async let logExport: Void = logs.drain(until: deadline)
        _ = await (spanExport, logExport)
    }

    public var spanCounts: ExportCounts { spans.counts }
    public var logCounts: ExportCounts { logs.counts }

    /// The resource as Prometheus sees it; name and instance are the scrape's `job` and `instance`.
    private static func registerTargetInfo(in metrics: MetricsRegistry, resource: Resource) {
        let pairs = resource.attributes.pairs.compactMap { key, value -> (String, String)? in
            guard case .string(let text) = value, key != "service.name", key != "service.instance.id" else {
                return nil
            }
            return (key, text)
        }
        metrics.gauge("target_info", help: "Attributes of the resource.").set(1, MetricLabels(pairs))
    }

    private static func registerExportMetrics(
        in metrics: MetricsRegistry, spans: BatchExporter<SpanRecord>, logs: BatchExporter<LogRecord>
    ) {
        let exported = metrics.counter(
            "otel_sdk_exporter_exported_total", help: "Records that the receiver accepted.")
        let dropped = metrics.counter(
            "otel_sdk_exporter_dropped_total", help: "Records that were lost before the receiver accepted them.")
        metrics.onCollect {
            for (signal, counts) in [("span", spans.counts), ("log", logs.counts)] {
                exported.set(Double(counts.exported), ["signal": signal])
                dropped.set(Double(counts.droppedByQueue), ["signal": signal, "reason": "queue_full"])
                dropped.set(Double(counts.failed), ["signal": signal, "reason": "not_accepted"])
            }
        }
    }
}
