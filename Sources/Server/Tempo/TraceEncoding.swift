import Telemetry
import TraceQL
import Wire

/// A trace written as OTLP in the three spellings that clients read.
struct TraceEncoding {
    enum Style {
        /// Hex ids and integers for enums: OTLP's own JSON.
        case otlp
        /// Base64 ids and enum names: protobuf's JSON, as Tempo writes it.
        case protobufJSON
    }

    private struct Resource {
        var origin: SpanOrigin
        var spans: [TraceSpan]
    }

    private let resources: [Resource]

    init(_ trace: Trace) {
        var order: [ObjectIdentifier] = []
        var byOrigin: [ObjectIdentifier: Resource] = [:]
        for span in trace.spans {
            let key = ObjectIdentifier(span.origin)
            if byOrigin[key] == nil {
                order.append(key)
                byOrigin[key] = Resource(origin: span.origin, spans: [])
            }
            byOrigin[key]?.spans.append(span)
        }
        resources = order.compactMap { byOrigin[$0] }
    }

    // MARK: JSON

    /// The list of resource spans.
    func writeJSON(_ style: Style, to json: inout JSONWriter) {
        json.beginArray()
        for resource in resources {
            json.beginObject()
            json.key("resource")
            json.beginObject()
            json.key("attributes")
            json.keyValues(resource.origin.resource)
            if resource.origin.resourceDroppedAttributes > 0 {
                json.key("droppedAttributesCount")
                json.integer(resource.origin.resourceDroppedAttributes)
            }
            json.endObject()
            json.key("scopeSpans")
            json.beginArray()
            json.beginObject()
            json.key("scope")
            json.beginObject()
            json.field("name", resource.origin.scopeName)
            if !resource.origin.scopeVersion.isEmpty { json.field("version", resource.origin.scopeVersion) }
            if !resource.origin.scopeAttributes.isEmpty {
                json.key("attributes")
                json.keyValues(resource.origin.scopeAttributes)
            }
            json.endObject()
            json.key("spans")
            json.beginArray()
            for span in resource.spans { write(span, style, to: &json) }
            json.endArray()
            if !resource.origin.scopeSchemaURL.isEmpty { json.field("schemaUrl", resource.origin.scopeSchemaURL) }
            json.endObject()
            json.endArray()
            if !resource.origin.resourceSchemaURL.isEmpty { json.field("schemaUrl", resource.origin.resourceSchemaURL) }
            json.endObject()
        }
        json.endArray()
    }

    private func id(_ bytes: [UInt8], _ style: Style, _ json: inout JSONWriter) {
        if style == .otlp { json.hexadecimal(bytes[...]) } else { json.base64(bytes[...]) }
    }

    private func write(_ span: TraceSpan, _ style: Style, to json: inout JSONWriter) {
        json.beginObject()
        json.key("traceId")
        id(span.traceID.bytes, style, &json)
        json.key("spanId")
        id(span.spanID.bytes, style, &json)
        if !span.traceState.isEmpty { json.field("traceState", span.traceState) }
        if let parent = span.parentID {
            json.key("parentSpanId")
            id(parent.bytes, style, &json)
        }
        if span.flags != 0 {
            json.key("flags")
            json.integer(span.flags)
        }
        json.field("name", span.name)
        json.key("kind")
        if style == .otlp { json.integer(span.kind.rawValue) } else { json.string(TraceEncoding.kindName(span.kind)) }
        json.key("startTimeUnixNano")
        json.quotedInteger(span.start)
        json.key("endTimeUnixNano")
        json.quotedInteger(span.start &+ span.duration)
        attributes(span.attributes, &json)
        count("droppedAttributesCount", span.droppedAttributes, &json)
        if !span.events.isEmpty {
            json.key("events")
            json.beginArray()
            for event in span.events {
                json.beginObject()
                json.key("timeUnixNano")
                json.quotedInteger(event.time)
                json.field("name", event.name)
                attributes(event.attributes, &json)
                count("droppedAttributesCount", event.droppedAttributes, &json)
                json.endObject()
            }
            json.endArray()
        }
        count("droppedEventsCount", span.droppedEvents, &json)
        if !span.links.isEmpty {
            json.key("links")
            json.beginArray()
            for link in span.links {
                json.beginObject()
                json.key("traceId")
                id(link.traceID.bytes, style, &json)
                json.key("spanId")
                id(link.spanID.bytes, style, &json)
                if !link.traceState.isEmpty { json.field("traceState", link.traceState) }
                attributes(link.attributes, &json)
                count("droppedAttributesCount", link.droppedAttributes, &json)
                count("flags", link.flags, &json)
                json.endObject()
            }
            json.endArray()
        }
        count("droppedLinksCount", span.droppedLinks, &json)
        json.key("status")
        json.beginObject()
        if !span.statusMessage.isEmpty { json.field("message", span.statusMessage) }
        if span.status != .unset {
            json.key("code")
            if style == .otlp {
                json.integer(span.status.rawValue)
            } else {
                json.string(span.status == .ok ? "STATUS_CODE_OK" : "STATUS_CODE_ERROR")
            }
        }
        json.endObject()
        json.endObject()
    }

    private func attributes(_ attributes: [Attribute], _ json: inout JSONWriter) {
        guard !attributes.isEmpty else { return }
        json.key("attributes")
        json.keyValues(attributes)
    }

    private func count(_ name: String, _ count: Int64, _ json: inout JSONWriter) {
        guard count != 0 else { return }
        json.key(name)
        json.integer(count)
    }

    private static func kindName(_ kind: TraceSpan.Kind) -> String { "SPAN_KIND_" + kindText(kind).uppercased() }

    /// As Jaeger and OTLP's enum spell it.
    static func kindText(_ kind: TraceSpan.Kind) -> String { TraceQL.kindName(kind) }

    // MARK: Protobuf

    /// `resourceSpans` as repeated field `field` of a message.
    func writeProtobuf(_ field: Int, to out: inout ProtobufWriter) {
        for resource in resources {
            out.message(field) { message in
                message.message(1) { body in
                    for attribute in resource.origin.resource { body.keyValue(1, attribute) }
                    if resource.origin.resourceDroppedAttributes != 0 {
                        body.varint(2, resource.origin.resourceDroppedAttributes)
                    }
                }
                message.message(2) { scopeSpans in
                    scopeSpans.message(1) { scope in
                        scope.string(1, resource.origin.scopeName)
                        if !resource.origin.scopeVersion.isEmpty { scope.string(2, resource.origin.scopeVersion) }
                        for attribute in resource.origin.scopeAttributes { scope.keyValue(3, attribute) }
                    }
                    for span in resource.spans { scopeSpans.message(2) { write(span, to: &$0) } }
                    if !resource.origin.scopeSchemaURL.isEmpty { scopeSpans.string(3, resource.origin.scopeSchemaURL) }
                }
                if !resource.origin.resourceSchemaURL.isEmpty { message.string(3, resource.origin.resourceSchemaURL) }
            }
        }
    }

    private func write(_ span: TraceSpan, to out: inout ProtobufWriter) {
        out.data(1, span.traceID.bytes)
        out.data(2, span.spanID.bytes)
        if !span.traceState.isEmpty { out.string(3, span.traceState) }
        if let parent = span.parentID { out.data(4, parent.bytes) }
        out.string(5, span.name)
        out.varint(6, span.kind.rawValue)
        out.fixed64(7, UInt64(bitPattern: span.start))
        out.fixed64(8, UInt64(bitPattern: span.start &+ span.duration))
        for attribute in span.attributes { out.keyValue(9, attribute) }
        if span.droppedAttributes != 0 { out.varint(10, span.droppedAttributes) }
        for event in span.events {
            out.message(11) { message in
                message.fixed64(1, UInt64(bitPattern: event.time))
                message.string(2, event.name)
                for attribute in event.attributes { message.keyValue(3, attribute) }
                if event.droppedAttributes != 0 { message.varint(4, event.droppedAttributes) }
            }
        }
        if span.droppedEvents != 0 { out.varint(12, span.droppedEvents) }
        for link in span.links {
            out.message(13) { message in
                message.data(1, link.traceID.bytes)
                message.data(2, link.spanID.bytes)
                if !link.traceState.isEmpty { message.string(3, link.traceState) }
                for attribute in link.attributes { message.keyValue(4, attribute) }
                if link.droppedAttributes != 0 { message.varint(5, link.droppedAttributes) }
                if link.flags != 0 { message.fixed32(6, UInt32(truncatingIfNeeded: link.flags)) }
            }
        }
        if span.droppedLinks != 0 { out.varint(14, span.droppedLinks) }
        out.message(15) { status in
            if !span.statusMessage.isEmpty { status.string(2, span.statusMessage) }
            if span.status != .unset { status.varint(3, span.status.rawValue) }
        }
        if span.flags != 0 { out.fixed32(16, UInt32(truncatingIfNeeded: span.flags)) }
    }
}
