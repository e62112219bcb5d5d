import PromQL
import Storage
import Telemetry
import Wire

/// Instant and range queries, and the exemplars of what they select.
extension PrometheusAPI {
    /// Points that a range query may give for one series.
    private static let maximumPoints: Int64 = 11_000

    private func engine(_ call: HTTPCall) throws -> PromQLEngine {
        var options = PromQLEngine.Options(features: process.options.queryFeatures)
        options.subqueryStep = process.configuration.evaluationInterval
        if let text = call.parameters["lookback_delta"] {
            do { options.lookback = try TimeParameters.duration(text, name: "lookback_delta") } catch {
                throw HTTPFailure(
                    400, "error parsing lookback delta duration: cannot parse \"\(text)\" to a valid duration")
            }
            // As in Prometheus, which takes its default then.
            if options.lookback <= 0 { options.lookback = PromQLEngine.Options().lookback }
        }
        return PromQLEngine(reader: process.series, options: options)
    }

    private func trailer(_ call: HTTPCall) throws -> ResultPieces.Trailer {
        ResultPieces.Trailer(
            stats: call.parameters["stats"] != nil, explains: Explanation.isWanted(call), limit: try limit(call))
    }

    func query(_ call: HTTPCall) async throws -> HTTPAnswer {
        let trailer = try trailer(call)
        let time =
            try call.parameters["time"].map { try TimeParameters.moment($0, name: "time") }
            ?? TimeParameters.nowMilliseconds
        let timeout = try timeout(call)
        let engine = try engine(call)
        let text = call.parameters["query"] ?? ""
        return try await answer(text, call, timeout, trailer) { context in
            try await engine.instant(text, at: time, context: context)
        }
    }

    func queryRange(_ call: HTTPCall) async throws -> HTTPAnswer {
        let trailer = try trailer(call)
        let start = try TimeParameters.milliseconds(call.parameters["start"] ?? "", name: "start")
        let end = try TimeParameters.milliseconds(call.parameters["end"] ?? "", name: "end")
        guard end >= start else { throw HTTPFailure.badParameter("end", "end timestamp must not be before start time") }
        let step = try TimeParameters.duration(call.parameters["step"] ?? "", name: "step")
        // A step that is there and less than a millisecond has too many points, as in Prometheus.
        let isShort = step == 0 && (Double(call.parameters["step"] ?? "") ?? 0) >= 1e-9
        guard step > 0 || isShort else {
            throw HTTPFailure.badParameter(
                "step", "zero or negative query resolution step widths are not accepted. Try a positive integer")
        }
        if isShort || (end - start) / step > PrometheusAPI.maximumPoints {
            throw HTTPFailure(
                400,
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"
            )
        }
        let timeout = try timeout(call)
        let engine = try engine(call)
        let text = call.parameters["query"] ?? ""
        return try await answer(text, call, timeout, trailer) { context in
            do {
                return try await engine.range(text, start: start, end: end, step: step, context: context)
            } catch PromQLError.evaluation(let message) where message.hasPrefix("invalid expression type") {
                // The fault is the text's, whatever the data are.
                throw HTTPFailure.badParameter("query", message)
            }
        }
    }

    private func answer(
        _ text: String, _ call: HTTPCall, _ timeout: Int64?, _ trailer: ResultPieces.Trailer,
        _ evaluate: @Sendable (QueryContext) async throws -> PromQLResult
    ) async throws -> HTTPAnswer {
        let query = try await process.begin(.promql, text, for: call, timeout: timeout)
        return try await query.run { context in
            let result = try await process.timed(query) { try await evaluate(context) }
            return ResultPieces.answer(query, result, trailer)
        }
    }

    func exemplars(_ call: HTTPCall) async throws -> HTTPAnswer {
        let range = try range(call, HTTPFailure(400, "end timestamp must not be before start timestamp"))
        let text = call.parameters["query"] ?? ""
        let tree: Expression
        do { tree = try PromQLEngine.parse(text) } catch { throw HTTPFailure(400, error.description) }
        let selectors = PromQLEngine.selectors(of: tree)
        // An expression that selects nothing has no exemplars either.
        guard !selectors.isEmpty else { return .noContent }
        let query = try await process.begin(.promql, text, for: call, timeout: timeout(call))
        defer { query.finish() }
        let found = try await query.run { context in
            var found: [(labels: LabelSet, exemplars: [Exemplar])] = []
            for matchers in selectors {
                found += try await process.series.exemplars(.init(range: range, matchers: matchers), context: context)
            }
            return found
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
                    json.quotedDouble(exemplar.value, .sample)
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
}
