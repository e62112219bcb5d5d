import Alerting
import Foundation
import Scraping
import Storage
import Telemetry
import Vectors
import Wire
import YAMLReading

/// Targets, rules, alerts and the process' own state in Prometheus' shapes.
struct PrometheusStatus {
    let process: ServerProcess

    // MARK: Targets

    func targets(_ call: HTTPCall) throws -> HTTPAnswer {
        let state = call.parameters["state"] ?? "any"
        let pool = call.parameters["scrapePool"]
        let active = state == "dropped" ? [] : process.scrapes.targets.filter { pool == nil || $0.job == pool }
        let dropped = state == "active" ? [] : process.scrapes.droppedTargets.filter { pool == nil || $0.job == pool }
        return PrometheusEnvelope.success { json in
            json.beginObject()
            json.key("activeTargets")
            json.beginArray()
            for status in active { target(status, &json) }
            json.endArray()
            json.key("droppedTargets")
            json.beginArray()
            for entry in dropped {
                json.beginObject()
                json.key("discoveredLabels")
                json.labels(entry.labels)
                json.field("scrapePool", entry.job)
                json.endObject()
            }
            json.endArray()
            json.key("droppedTargetCounts")
            json.beginObject()
            for (job, count) in Dictionary(dropped.map { ($0.job, 1) }, uniquingKeysWith: +).sorted(by: {
                $0.key < $1.key
            }) {
                json.key(job)
                json.integer(count)
            }
            json.endObject()
            json.endObject()
        }
    }

    private func target(_ status: TargetStatus, _ json: inout JSONWriter) {
        json.beginObject()
        json.key("discoveredLabels")
        json.labels(status.target.discoveredLabels)
        json.key("labels")
        json.labels(status.target.labels)
        json.field("scrapePool", status.job)
        json.field("scrapeUrl", status.target.url)
        json.field("globalUrl", status.target.url)
        json.field("lastError", status.lastError)
        json.field("lastScrape", status.lastScrape.map { RFC3339.format(milliseconds: $0) } ?? "0001-01-01T00:00:00Z")
        json.key("lastScrapeDuration")
        json.double(status.lastDuration)
        json.field("health", status.health.rawValue)
        json.field("scrapeInterval", PrometheusDuration.format(status.target.interval))
        json.field("scrapeTimeout", PrometheusDuration.format(status.target.timeout))
        json.endObject()
    }

    // MARK: Rules and alerts

    func rules(_ call: HTTPCall) throws -> HTTPAnswer {
        let type = call.parameters["type"]
        if let type, type != "alert" && type != "record" {
            throw HTTPFailure(400, "invalid parameter \"type\": not supported value \"\(type)\"")
        }
        let names = Set(call.parameters.values("rule_name[]"))
        let groupNames = Set(call.parameters.values("rule_group[]"))
        let files = Set(call.parameters.values("file[]"))
        let excludeAlerts = call.parameters["exclude_alerts"].map { $0 == "true" || $0 == "1" } ?? false
        return PrometheusEnvelope.success { json in
            json.beginObject()
            json.key("groups")
            json.beginArray()
            for status in process.rules.groups {
                guard groupNames.isEmpty || groupNames.contains(status.group.name),
                    files.isEmpty || files.contains(status.group.file)
                else { continue }
                let shown = status.rules.filter { state in
                    (type == nil || (type == "alert") == state.rule.isAlert)
                        && (names.isEmpty || names.contains(state.rule.name))
                }
                if shown.isEmpty && !(status.rules.isEmpty && names.isEmpty && type == nil) { continue }
                json.beginObject()
                json.field("name", status.group.name)
                json.field("file", status.group.file)
                json.key("rules")
                json.beginArray()
                for state in shown { rule(state, excludeAlerts: excludeAlerts, &json) }
                json.endArray()
                json.key("interval")
                json.double(Double(status.interval) / 1000)
                json.key("limit")
                json.integer(status.group.limit)
                json.key("evaluationTime")
                json.double(status.evaluationDuration)
                json.field("lastEvaluation", evaluationTime(status.lastEvaluation))
                json.endObject()
            }
            json.endArray()
            json.endObject()
        }
    }

    private func evaluationTime(_ time: Int64?) -> String {
        time.map { RFC3339.format(milliseconds: $0) } ?? "0001-01-01T00:00:00Z"
    }

    private func rule(_ state: RuleState, excludeAlerts: Bool, _ json: inout JSONWriter) {
        json.beginObject()
        if case .alerting(_, let hold, let keepFiring, let annotations) = state.rule.kind {
            json.field("state", state.alerts.state.rawValue)
            json.field("name", state.rule.name)
            json.field("query", state.rule.expression)
            json.key("duration")
            json.double(Double(hold) / 1000)
            json.key("keepFiringFor")
            json.double(Double(keepFiring) / 1000)
            json.key("labels")
            json.labels(LabelSet(state.rule.labels))
            json.key("annotations")
            json.labels(LabelSet(annotations))
            json.key("alerts")
            json.beginArray()
            if !excludeAlerts { for alert in state.alerts.active { self.alert(alert, &json) } }
            json.endArray()
        } else {
            json.field("name", state.rule.name)
            json.field("query", state.rule.expression)
            if !state.rule.labels.isEmpty {
                json.key("labels")
                json.labels(LabelSet(state.rule.labels))
            }
        }
        json.field("health", state.health.rawValue)
        if !state.lastError.isEmpty { json.field("lastError", state.lastError) }
        json.key("evaluationTime")
        json.double(state.evaluationDuration)
        json.field("lastEvaluation", evaluationTime(state.lastEvaluation))
        json.field("type", state.rule.isAlert ? "alerting" : "recording")
        json.endObject()
    }

    private func alert(_ alert: ActiveAlert, _ json: inout JSONWriter) {
        json.beginObject()
        json.key("labels")
        json.labels(alert.labelSet)
        json.key("annotations")
        json.labels(LabelSet(alert.annotations))
        json.field("state", alert.state.rawValue)
        json.field("activeAt", RFC3339.format(milliseconds: alert.activeAt))
        if let since = alert.keepFiringSince { json.field("keepFiringSince", RFC3339.format(milliseconds: since)) }
        json.field("value", formatExponent(alert.value))
        json.endObject()
    }

    func alerts() throws -> HTTPAnswer {
        PrometheusEnvelope.success { json in
            json.beginObject()
            json.key("alerts")
            json.beginArray()
            for status in process.rules.groups {
                for rule in status.rules { for alert in rule.alerts.active { self.alert(alert, &json) } }
            }
            json.endArray()
            json.endObject()
        }
    }

    func alertmanagers() -> HTTPAnswer {
        PrometheusEnvelope.success { json in
            json.beginObject()
            json.key("activeAlertmanagers")
            json.beginArray()
            for endpoint in process.configuration.alerting.alertmanagers {
                json.beginObject()
                json.field("url", endpoint.url)
                json.endObject()
            }
            json.endArray()
            json.key("droppedAlertmanagers")
            json.beginArray()
            json.endArray()
            json.endObject()
        }
    }

    // MARK: The process

    func buildInfo() -> HTTPAnswer {
        fields([
            // The Prometheus whose API this is: Grafana chooses its features by it.
            ("version", "3.5.0"), ("revision", "needletail-\(NeedletailVersion.current)"), ("branch", "HEAD"),
            ("buildUser", ""),
            ("buildDate", ""), ("goVersion", ""),
        ])
    }

    func flags() -> HTTPAnswer {
        fields([
            ("config.file", process.options.configurationFile ?? ""), ("storage.tsdb.path", process.options.dataFolder),
            ("web.listen-address", process.options.listen.description),
            ("query.timeout", PrometheusDuration.format(process.options.queryTimeout)),
            ("query.max-samples", "\(process.options.queryMaxSamples)"),
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

    func runtimeInfo() async -> HTTPAnswer {
        let reload = process.lastReload
        let health = await process.series.health()
        return PrometheusEnvelope.success { json in
            json.beginObject()
            json.field("startTime", RFC3339.format(milliseconds: process.startTime))
            json.field("CWD", FileManager.default.currentDirectoryPath)
            json.key("reloadConfigSuccess")
            json.bool(reload.failure == nil)
            json.field("lastConfigTime", RFC3339.format(milliseconds: reload.time))
            json.key("corruptionCount")
            json.integer(health.problems.count)
            json.field("storageRetention", PrometheusDuration.format(process.configuration.retention.metrics))
            json.endObject()
        }
    }

    /// Cardinality of the series of the last hour, by four measures.
    func tsdb(_ call: HTTPCall) async throws -> HTTPAnswer {
        var limit = 10
        if let text = call.parameters["limit"] {
            guard let number = Int(text), (1...10_000).contains(number) else {
                throw HTTPFailure.badParameter("limit", "must be a number from 1 to 10000")
            }
            limit = number
        }
        let now = TimeParameters.nowMilliseconds
        let all = try await process.series.series(
            SeriesCatalogQuery(range: TimeRange(start: now - 3_600_000, end: now + 1)), context: process.queryContext())
        var byName: [String: Int] = [:]
        var byPair: [String: Int] = [:]
        var values: [String: Set<String>] = [:]
        for labels in all {
            labels.forEach { name, value in
                if name == "__name__" { byName[value, default: 0] += 1 }
                byPair["\(name)=\(value)", default: 0] += 1
                values[name, default: []].insert(value)
            }
        }
        let health = await process.series.health()
        return PrometheusEnvelope.success { json in
            json.beginObject()
            json.key("headStats")
            json.beginObject()
            json.key("numSeries")
            json.integer(health.activeSeries)
            json.key("numLabelPairs")
            json.integer(byPair.count)
            json.endObject()
            top("seriesCountByMetricName", byName, limit, &json)
            top("labelValueCountByLabelName", values.mapValues(\.count), limit, &json)
            top("memoryInBytesByLabelName", values.mapValues { $0.reduce(0) { $0 + $1.utf8.count } }, limit, &json)
            top("seriesCountByLabelValuePair", byPair, limit, &json)
            json.endObject()
        }
    }

    private func top(_ name: String, _ counts: [String: Int], _ limit: Int, _ json: inout JSONWriter) {
        json.key(name)
        json.beginArray()
        for (key, count) in counts.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }).prefix(limit) {
            json.beginObject()
            json.field("name", key)
            json.key("value")
            json.integer(count)
            json.endObject()
        }
        json.endArray()
    }
}

/// Replaces the values of secret keys in a configuration text before anybody sees it.
enum SecretMasking {
    private static let keys = [
        "password", "credentials", "bearer_token", "secret_key", "client_secret", "url", "secrets",
    ]

    static func masked(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let trimmed = line.drop { $0 == " " || $0 == "-" }
            for key in keys where trimmed.hasPrefix("\(key):") {
                let indent = line.prefix(line.count - trimmed.count)
                // Addresses of receivers carry tokens; those of targets are elsewhere.
                return "\(indent)\(key): <secret>"
            }
            return String(line)
        }.joined(separator: "\n")
    }
}

/// The version of this program.
package enum NeedletailVersion {
    package static let current = "0.1.0"
}
