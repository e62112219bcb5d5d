/// The JSON forms of OTLP's three requests, as tables.
enum OTLPSchemas {
    private typealias Field = JSONMessageSchema.Field

    static func traces(_ json: [UInt8]) throws(WireError) -> [UInt8] {
        try JSONTranscoder.protobuf(json: json, schemas: all, root: Index.traceRequest.rawValue)
    }

    static func logs(_ json: [UInt8]) throws(WireError) -> [UInt8] {
        try JSONTranscoder.protobuf(json: json, schemas: all, root: Index.logsRequest.rawValue)
    }

    static func metrics(_ json: [UInt8]) throws(WireError) -> [UInt8] {
        try JSONTranscoder.protobuf(json: json, schemas: all, root: Index.metricsRequest.rawValue)
    }

    private enum Index: Int, CaseIterable {
        case anyValue, arrayValue, keyValueList, keyValue, scope, resource
        case traceRequest, resourceSpans, scopeSpans, span, event, link, status
        case logsRequest, resourceLogs, scopeLogs, logRecord
        case metricsRequest, resourceMetrics, scopeMetrics, metric, gauge, sum, histogram, exponentialHistogram, summary
        case numberPoint, histogramPoint, exponentialPoint, buckets, summaryPoint, quantile, exemplar
    }

    private static let all: [JSONMessageSchema] = Index.allCases.map { JSONMessageSchema(fields($0)) }

    private static func one(_ name: String, _ number: Int, _ index: Index) -> Field {
        Field(name, number, .message(index.rawValue))
    }

    private static func many(_ name: String, _ number: Int, _ index: Index) -> Field {
        Field(name, number, .message(index.rawValue), repeated: true)
    }

    private static func fields(_ index: Index) -> [Field] {
        switch index {
        case .anyValue:
            [
                Field("stringValue", 1, .string), Field("boolValue", 2, .bool), Field("intValue", 3, .varint),
                Field("doubleValue", 4, .double), one("arrayValue", 5, .arrayValue),
                one("kvlistValue", 6, .keyValueList),
                Field("bytesValue", 7, .data),
            ]
        case .arrayValue: [many("values", 1, .anyValue)]
        case .keyValueList: [many("values", 1, .keyValue)]
        case .keyValue: [Field("key", 1, .string), one("value", 2, .anyValue)]
        case .scope:
            [
                Field("name", 1, .string), Field("version", 2, .string), many("attributes", 3, .keyValue),
                Field("droppedAttributesCount", 4, .varint),
            ]
        case .resource: [many("attributes", 1, .keyValue), Field("droppedAttributesCount", 2, .varint)]
        case .traceRequest, .resourceSpans, .scopeSpans, .span, .event, .link, .status: traceFields(index)
        case .logsRequest: [many("resourceLogs", 1, .resourceLogs)]
        case .resourceLogs: group(.resource, "resource", "scopeLogs", .scopeLogs)
        case .scopeLogs: group(.scope, "scope", "logRecords", .logRecord)
        case .logRecord: logRecordFields
        default: metricFields(index)
        }
    }

    private static func group(_ owner: Index, _ ownerName: String, _ name: String, _ inner: Index) -> [Field] {
        [one(ownerName, 1, owner), many(name, 2, inner), Field("schemaUrl", 3, .string)]
    }

    private static func traceFields(_ index: Index) -> [Field] {
        switch index {
        case .traceRequest: [many("resourceSpans", 1, .resourceSpans)]
        case .resourceSpans: group(.resource, "resource", "scopeSpans", .scopeSpans)
        case .scopeSpans: group(.scope, "scope", "spans", .span)
        case .event:
            [
                Field("timeUnixNano", 1, .fixed64), Field("name", 2, .string), many("attributes", 3, .keyValue),
                Field("droppedAttributesCount", 4, .varint),
            ]
        case .link:
            [
                Field("traceId", 1, .hexadecimal), Field("spanId", 2, .hexadecimal), Field("traceState", 3, .string),
                many("attributes", 4, .keyValue), Field("droppedAttributesCount", 5, .varint),
                Field("flags", 6, .fixed32),
            ]
        case .status:
            [
                Field("message", 2, .string),
                Field("code", 3, .enumeration(["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"])),
            ]
        default:
            [
                Field("traceId", 1, .hexadecimal), Field("spanId", 2, .hexadecimal), Field("traceState", 3, .string),
                Field("parentSpanId", 4, .hexadecimal), Field("name", 5, .string),
                Field("kind", 6, .enumeration(spanKinds.map { "SPAN_KIND_\($0)" })),
                Field("startTimeUnixNano", 7, .fixed64), Field("endTimeUnixNano", 8, .fixed64),
                many("attributes", 9, .keyValue), Field("droppedAttributesCount", 10, .varint),
                many("events", 11, .event),
                Field("droppedEventsCount", 12, .varint), many("links", 13, .link),
                Field("droppedLinksCount", 14, .varint),
                one("status", 15, .status), Field("flags", 16, .fixed32),
            ]
        }
    }

    private static let spanKinds = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]

    private static let severities: [String] =
        ["SEVERITY_NUMBER_UNSPECIFIED"]
        + ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"].flatMap { name in
            ["", "2", "3", "4"].map { "SEVERITY_NUMBER_\(name)\($0)" }
        }

    private static let logRecordFields: [Field] = [
        Field("timeUnixNano", 1, .fixed64), Field("severityNumber", 2, .enumeration(severities)),
        Field("severityText", 3, .string), one("body", 5, .anyValue), many("attributes", 6, .keyValue),
        Field("droppedAttributesCount", 7, .varint), Field("flags", 8, .fixed32), Field("traceId", 9, .hexadecimal),
        Field("spanId", 10, .hexadecimal), Field("observedTimeUnixNano", 11, .fixed64), Field("eventName", 12, .string),
    ]

    private static let temporality = Field(
        "aggregationTemporality", 2,
        .enumeration(["UNSPECIFIED", "DELTA", "CUMULATIVE"].map { "AGGREGATION_TEMPORALITY_\($0)" }))

    private static func metricFields(_ index: Index) -> [Field] {
        switch index {
        case .metricsRequest: [many("resourceMetrics", 1, .resourceMetrics)]
        case .resourceMetrics: group(.resource, "resource", "scopeMetrics", .scopeMetrics)
        case .scopeMetrics: group(.scope, "scope", "metrics", .metric)
        case .metric:
            [
                Field("name", 1, .string), Field("description", 2, .string), Field("unit", 3, .string),
                one("gauge", 5, .gauge), one("sum", 7, .sum), one("histogram", 9, .histogram),
                one("exponentialHistogram", 10, .exponentialHistogram), one("summary", 11, .summary),
            ]
        case .gauge: [many("dataPoints", 1, .numberPoint)]
        case .sum: [many("dataPoints", 1, .numberPoint), temporality, Field("isMonotonic", 3, .bool)]
        case .histogram: [many("dataPoints", 1, .histogramPoint), temporality]
        case .exponentialHistogram: [many("dataPoints", 1, .exponentialPoint), temporality]
        case .summary: [many("dataPoints", 1, .summaryPoint)]
        case .buckets: [Field("offset", 1, .zigZag), Field("bucketCounts", 2, .varint, repeated: true)]
        case .quantile: [Field("quantile", 1, .double), Field("value", 2, .double)]
        case .exemplar:
            [
                Field("timeUnixNano", 2, .fixed64), Field("asDouble", 3, .double), Field("spanId", 4, .hexadecimal),
                Field("traceId", 5, .hexadecimal), Field("asInt", 6, .fixed64),
                many("filteredAttributes", 7, .keyValue),
            ]
        default: pointFields(index)
        }
    }

    private static func pointFields(_ index: Index) -> [Field] {
        let times = [Field("startTimeUnixNano", 2, .fixed64), Field("timeUnixNano", 3, .fixed64)]
        switch index {
        case .numberPoint:
            return times + [
                Field("asDouble", 4, .double), many("exemplars", 5, .exemplar), Field("asInt", 6, .fixed64),
                many("attributes", 7, .keyValue), Field("flags", 8, .varint),
            ]
        case .histogramPoint:
            return times + [
                Field("count", 4, .fixed64), Field("sum", 5, .double),
                Field("bucketCounts", 6, .fixed64, repeated: true),
                Field("explicitBounds", 7, .double, repeated: true), many("exemplars", 8, .exemplar),
                many("attributes", 9, .keyValue), Field("flags", 10, .varint), Field("min", 11, .double),
                Field("max", 12, .double),
            ]
        case .exponentialPoint:
            return times + [
                many("attributes", 1, .keyValue), Field("count", 4, .fixed64), Field("sum", 5, .double),
                Field("scale", 6, .zigZag), Field("zeroCount", 7, .fixed64), one("positive", 8, .buckets),
                one("negative", 9, .buckets), Field("flags", 10, .varint), many("exemplars", 11, .exemplar),
                Field("min", 12, .double), Field("max", 13, .double), Field("zeroThreshold", 14, .double),
            ]
        default:
            return times + [
                Field("count", 4, .fixed64), Field("sum", 5, .double), many("quantileValues", 6, .quantile),
                many("attributes", 7, .keyValue), Field("flags", 8, .varint),
            ]
        }
    }
}
