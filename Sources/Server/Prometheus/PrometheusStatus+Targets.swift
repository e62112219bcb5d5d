import PromQL
import Scraping
import Storage
import Telemetry
import Vectors
import Wire
import YAMLReading

extension PrometheusStatus {
    func targets(_ call: HTTPCall) throws -> HTTPAnswer {
        let state = (call.parameters["state"] ?? "any").lowercased()
        let showsActive = state == "any" || state == "active"
        let showsDropped = state == "any" || state == "dropped"
        let pool = call.parameters["scrapePool"]
        let active = !showsActive ? [] : process.scrapes.targets.filter { pool == nil || $0.job == pool }
        let dropped = !showsDropped ? [] : process.scrapes.droppedTargets.filter { pool == nil || $0.job == pool }
        let counts =
            !showsDropped ? [:] : process.scrapes.droppedTargetCounts.filter { pool == nil || $0.key == pool }
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
            // All of them, where the list above is cut by `keep_dropped_targets`.
            for (job, count) in counts.sorted(by: { $0.key < $1.key }) {
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

    /// Scrape jobs that have targets, kept or dropped.
    func scrapePools() -> HTTPAnswer {
        let pools = Set(process.scrapes.targets.map(\.job)).union(process.scrapes.droppedTargetCounts.keys)
        return PrometheusEnvelope.success { json in
            json.beginObject()
            json.key("scrapePools")
            json.strings(pools.sorted())
            json.endObject()
        }
    }

    /// What targets say about their metrics: of one metric, or of all that the chosen targets expose.
    func targetMetadata(_ call: HTTPCall) throws -> HTTPAnswer {
        var limit = -1
        if let text = call.parameters["limit"] {
            guard let number = Int(text) else { throw HTTPFailure(400, "limit must be a number") }
            limit = number
        }
        var matchers: [CompiledMatcher] = []
        if let selector = call.parameters["match_target"], !selector.isEmpty {
            do { matchers = try PromQLEngine.parseSelector(selector).map { try CompiledMatcher($0) } } catch {
                throw HTTPFailure.badParameter("match_target", "\(error)")
            }
        }
        let metric = call.parameters["metric"] ?? ""
        var found: [(target: LabelSet, metadata: MetricMetadata)] = []
        for status in process.scrapes.targets where matchers.matches(status.target.labels) {
            if limit >= 0, found.count >= limit { break }
            if !metric.isEmpty {
                if let entry = status.metadata[metric] { found.append((status.target.labels, entry)) }
                continue
            }
            for (_, entry) in status.metadata.sorted(by: { $0.key < $1.key }) {
                if limit >= 0, found.count >= limit { break }
                found.append((status.target.labels, entry))
            }
        }
        return PrometheusEnvelope.success { json in
            json.beginArray()
            for (target, entry) in found {
                json.beginObject()
                json.key("target")
                json.labels(target)
                // Who asks for one metric knows its name.
                if metric.isEmpty { json.field("metric", entry.name) }
                json.field("type", entry.kind.rawValue)
                json.field("help", entry.help)
                json.field("unit", entry.unit)
                json.endObject()
            }
            json.endArray()
        }
    }
}
