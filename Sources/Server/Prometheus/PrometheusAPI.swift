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
            _ methods: [HTTPCall.Method], _ path: String,
            _ handler: @escaping @Sendable (HTTPCall) async throws -> HTTPAnswer
        ) {
            routes.on(
                methods, "/api/v1\(path)", "/prometheus/api/v1\(path)", errors: PrometheusEnvelope.errors,
                handler: handler)
        }
        on([.get, .post], "/query") { try await query($0) }
        on([.get, .post], "/query_range") { try await queryRange($0) }
        on([.get, .post], "/query_exemplars") { try await exemplars($0) }
        on([.get, .post], "/series") { try await series($0) }
        on([.get, .post], "/labels") { try await labels($0) }
        on([.get], "/label/{name}/values") { try await labelValues($0) }
        on([.get], "/metadata") { try await metadata($0) }
        on([.get, .post], "/format_query") { call in
            let tree = try PromQLEngine.parse(required(call, "query"))
            return PrometheusEnvelope.success { $0.string(tree.formatted) }
        }
        on([.get], "/targets") { try PrometheusStatus(process: process).targets($0) }
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
        PrometheusAdmin(process: process).register(on: routes)
        RemoteReadAPI(process: process).register(on: routes)
        FederationAPI(process: process).register(on: routes)
    }

    private func required(_ call: HTTPCall, _ name: String) throws -> String {
        guard let value = call.parameters[name] else {
            if name == "query" {
                throw HTTPFailure.badParameter("query", "1:1: parse error: no expression found in input")
            }
            throw HTTPFailure.badParameter(name, "cannot parse \"\" to a valid timestamp")
        }
        return value
    }

    private func limit(_ call: HTTPCall) throws -> Int {
        guard let text = call.parameters["limit"] else { return 0 }
        guard let limit = Int(text), limit >= 0 else {
            throw HTTPFailure.badParameter("limit", "limit must be a non-negative number")
        }
        return limit
    }

    private func engine(_ call: HTTPCall) throws -> PromQLEngine {
        var options = PromQLEngine.Options(features: process.options.queryFeatures)
        options.subqueryStep = process.configuration.evaluationInterval
        if let lookback = call.parameters["lookback_delta"] {
            options.lookback = try TimeParameters.duration(lookback, name: "lookback_delta")
        }
        return PromQLEngine(reader: process.series, options: options)
    }

    private func context(_ call: HTTPCall) throws -> QueryContext {
        let timeout = try call.parameters["timeout"].map { try TimeParameters.duration($0, name: "timeout") }
        return process.queryContext(timeout: timeout)
    }

    // MARK: Queries

    private func query(_ call: HTTPCall) async throws -> HTTPAnswer {
        let time =
            try call.parameters["time"].map { try TimeParameters.milliseconds($0, name: "time") }
            ?? TimeParameters.nowMilliseconds
        let limit = try limit(call)
        let context = try context(call)
        let started = ContinuousClock.now
        var result = try await engine(call).instant(required(call, "query"), at: time, context: context)
        process.metrics.queryDuration.observe(ContinuousClock.now - started, ["language": "promql"])
        cut(&result, to: limit)
        return PrometheusEnvelope.success(warnings: result.warnings + context.warnings, infos: result.infos) {
            $0.result(result)
        }
    }

    private func queryRange(_ call: HTTPCall) async throws -> HTTPAnswer {
        let start = try TimeParameters.milliseconds(required(call, "start"), name: "start")
        let end = try TimeParameters.milliseconds(required(call, "end"), name: "end")
        guard end >= start else { throw HTTPFailure.badParameter("end", "end timestamp must not be before start time") }
        guard let stepText = call.parameters["step"] else {
            throw HTTPFailure.badParameter("step", "cannot parse \"\" to a valid duration")
        }
        let step = try TimeParameters.duration(stepText, name: "step")
        guard step > 0 else {
            throw HTTPFailure.badParameter(
                "step", "zero or negative query resolution step widths are not accepted. Try a positive integer")
        }
        if (end - start) / step > PrometheusAPI.maximumPoints {
            throw HTTPFailure(
                400,
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"
            )
        }
        let limit = try limit(call)
        let context = try context(call)
        let started = ContinuousClock.now
        var result = try await engine(call).range(
            required(call, "query"), start: start, end: end, step: step, context: context)
        process.metrics.queryDuration.observe(ContinuousClock.now - started, ["language": "promql"])
        cut(&result, to: limit)
        return PrometheusEnvelope.success(warnings: result.warnings + context.warnings, infos: result.infos) {
            $0.result(result)
        }
    }

    private func cut(_ result: inout PromQLResult, to limit: Int) {
        guard limit > 0 else { return }
        let cut: Bool
        switch result.value {
        case .vector(var matrix):
            cut = matrix.series.count > limit
            matrix.series = Array(matrix.series.prefix(limit))
            result.value = .vector(matrix)
        case .matrix(var matrix):
            cut = matrix.series.count > limit
            matrix.series = Array(matrix.series.prefix(limit))
            result.value = .matrix(matrix)
        case .samples(let columns):
            cut = columns.count > limit
            result.value = .samples(Array(columns.prefix(limit)))
        case .scalar, .string: cut = false
        }
        if cut { result.warnings.append("results truncated due to limit") }
    }

    private func exemplars(_ call: HTTPCall) async throws -> HTTPAnswer {
        let range = try range(call)
        let tree = try PromQLEngine.parse(required(call, "query"))
        var found: [(labels: LabelSet, exemplars: [Exemplar])] = []
        let context = try context(call)
        for matchers in PromQLEngine.selectors(of: tree) {
            found += try await process.series.exemplars(.init(range: range, matchers: matchers), context: context)
        }
        return PrometheusEnvelope.success { json in
            json.beginArray()
            for entry in found {
                json.beginObject()
                json.key("seriesLabels")
                json.labels(entry.labels)
                json.key("exemplars")
                json.beginArray()
                for exemplar in entry.exemplars {
                    json.beginObject()
                    json.key("labels")
                    json.labels(exemplar.labels)
                    json.key("value")
                    json.quotedDouble(exemplar.value, .plain)
                    json.key("timestamp")
                    json.seconds(exemplar.timestamp)
                    json.endObject()
                }
                json.endArray()
                json.endObject()
            }
            json.endArray()
        }
    }

    // MARK: Names

    /// `start` and `end`, both inclusive, as a half-open range.
    private func range(_ call: HTTPCall) throws -> TimeRange {
        let start = try call.parameters["start"].map { try TimeParameters.milliseconds($0, name: "start") } ?? .min
        let end = try call.parameters["end"].map { try TimeParameters.milliseconds($0, name: "end") } ?? .max
        guard end >= start else { throw HTTPFailure.badParameter("end", "end timestamp must not be before start time") }
        return TimeRange(start: start, end: end == .max ? end : end + 1)
    }

    private func catalogQuery(_ call: HTTPCall, matchRequired: Bool = false) throws -> SeriesCatalogQuery {
        let selectors = call.parameters.values("match[]")
        if matchRequired && selectors.isEmpty { throw HTTPFailure(400, "no match[] parameter provided") }
        var sets: [[Matcher]] = []
        for selector in selectors {
            do { sets.append(try PromQLEngine.parseSelector(selector)) } catch {
                throw HTTPFailure.badParameter("match[]", "\(error)")
            }
        }
        return SeriesCatalogQuery(range: try range(call), matcherSets: sets, limit: 0)
    }

    private func series(_ call: HTTPCall) async throws -> HTTPAnswer {
        let limit = try limit(call)
        let found = try await process.series.series(catalogQuery(call, matchRequired: true), context: context(call))
        return PrometheusEnvelope.success(warnings: warning(found.count, limit)) { json in
            json.beginArray()
            for labels in limit > 0 ? found.prefix(limit) : found[...] { json.labels(labels) }
            json.endArray()
        }
    }

    private func labels(_ call: HTTPCall) async throws -> HTTPAnswer {
        let limit = try limit(call)
        let names = try await process.series.labelNames(catalogQuery(call), context: context(call))
        return PrometheusEnvelope.success(warnings: warning(names.count, limit)) { $0.strings(names, limit: limit) }
    }

    private func labelValues(_ call: HTTPCall) async throws -> HTTPAnswer {
        var name = call.pathParameters["name"] ?? ""
        if name.hasPrefix("U__") { name = unescaped(name) }
        guard !name.isEmpty else { throw HTTPFailure(400, "invalid label name: \"\"") }
        let limit = try limit(call)
        let values = try await process.series.labelValues(name, catalogQuery(call), context: context(call))
        return PrometheusEnvelope.success(warnings: warning(values.count, limit)) { $0.strings(values, limit: limit) }
    }

    private func warning(_ count: Int, _ limit: Int) -> [String] {
        limit > 0 && count > limit ? ["results truncated due to limit"] : []
    }

    /// The `U__` form of names that are not plain: `__` is an underscore, `_1F600_` a code point.
    private func unescaped(_ name: String) -> String {
        var out = ""
        var rest = name.dropFirst(3)
        while let character = rest.popFirst() {
            guard character == "_" else {
                out.append(character)
                continue
            }
            if rest.first == "_" {
                rest.removeFirst()
                out.append("_")
                continue
            }
            let digits = rest.prefix { $0 != "_" }
            guard digits.count <= 8, rest.dropFirst(digits.count).first == "_", let code = UInt32(digits, radix: 16),
                let scalar = Unicode.Scalar(code)
            else { return name }
            out.unicodeScalars.append(scalar)
            rest = rest.dropFirst(digits.count + 1)
        }
        return out
    }

    private func metadata(_ call: HTTPCall) async throws -> HTTPAnswer {
        let limit = try limit(call)
        let wanted = call.parameters["metric"]
        let all = try await process.series.metadata().filter { wanted == nil || $0.key == wanted }
        return PrometheusEnvelope.success { json in
            json.beginObject()
            for (name, entries) in all.sorted(by: { $0.key < $1.key }).prefix(limit > 0 ? limit : .max) {
                json.key(name)
                json.beginArray()
                for entry in entries {
                    json.beginObject()
                    json.field("type", entry.kind.rawValue)
                    json.field("help", entry.help)
                    json.field("unit", entry.unit)
                    json.endObject()
                }
                json.endArray()
            }
            json.endObject()
        }
    }
}
