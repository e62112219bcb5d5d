import LogQL
import Storage
import Telemetry
import Wire

/// What Logs Drilldown asks to know which labels and fields there are.
extension LokiAPI {
    /// Shown whatever their values are, as in Loki.
    private static let keptLabels: Set<String> = ["cluster", "namespace", "instance", "pod", "service_name"]

    func detectedLabels(_ call: HTTPCall) async throws -> HTTPAnswer {
        var values: [String: Set<String>] = [:]
        let wanted = try catalogQuery(call)
        let streams = try await process.query(.names, question(call), for: call) {
            try await process.events.streams(wanted, context: $0.context)
        }
        for stream in streams {
            for label in stream.labels.labels { values[label.name, default: []].insert(label.value) }
        }
        var json = JSONWriter()
        json.beginObject()
        json.key("detectedLabels")
        json.beginArray()
        for (name, values) in values.sorted(by: { $0.key < $1.key }) {
            // Ids and numbers say nothing that one would choose from a list.
            guard LokiAPI.keptLabels.contains(name) || !values.allSatisfy(LokiAPI.isIdentifier) else { continue }
            json.beginObject()
            json.field("label", name)
            json.key("cardinality")
            json.integer(values.count)
            json.endObject()
        }
        json.endArray()
        json.endObject()
        return .json(json.takeBytes())
    }

    private static func isIdentifier(_ value: String) -> Bool {
        if Double(value) != nil { return true }
        let bytes = Array(value.utf8)
        guard bytes.count == 36 else { return false }
        return bytes.enumerated().allSatisfy { place, byte in
            [8, 13, 18, 23].contains(place) ? byte == UInt8(ascii: "-") : hexDigit(byte) != nil
        }
    }

    func detectedFields(_ call: HTTPCall) async throws -> HTTPAnswer {
        let limit = try fieldLimit(call)
        let fields = try await detected(call).prefix(limit)
        var json = JSONWriter()
        json.beginObject()
        json.key("fields")
        json.beginArray()
        for field in fields {
            json.beginObject()
            json.field("label", field.name)
            json.field("type", field.kind.rawValue)
            json.key("cardinality")
            json.integer(field.values.count)
            json.key("parsers")
            if field.parsers.isEmpty { json.null() } else { json.strings(field.parsers) }
            if !field.jsonPath.isEmpty {
                json.key("jsonPath")
                json.strings(field.jsonPath)
            }
            json.endObject()
        }
        json.endArray()
        json.key("limit")
        json.integer(limit)
        json.endObject()
        return .json(json.takeBytes())
    }

    func detectedFieldValues(_ call: HTTPCall) async throws -> HTTPAnswer {
        let name = call.pathParameters["name"] ?? ""
        let limit = try fieldLimit(call)
        let values = try await detected(call).first { $0.name == name }?.values ?? []
        var json = JSONWriter()
        json.beginObject()
        json.key("values")
        json.strings(Array(values.sorted().prefix(limit)))
        json.key("limit")
        json.integer(limit)
        json.endObject()
        return .json(json.takeBytes())
    }

    private func detected(_ call: HTTPCall) async throws -> [DetectedField] {
        let times = try times(call)
        let text = try queryText(call)
        let lines = try number(call, "line_limit", or: 100)
        return try await process.query(.names, question(call), for: call) { query in
            try await engine.detectedFields(
                text, range: TimeRange(start: times.start, end: times.end), lineLimit: lines, context: query.context
            ).fields
        }
    }

    private func fieldLimit(_ call: HTTPCall) throws -> Int {
        try number(call, call.parameters["field_limit"] != nil ? "field_limit" : "limit", or: 1_000)
    }

    private func number(_ call: HTTPCall, _ name: String, or usual: Int) throws -> Int {
        guard let text = call.parameters[name] else { return usual }
        guard let number = Int(text), number > 0 else { throw HTTPFailure(400, "\(name) must be a positive value") }
        return min(number, LokiAPI.maximumLimit)
    }

    func drilldownLimits() -> HTTPAnswer {
        var json = JSONWriter()
        json.beginObject()
        json.key("limits")
        json.beginObject()
        for limit in limits { limit.write(to: &json) }
        json.endObject()
        json.key("pattern_ingester_enabled")
        json.bool(true)
        json.field("version", LokiAPI.version)
        json.endObject()
        return .json(json.takeBytes())
    }
}
