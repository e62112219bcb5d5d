import Foundation
import Storage
import Telemetry
import Vectors
import Wire
import YAMLReading

/// Targets, rules, alerts and the process' own state in Prometheus' shapes.
struct PrometheusStatus {
    let process: ServerProcess

    private static let build = [
        // The Prometheus whose API this is: Grafana chooses its features by it.
        ("version", "3.5.0"), ("revision", "needletail-\(NeedletailVersion.current)"), ("branch", "HEAD"),
        ("buildUser", ""), ("buildDate", ""), ("goVersion", ""),
    ]

    func buildInfo() -> HTTPAnswer { fields(PrometheusStatus.build) }

    /// The same without an envelope, outside of the API.
    func version() throws -> HTTPAnswer {
        try .encoding(Dictionary(uniqueKeysWithValues: PrometheusStatus.build))
    }

    /// Prometheus' names where it has the flag, ours otherwise.
    func flags() -> HTTPAnswer {
        let options = process.options
        let limits = process.cardinality.limits
        return fields([
            ("config.file", options.configurationFile ?? ""),
            ("enable-feature", options.queryFeatures.map(\.rawValue).sorted().joined(separator: ",")),
            ("memory-limit", "\(process.budget.limit)"),
            ("metrics.series-limit", "\(limits.total)"),
            ("metrics.series-limit-per-metric", "\(limits.perMetric)"),
            ("metrics.series-limit-per-target", "\(limits.perTarget)"),
            ("query.lookback-delta", "5m"),
            ("query.max-concurrency", "\(options.queryConcurrency)"),
            ("query.max-samples", "\(options.queryMaxSamples)"),
            ("query.memory", "\(min(options.queryMemory, process.budget.limit / 4))"),
            ("query.timeout", PrometheusDuration.format(options.queryTimeout)),
            ("storage.tsdb.path", options.dataFolder),
            ("storage.tsdb.retention.time", PrometheusDuration.format(process.configuration.retention.metrics)),
            ("web.enable-admin-api", "\(options.enablesAdminAPI)"),
            ("web.enable-lifecycle", "\(options.enablesLifecycle)"),
            ("web.external-url", process.externalURL),
            ("web.listen-address", options.listen.description),
        ])
    }

    func config() -> HTTPAnswer { fields([("yaml", SecretMasking.masked(process.configuration.text))]) }

    private func fields(_ fields: [(String, String)]) -> HTTPAnswer {
        PrometheusEnvelope.success { json in
            json.beginObject()
            for (name, value) in fields { json.field(name, value) }
            json.endObject()
        }
    }

    /// With Prometheus' fields about Go's runtime where ours has something like it.
    func runtimeInfo() async -> HTTPAnswer {
        let reload = process.lastReload
        let health = await process.series.health()
        let information = ProcessInfo.processInfo
        return PrometheusEnvelope.success { json in
            json.beginObject()
            json.field("startTime", RFC3339.format(milliseconds: process.startTime))
            json.field("CWD", FileManager.default.currentDirectoryPath)
            json.field("hostname", information.hostName)
            json.field("serverTime", RFC3339.format(milliseconds: TimeParameters.nowMilliseconds))
            json.key("reloadConfigSuccess")
            json.bool(reload.failure == nil)
            json.field("lastConfigTime", RFC3339.format(milliseconds: reload.time))
            json.key("corruptionCount")
            json.integer(health.problems.count)
            json.key("goroutineCount")
            json.integer(ServerProcess.threadCount)
            json.key("GOMAXPROCS")
            json.integer(information.activeProcessorCount)
            json.key("GOMEMLIMIT")
            json.integer(process.budget.limit)
            json.field("GOGC", "")
            json.field("GODEBUG", "")
            json.field("storageRetention", PrometheusDuration.format(process.configuration.retention.metrics))
            json.endObject()
        }
    }

    /// The journal is replayed before anything listens, so whoever asks finds it done.
    func walReplay() -> HTTPAnswer {
        PrometheusEnvelope.success { json in
            json.beginObject()
            for name in ["min", "max", "current"] {
                json.key(name)
                json.integer(0)
            }
            json.field("state", "done")
            json.endObject()
        }
    }
}

/// The version of this program.
package enum NeedletailVersion {
    package static let current = "0.1.0"
}
