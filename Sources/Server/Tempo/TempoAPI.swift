import Storage
import Telemetry
import TraceQL
import Wire
import YAMLReading

/// Tempo's HTTP API, at its own root paths and under `/tempo`.
struct TempoAPI {
    let process: ServerProcess
    private static let maximumLimit = 262_144

    static let errors: Routes.ErrorShaper = { error in
        switch error {
        case let failure as HTTPFailure: return .text(failure.message, status: failure.status)
        case let error as TraceQLError:
            if case .parse = error { return .text("invalid TraceQL query: \(error)", status: 400) }
            return .text(error.description, status: 400)
        case let error as StorageError:
            switch error {
            case .cancelled, .killed: return .text(error.description, status: 499)
            case .timedOut: return .text(error.description, status: 504)
            case .memoryBudgetExceeded, .tooManySamples: return .text(error.description, status: 422)
            case .overloaded, .diskFull: return .text(error.description, status: 503)
            default: return .text(error.description, status: 500)
            }
        case is CancellationError: return .text(StorageError.cancelled.description, status: 499)
        default: return .text("\(error)", status: 500)
        }
    }

    func register(on routes: Routes) {
        func on(_ path: String, _ handler: @escaping @Sendable (HTTPCall) async throws -> HTTPAnswer) {
            routes.on([.get], path, "/tempo\(path)", errors: TempoAPI.errors) { call in
                let text = call.parameters["q"] ?? call.parameters["query"]
                let query = try await process.begin(text == nil ? .names : .traceql, text ?? call.path, for: call)
                do {
                    let answer = try await RunningQuery.$current.withValue(query) {
                        try await process.timed(query) { try await query.run { _ in try await handler(call) } }
                    }
                    // One that goes out in pieces ends with the last of them.
                    if answer.rest == nil { query.finish() }
                    return answer
                } catch {
                    query.finish()
                    throw error
                }
            }
        }
        routes.on([.get], "/api/echo", "/tempo/api/echo", errors: TempoAPI.errors) { _ in .text("echo") }
        on("/api/traces/{id}") { try await trace($0) }
        on("/api/v2/traces/{id}") { try await traceV2($0) }
        on("/api/search") { try await search($0) }
        on("/api/search/tags") { try await tagNames($0) }
        on("/api/v2/search/tags") { try await tagNamesV2($0) }
        on("/api/search/tag/{tag}/values") { try await tagValues($0) }
        on("/api/v2/search/tag/{tag}/values") { try await tagValuesV2($0) }
        on("/api/metrics/query_range") { try await metricsRange($0) }
        on("/api/metrics/query") { try await metricsInstant($0) }
        routes.on([.get], "/tempo/api/status/buildinfo", "/api/status/buildinfo", errors: TempoAPI.errors) { _ in
            var json = JSONWriter()
            json.beginObject()
            for (name, value) in [
                ("version", "2.8.0"), ("revision", "needletail-\(NeedletailVersion.current)"), ("branch", ""),
                ("buildDate", ""), ("buildUser", ""), ("goVersion", ""),
            ] {
                json.field(name, value)
            }
            json.endObject()
            return .json(json.takeBytes())
        }
    }

    var engine: TraceQLEngine { TraceQLEngine(reader: process.events) }

    // MARK: Traces by id

    private func find(_ call: HTTPCall) async throws -> Trace? {
        let text = call.pathParameters["id"] ?? ""
        guard let id = parseTraceID(text) else {
            throw HTTPFailure(400, "trace IDs must be 1 to 32 hexadecimal digits; \"\(text)\" is not one")
        }
        return try await engine.trace(id: id, context: process.queryContext())
    }

    private func wantsProtobuf(_ call: HTTPCall) -> Bool {
        call.headers["accept"]?.contains("application/protobuf") == true
    }

    private func trace(_ call: HTTPCall) async throws -> HTTPAnswer {
        guard let trace = try await find(call) else { throw HTTPFailure(404, "trace not found") }
        if wantsProtobuf(call) {
            var out = ProtobufWriter()
            TraceEncoding(trace).writeProtobuf(1, to: &out)
            return HTTPAnswer(contentType: "application/protobuf", body: out.bytes)
        }
        var json = JSONWriter()
        json.beginObject()
        json.key("batches")
        TraceEncoding(trace).writeJSON(.protobufJSON, to: &json)
        json.endObject()
        return .json(json.takeBytes())
    }

    /// An unknown id is an empty trace here, which Grafana shows as "not found".
    private func traceV2(_ call: HTTPCall) async throws -> HTTPAnswer {
        let trace = try await find(call)
        if wantsProtobuf(call) {
            var out = ProtobufWriter()
            out.message(1) { body in
                if let trace { TraceEncoding(trace).writeProtobuf(1, to: &body) }
            }
            return HTTPAnswer(contentType: "application/protobuf", body: out.bytes)
        }
        var json = JSONWriter()
        json.beginObject()
        json.key("trace")
        json.beginObject()
        if let trace {
            json.key("resourceSpans")
            TraceEncoding(trace).writeJSON(.protobufJSON, to: &json)
        }
        json.endObject()
        json.key("metrics")
        json.beginObject()
        json.endObject()
        json.endObject()
        return .json(json.takeBytes())
    }

    // MARK: Search

    /// Seconds in the request; without times everything that is kept. Nanoseconds, half-open.
    private func range(_ call: HTTPCall) throws -> TimeRange {
        let start = call.parameters["start"]
        let end = call.parameters["end"]
        guard (start == nil) == (end == nil) else { throw HTTPFailure(400, "start and end must be given together") }
        guard let start, let end else { return TimeRange(start: .min, end: .max) }
        let range = TimeRange(
            start: try TimeParameters.nanoseconds(start, name: "start"),
            end: try TimeParameters.nanoseconds(end, name: "end"))
        guard !range.isEmpty else {
            throw HTTPFailure(400, "http parameter start must be before end. received start=\(start) end=\(end)")
        }
        return range
    }

    private func integer(_ call: HTTPCall, _ name: String, default fallback: Int, most: Int) throws -> Int {
        guard let text = call.parameters[name] else { return fallback }
        guard let number = Int(text), number > 0 else {
            throw HTTPFailure(400, "invalid \(name): must be a positive number")
        }
        guard number <= most else { throw HTTPFailure(400, "invalid \(name): \(number) is over the most, \(most)") }
        return number
    }

    private func duration(_ call: HTTPCall, _ name: String) throws -> Int64? {
        guard let text = call.parameters[name] else { return nil }
        guard let nanoseconds = GoDuration.nanoseconds(text) else {
            throw HTTPFailure(400, "invalid \(name): \"\(text)\" is not a duration")
        }
        return nanoseconds
    }

    private func search(_ call: HTTPCall) async throws -> HTTPAnswer {
        let query: TraceQuery
        if let text = call.parameters["q"] {
            if call.parameters["tags"] != nil {
                throw HTTPFailure(400, "invalid request: can't specify tags and q in the same query")
            }
            query = try TraceQLEngine.parse(text)
        } else {
            query = try TraceSearchFilter.tempoQuery(
                tags: call.parameters["tags"] ?? "", minDuration: duration(call, "minDuration"),
                maxDuration: duration(call, "maxDuration"))
        }
        let limit = try integer(call, "limit", default: 20, most: TempoAPI.maximumLimit)
        let spans = try integer(call, "spss", default: 3, most: 100)
        let context = process.queryContext()
        let found = try await engine.search(
            query, range: range(call), limit: limit, spansPerSpanset: spans, context: context)
        return try await list("traces", call, count: found.count) { index, json in
            write(found[index], to: &json)
        } after: { json in
            json.key("metrics")
            json.beginObject()
            json.key("inspectedTraces")
            json.integer(found.count)
            json.key("inspectedBytes")
            json.quotedInteger(context.statistics.bytesRead)
            json.key("completedJobs")
            json.integer(1)
            json.key("totalJobs")
            json.integer(1)
            json.endObject()
        }
    }

    /// `{"NAME":[…],…}`, in pieces.
    private func list(
        _ name: String, _ call: HTTPCall, count: Int, _ element: @escaping @Sendable (Int, inout JSONWriter) -> Void,
        after: @escaping @Sendable (inout JSONWriter) -> Void
    ) async throws -> HTTPAnswer {
        guard let query = RunningQuery.current else { throw HTTPFailure(500, "a query that is not in the list") }
        let isExplained = Explanation.isWanted(call)
        return try await ListPieces.answer(
            query, count: count,
            before: { json in
                json.beginObject()
                json.key(name)
                json.beginArray()
            }, element: element,
            after: { json in
                json.endArray()
                after(&json)
                if isExplained {
                    json.key("explain")
                    Explanation(query).write(to: &json)
                }
                json.endObject()
            })
    }

    private func write(_ trace: TraceSearchResult, to json: inout JSONWriter) {
        json.beginObject()
        json.field("traceID", trace.traceID)
        json.field("rootServiceName", trace.rootServiceName)
        json.field("rootTraceName", trace.rootTraceName)
        json.key("startTimeUnixNano")
        json.quotedInteger(trace.startTimeUnixNano)
        if trace.durationMs > 0 {
            json.key("durationMs")
            json.integer(trace.durationMs)
        }
        if let first = trace.spanSets.first {
            json.key("spanSet")
            write(first, to: &json)
        }
        json.key("spanSets")
        json.beginArray()
        for set in trace.spanSets { write(set, to: &json) }
        json.endArray()
        json.key("serviceStats")
        json.beginObject()
        for (service, statistics) in trace.serviceStats.sorted(by: { $0.key < $1.key }) {
            json.key(service)
            json.beginObject()
            json.key("spanCount")
            json.integer(statistics.spanCount)
            if statistics.errorCount > 0 {
                json.key("errorCount")
                json.integer(statistics.errorCount)
            }
            json.endObject()
        }
        json.endObject()
        json.endObject()
    }

    private func write(_ set: TraceSearchResult.SpanSet, to json: inout JSONWriter) {
        json.beginObject()
        json.key("spans")
        json.beginArray()
        for span in set.spans {
            json.beginObject()
            json.field("spanID", span.spanID)
            json.field("name", span.name)
            json.key("startTimeUnixNano")
            json.quotedInteger(span.startTimeUnixNano)
            json.key("durationNanos")
            json.quotedInteger(span.durationNanos)
            if !span.attributes.isEmpty {
                json.key("attributes")
                json.beginArray()
                for field in span.attributes {
                    json.beginObject()
                    json.field("key", field.key)
                    json.key("value")
                    json.anyValue(field.value.attributeValue)
                    json.endObject()
                }
                json.endArray()
            }
            json.endObject()
        }
        json.endArray()
        json.key("matched")
        json.integer(set.matched)
        if !set.attributes.isEmpty {
            json.key("attributes")
            json.beginArray()
            for attribute in set.attributes {
                json.beginObject()
                json.field("key", attribute.key)
                json.key("value")
                json.anyValue(attribute.value.attributeValue)
                json.endObject()
            }
            json.endArray()
        }
        json.endObject()
    }

    // MARK: Tags

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

    private func tagNames(_ call: HTTPCall) async throws -> HTTPAnswer {
        let names = try await scopes(call).filter { $0.name != "intrinsic" || call.parameters["scope"] == "intrinsic" }
            .flatMap(\.tags)
        return list("tagNames", Array(Set(names)).sorted())
    }

    private func tagNamesV2(_ call: HTTPCall) async throws -> HTTPAnswer {
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

    private func tagValues(_ call: HTTPCall) async throws -> HTTPAnswer {
        list("tagValues", try await values(call).map(\.value))
    }

    private func tagValuesV2(_ call: HTTPCall) async throws -> HTTPAnswer {
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

    // MARK: Metrics

    private func metricsTimes(_ call: HTTPCall) throws -> (start: Int64, end: Int64) {
        let now = TimeParameters.nowNanoseconds
        let end = try call.parameters["end"].map { try TimeParameters.nanoseconds($0, name: "end") } ?? now
        if let start = call.parameters["start"] { return (try TimeParameters.nanoseconds(start, name: "start"), end) }
        let since = try duration(call, "since") ?? 3_600_000_000_000
        return (end - since, end)
    }

    private func metricsQuery(_ call: HTTPCall) throws -> TraceQuery {
        guard let text = call.parameters["q"] ?? call.parameters["query"] else {
            throw HTTPFailure(400, "query is required: parameter q")
        }
        return try TraceQLEngine.parse(text)
    }

    /// `explain=1`.
    private func explain(_ call: HTTPCall, _ json: inout JSONWriter) {
        guard Explanation.isWanted(call), let query = RunningQuery.current else { return }
        json.key("explain")
        Explanation(query).write(to: &json)
    }

    private func metricsRange(_ call: HTTPCall) async throws -> HTTPAnswer {
        let times = try metricsTimes(call)
        let step =
            try call.parameters["step"].map { text -> Int64 in
                let milliseconds = try TimeParameters.duration(text, name: "step")
                guard milliseconds >= 0, milliseconds < 4_600_000_000_000 else {
                    throw HTTPFailure.badParameter("step", "\"\(text)\" must be from 0 to 1e9 seconds")
                }
                return milliseconds * 1_000_000
            } ?? 0
        let result = try await engine.metricsRange(
            metricsQuery(call), start: times.start, end: times.end, step: step,
            exemplars: integer(call, "exemplars", default: 0, most: 1000), context: process.queryContext())
        return try await list("series", call, count: result.series.count) { index, json in
            let series = result.series[index]
            json.beginObject()
            labels(series.labels, &json)
            json.key("samples")
            json.beginArray()
            for (i, value) in series.values.enumerated() where !value.isNaN {
                json.beginObject()
                json.key("timestampMs")
                json.quotedInteger(result.grid.timestamp(of: i) / 1_000_000)
                if value != 0 {
                    json.key("value")
                    json.double(value)
                }
                json.endObject()
            }
            json.endArray()
            json.endObject()
        } after: { _ in
        }
    }

    private func metricsInstant(_ call: HTTPCall) async throws -> HTTPAnswer {
        let times = try metricsTimes(call)
        let result = try await engine.metricsInstant(
            metricsQuery(call), start: times.start, end: times.end, context: process.queryContext())
        var json = JSONWriter()
        json.beginObject()
        json.key("series")
        json.beginArray()
        for series in result.series {
            guard let value = series.values.first, !value.isNaN else { continue }
            json.beginObject()
            labels(series.labels, &json)
            json.key("value")
            json.double(value)
            json.endObject()
        }
        json.endArray()
        explain(call, &json)
        json.endObject()
        return .json(json.takeBytes())
    }

    private func labels(_ labels: [TraceMetricLabel], _ json: inout JSONWriter) {
        json.key("labels")
        json.beginArray()
        for label in labels {
            json.beginObject()
            json.field("key", label.name)
            json.key("value")
            json.anyValue(label.value.attributeValue)
            json.endObject()
        }
        json.endArray()
    }
}

extension Static {
    /// As OTLP's AnyValue: durations, statuses and kinds are their text.
    var attributeValue: AttributeValue {
        switch self {
        case .nil: .string("nil")
        case .int(let number): .int(number)
        case .float(let number): .double(number)
        case .string(let text), .opaque(let text): .string(text)
        case .bool(let flag): .bool(flag)
        case .duration, .status, .kind: .string(text)
        case .array(let elements): .array(elements.map(\.attributeValue))
        }
    }
}

/// Go's durations, `1h2m3.5s`, `100us`, and Prometheus' `1d`.
enum GoDuration {
    private static let units: [(String, Double)] = [
        ("ns", 1), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12), ("d", 8.64e13),
        ("w", 6.048e14),
    ]

    static func nanoseconds(_ text: String) -> Int64? {
        var rest = Substring(text)
        if rest == "0" { return 0 }
        guard !rest.isEmpty else { return nil }
        var total = 0.0
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber || $0 == "." }
            rest = rest.dropFirst(digits.count)
            let suffix = rest.prefix { !($0.isASCII && $0.isNumber || $0 == ".") }
            rest = rest.dropFirst(suffix.count)
            guard let number = Double(digits), let unit = units.first(where: { $0.0 == suffix }) else { return nil }
            total += number * unit.1
        }
        // Half of what 64 bits count, so that a held time less a duration cannot overflow.
        guard total.isFinite, total < 4.6e18 else { return nil }
        return Int64(total)
    }
}
