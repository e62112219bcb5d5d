import Storage
import Telemetry
import TraceQL
import Wire

/// Names and values of attributes.
extension TempoAPI {
    private func list(_ name: String, _ values: [String]) -> HTTPAnswer {
        var json = JSONWriter()
        json.beginObject()
        json.key(name)
        json.strings(values)
        json.endObject()
        return .json(json.takeBytes())
    }

    private func scopes(_ call: HTTPCall) async throws -> [TraceTagScope] {
        let scope = call.parameters["scope"]
        return try await engine.tagNames(
            scope: scope == "none" ? nil : scope, range: range(call),
            limit: integer(call, "limit", default: 0, most: 1_000_000),
            context: process.queryContext())
    }

    func tagNames(_ call: HTTPCall) async throws -> HTTPAnswer {
        let names = try await scopes(call).filter { $0.name != "intrinsic" || call.parameters["scope"] == "intrinsic" }
            .flatMap(\.tags)
        return list("tagNames", Array(Set(names)).sorted())
    }

    func tagNamesV2(_ call: HTTPCall) async throws -> HTTPAnswer {
        var json = JSONWriter()
        json.beginObject()
        json.key("scopes")
        json.beginArray()
        for scope in try await scopes(call) {
            json.beginObject()
            json.field("name", scope.name)
            json.key("tags")
            json.strings(scope.tags)
            json.endObject()
        }
        json.endArray()
        json.endObject()
        return .json(json.takeBytes())
    }

    private func values(_ call: HTTPCall) async throws -> [TraceTagValue] {
        try await engine.tagValues(
            call.pathParameters["tag"] ?? "", filter: call.parameters["q"], range: range(call),
            limit: integer(call, "limit", default: 0, most: 1_000_000), context: process.queryContext())
    }

    func tagValues(_ call: HTTPCall) async throws -> HTTPAnswer {
        list("tagValues", try await values(call).map(\.value))
    }

    func tagValuesV2(_ call: HTTPCall) async throws -> HTTPAnswer {
        var json = JSONWriter()
        json.beginObject()
        json.key("tagValues")
        json.beginArray()
        for value in try await values(call) {
            json.beginObject()
            json.field("type", value.type)
            json.field("value", value.value)
            json.endObject()
        }
        json.endArray()
        json.endObject()
        return .json(json.takeBytes())
    }
}
