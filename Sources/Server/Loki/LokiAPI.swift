import LogQL
import Storage
import Telemetry
import Vectors
import Wire

/// Loki's query API at `/loki/api/v1`.
struct LokiAPI {
    let process: ServerProcess
    /// Loki's `max_entries_limit_per_query`.
    static let maximumLimit = 5_000
    /// The version whose API this is; Grafana chooses its requests by it.
    static let version = "3.5.0"

    static let errors: Routes.ErrorShaper = { error in
        switch error {
        case let failure as HTTPFailure: return .text(failure.message, status: failure.status)
        case let error as LogQLError: return .text(error.description, status: 400)
        case let error as VectorError: return .text(error.description, status: 400)
        case let error as StorageError:
            switch error {
            case .cancelled, .killed: return .text(error.description, status: 499)
            case .timedOut: return .text(error.description, status: 504)
            case .memoryBudgetExceeded, .tooManySamples: return .text(error.description, status: 422)
            case .badMatcher: return .text(error.description, status: 400)
            case .overloaded, .diskFull: return .text(error.description, status: 503)
            default: return .text(error.description, status: 500)
            }
        case is CancellationError: return .text(StorageError.cancelled.description, status: 499)
        default: return .text("\(error)", status: 500)
        }
    }

    func register(on routes: Routes) {
        func on(
            _ methods: [HTTPCall.Method], _ path: String,
            _ handler: @escaping @Sendable (HTTPCall) async throws -> HTTPAnswer
        ) {
            routes.on(methods, "/loki/api/v1\(path)", errors: LokiAPI.errors, handler: handler)
        }
        on([.get, .post], "/query") { try await query($0) }
        on([.get, .post], "/query_range") { try await queryRange($0) }
        on([.get, .post], "/labels") { try await labels($0) }
        on([.get, .post], "/label") { try await labels($0) }
        on([.get, .post], "/label/{name}/values") { try await labelValues($0) }
        on([.get, .post], "/series") { try await series($0) }
        on([.get, .post], "/index/stats") { try await stats($0) }
        on([.get, .post], "/index/shards") { try await shards($0) }
        on([.get, .post], "/index/volume") { try await volume($0) }
        on([.get, .post], "/index/volume_range") { try await volumeRange($0) }
        on([.get, .post], "/detected_labels") { try await detectedLabels($0) }
        on([.get, .post], "/detected_fields") { try await detectedFields($0) }
        on([.get, .post], "/detected_field/{name}/values") { try await detectedFieldValues($0) }
        on([.get], "/drilldown-limits") { _ in drilldownLimits() }
        on([.get], "/tail") { try refuseTail($0) }
        registerTemplates(on: routes)
        registerDelete(on: routes)
        registerLegacy(on: routes)
        registerAdministration(on: routes)
        registerRules(on: routes)
        on([.get, .post], "/format_query") { call in formatQuery(call) }
        on([.get], "/status/buildinfo") { _ in
            var json = JSONWriter()
            json.beginObject()
            for (name, value) in [
                ("version", LokiAPI.version), ("revision", "needletail-\(NeedletailVersion.current)"), ("branch", ""),
                ("buildUser", ""),
                ("buildDate", ""), ("goVersion", ""),
            ] { json.field(name, value) }
            json.endObject()
            return .json(json.takeBytes())
        }
    }

    var engine: LogQLEngine { LogQLEngine(reader: process.events) }

    // MARK: Parameters

    func queryText(_ call: HTTPCall) throws -> String {
        guard let text = call.parameters["query"] else {
            throw HTTPFailure(400, "parse error : syntax error: unexpected $end: parameter query is missing or empty")
        }
        return text
    }

    /// `start`, `end` and `since`, with the last hour where they are missing. Nanoseconds.
    func times(_ call: HTTPCall) throws -> (start: Int64, end: Int64) {
        let end =
            try call.parameters["end"].map { try TimeParameters.nanoseconds($0, name: "end") }
            ?? TimeParameters.nowNanoseconds
        if let start = call.parameters["start"] { return (try TimeParameters.nanoseconds(start, name: "start"), end) }
        var since: Int64 = 3_600_000_000_000
        if let text = call.parameters["since"] {
            guard let nanoseconds = GoDuration.nanoseconds(text) else {
                throw HTTPFailure(400, "could not parse 'since' parameter: \"\(text)\" is not a duration")
            }
            since = nanoseconds
        }
        return (end.subtractingReportingOverflow(since).partialValue, end)
    }

    func limit(_ call: HTTPCall) throws -> Int {
        guard let text = call.parameters["limit"] else { return 100 }
        guard let limit = Int(text), limit > 0 else { throw HTTPFailure(400, "limit must be a positive value") }
        guard limit <= LokiAPI.maximumLimit else {
            throw HTTPFailure(
                400,
                "max entries limit per query exceeded, limit > max_entries_limit_per_query (\(limit) > \(LokiAPI.maximumLimit))"
            )
        }
        return limit
    }

    func direction(_ call: HTTPCall) throws -> LogDirection {
        switch call.parameters["direction"]?.lowercased() {
        case nil, "backward": return .backward
        case "forward": return .forward
        case let other?: throw HTTPFailure(400, "invalid direction '\(other)'")
        }
    }

    func isCategorised(_ call: HTTPCall) -> Bool {
        call.headers["x-loki-response-encoding-flags"]?.contains("categorize-labels") == true
    }

    /// Seconds as a number, or a duration; nanoseconds.
    func step(_ call: HTTPCall, _ times: (start: Int64, end: Int64)) throws -> Int64 {
        guard let text = call.parameters["step"] else {
            // Loki's default: 250 steps, at least a second each.
            let seconds = max(1, (times.end - times.start) / 1_000_000_000 / 250)
            return seconds * 1_000_000_000
        }
        if let seconds = Double(text) {
            guard seconds > 0 else {
                throw HTTPFailure(
                    400, "zero or negative query resolution step widths are not accepted. Try a positive integer")
            }
            guard seconds < 9e9 else { throw HTTPFailure(400, "step \(text) is too long") }
            return max(1_000_000, Int64(seconds * 1000) * 1_000_000)
        }
        guard let nanoseconds = GoDuration.nanoseconds(text), nanoseconds > 0 else {
            throw HTTPFailure(400, "cannot parse \"\(text)\" to a valid duration")
        }
        return max(1_000_000, nanoseconds / 1_000_000 * 1_000_000)
    }

    // MARK: Names

    /// How a question for names stands in the list of running queries.
    func question(_ call: HTTPCall) -> String {
        let selectors = call.parameters.values("match[]") + call.parameters.values("match")
        return ([call.path, call.parameters["query"] ?? ""] + selectors).filter { !$0.isEmpty }.joined(separator: " ")
    }

    func catalogQuery(_ call: HTTPCall) throws -> EventCatalogQuery {
        let times = try times(call)
        let matchers = try call.parameters["query"].map { try LogQLEngine.parseSelector($0) } ?? []
        return EventCatalogQuery(table: .logs, range: TimeRange(start: times.start, end: times.end), matchers: matchers)
    }

    /// Loki leaves `data` out where there is nothing.
    func names(_ names: [String]) -> HTTPAnswer {
        var json = JSONWriter()
        json.beginObject()
        json.field("status", "success")
        if !names.isEmpty {
            json.key("data")
            json.strings(names)
        }
        json.endObject()
        return .json(json.takeBytes())
    }

    func labels(_ call: HTTPCall) async throws -> HTTPAnswer {
        let wanted = try catalogQuery(call)
        return names(
            try await process.query(.names, question(call), for: call) {
                try await process.events.labelNames(wanted, context: $0.context)
            })
    }

    private func labelValues(_ call: HTTPCall) async throws -> HTTPAnswer {
        let name = call.pathParameters["name"] ?? ""
        let wanted = try catalogQuery(call)
        return names(
            try await process.query(.names, question(call), for: call) {
                try await process.events.labelValues(name, wanted, context: $0.context)
            })
    }

    func series(_ call: HTTPCall) async throws -> HTTPAnswer {
        let times = try times(call)
        let range = TimeRange(start: times.start, end: times.end)
        let selectors = call.parameters.values("match[]") + call.parameters.values("match")
        guard !selectors.isEmpty else { throw HTTPFailure(400, "0 matcher groups supplied: give match[]") }
        let wanted = try selectors.map {
            EventCatalogQuery(table: .logs, range: range, matchers: try LogQLEngine.parseSelector($0))
        }
        let found = try await process.query(.names, question(call), for: call) { query in
            var found: Set<LabelSet> = []
            for one in wanted {
                for stream in try await process.events.streams(one, context: query.context) {
                    found.insert(stream.labels)
                }
            }
            return found
        }
        var json = JSONWriter()
        json.beginObject()
        json.field("status", "success")
        json.key("data")
        json.beginArray()
        for labels in found.sorted() { json.labels(labels) }
        json.endArray()
        json.endObject()
        return .json(json.takeBytes())
    }

    private func formatQuery(_ call: HTTPCall) -> HTTPAnswer {
        var json = JSONWriter()
        json.beginObject()
        do {
            let text = try LogQLEngine.format(call.parameters["query"] ?? "")
            json.field("status", "success")
            json.field("data", text)
            json.endObject()
            return .json(json.takeBytes())
        } catch {
            json.field("status", "invalid-query")
            json.field("error", error.description)
            json.endObject()
            return .json(json.takeBytes(), status: 400)
        }
    }
}
