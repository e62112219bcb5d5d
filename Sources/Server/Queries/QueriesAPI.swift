import Storage
import Telemetry
import Wire

/// What runs at the moment, and the way to end one of them.
///
/// `GET /api/v1/queries`; `DELETE /api/v1/queries/{id}` or `POST /api/v1/queries/{id}/kill`.
struct QueriesAPI {
    let queries: QueryList

    func register(on routes: Routes) {
        let errors = PrometheusEnvelope.errors
        routes.on([.get], "/api/v1/queries", "/prometheus/api/v1/queries", errors: errors) { _ in list() }
        routes.on(
            [.delete], "/api/v1/queries/{id}", "/prometheus/api/v1/queries/{id}", errors: errors, handler: kill)
        routes.on(
            [.post, .put], "/api/v1/queries/{id}/kill", "/prometheus/api/v1/queries/{id}/kill", errors: errors,
            handler: kill)
    }

    private func list() -> HTTPAnswer {
        let counts = queries.counts
        return PrometheusEnvelope.success { json in
            json.beginObject()
            json.number("running", counts.running)
            json.number("waiting", counts.waiting)
            json.number("maxConcurrency", queries.places)
            json.key("queries")
            json.beginArray()
            for query in queries.running { write(query, &json) }
            json.endArray()
            json.endObject()
        }
    }

    private func kill(_ call: HTTPCall) throws -> HTTPAnswer {
        let id = call.pathParameters["id"] ?? ""
        guard let query = queries.kill(id) else {
            throw HTTPFailure(404, "no query with the id \"\(id)\" runs; GET /api/v1/queries has those that do")
        }
        return PrometheusEnvelope.success { write(query, &$0) }
    }

    private func write(_ query: RunningQuery, _ json: inout JSONWriter) {
        let statistics = query.context.statistics
        json.beginObject()
        json.field("id", query.id)
        json.field("language", query.question.language.rawValue)
        // A query may be as long as a request.
        json.field("query", String(query.question.text.prefix(4096)))
        switch query.question.origin {
        case .client(let address):
            json.field("origin", "client")
            json.field("client", address)
        case .rule: json.field("origin", "rule")
        }
        json.field("state", query.isWaiting ? "waiting" : "running")
        json.field("started", RFC3339.format(milliseconds: query.started))
        json.seconds("elapsedSeconds", query.elapsed)
        json.seconds("cpuSeconds", statistics.processorTime)
        json.number("memoryBytes", statistics.memory)
        json.number("memoryPeakBytes", statistics.memoryPeak)
        json.number("samples", statistics.samplesRead)
        json.number("rows", statistics.rowsScanned)
        json.number("bytesRead", statistics.bytesRead)
        json.endObject()
    }
}
