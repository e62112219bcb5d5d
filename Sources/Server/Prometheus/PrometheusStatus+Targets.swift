import Scraping
import Telemetry
import Vectors
import Wire
import YAMLReading

extension PrometheusStatus {
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
}
