import PromQL
import Storage
import Telemetry
import Wire

/// Series, labels and metadata.
extension PrometheusAPI {
    /// `start` and `end`, both inclusive, as a half-open range.
    func range(
        _ call: HTTPCall,
        _ backwards: HTTPFailure = .badParameter("end", "end timestamp must not be before start time")
    ) throws -> TimeRange {
        let start = try call.parameters["start"].map { try TimeParameters.moment($0, name: "start") } ?? .min
        let end = try call.parameters["end"].map { try TimeParameters.moment($0, name: "end") } ?? .max
        guard end >= start else { throw backwards }
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

    /// A question for names is listed and can be killed as a query is.
    private func names<T: Sendable>(
        _ call: HTTPCall, _ body: @Sendable (QueryContext) async throws -> T
    ) async throws -> T {
        let selectors = call.parameters.values("match[]").joined(separator: " or ")
        let query = try await process.begin(.names, "\(call.path) \(selectors)", for: call, timeout: timeout(call))
        defer { query.finish() }
        return try await query.run(body)
    }

    func series(_ call: HTTPCall) async throws -> HTTPAnswer {
        let limit = try limit(call)
        let query = try catalogQuery(call, matchRequired: true)
        let found = try await names(call) { try await process.series.series(query, context: $0) }
        return PrometheusEnvelope.success(warnings: warning(found.count, limit)) { json in
            json.beginArray()
            for labels in limit > 0 ? found.prefix(limit) : found[...] { json.labels(labels) }
            json.endArray()
        }
    }

    func labels(_ call: HTTPCall) async throws -> HTTPAnswer {
        let limit = try limit(call)
        let query = try catalogQuery(call)
        let found = try await names(call) { try await process.series.labelNames(query, context: $0) }
        return PrometheusEnvelope.success(warnings: warning(found.count, limit)) { $0.strings(found, limit: limit) }
    }

    func labelValues(_ call: HTTPCall) async throws -> HTTPAnswer {
        var name = call.pathParameters["name"] ?? ""
        if name.hasPrefix("U__") { name = unescaped(name) }
        guard !name.isEmpty else { throw HTTPFailure(400, "invalid label name: \"\"") }
        let limit = try limit(call)
        let label = name
        let query = try catalogQuery(call)
        let found = try await names(call) { try await process.series.labelValues(label, query, context: $0) }
        return PrometheusEnvelope.success(warnings: warning(found.count, limit)) { $0.strings(found, limit: limit) }
    }

    private func warning(_ count: Int, _ limit: Int) -> [String] {
        limit > 0 && count > limit ? [PrometheusEnvelope.truncated] : []
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

    /// The whole number of a parameter where it is there.
    private func number(_ call: HTTPCall, _ name: String) throws -> Int? {
        guard let text = call.parameters[name] else { return nil }
        guard let number = Int(text) else { throw HTTPFailure(400, "\(name) must be a number") }
        return number
    }

    func metadata(_ call: HTTPCall) async throws -> HTTPAnswer {
        let limit = try number(call, "limit") ?? -1
        let perMetric = try number(call, "limit_per_metric") ?? 0
        let wanted = call.parameters["metric"]
        let all = try await process.series.metadata().filter { wanted == nil || $0.key == wanted }
        return PrometheusEnvelope.success { json in
            json.beginObject()
            for (name, entries) in all.sorted(by: { $0.key < $1.key }).prefix(limit >= 0 ? limit : .max) {
                json.key(name)
                json.beginArray()
                for entry in entries.prefix(perMetric > 0 ? perMetric : .max) {
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
