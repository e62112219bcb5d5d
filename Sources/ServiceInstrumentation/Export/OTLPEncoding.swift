import FoundationEssentials
import OTLPMessages
import SwiftProtobuf

/// Records to OTLP messages.
enum OTLPEncoding {
    static func request(
        spans: [SpanRecord], resource: Resource
    ) -> Opentelemetry_Proto_Collector_Trace_V1_ExportTraceServiceRequest {
        var scoped = Opentelemetry_Proto_Trace_V1_ScopeSpans()
        scoped.scope = scope
        scoped.spans = spans.map(message)
        var group = Opentelemetry_Proto_Trace_V1_ResourceSpans()
        group.resource.attributes = keyValues(resource.attributes)
        group.scopeSpans = [scoped]
        var request = Opentelemetry_Proto_Collector_Trace_V1_ExportTraceServiceRequest()
        request.resourceSpans = [group]
        return request
    }

    static func request(
        logs: [LogRecord], resource: Resource
    ) -> Opentelemetry_Proto_Collector_Logs_V1_ExportLogsServiceRequest {
        var scoped = Opentelemetry_Proto_Logs_V1_ScopeLogs()
        scoped.scope = scope
        scoped.logRecords = logs.map(message)
        var group = Opentelemetry_Proto_Logs_V1_ResourceLogs()
        group.resource.attributes = keyValues(resource.attributes)
        group.scopeLogs = [scoped]
        var request = Opentelemetry_Proto_Collector_Logs_V1_ExportLogsServiceRequest()
        request.resourceLogs = [group]
        return request
    }

    private static var scope: Opentelemetry_Proto_Common_V1_InstrumentationScope {
        var scope = Opentelemetry_Proto_Common_V1_InstrumentationScope()
        scope.name = "needletail.ServiceInstrumentation"
        scope.version = InstrumentationVersion.current
        return scope
    }

    private static func message(_ record: SpanRecord) -> Opentelemetry_Proto_Trace_V1_Span {
        var span = Opentelemetry_Proto_Trace_V1_Span()
        span.traceID = Data(record.context.traceID.bytes)
        span.spanID = Data(record.context.spanID.bytes)
        span.traceState = record.context.traceState
        if let parent = record.parent { span.parentSpanID = Data(parent.spanID.bytes) }
        span.flags = flags(record.context, remote: record.parent?.isRemote)
        span.name = record.name
        span.kind = .init(rawValue: record.kind.rawValue) ?? .unspecified
        span.startTimeUnixNano = record.start
        span.endTimeUnixNano = record.end
        span.attributes = keyValues(record.attributes)
        span.droppedEventsCount = UInt32(clamping: record.droppedEvents)
        span.events = record.events.map { event in
            var message = Opentelemetry_Proto_Trace_V1_Span.Event()
            message.timeUnixNano = event.time
            message.name = event.name
            message.attributes = keyValues(event.attributes)
            return message
        }
        span.links = record.links.map { link in
            var message = Opentelemetry_Proto_Trace_V1_Span.Link()
            message.traceID = Data(link.context.traceID.bytes)
            message.spanID = Data(link.context.spanID.bytes)
            message.traceState = link.context.traceState
            message.attributes = keyValues(link.attributes)
            message.flags = flags(link.context, remote: link.context.isRemote)
            return message
        }
        switch record.status {
        case .unset: break
        case .ok: span.status.code = .ok
        case .error(let text):
            span.status.code = .error
            span.status.message = text
        }
        return span
    }

    /// Bit 0: sampled. Bit 8: it is known whether the parent is remote, bit 9: it is.
    private static func flags(_ context: SpanContext, remote: Bool?) -> UInt32 {
        (context.isSampled ? 1 : 0) | 0x100 | (remote == true ? 0x200 : 0)
    }

    private static func message(_ record: LogRecord) -> Opentelemetry_Proto_Logs_V1_LogRecord {
        var log = Opentelemetry_Proto_Logs_V1_LogRecord()
        log.timeUnixNano = record.time
        log.observedTimeUnixNano = record.time
        log.severityNumber = .init(rawValue: record.severityNumber) ?? .unspecified
        log.severityText = record.severityText
        log.body.stringValue = record.body
        log.attributes = keyValues(record.attributes)
        if let context = record.context {
            log.traceID = Data(context.traceID.bytes)
            log.spanID = Data(context.spanID.bytes)
            log.flags = context.isSampled ? 1 : 0
        }
        return log
    }

    private static func keyValues(_ attributes: Attributes) -> [Opentelemetry_Proto_Common_V1_KeyValue] {
        attributes.pairs.map { key, value in
            var pair = Opentelemetry_Proto_Common_V1_KeyValue()
            pair.key = key
            pair.value = anyValue(value)
            return pair
        }
    }

    private static func anyValue(_ value: AttributeValue) -> Opentelemetry_Proto_Common_V1_AnyValue {
        var message = Opentelemetry_Proto_Common_V1_AnyValue()
        switch value {
        case .string(let text): message.stringValue = text
        case .integer(let number): message.intValue = Int64(number)
        case .double(let number): message.doubleValue = number
        case .boolean(let flag): message.boolValue = flag
        case .array(let values): message.arrayValue.values = values.map(anyValue)
        }
        return message
    }
}
