import Storage
import Telemetry
import TraceQL
import Wire

/// Searching traces.
extension TempoAPI {
    func search(_ call: HTTPCall) async throws -> HTTPAnswer {
        let query: TraceQuery
        if let text = call.parameters["q"] {
            if call.parameters["tags"] != nil {
                throw HTTPFailure(400, "invalid request: can't specify tags and q in the same query")
            }
            query = try TraceQLEngine.parse(text)
        } else {
            query = try TraceSearchFilter.tempoQuery(
                tags: call.parameters["tags"] ?? "", minDuration: duration(call, "minDuration"),
                maxDuration: duration(call, "maxDuration"))
        }
        let limit = try integer(call, "limit", default: 20, most: TempoAPI.maximumLimit)
        let spans = try integer(call, "spss", default: 3, most: 100)
        let context = process.queryContext()
        let found = try await engine.search(
            query, range: range(call), limit: limit, spansPerSpanset: spans, context: context)
        return try await list("traces", call, count: found.count) { index, json in
            write(found[index], to: &json)
        } after: { json in
            json.key("metrics")
            json.beginObject()
            json.key("inspectedTraces")
            json.integer(found.count)
            json.key("inspectedBytes")
            json.quotedInteger(context.statistics.bytesRead)
            json.key("completedJobs")
            json.integer(1)
            json.key("totalJobs")
            json.integer(1)
            json.endObject()
        }
    }

    /// `{"NAME":[…],…}`, in pieces.
    func list(
        _ name: String, _ call: HTTPCall, count: Int, _ element: @escaping @Sendable (Int, inout JSONWriter) -> Void,
        after: @escaping @Sendable (inout JSONWriter) -> Void
    ) async throws -> HTTPAnswer {
        guard let query = RunningQuery.current else { throw HTTPFailure(500, "a query that is not in the list") }
        let isExplained = Explanation.isWanted(call)
        return try await ListPieces.answer(
            query, count: count,
            before: { json in
                json.beginObject()
                json.key(name)
                json.beginArray()
            }, element: element,
            after: { json in
                json.endArray()
                after(&json)
                if isExplained {
                    json.key("explain")
                    Explanation(query).write(to: &json)
                }
                json.endObject()
            })
    }

    private func write(_ trace: TraceSearchResult, to json: inout JSONWriter) {
        json.beginObject()
        json.field("traceID", trace.traceID)
        json.field("rootServiceName", trace.rootServiceName)
        json.field("rootTraceName", trace.rootTraceName)
        json.key("startTimeUnixNano")
        json.quotedInteger(trace.startTimeUnixNano)
        if trace.durationMs > 0 {
            json.key("durationMs")
            json.integer(trace.durationMs)
        }
        if let first = trace.spanSets.first {
            json.key("spanSet")
            write(first, to: &json)
        }
        json.key("spanSets")
        json.beginArray()
        for set in trace.spanSets { write(set, to: &json) }
        json.endArray()
        json.key("serviceStats")
        json.beginObject()
        for (service, statistics) in trace.serviceStats.sorted(by: { $0.key < $1.key }) {
            json.key(service)
            json.beginObject()
            json.key("spanCount")
            json.integer(statistics.spanCount)
            if statistics.errorCount > 0 {
                json.key("errorCount")
                json.integer(statistics.errorCount)
            }
            json.endObject()
        }
        json.endObject()
        json.endObject()
    }

    private func write(_ set: TraceSearchResult.SpanSet, to json: inout JSONWriter) {
        json.beginObject()
        json.key("spans")
        json.beginArray()
        for span in set.spans {
            json.beginObject()
            json.field("spanID", span.spanID)
            json.field("name", span.name)
            json.key("startTimeUnixNano")
            json.quotedInteger(span.startTimeUnixNano)
            json.key("durationNanos")
            json.quotedInteger(span.durationNanos)
            if !span.attributes.isEmpty {
                json.pairs("attributes", span.attributes.lazy.map { ($0.key, $0.value) })
            }
            json.endObject()
        }
        json.endArray()
        json.key("matched")
        json.integer(set.matched)
        if !set.attributes.isEmpty {
            json.pairs("attributes", set.attributes.lazy.map { ($0.key, $0.value) })
        }
        json.endObject()
    }
}
