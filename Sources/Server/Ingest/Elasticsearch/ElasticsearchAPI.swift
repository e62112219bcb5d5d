import Foundation
import Storage
import Synchronization
import Telemetry
import Wire

/// What shippers need of Elasticsearch: the probes that they make first, and `_bulk`.
struct ElasticsearchAPI: Sendable {
    let process: ServerProcess
    let state: ElasticsearchState

    init(process: ServerProcess) {
        self.process = process
        state = process.elasticsearch
    }

    /// `prefix` is empty on the port of its own.
    func register(on routes: Routes, prefix: String) {
        let handler: Routes.Handler = { call in
            let path = String(call.path.dropFirst(prefix.count))
            return decorated(try await answer(call, path: path), call)
        }
        routes.on(
            [.get, .head, .post, .put, .delete], prefix.isEmpty ? "/" : prefix, prefix + "/**",
            errors: ElasticsearchAPI.error, handler: handler)
    }

    /// The header without which clients refuse to talk, and the media type that they asked for.
    private func decorated(_ answer: HTTPAnswer, _ call: HTTPCall) -> HTTPAnswer {
        var answer = answer
        answer.headers.append(("X-Elastic-Product", "Elasticsearch"))
        if answer.contentType == "application/json",
            let wanted = [call.headers["accept"], call.headers["content-type"]].compactMap({ $0 }).first(where: {
                $0.contains("application/vnd.elasticsearch+")
            }),
            let version = wanted.firstRange(of: "compatible-with=").map({
                wanted[$0.upperBound...].prefix { $0.isNumber }
            }),
            !version.isEmpty
        {
            answer.contentType = "application/vnd.elasticsearch+json;compatible-with=\(version)"
        }
        if call.method == .head { answer.body = [] }
        return answer
    }

    private func answer(_ call: HTTPCall, path: String) async throws -> HTTPAnswer {
        let parts = path.split(separator: "/").map { Parameters.decode(Array($0.replacing("+", with: "%2B").utf8)) }
        guard let first = parts.first else {
            return .json(ElasticsearchIdentity.root(userAgent: call.headers["user-agent"] ?? "", state: state))
        }
        switch (first, parts.count) {
        case ("_bulk", 1): return try await bulk(call, index: nil)
        case ("_license", 1): return .json(ElasticsearchIdentity.license)
        case ("_xpack", 1): return .json(ElasticsearchIdentity.xpack)
        case ("_cluster", _): return .json(ElasticsearchIdentity.cluster(parts.count > 1 ? parts[1] : "", state: state))
        case ("_nodes", _):
            return .json(ElasticsearchIdentity.nodes(address: process.elasticsearchAddress, state: state))
        case ("_cat", _): return try await catalog(call, Array(parts.dropFirst()))
        case ("_index_template", _), ("_template", _), ("_component_template", _), ("_data_stream", _):
            return setting(call, first, Array(parts.dropFirst()))
        case ("_ilm", 2) where parts[1] == "status": return .json(Array(#"{"operation_mode":"RUNNING"}"#.utf8))
        case ("_ilm", _), ("_ingest", _), ("_slm", _), ("_security", _):
            // _ilm/policy/NAME and _ingest/pipeline/NAME.
            return setting(call, parts.prefix(2).joined(separator: "/"), Array(parts.dropFirst(2)))
        case ("_aliases", _), ("_alias", _): return alias(call, Array(parts.dropFirst()))
        case ("_refresh", 1), ("_flush", 1): return .json(ElasticsearchIdentity.shards)
        case ("_count", 1): return try await count(call, index: nil)
        default: break
        }
        if first.hasPrefix("_") { throw noHandler(call) }
        return try await index(call, first, Array(parts.dropFirst()))
    }

    // MARK: An index

    private func index(_ call: HTTPCall, _ name: String, _ rest: [String]) async throws -> HTTPAnswer {
        switch (rest.first, call.method) {
        case ("_bulk", _): return try await bulk(call, index: name)
        case ("_doc", .post), ("_doc", .put):
            return try await document(call, .index, name, id: rest.count > 1 ? rest[1] : nil)
        case ("_create", .post), ("_create", .put):
            return try await document(call, .create, name, id: rest.count > 1 ? rest[1] : nil)
        case ("_refresh", _), ("_flush", _): return .json(ElasticsearchIdentity.shards)
        case ("_count", _): return try await count(call, index: name)
        case ("_mapping", .put), ("_settings", .put), ("_alias", .put), ("_mapping", .post), ("_alias", .post):
            return .json(ElasticsearchIdentity.acknowledged)
        case (nil, .put):
            state.put("index/" + name, call.body)
            return .json(
                Array(
                    #"{"acknowledged":true,"shards_acknowledged":true,"index":\#(ElasticsearchIdentity.quoted(name))}"#
                        .utf8))
        case (nil, .get), (nil, .head), ("_mapping", .get), ("_settings", .get):
            guard try await isKnown(name) else {
                throw ElasticsearchFailure(404, "index_not_found_exception", "no such index [\(name)]")
            }
            return .json(
                Array(#"{\#(ElasticsearchIdentity.quoted(name)):{"aliases":{},"mappings":{},"settings":{}}}"#.utf8))
        case (nil, .delete):
            throw ElasticsearchFailure(
                405, "illegal_argument_exception", "an index is not deleted here: logs go when their retention is over")
        default: throw noHandler(call)
        }
    }

    private func isKnown(_ name: String) async throws -> Bool {
        if state.get("index/" + name) != nil || state.get("_data_stream/" + name) != nil { return true }
        return try await !streams(index: name).isEmpty
    }

    private func streams(index: String?) async throws -> [StreamSummary] {
        let matcher = index.map { Matcher("index", .equal, $0) } ?? Matcher("index", .notEqual, "")
        return try await process.events.streams(
            EventCatalogQuery(table: .logs, matchers: [matcher]), context: process.queryContext())
    }

    private func count(_ call: HTTPCall, index: String?) async throws -> HTTPAnswer {
        let rows = try await streams(index: index).reduce(0) { $0 + $1.rows }
        return .json(
            Array(#"{"count":\#(rows),"_shards":{"total":1,"successful":1,"skipped":0,"failed":0}}"#.utf8))
    }

    private func catalog(_ call: HTTPCall, _ parts: [String]) async throws -> HTTPAnswer {
        var names: [String] = []
        switch parts.first {
        case "health":
            return call.parameters["format"] == "json"
                ? .json(Array(#"[{"cluster":"needletail","status":"green","node.total":"1","node.data":"1"}]"#.utf8))
                : .text("needletail green 1 1\n")
        case "templates": names = state.names("_template") + state.names("_index_template")
        case "indices": names = Set(try await streams(index: nil).compactMap { $0.labels["index"] }).sorted()
        default: break
        }
        if parts.count > 1 { names = names.filter { $0 == parts[1] } }
        if call.parameters["format"] == "json" {
            let list = names.map {
                #"{"\#(parts.first == "indices" ? "index" : "name")":\#(ElasticsearchIdentity.quoted($0))}"#
            }
            return .json(Array("[\(list.joined(separator: ","))]".utf8))
        }
        return .text(names.map { $0 + "\n" }.joined())
    }

    // MARK: Settings that are only remembered

    private func setting(_ call: HTTPCall, _ kind: String, _ rest: [String]) -> HTTPAnswer {
        let name = rest.first ?? "*"
        switch call.method {
        case .put, .post:
            state.put("\(kind)/\(name)", call.body)
            return .json(ElasticsearchIdentity.acknowledged)
        case .delete:
            state.remove("\(kind)/\(name)")
            return .json(ElasticsearchIdentity.acknowledged)
        case .get, .head, .options:
            let found =
                name.hasSuffix("*")
                ? state.names(kind).filter { $0.hasPrefix(name.dropLast()) } : state.names(kind).filter { $0 == name }
            guard !found.isEmpty || name.hasSuffix("*") else {
                return ElasticsearchAPI.error(
                    ElasticsearchFailure(404, "resource_not_found_exception", "\(kind) matching [\(name)] not found"))
            }
            return .json(ElasticsearchIdentity.settings(kind, found.map { ($0, state.get("\(kind)/\($0)") ?? []) }))
        }
    }

    private func alias(_ call: HTTPCall, _ rest: [String]) -> HTTPAnswer {
        switch call.method {
        case .put, .post, .delete: return .json(ElasticsearchIdentity.acknowledged)
        case .get, .head, .options:
            guard let name = rest.first else { return .json(Array("{}".utf8)) }
            return ElasticsearchAPI.error(
                ElasticsearchFailure(404, "aliases_not_found_exception", "aliases [\(name)] missing"))
        }
    }

    private func noHandler(_ call: HTTPCall) -> ElasticsearchFailure {
        if call.path.hasSuffix("_search") || call.path.hasSuffix("_msearch") {
            return ElasticsearchFailure(
                400, "illegal_argument_exception",
                "logs are asked in LogQL, at /loki/api/v1/query_range of the main address")
        }
        return ElasticsearchFailure(
            400, "illegal_argument_exception",
            "no handler found for uri [\(call.path)] and method [\(call.method.rawValue)]")
    }

    // MARK: Errors

    /// In the shape of Elasticsearch.
    @Sendable static func error(_ error: any Error) -> HTTPAnswer {
        let failure: ElasticsearchFailure
        var retryAfter: Int?
        switch error is StorageError ? IngestFailure(storing: error) : error {
        case let known as ElasticsearchFailure: failure = known
        case let known as HTTPFailure:
            failure = ElasticsearchFailure(known.status, "parse_exception", known.message)
        case let known as WireError:
            failure = ElasticsearchFailure(400, "illegal_argument_exception", known.description)
        case let known as IngestFailure:
            switch known {
            case .badData(let sentence): failure = ElasticsearchFailure(400, "illegal_argument_exception", sentence)
            case .overloaded(let sentence, let seconds):
                failure = ElasticsearchFailure(503, "unavailable_shards_exception", sentence)
                retryAfter = seconds
            case .exhausted(let sentence, let seconds):
                failure = ElasticsearchFailure(429, "es_rejected_execution_exception", sentence)
                retryAfter = seconds
            case .internalFault(let sentence): failure = ElasticsearchFailure(500, "exception", sentence)
            }
        default: failure = ElasticsearchFailure(500, "exception", "\(error)")
        }
        var json = JSONWriter()
        json.beginObject()
        json.key("error")
        json.beginObject()
        json.key("root_cause")
        json.beginArray()
        json.beginObject()
        json.field("type", failure.type)
        json.field("reason", failure.reason)
        json.endObject()
        json.endArray()
        json.field("type", failure.type)
        json.field("reason", failure.reason)
        json.endObject()
        json.key("status")
        json.integer(failure.status)
        json.endObject()
        var answer = HTTPAnswer.json(json.bytes, status: failure.status)
        answer.headers = [("X-Elastic-Product", "Elasticsearch")]
        if let retryAfter { answer.headers.append(("Retry-After", "\(retryAfter)")) }
        return answer
    }
}

struct ElasticsearchFailure: Error, Sendable {
    var status: Int
    var type: String
    var reason: String

    init(_ status: Int, _ type: String, _ reason: String) {
        self.status = status
        self.type = type
        self.reason = reason
    }
}

/// What a process remembers of its talks with shippers.
final class ElasticsearchState: Sendable {
    /// Templates and policies are put once by each shipper; more than this is somebody's mistake.
    private static let mostSettings = 1000
    private static let longestSetting = 256 << 10

    /// 22 characters, as a UUID in base64 has.
    let clusterID = ElasticsearchState.identifier(22)
    private let settings = Mutex<[String: [UInt8]]>([:])
    private let counter = Atomic<UInt64>(0)
    private let seed = ElasticsearchState.identifier(10)

    static func identifier(_ length: Int) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
        return String(decoding: (0..<length).map { _ in alphabet.randomElement() ?? 0x41 }, as: UTF8.self)
    }

    func get(_ key: String) -> [UInt8]? { settings.withLock { $0[key] } }

    func put(_ key: String, _ body: [UInt8]) {
        guard body.count <= ElasticsearchState.longestSetting else { return }
        settings.withLock { if $0.count < ElasticsearchState.mostSettings || $0[key] != nil { $0[key] = body } }
    }

    func remove(_ key: String) { settings.withLock { _ = $0.removeValue(forKey: key) } }

    func names(_ kind: String) -> [String] {
        let prefix = kind + "/"
        return settings.withLock { $0.keys.filter { $0.hasPrefix(prefix) } }.map { String($0.dropFirst(prefix.count)) }
            .sorted()
    }

    /// The beginning of the ids of one request's documents that came without.
    func nextIdentifier() -> String {
        let number = counter.wrappingAdd(1, ordering: .relaxed).newValue
        return seed + String(number, radix: 36)
    }
}
