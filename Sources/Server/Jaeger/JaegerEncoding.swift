import Telemetry
import TraceQL
import Wire

/// A trace in the model of Jaeger's UI.
enum JaegerEncoding {
    static func write(_ trace: Trace, to json: inout JSONWriter) {
        var processes: [(key: String, origin: SpanOrigin)] = []
        var keys: [ObjectIdentifier: String] = [:]
        for span in trace.spans where keys[ObjectIdentifier(span.origin)] == nil {
            let key = "p\(processes.count + 1)"
            keys[ObjectIdentifier(span.origin)] = key
            processes.append((key, span.origin))
        }
        json.beginObject()
        json.field("traceID", trace.id.hex)
        json.key("spans")
        json.beginArray()
        for span in trace.spans { write(span, process: keys[ObjectIdentifier(span.origin)] ?? "p1", to: &json) }
        json.endArray()
        json.key("processes")
        json.beginObject()
        for (key, origin) in processes {
            json.key(key)
            json.beginObject()
            json.field("serviceName", origin.serviceName)
            json.key("tags")
            tags(origin.resource.filter { $0.key != "service.name" }, to: &json)
            json.endObject()
        }
        json.endObject()
        json.key("warnings")
        json.null()
        json.endObject()
    }

    private static func write(_ span: TraceSpan, process: String, to json: inout JSONWriter) {
        json.beginObject()
        json.field("traceID", span.traceID.hex)
        json.field("spanID", span.spanID.hex)
        json.field("operationName", span.name)
        json.key("references")
        json.beginArray()
        if let parent = span.parentID { reference("CHILD_OF", span.traceID, parent, &json) }
        for link in span.links { reference("FOLLOWS_FROM", link.traceID, link.spanID, &json) }
        json.endArray()
        json.key("startTime")
        json.integer(span.start / 1000)
        json.key("duration")
        json.integer(span.duration / 1000)
        var all = span.attributes
        if !span.origin.scopeName.isEmpty { all.append(Attribute("otel.scope.name", .string(span.origin.scopeName))) }
        if !span.origin.scopeVersion.isEmpty {
            all.append(Attribute("otel.scope.version", .string(span.origin.scopeVersion)))
        }
        if span.kind != .unspecified { all.append(Attribute("span.kind", .string(TraceEncoding.kindText(span.kind)))) }
        if span.status == .error {
            all.append(Attribute("error", .bool(true)))
            all.append(Attribute("otel.status_code", .string("ERROR")))
        } else if span.status == .ok {
            all.append(Attribute("otel.status_code", .string("OK")))
        }
        if !span.statusMessage.isEmpty { all.append(Attribute("otel.status_description", .string(span.statusMessage))) }
        if !span.traceState.isEmpty { all.append(Attribute("w3c.tracestate", .string(span.traceState))) }
        json.key("tags")
        tags(all, to: &json)
        json.key("logs")
        json.beginArray()
        for event in span.events {
            json.beginObject()
            json.key("timestamp")
            json.integer(event.time / 1000)
            json.key("fields")
            tags([Attribute("event", .string(event.name))] + event.attributes, to: &json)
            json.endObject()
        }
        json.endArray()
        json.field("processID", process)
        json.key("warnings")
        json.null()
        json.endObject()
    }

    private static func reference(_ type: String, _ trace: TraceID, _ span: SpanID, _ json: inout JSONWriter) {
        json.beginObject()
        json.field("refType", type)
        json.field("traceID", trace.hex)
        json.field("spanID", span.hex)
        json.endObject()
    }

    private static func tags(_ attributes: [Attribute], to json: inout JSONWriter) {
        json.beginArray()
        for attribute in attributes {
            json.beginObject()
            json.field("key", attribute.key)
            switch attribute.value {
            case .bool(let flag):
                json.field("type", "bool")
                json.key("value")
                json.bool(flag)
            case .int(let number):
                json.field("type", "int64")
                json.key("value")
                json.integer(number)
            case .double(let number):
                json.field("type", "float64")
                json.key("value")
                json.double(number)
            default:
                json.field("type", "string")
                json.field("value", attribute.value.text)
            }
            json.endObject()
        }
        json.endArray()
    }
}
