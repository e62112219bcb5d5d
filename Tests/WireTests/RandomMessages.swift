import Foundation
import OTLPMessages
import SwiftProtobuf
import TestSupport

typealias AnyValue = Opentelemetry_Proto_Common_V1_AnyValue
typealias KeyValue = Opentelemetry_Proto_Common_V1_KeyValue
typealias TraceRequest = Opentelemetry_Proto_Collector_Trace_V1_ExportTraceServiceRequest
typealias LogsRequest = Opentelemetry_Proto_Collector_Logs_V1_ExportLogsServiceRequest
typealias MetricsRequest = Opentelemetry_Proto_Collector_Metrics_V1_ExportMetricsServiceRequest

/// Random OTLP messages, valid unless said otherwise.
struct RandomMessages {
    var random: SeededGenerator

    mutating func pick<T>(_ choices: [T]) -> T { choices[Int.random(in: choices.indices, using: &random)] }
    mutating func chance(_ oneIn: Int) -> Bool { Int.random(in: 0..<oneIn, using: &random) == 0 }
    mutating func bytes(_ count: Int) -> Data {
        Data((0..<count).map { _ in UInt8.random(in: 1...255, using: &random) })
    }

    mutating func text() -> String {
        pick([
            "", "a", "checkout", "naïve ☃", "quote\"back\\slash\n\ttab", "\u{1}", String(repeating: "long ", count: 40),
        ])
    }

    mutating func value(depth: Int = 0) -> AnyValue {
        var value = AnyValue()
        switch Int.random(in: 0..<(depth < 3 ? 8 : 6), using: &random) {
        case 0: value.stringValue = text()
        case 1: value.boolValue = chance(2)
        case 2: value.intValue = pick([0, 1, -1, .min, .max, 1 << 53])
        case 3: value.doubleValue = pick([0, -0.5, 1e300, 0.1, .infinity, 12_345_678])
        case 4: value.bytesValue = bytes(Int.random(in: 0..<5, using: &random))
        case 5: break
        case 6:
            value.arrayValue.values = (0..<Int.random(in: 0..<4, using: &random)).map { _ in
                self.value(depth: depth + 1)
            }
        default: value.kvlistValue.values = attributes(depth: depth + 1)
        }
        return value
    }

    mutating func attributes(depth: Int = 0) -> [KeyValue] {
        let names = [
            "http.method", "http.status_code", "a", "ünïcode", "service.name", "level", "0digit", "_x", "k8s.pod.name",
        ]
        return names.shuffled(using: &random).prefix(Int.random(in: 0..<6, using: &random)).map { name in
            var pair = KeyValue()
            pair.key = name
            pair.value = value(depth: depth)
            return pair
        }
    }

    mutating func time() -> UInt64 {
        1_700_000_000_000_000_000 + UInt64.random(in: 0..<1_000_000_000_000, using: &random)
    }

    mutating func traces() -> TraceRequest {
        var request = TraceRequest()
        for _ in 0..<Int.random(in: 1..<4, using: &random) {
            var resource = Opentelemetry_Proto_Trace_V1_ResourceSpans()
            resource.resource.attributes = attributes()
            if chance(2) { resource.schemaURL = "https://schema" }
            for _ in 0..<Int.random(in: 0..<3, using: &random) {
                var scope = Opentelemetry_Proto_Trace_V1_ScopeSpans()
                scope.scope.name = text()
                scope.scope.attributes = attributes()
                scope.spans = (0..<Int.random(in: 0..<5, using: &random)).map { _ in span() }
                resource.scopeSpans.append(scope)
            }
            request.resourceSpans.append(resource)
        }
        return request
    }

    mutating func span() -> Opentelemetry_Proto_Trace_V1_Span {
        var span = Opentelemetry_Proto_Trace_V1_Span()
        span.traceID = chance(8) ? bytes(3) : chance(9) ? Data(count: 16) : bytes(16)
        span.spanID = chance(9) ? Data() : bytes(8)
        if chance(2) { span.parentSpanID = chance(6) ? Data(count: 8) : bytes(8) }
        span.name = text()
        span.kind = pick([.unspecified, .internal, .server, .client, .consumer])
        span.startTimeUnixNano = time()
        span.endTimeUnixNano = time()
        span.attributes = attributes()
        span.flags = pick([0, 1, 0x301])
        span.droppedLinksCount = pick([0, 7])
        if chance(2) {
            span.status.code = pick([.unset, .ok, .error])
            span.status.message = text()
        }
        for _ in 0..<Int.random(in: 0..<3, using: &random) {
            var event = Opentelemetry_Proto_Trace_V1_Span.Event()
            event.name = text()
            event.timeUnixNano = time()
            event.attributes = attributes()
            span.events.append(event)
        }
        if chance(3) {
            var link = Opentelemetry_Proto_Trace_V1_Span.Link()
            link.traceID = bytes(16)
            link.spanID = bytes(8)
            link.attributes = attributes()
            span.links = [link]
        }
        return span
    }

    mutating func logs() -> LogsRequest {
        var request = LogsRequest()
        var resource = Opentelemetry_Proto_Logs_V1_ResourceLogs()
        resource.resource.attributes = attributes()
        var scope = Opentelemetry_Proto_Logs_V1_ScopeLogs()
        scope.scope.name = text()
        scope.scope.version = "1"
        scope.logRecords = (0..<Int.random(in: 0..<6, using: &random)).map { _ in
            var record = Opentelemetry_Proto_Logs_V1_LogRecord()
            record.timeUnixNano = chance(3) ? 0 : time()
            record.observedTimeUnixNano = chance(3) ? 0 : time()
            record.severityNumber = pick([.unspecified, .info, .error4, .trace])
            record.severityText = pick(["", "WARN", "odd"])
            record.body = value()
            record.attributes = attributes()
            if chance(2) { record.traceID = bytes(16) }
            if chance(2) { record.spanID = bytes(8) }
            record.eventName = pick(["", "started"])
            return record
        }
        resource.scopeLogs = [scope]
        request.resourceLogs = [resource]
        return request
    }

    mutating func metrics() -> MetricsRequest {
        var request = MetricsRequest()
        var resource = Opentelemetry_Proto_Metrics_V1_ResourceMetrics()
        resource.resource.attributes = attributes()
        var scope = Opentelemetry_Proto_Metrics_V1_ScopeMetrics()
        for index in 0..<Int.random(in: 1..<6, using: &random) {
            var metric = Opentelemetry_Proto_Metrics_V1_Metric()
            metric.name = "metric.\(index)"
            metric.unit = pick(["", "s", "By", "1", "{request}", "By/s"])
            switch Int.random(in: 0..<4, using: &random) {
            case 0: metric.gauge.dataPoints = (0..<3).map { _ in number() }
            case 1:
                metric.sum.dataPoints = (0..<3).map { _ in number() }
                metric.sum.isMonotonic = chance(2)
                metric.sum.aggregationTemporality = pick([.delta, .cumulative, .unspecified])
            case 2:
                var point = Opentelemetry_Proto_Metrics_V1_HistogramDataPoint()
                point.attributes = attributes()
                point.timeUnixNano = time()
                point.bucketCounts = [1, 0, 3]
                point.explicitBounds = [0.5, 1]
                point.count = 4
                point.sum = 2.5
                metric.histogram.dataPoints = [point]
                metric.histogram.aggregationTemporality = pick([.delta, .cumulative])
            default:
                var point = Opentelemetry_Proto_Metrics_V1_ExponentialHistogramDataPoint()
                point.timeUnixNano = time()
                point.scale = pick([-5, -4, 0, 8, 10, 20])
                point.positive.offset = pick([-1000, 0, 5])
                point.positive.bucketCounts = [1, 0, 0, 0, 5, 2]
                point.negative.bucketCounts = [3]
                point.count = 11
                metric.exponentialHistogram.dataPoints = [point]
                metric.exponentialHistogram.aggregationTemporality = pick([.delta, .cumulative])
            }
            scope.metrics.append(metric)
        }
        resource.scopeMetrics = [scope]
        request.resourceMetrics = [resource]
        return request
    }

    mutating func number() -> Opentelemetry_Proto_Metrics_V1_NumberDataPoint {
        var point = Opentelemetry_Proto_Metrics_V1_NumberDataPoint()
        point.attributes = attributes()
        point.timeUnixNano = time()
        if chance(2) { point.asInt = pick([0, -3, 1 << 40]) } else { point.asDouble = pick([0, 1.5, -2e9]) }
        if chance(9) { point.flags = 1 }
        if chance(4) {
            var exemplar = Opentelemetry_Proto_Metrics_V1_Exemplar()
            exemplar.asDouble = 1.25
            exemplar.timeUnixNano = time()
            exemplar.traceID = bytes(16)
            exemplar.spanID = bytes(8)
            point.exemplars = [exemplar]
        }
        return point
    }

    mutating func mutated(_ bytes: [UInt8]) -> [UInt8] {
        var out = bytes
        guard !out.isEmpty else { return [UInt8.random(in: 0...255, using: &random)] }
        for _ in 0..<Int.random(in: 1..<4, using: &random) {
            let place = Int.random(in: out.indices, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: out[place] = UInt8.random(in: 0...255, using: &random)
            case 1: out.insert(UInt8.random(in: 0...255, using: &random), at: place)
            case 2: out.removeSubrange(place..<min(out.count, place + 3))
            default: out.removeLast(out.count - place)
            }
            if out.isEmpty { break }
        }
        return out
    }
}

/// OTLP's JSON form of a message: as SwiftProtobuf's, but ids in hexadecimal.
func otlpJSON(_ message: some Message) throws -> [UInt8] {
    func fix(_ value: Any) -> Any {
        if let list = value as? [Any] { return list.map(fix) }
        guard let object = value as? [String: Any] else { return value }
        return Dictionary(
            uniqueKeysWithValues: object.map { key, inner in
                guard ["traceId", "spanId", "parentSpanId"].contains(key), let text = inner as? String else {
                    return (key, fix(inner))
                }
                let data = Data(base64Encoded: text) ?? Data()
                return (key, data.map { String(format: "%02X", $0) }.joined())
            })
    }
    let plain = try JSONSerialization.jsonObject(with: message.jsonUTF8Data())
    return Array(try JSONSerialization.data(withJSONObject: fix(plain)))
}
