import LogQL
import Storage
import Telemetry
import Wire

/// Loki's first API, at `/api/prom`: streams with their labels as text. Old Promtail, Fluent Bit and scripts ask it
/// still.
extension LokiAPI {
    func registerLegacy(on routes: Routes) {
        func on(_ path: String, _ handler: @escaping @Sendable (HTTPCall) async throws -> HTTPAnswer) {
            routes.on([.get, .post], "/api/prom\(path)", errors: LokiAPI.errors, handler: handler)
        }
        on("/query") { try await legacyQuery($0) }
        on("/label") { try await legacyNames($0) }
        on("/label/{name}/values") { try await legacyNames($0) }
        on("/series") { try await series($0) }
        on("/tail") { try refuseTail($0) }
    }

    private func legacyQuery(_ call: HTTPCall) async throws -> HTTPAnswer {
        var text = try queryText(call)
        if let pattern = call.parameters["regexp"] {
            // The escapes of JSON are those of LogQL's strings too.
            var quoted = JSONWriter()
            quoted.string(pattern)
            text += " |~ " + String(decoding: quoted.takeBytes(), as: UTF8.self)
        }
        guard case .log(let expression) = try LogQLEngine.parse(text) else {
            throw HTTPFailure(400, "legacy endpoints only support streams result type, current type is matrix")
        }
        let times = try times(call)
        let query = try await process.begin(.logql, text, for: call)
        defer { query.finish() }
        let result = try await found(expression, query, call, times)
        var json = JSONWriter()
        json.beginObject()
        legacyStreams(result, &json)
        LokiAPI.statistics(query, entries: result.entries.count, &json)
        json.endObject()
        return .json(json.takeBytes())
    }

    func legacyStreams(_ result: LogResult, _ json: inout JSONWriter) {
        json.key("streams")
        json.beginArray()
        for stream in result.streams(categorised: false) {
            json.beginObject()
            json.field("labels", stream.labels.description)
            json.key("entries")
            json.beginArray()
            for index in stream.entries {
                let entry = result.entries[index]
                json.beginObject()
                json.field("ts", RFC3339.format(nanoseconds: entry.timestamp))
                json.key("line")
                json.string(entry.line)
                json.endObject()
            }
            json.endArray()
            json.endObject()
        }
        json.endArray()
    }

    private func legacyNames(_ call: HTTPCall) async throws -> HTTPAnswer {
        let wanted = try catalogQuery(call)
        let name = call.pathParameters["name"]
        let found = try await process.query(.names, question(call), for: call) { query in
            if let name { return try await process.events.labelValues(name, wanted, context: query.context) }
            return try await process.events.labelNames(wanted, context: query.context)
        }
        var json = JSONWriter()
        json.beginObject()
        if !found.isEmpty {
            json.key("values")
            json.strings(found)
        }
        json.endObject()
        return .json(json.takeBytes())
    }
}
