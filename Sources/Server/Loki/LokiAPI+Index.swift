import Storage
import Telemetry
import Wire
import YAMLReading

/// How much a selector has to read: what query front ends ask before they cut a query into pieces.
extension LokiAPI {
    private struct IndexStatistics: Sendable {
        var streams = 0
        var chunks = 0
        var bytes = 0
        var entries = 0

        func write(to json: inout JSONWriter) {
            json.beginObject()
            for (name, number) in [("streams", streams), ("chunks", chunks), ("bytes", bytes), ("entries", entries)] {
                json.key(name)
                json.integer(number)
            }
            json.endObject()
        }
    }

    private func statistics(_ call: HTTPCall, for query: RunningQuery) async throws -> IndexStatistics {
        let streams = try await process.events.streams(try catalogQuery(call), context: query.context)
        return IndexStatistics(
            streams: streams.count, chunks: await process.events.health(of: .logs).parts,
            bytes: streams.reduce(0) { $0 + $1.bytes }, entries: streams.reduce(0) { $0 + $1.rows })
    }

    func stats(_ call: HTTPCall) async throws -> HTTPAnswer {
        _ = try queryText(call)
        let found = try await process.query(.names, question(call), for: call) { try await statistics(call, for: $0) }
        var json = JSONWriter()
        found.write(to: &json)
        return .json(json.takeBytes())
    }

    /// One shard of everything: one process has nobody to divide a query with.
    func shards(_ call: HTTPCall) async throws -> HTTPAnswer {
        _ = try queryText(call)
        if let text = call.parameters["targetBytesPerShard"], ByteSize.parse(text) == nil {
            throw HTTPFailure(400, "targetBytesPerShard \"\(text)\" is no number of bytes")
        }
        return try await process.query(.names, question(call), for: call) { query in
            let found = try await statistics(call, for: query)
            var json = JSONWriter()
            json.beginObject()
            json.key("shards")
            json.beginArray()
            if found.streams > 0 {
                json.beginObject()
                json.key("bounds")
                json.raw(Array(#"{"min":0,"max":18446744073709551615}"#.utf8))
                json.key("stats")
                found.write(to: &json)
                json.endObject()
            }
            json.endArray()
            json.key("statistics")
            json.beginObject()
            LokiAPI.summary(query, entries: 0, &json)
            json.endObject()
            json.key("chunkGroups")
            json.beginArray()
            json.endArray()
            json.endObject()
            return .json(json.takeBytes())
        }
    }
}
