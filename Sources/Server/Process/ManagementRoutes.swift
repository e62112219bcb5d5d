import Glibc
import ServiceInstrumentation
import Storage
import Telemetry

extension ServerProcess {
    /// Everything that one port answers.
    func allRoutes() -> Routes {
        let routes = Routes(
            bodyLimit: options.bodyLimit, logger: logger, requests: metrics.httpRequests, budget: budget)
        addManagement(to: routes)
        addIngest(to: routes)
        PrometheusAPI(process: self).register(on: routes)
        LokiAPI(process: self).register(on: routes)
        TempoAPI(process: self).register(on: routes)
        JaegerAPI(process: self).register(on: routes)
        AlertmanagerAPI(process: self).register(on: routes)
        return routes
    }

    private func addManagement(to routes: Routes) {
        let plain: Routes.ErrorShaper = { error in
            let failure = error as? HTTPFailure
            return .text("\(error)\n", status: failure?.status ?? 500)
        }
        routes.on([.get, .head], "/-/healthy", errors: plain) { _ in .text("Needletail is Healthy.\n") }
        routes.on([.get, .head], "/-/ready", "/ready", errors: plain) { [self] _ in
            isReady ? .text("Needletail is Ready.\n") : .text("Needletail is not ready yet.\n", status: 503)
        }
        routes.on([.post, .put], "/-/reload", errors: plain) { [self] _ in
            do { try reload() } catch { throw HTTPFailure(500, "failed to reload config: \(error)") }
            return .text("")
        }
        routes.on([.get], "/version", errors: plain) { [self] _ in try PrometheusStatus(process: self).version() }
        routes.on([.get], "/-/quit", errors: plain) { _ in .text("Only POST or PUT requests allowed", status: 405) }
        routes.on([.post, .put], "/-/quit", errors: plain) { [self] _ in
            guard options.enablesLifecycle else { return .text("Lifecycle API is not enabled.", status: 403) }
            // As the signal: the same drain, and only then the end.
            kill(getpid(), SIGTERM)
            return .text("Requesting termination... Goodbye!")
        }
        routes.on([.get], "/metrics", errors: plain) { [self] call in
            await updateStoreGauges()
            let format = ExpositionFormat(accept: call.headers["accept"])
            return HTTPAnswer(contentType: format.contentType, body: Array(metrics.registry.render(format).utf8))
        }
        routes.on([.get], "/", errors: plain) { [self] _ in .text(welcome()) }
    }

    private func updateStoreGauges() async {
        let registry = metrics.registry
        let health: [(String, StoreHealth)] = [
            ("metrics", await series.health()), ("logs", await events.health(of: .logs)),
            ("traces", await events.health(of: .spans)),
        ]
        let parts = registry.gauge("needletail_store_parts", help: "Sealed parts.")
        let rows = registry.gauge("needletail_store_rows", help: "Samples, lines or spans in sealed parts and memory.")
        let bytes = registry.gauge("needletail_store_bytes", help: "Bytes on disk, sealed parts and journal together.")
        let journal = registry.gauge("needletail_store_journal_bytes", help: "Bytes of the journal on disk.")
        let problems = registry.gauge(
            "needletail_store_problems", help: "Damaged blocks and other trouble that needs a person.")
        for (signal, health) in health {
            parts.set(Double(health.parts), ["signal": signal])
            rows.set(Double(health.rows), ["signal": signal])
            bytes.set(Double(health.bytesOnDisk), ["signal": signal])
            journal.set(Double(health.journalBytes), ["signal": signal])
            problems.set(Double(health.problems.count), ["signal": signal])
        }
        registry.gauge("prometheus_tsdb_head_series", help: "Series in memory.").set(Double(health[0].1.activeSeries))
    }

    private func welcome() -> String {
        """
        Needletail answers here:
          /metrics  /-/healthy  /-/ready  /-/reload
          /api/v1/query, query_range, series, labels, targets, rules, alerts   Prometheus
          /loki/api/v1/query_range, labels, patterns, delete, push             Loki
          /tempo/api/traces/{id}, search   /jaeger/api/traces, services        Tempo, Jaeger
          /api/v2/alerts, silences                                             Alertmanager
          /v1/traces, /v1/logs, /v1/metrics                                    OTLP over HTTP
        From a terminal: needletail query 'up', needletail logs '{service_name=~".+"}', needletail services

        """
    }
}
