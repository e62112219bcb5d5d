import Endpoints
import Foundation
import Scraping
import Telemetry
import Wire

extension PrometheusStatus {
    /// What each rule of a scrape job makes of given labels, one after the other.
    func relabelSteps(_ call: HTTPCall) throws -> HTTPAnswer {
        guard let pool = call.parameters["scrapePool"] else {
            throw HTTPFailure(400, "no scrapePool parameter provided")
        }
        guard let text = call.parameters["labels"] else { throw HTTPFailure(400, "no labels parameter provided") }
        let given: [String: String]
        do { given = try JSONDecoder().decode([String: String].self, from: Data(text.utf8)) } catch {
            throw HTTPFailure(
                400, "error parsing labels: an object of names and texts is needed, as in {\"job\":\"a\"}")
        }
        guard let job = process.configuration.scrapes.first(where: { $0.jobName == pool }) else {
            throw HTTPFailure(400, "error getting scrape config: scrape pool \"\(pool)\" not found")
        }
        var labels = LabelSet(given)
        var steps: [(rule: RelabelRule, output: LabelSet, keep: Bool)] = []
        for rule in job.relabelRules {
            let next = [rule].apply(labels)
            labels = next ?? labels
            steps.append((rule, labels, next != nil))
            if next == nil { break }
        }
        return PrometheusEnvelope.success { json in
            json.beginObject()
            json.key("steps")
            json.beginArray()
            for step in steps {
                json.beginObject()
                json.key("rule")
                rule(step.rule, &json)
                json.key("output")
                json.labels(step.output)
                json.key("keep")
                json.bool(step.keep)
                json.endObject()
            }
            json.endArray()
            json.endObject()
        }
    }

    private func rule(_ rule: RelabelRule, _ json: inout JSONWriter) {
        json.beginObject()
        if !rule.sourceLabels.isEmpty {
            json.key("sourceLabels")
            json.strings(rule.sourceLabels)
        }
        json.field("separator", rule.separator)
        json.field("regex", rule.expression)
        if rule.modulus > 0 {
            json.key("modulus")
            json.integer(Int64(clamping: rule.modulus))
        }
        json.field("targetLabel", rule.targetLabel)
        json.field("replacement", rule.replacement)
        json.field("action", rule.action.rawValue)
        json.endObject()
    }
}
