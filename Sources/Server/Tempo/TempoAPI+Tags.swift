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

    /// An object with one list of objects, each written by `body`.
    private func list<Element>(
        _ name: String, _ elements: [Element], _ body: (Element, inout JSONWriter) -> Void
    ) -> HTTPAnswer {
        var json = JSONWriter()
        json.beginObject()
        json.key(name)
        json.beginArray()
        for element in elements {
            json.beginObject()
            body(element, &json)
            json.endObject()
        }
        json.endArray()
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
        list("scopes", try await scopes(call)) { scope, json in
            json.field("name", scope.name)
            json.key("tags")
            json.strings(scope.tags)
        }
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
        list("tagValues", try await values(call)) { value, json in
            json.field("type", value.type)
            json.field("value", value.value)
        }
    }
}
