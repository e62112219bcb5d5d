import PromQL
import Storage
import Telemetry
import Wire

/// Prometheus' HTTP API, at `/api/v1` and at `/prometheus/api/v1`.
struct PrometheusAPI {
    let process: ServerProcess
    /// Points that a range query may give for one series.
    private static let maximumPoints: Int64 = 11_000

    func register(on routes: Routes) {
        func on(
            _ methods: [HTTPCall.Method], _ path: String, mayBeQuick: Bool = false,
            _ handler: @escaping @Sendable (HTTPCall) async throws -> HTTPAnswer
        ) {
            routes.on(
                methods, "/api/v1\(path)", "/prometheus/api/v1\(path)", mayBeQuick: mayBeQuick,
                errors: PrometheusEnvelope.errors, handler: handler)
        }
        on([.get, .post], "/query", mayBeQuick: true) { try await query($0) }
        on([.get, .post], "/query_range", mayBeQuick: true) { try await queryRange($0) }
        on([.get, .post], "/query_exemplars") { try await exemplars($0) }
        on([.get, .post], "/series") { try await series($0) }
        on([.get, .post], "/labels") { try await labels($0) }
        on([.get], "/label/{name}/values") { try await labelValues($0) }
        on([.get], "/metadata") { try await metadata($0) }
        on([.get, .post], "/format_query") { call in
            let tree = try PromQLEngine.parse(call.parameters["query"] ?? "")
            return PrometheusEnvelope.success { $0.string(tree.formatted) }
        }
        on([.get, .post], "/parse_query") { call in
            let tree = try PromQLEngine.parse(call.parameters["query"] ?? "")
            return PrometheusEnvelope.success { $0.tree(tree) }
        }
        on([.get], "/targets") { try PrometheusStatus(process: process).targets($0) }
        on([.get], "/targets/relabel_steps") { try PrometheusStatus(process: process).relabelSteps($0) }
        on([.get], "/scrape_pools") { _ in PrometheusStatus(process: process).scrapePools() }
        on([.get], "/features") { _ in PrometheusStatus(process: process).features() }
        on([.get], "/notifications") { _ in PrometheusEnvelope.success { $0.strings([]) } }
        on([.get], "/targets/metadata") { try PrometheusStatus(process: process).targetMetadata($0) }
        on([.get], "/rules") { try PrometheusStatus(process: process).rules($0) }
        on([.get], "/alerts") { _ in try PrometheusStatus(process: process).alerts() }
        on([.get], "/alertmanagers") { _ in PrometheusStatus(process: process).alertmanagers() }
        on([.get], "/status/buildinfo") { _ in PrometheusStatus(process: process).buildInfo() }
        on([.get], "/status/runtimeinfo") { _ in await PrometheusStatus(process: process).runtimeInfo() }
        on([.get], "/status/config") { _ in PrometheusStatus(process: process).config() }
        on([.get], "/status/flags") { _ in PrometheusStatus(process: process).flags() }
        on([.get], "/status/tsdb") { try await PrometheusStatus(process: process).tsdb($0) }
        on([.get], "/status/walreplay") { _ in PrometheusStatus(process: process).walReplay() }
        QueriesAPI(queries: process.queries).register(on: routes)
        PrometheusAdmin(process: process).register(on: routes)
        RemoteReadAPI(process: process).register(on: routes)
        FederationAPI(process: process).register(on: routes)
    }

    func limit(_ call: HTTPCall) throws -> Int {
        guard let text = call.parameters["limit"] else { return 0 }
        guard let limit = Int(text) else {
            throw HTTPFailure.badParameter("limit", "strconv.Atoi: parsing \"\(text)\": invalid syntax")
        }
        guard limit >= 0 else { throw HTTPFailure.badParameter("limit", "limit must be non-negative") }
        return limit
    }

    /// Milliseconds; nil where the parameter is not there.
    func timeout(_ call: HTTPCall) throws -> Int64? {
        guard let text = call.parameters["timeout"] else { return nil }
        let timeout = try TimeParameters.duration(text, name: "timeout")
        guard timeout > 0 else { throw HTTPFailure.badParameter("timeout", "\"\(text)\" leaves no time at all") }
        return timeout
    }
}
