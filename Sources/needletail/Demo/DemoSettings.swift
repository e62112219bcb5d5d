import Server
import Shop

/// How a demo runs.
struct DemoSettings: Sendable {
    /// Milliseconds; nil goes on until it is stopped.
    var duration: Int64?
    var dataFolder: String?
    var rate = 20.0
    var fault = Fault.paymentErrors
    var listen: ListenAddress?

    /// Seconds from the start when the fault comes, and how long it stays: long enough to fire, early enough to
    /// resolve in a short demo.
    var faultStart: Double { duration.map { min(30, max(8, Double($0) / 1000 * 0.15)) } ?? 30 }
    var faultLength: Double { duration.map { min(60, max(15, Double($0) / 1000 * 0.25)) } ?? 60 }
}

/// What a demo has seen: also its answer in JSON.
struct DemoSummary: Sendable, Encodable {
    struct Services: Sendable, Encodable {
        var metrics: [String] = []
        var logs: [String] = []
        var traces: [String] = []
    }
    struct Alerts: Sendable, Encodable {
        var fired = 0
        var delivered = 0
        var resolved = 0
    }
    struct Ingested: Sendable, Encodable {
        var samples = 0
        var logs = 0
        var spans = 0
    }

    var services = Services()
    var alerts = Alerts()
    var ingested = Ingested()
    var series = 0
    var rss_bytes = 0
    var seconds = 0.0

    var lines: [String] {
        [
            "",
            "After \(Int(seconds)) s:",
            "  services   metrics \(services.metrics.count)  logs \(services.logs.count)  traces \(services.traces.count)",
            "  ingested   \(ingested.samples) samples in \(series) series, \(ingested.logs) log lines, \(ingested.spans) spans",
            "  alerts     \(alerts.fired) fired, \(alerts.delivered) delivered to the webhook, \(alerts.resolved) resolved",
            "  memory     \(rss_bytes >> 20) MiB, with the shop in the same process",
        ]
    }
}
