package import Telemetry

/// What the spans of one group share: resource and instrumentation scope. One object for all of them, so that a span
/// costs one reference.
package final class SpanOrigin: Sendable {
    package let resource: [Attribute]
    package let resourceSchemaURL: String
    package let resourceDroppedAttributes: Int64
    package let scopeName: String
    package let scopeVersion: String
    package let scopeAttributes: [Attribute]
    package let scopeSchemaURL: String
    package let scopeDroppedAttributes: Int64
    /// `service.name` of the resource, or the group's label; empty where there is neither.
    package let serviceName: String

    package init(group: EventGroup) {
        var resource: [Attribute] = []
        var scope: [Attribute] = []
        var texts: [String: String] = [:]
        var numbers: [String: Int64] = [:]
        for attribute in group.shared {
            if attribute.key.hasPrefix(EventColumnName.resourceAttributePrefix) {
                let key = String(attribute.key.dropFirst(EventColumnName.resourceAttributePrefix.count))
                resource.append(Attribute(key, attribute.value))
            } else if attribute.key.hasPrefix(EventColumnName.scopeAttributePrefix) {
                let key = String(attribute.key.dropFirst(EventColumnName.scopeAttributePrefix.count))
                scope.append(Attribute(key, attribute.value))
            } else if case .string(let text) = attribute.value {
                texts[attribute.key] = text
            } else if case .int(let number) = attribute.value {
                numbers[attribute.key] = number
            }
        }
        self.resource = resource
        scopeAttributes = scope
        scopeName = texts[EventColumnName.scopeName] ?? ""
        scopeVersion = texts[EventColumnName.scopeVersion] ?? ""
        resourceSchemaURL = texts[EventColumnName.resourceSchemaURL] ?? ""
        scopeSchemaURL = texts[EventColumnName.scopeSchemaURL] ?? ""
        resourceDroppedAttributes = numbers[EventColumnName.resourceDroppedAttributes] ?? 0
        scopeDroppedAttributes = numbers[EventColumnName.scopeDroppedAttributes] ?? 0
        if case .string(let name)? = resource.first(where: { $0.key == "service.name" })?.value {
            serviceName = name
        } else {
            serviceName = group.labels["service_name"] ?? ""
        }
    }
}

/// One span with everything that OTLP says of it.
package struct TraceSpan: Sendable {
    package enum Kind: Int64, Hashable, Sendable, CaseIterable {
        case unspecified = 0
        case `internal`, server, client, producer, consumer
    }
    package enum Status: Int64, Hashable, Sendable, CaseIterable {
        case unset = 0
        case ok, error
    }

    package struct Event: Hashable, Sendable {
        /// Nanoseconds since 1970.
        package var time: Int64 = 0
        package var name = ""
        package var attributes: [Attribute] = []
        package var droppedAttributes: Int64 = 0
    }

    package struct Link: Hashable, Sendable {
        package var traceID: TraceID
        package var spanID: SpanID
        package var traceState = ""
        package var attributes: [Attribute] = []
        package var droppedAttributes: Int64 = 0
        package var flags: Int64 = 0
    }

    package var traceID: TraceID
    package var spanID: SpanID
    /// Nil at a root.
    package var parentID: SpanID?
    package var name = ""
    package var kind = Kind.unspecified
    package var status = Status.unset
    package var statusMessage = ""
    /// Nanoseconds since 1970.
    package var start: Int64
    /// Nanoseconds, never negative.
    package var duration: Int64 = 0
    package var traceState = ""
    package var flags: Int64 = 0
    package var attributes: [Attribute] = []
    package var events: [Event] = []
    package var links: [Link] = []
    package var droppedAttributes: Int64 = 0
    package var droppedEvents: Int64 = 0
    package var droppedLinks: Int64 = 0
    package var origin: SpanOrigin
    /// Arrival order in the store; of two copies of a span the first is kept.
    package var sequence: UInt64 = 0

    package init(traceID: TraceID, spanID: SpanID, start: Int64, origin: SpanOrigin) {
        self.traceID = traceID
        self.spanID = spanID
        self.start = start
        self.origin = origin
    }

    /// Nanoseconds since 1970; saturates where a sender's clock is absurd.
    package var end: Int64 {
        let (sum, overflow) = start.addingReportingOverflow(duration)
        return overflow ? .max : sum
    }

    package var isError: Bool { status == .error }

    package var serviceName: String { origin.serviceName }

    package func attribute(_ key: String) -> AttributeValue? { attributes.first { $0.key == key }?.value }

    /// About what a span takes in memory, for the budget.
    var memoryEstimate: Int { 320 + attributes.count * 72 + events.count * 200 + links.count * 120 }
}
