import Foundation
import Storage
import Telemetry
import TraceQL
import Wire

/// Jaeger's query API, v1 (Grafana and older UIs) and v3, under `/jaeger`.
struct JaegerAPI {
    let process: ServerProcess

    private static let errors: Routes.ErrorShaper = { error in
        let plain = TempoAPI.errors(error)
        var json = JSONWriter()
        json.beginObject()
        json.key("data")
        json.null()
        json.key("total")
        json.integer(0)
        json.key("limit")
        json.integer(0)
        json.key("offset")
        json.integer(0)
        json.key("errors")
        json.beginArray()
        json.beginObject()
        json.key("code")
        json.integer(plain.status)
        json.field("msg", String(decoding: plain.body, as: UTF8.self))
        json.endObject()
        json.endArray()
        json.endObject()
        return .json(json.takeBytes(), status: plain.status)
    }

    private static let errorsV3: Routes.ErrorShaper = { error in
        let plain = TempoAPI.errors(error)
        var json = JSONWriter()
        json.beginObject()
        json.key("error")
        json.beginObject()
        json.key("httpCode")
        json.integer(plain.status)
        json.field("message", String(decoding: plain.body, as: UTF8.self))
        json.endObject()
        json.endObject()
        return .json(json.takeBytes(), status: plain.status)
    }

    func register(on routes: Routes) {
        func on(_ path: String, _ handler: @escaping @Sendable (HTTPCall) async throws -> HTTPAnswer) {
            routes.on([.get], "/jaeger/api\(path)", errors: JaegerAPI.errors) { call in
                try await process.query(.names, question(call), for: call) { _ in try await handler(call) }
            }
        }
        func onV3(_ path: String, _ handler: @escaping @Sendable (HTTPCall) async throws -> HTTPAnswer) {
            routes.on([.get], "/jaeger/api/v3\(path)", errors: JaegerAPI.errorsV3) { call in
                try await process.query(.names, question(call), for: call) { _ in try await handler(call) }
            }
        }
        on("/services") { _ in envelope(try await services()) { json, list in json.strings(list) } }
        on("/services/{service}/operations") { call in
            envelope(try await operations(call.pathParameters["service"] ?? "").map(\.name)) { json, list in
                json.strings(Array(Set(list)).sorted())
            }
        }
        on("/operations") { call in
            guard let service = call.parameters["service"] else {
                throw HTTPFailure(400, "parameter 'service' is required")
            }
            let kind = call.parameters["spanKind"]
            let found = try await operations(service).filter { kind == nil || TraceEncoding.kindText($0.kind) == kind }
            return envelope(found) { json, list in
                json.beginArray()
                for operation in list {
                    json.beginObject()
                    json.field("name", operation.name)
                    json.field("spanKind", TraceEncoding.kindText(operation.kind))
                    json.endObject()
                }
                json.endArray()
            }
        }
        on("/traces") { call in
            let traces = try await searchV1(call)
            return envelope(traces) { json, list in
                json.beginArray()
                for trace in list { JaegerEncoding.write(trace, to: &json) }
                json.endArray()
            }
        }
        on("/traces/{id}") { call in
            guard let trace = try await find(call) else { throw HTTPFailure(404, "trace not found") }
            return envelope([trace]) { json, list in
                json.beginArray()
                for trace in list { JaegerEncoding.write(trace, to: &json) }
                json.endArray()
            }
        }
        on("/dependencies") { call in try await dependencies(call) }
        onV3("/services") { _ in
            var json = JSONWriter()
            json.beginObject()
            json.key("services")
            json.strings(try await services())
            json.endObject()
            return .json(json.takeBytes())
        }
        onV3("/operations") { call in
            guard let service = call.parameters["service"] else {
                throw HTTPFailure(400, "malformed parameter service")
            }
            var json = JSONWriter()
            json.beginObject()
            json.key("operations")
            json.beginArray()
            for operation in try await operations(service) {
                json.beginObject()
                json.field("name", operation.name)
                json.field("spanKind", TraceEncoding.kindText(operation.kind))
                json.endObject()
            }
            json.endArray()
            json.endObject()
            return .json(json.takeBytes())
        }
        onV3("/traces/{id}") { call in
            guard let trace = try await find(call) else { throw HTTPFailure(404, "No traces found") }
            return result([trace])
        }
        onV3("/traces") { call in
            let traces = try await searchV3(call)
            guard !traces.isEmpty else { throw HTTPFailure(404, "No traces found") }
            return result(traces)
        }
    }

    private var engine: TraceQLEngine { TraceQLEngine(reader: process.events) }

    private func envelope<T>(_ list: [T], _ write: (inout JSONWriter, [T]) -> Void) -> HTTPAnswer {
        var json = JSONWriter()
        json.beginObject()
        json.key("data")
        write(&json, list)
        json.key("total")
        json.integer(list.count)
        json.key("limit")
        json.integer(0)
        json.key("offset")
        json.integer(0)
        json.key("errors")
        json.null()
        json.endObject()
        return .json(json.takeBytes())
    }

    private func result(_ traces: [Trace]) -> HTTPAnswer {
        var lists: [[UInt8]] = []
        for trace in traces {
            var json = JSONWriter()
            TraceEncoding(trace).writeJSON(.otlp, to: &json)
            lists.append(Array(json.takeBytes().dropFirst().dropLast()))
        }
        let joined = Array(lists.filter { !$0.isEmpty }.joined(separator: [UInt8(ascii: ",")]))
        return .json(Array("{\"result\":{\"resourceSpans\":[".utf8) + joined + Array("]}}".utf8))
    }

    /// How a call stands in the list of running queries.
    private func question(_ call: HTTPCall) -> String {
        let parameters = call.parameters.all.map { "\($0.name)=\($0.value)" }
        return ([call.path] + parameters).joined(separator: " ")
    }

    private func find(_ call: HTTPCall) async throws -> Trace? {
        let text = call.pathParameters["id"] ?? ""
        guard let id = parseTraceID(text) else {
            throw HTTPFailure(400, "cannot parse trace ID \"\(text)\": 1 to 32 hexadecimal digits")
        }
        return try await engine.trace(id: id, context: process.queryContext())
    }

    private func services() async throws -> [String] {
        try await process.events.labelValues(
            "service_name", EventCatalogQuery(table: .spans), context: process.queryContext())
    }

    private func operations(_ service: String) async throws -> [TraceQLEngine.Operation] {
        try await engine.operations(of: service, range: .all, context: process.queryContext())
    }

    // MARK: Search

    private func traces(_ filter: TraceSearchFilter, range: TimeRange, limit: Int) async throws -> [Trace] {
        let context = process.queryContext()
        let found = try await engine.search(filter.jaegerQuery, range: range, limit: limit, context: context)
        let all = try await engine.traces(ids: found.compactMap { parseTraceID($0.traceID) }, context: context)
        let rank = Dictionary(found.enumerated().map { ($0.element.traceID, $0.offset) }, uniquingKeysWith: min)
        return all.sorted { rank[$0.id.hex] ?? 0 < rank[$1.id.hex] ?? 0 }
    }

    private func duration(_ call: HTTPCall, _ names: String...) throws -> Int64? {
        for name in names {
            if let text = call.parameters[name] {
                guard let nanoseconds = GoDuration.nanoseconds(text) else {
                    throw HTTPFailure(
                        400, "unable to parse param '\(name)': \"\(text)\" is not a duration such as 1.2s")
                }
                return nanoseconds
            }
        }
        return nil
    }

    private func microseconds(_ call: HTTPCall, _ name: String) throws -> Int64? {
        guard let text = call.parameters[name] else { return nil }
        guard let number = Int64(text), number.magnitude < 9_000_000_000_000_000 else {
            throw HTTPFailure(400, "unable to parse param '\(name)': \"\(text)\" is not a time in microseconds")
        }
        return number * 1000
    }

    private func searchV1(_ call: HTTPCall) async throws -> [Trace] {
        let ids = call.parameters.values("traceID")
        if !ids.isEmpty {
            return try await engine.traces(ids: ids.compactMap { parseTraceID($0) }, context: process.queryContext())
        }
        guard let service = call.parameters["service"] else {
            throw HTTPFailure(400, "parameter 'service' is required")
        }
        var tags: [Attribute] = []
        for pair in call.parameters.values("tag") {
            guard let colon = pair.firstIndex(of: ":") else {
                throw HTTPFailure(400, "malformed 'tag' parameter, expecting key:value, received: \(pair)")
            }
            tags.append(Attribute(String(pair[..<colon]), .string(String(pair[pair.index(after: colon)...]))))
        }
        for object in call.parameters.values("tags") { tags += try JaegerAPI.tags(object) }
        let range = TimeRange(
            start: try microseconds(call, "start") ?? .min, end: try microseconds(call, "end").map { $0 + 1000 } ?? .max
        )
        return try await traces(
            TraceSearchFilter(
                service: service, operation: call.parameters["operation"], tags: tags,
                minDuration: duration(call, "minDuration"), maxDuration: duration(call, "maxDuration")),
            range: range, limit: limit(call, "limit"))
    }

    private func limit(_ call: HTTPCall, _ names: String...) throws -> Int {
        for name in names {
            if let text = call.parameters[name] {
                guard let number = Int(text), number > 0, number <= 100_000 else {
                    throw HTTPFailure(
                        400, "unable to parse param '\(name)': \"\(text)\" is not a number from 1 to 100000")
                }
                return number
            }
        }
        return 100
    }

    private static func tags(_ text: String) throws -> [Attribute] {
        guard let object = try? JSONDecoder().decode([String: String].self, from: Data(text.utf8)) else {
            throw HTTPFailure(
                400,
                "malformed 'tags' parameter, cannot unmarshal JSON: a map of strings is expected, received: \(text)")
        }
        return object.sorted { $0.key < $1.key }.map { Attribute($0.key, .string($0.value)) }
    }

    private func searchV3(_ call: HTTPCall) async throws -> [Trace] {
        func value(_ camel: String, _ snake: String) -> String? {
            call.parameters["query.\(camel)"] ?? call.parameters["query.\(snake)"]
        }
        func time(_ camel: String, _ snake: String) throws -> Int64 {
            guard let text = value(camel, snake) else { throw HTTPFailure(400, "query.\(camel) is required") }
            guard let nanoseconds = RFC3339.parse(text) else {
                throw HTTPFailure(400, "malformed parameter query.\(camel): \(text)")
            }
            return nanoseconds
        }
        var tags: [Attribute] = []
        if let text = call.parameters["query.attributes"] { tags = try JaegerAPI.tags(text) }
        return try await traces(
            TraceSearchFilter(
                service: value("serviceName", "service_name"), operation: value("operationName", "operation_name"),
                tags: tags,
                minDuration: duration(call, "query.durationMin", "query.duration_min"),
                maxDuration: duration(call, "query.durationMax", "query.duration_max")),
            range: TimeRange(
                start: time("startTimeMin", "start_time_min"), end: time("startTimeMax", "start_time_max")),
            limit: limit(call, "query.searchDepth", "query.search_depth", "query.num_traces"))
    }

    // MARK: Dependencies

    /// Calls between services: parents in another service, and span links, which is how queues show.
    private func dependencies(_ call: HTTPCall) async throws -> HTTPAnswer {
        func milliseconds(_ name: String, _ fallback: Int64) throws -> Int64 {
            guard let text = call.parameters[name] else { return fallback }
            // The difference of two such times is still countable in nanoseconds.
            guard let number = Int64(text), number.magnitude < 4_600_000_000_000 else {
                throw HTTPFailure(400, "unable to parse param '\(name)': a time in milliseconds is expected")
            }
            return number
        }
        let end = try milliseconds("endTs", TimeParameters.nowMilliseconds)
        let lookback = try milliseconds("lookback", 86_400_000)
        let context = process.queryContext()
        let plan = EventScanPlan(
            table: .spans, range: TimeRange(start: (end - lookback) * 1_000_000, end: end * 1_000_000),
            projection: .columns([
                EventColumnName.traceID, EventColumnName.spanID, EventColumnName.parentID, EventColumnName.spanName,
                EventColumnName.spanKind, EventColumnName.links,
            ]), order: .any)
        struct Call: Hashable {
            var parent: String
            var child: String
        }
        var owner: [SpanID: String] = [:]
        var edges: [(from: SpanID, to: String)] = []
        _ = try await process.events.scan(plan, context: context) { batch in
            try context.check()
            let decoder = SpanDecoder(batch)
            for row in 0..<batch.rowCount {
                guard let span = decoder.span(row: row) else { continue }
                owner[span.spanID] = span.serviceName
                if let parent = span.parentID { edges.append((parent, span.serviceName)) }
                for link in span.links { edges.append((link.spanID, span.serviceName)) }
            }
            try context.charge(memory: batch.rowCount * 96)
            return .goOn
        }
        var counts: [Call: Int] = [:]
        for edge in edges {
            guard let parent = owner[edge.from], parent != edge.to else { continue }
            counts[Call(parent: parent, child: edge.to), default: 0] += 1
        }
        return envelope(counts.sorted { ($0.key.parent, $0.key.child) < ($1.key.parent, $1.key.child) }) { json, list in
            json.beginArray()
            for (call, count) in list {
                json.beginObject()
                json.field("parent", call.parent)
                json.field("child", call.child)
                json.key("callCount")
                json.integer(count)
                json.endObject()
            }
            json.endArray()
        }
    }
}
