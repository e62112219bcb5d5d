import Storage
import Telemetry
import TraceQL
import Wire
import YAMLReading

/// Tempo's HTTP API, at its own root paths and under `/tempo`.
struct TempoAPI {
    let process: ServerProcess
    static let maximumLimit = 262_144

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

    // MARK: What several of them read and write

    /// Seconds in the request; without times everything that is kept. Nanoseconds, half-open.
    func range(_ call: HTTPCall) throws -> TimeRange {
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

    func integer(_ call: HTTPCall, _ name: String, default fallback: Int, most: Int) throws -> Int {
        guard let text = call.parameters[name] else { return fallback }
        guard let number = Int(text), number > 0 else {
            throw HTTPFailure(400, "invalid \(name): must be a positive number")
        }
        guard number <= most else { throw HTTPFailure(400, "invalid \(name): \(number) is over the most, \(most)") }
        return number
    }

    func duration(_ call: HTTPCall, _ name: String) throws -> Int64? {
        guard let text = call.parameters[name] else { return nil }
        guard let nanoseconds = GoDuration.nanoseconds(text) else {
            throw HTTPFailure(400, "invalid \(name): \"\(text)\" is not a duration")
        }
        return nanoseconds
    }

    /// `explain=1`.
    func explain(_ call: HTTPCall, _ json: inout JSONWriter) {
        guard Explanation.isWanted(call), let query = RunningQuery.current else { return }
        json.key("explain")
        Explanation(query).write(to: &json)
    }
}
