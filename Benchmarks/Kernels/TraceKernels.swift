import Foundation
import OTLPMessages
import SwiftProtobuf
import Wire

/// Spans from the wire.
enum TraceKernels {
    static func run() throws {
        var request = Opentelemetry_Proto_Collector_Trace_V1_ExportTraceServiceRequest()
        var resource = Opentelemetry_Proto_Trace_V1_ResourceSpans()
        resource.resource.attributes = [attribute("service.name", "web")]
        var scope = Opentelemetry_Proto_Trace_V1_ScopeSpans()
        for i in 0..<1000 {
            var span = Opentelemetry_Proto_Trace_V1_Span()
            span.traceID = Data((0..<16).map { UInt8(truncatingIfNeeded: i &* 31 &+ $0 &+ 1) })
            span.spanID = Data((0..<8).map { UInt8(truncatingIfNeeded: i &+ $0 &+ 1) })
            span.name = "GET /api/catalogue/product/\(i % 50)"
            span.startTimeUnixNano = 1_700_000_000_000_000_000 + UInt64(i) * 1000
            span.endTimeUnixNano = span.startTimeUnixNano + 5_000_000
            span.attributes = (0..<10).map { attribute("http.attribute.\($0)", "value \(i % 7) of \($0)") }
            scope.spans.append(span)
        }
        resource.scopeSpans = [scope]
        request.resourceSpans = [resource]
        let bytes = Array(try request.serializedData())
        let data = Data(bytes)
        let ours = try Measure.best { _ = try OTLPTraces.decode(protobuf: bytes) }
        let other = try Measure.best {
            _ = try Opentelemetry_Proto_Collector_Trace_V1_ExportTraceServiceRequest(serializedBytes: data)
        }
        Measure.row(
            "OTLP spans to columns | swift-protobuf decode", ours / 1000, other / 1000, unit: "µs/span", scale: 1e6)
    }

    private static func attribute(_ key: String, _ value: String) -> Opentelemetry_Proto_Common_V1_KeyValue {
        var pair = Opentelemetry_Proto_Common_V1_KeyValue()
        pair.key = key
        pair.value.stringValue = value
        return pair
    }
}
