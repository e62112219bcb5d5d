import Alerting
import Telemetry
import Vectors
import Wire

extension PrometheusStatus {
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
}
