import SeriesStore
import Storage
import Telemetry
import Wire

extension PrometheusStatus {
    /// Prometheus' head statistics and its four lists, and what the cardinality guard refuses.
    func tsdb(_ call: HTTPCall) async throws -> HTTPAnswer {
        var limit = 10
        if let text = call.parameters["limit"] {
            guard let number = Int(text), number > 0 else { throw HTTPFailure(400, "limit must be a positive number") }
            guard number <= 10_000 else {
                throw HTTPFailure.badParameter("limit", "must be a number from 1 to 10000")
            }
            limit = number
        }
        let found = try await process.series.cardinality(limit: limit)
        let limited = process.cardinality.limited(top: limit)
        return PrometheusEnvelope.success { json in
            json.beginObject()
            json.key("headStats")
            json.beginObject()
            for (name, value) in [
                ("numSeries", Int64(found.activeSeries)), ("numLabelPairs", Int64(found.labelPairs)),
                ("chunkCount", Int64(found.chunks)), ("minTime", found.minTime), ("maxTime", found.maxTime),
            ] {
                json.key(name)
                json.integer(value)
            }
            json.endObject()
            for (name, list) in [
                ("seriesCountByMetricName", found.seriesCountByMetricName),
                ("labelValueCountByLabelName", found.labelValueCountByLabelName),
                ("memoryInBytesByLabelName", found.memoryInBytesByLabelName),
                ("seriesCountByLabelValuePair", found.seriesCountByLabelValuePair),
            ] {
                json.key(name)
                json.beginArray()
                for (key, count) in list.prefix(limit) {
                    json.beginObject()
                    json.field("name", key)
                    json.key("value")
                    json.integer(count)
                    json.endObject()
                }
                json.endArray()
            }
            json.key("limited")
            json.beginArray()
            for subject in limited { self.subject(subject, &json) }
            json.endArray()
            json.endObject()
        }
    }

    /// One that is over its limit: which, by how much, and the label to blame.
    private func subject(_ subject: LimitedSubject, _ json: inout JSONWriter) {
        json.beginObject()
        json.field("kind", subject.kind.rawValue)
        json.field("subject", subject.name)
        json.field("label", subject.label)
        for (name, value) in [
            ("labelValues", subject.labelValues), ("series", subject.active), ("limit", subject.limit),
            ("refusedSeries", subject.refusedSeries), ("refusals", subject.refusals),
        ] {
            json.key(name)
            json.integer(value)
        }
        json.endObject()
    }
}
