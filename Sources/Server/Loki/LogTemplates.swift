import EventStore
import LogQL
import Storage
import Telemetry
import Wire

/// What lines say but for their values: Loki's `patterns`, and ours with first and last time and growth.
extension LokiAPI {
    /// Loki's limit is per stream; nobody reads more.
    private static let maximumPatterns = 1_000
    /// Lines that are looked at together where a query has filters.
    private static let mined = 8_192

    func registerTemplates(on routes: Routes) {
        routes.on([.get, .post], "/loki/api/v1/patterns", errors: LokiAPI.errors) { try await patterns($0) }
        routes.on([.get, .post], "/api/v1/logs/templates", errors: PrometheusEnvelope.errors) {
            try await templates($0)
        }
    }

    private func logExpression(_ text: String) throws -> LogExpression {
        guard case .log(let expression) = try LogQLEngine.parse(text) else {
            throw HTTPFailure(400, "patterns are of log lines: give a log query, not a metric query")
        }
        return expression
    }

    private func patterns(_ call: HTTPCall) async throws -> HTTPAnswer {
        let text = try queryText(call)
        let expression = try logExpression(text)
        let times = try times(call)
        guard times.end >= times.start else {
            throw HTTPFailure(400, "end timestamp must not be before or equal to start time")
        }
        let wanted = LogTemplateQuery(
            matchers: expression.matchers, windows: [TimeRange(start: times.start, end: times.end)],
            step: try step(call, times))
        let found = try await process.query(.logql, text, for: call) { query in
            try await counted(wanted, expression, query.context)
        }
        var json = JSONWriter()
        json.beginObject()
        json.field("status", "success")
        json.key("data")
        json.beginArray()
        for template in found.prefix(LokiAPI.maximumPatterns) {
            json.beginObject()
            json.field("pattern", template.pattern)
            if !template.level.isEmpty { json.field("level", template.level) }
            json.key("samples")
            json.beginArray()
            for sample in template.samples {
                json.beginArray()
                json.integer(sample.time / 1_000_000_000)
                json.integer(sample.rows)
                json.endArray()
            }
            json.endArray()
            json.endObject()
        }
        json.endArray()
        json.endObject()
        return .json(json.takeBytes())
    }

    /// Of a selector from what blocks remember, of a query with filters from the lines that it finds.
    private func counted(
        _ wanted: LogTemplateQuery, _ expression: LogExpression, _ context: QueryContext
    ) async throws -> [LogTemplate] {
        if expression.stages.isEmpty, expression.results.isEmpty {
            return try await process.events.templates(wanted, context: context)
        }
        var folding = TemplateFolding(wanted)
        for (window, range) in wanted.windows.enumerated() {
            var lines: [TemplateFolding.Line] = []
            try await engine.eachBatch(of: expression, range: range, context: context) { entries, _ in
                for entry in entries {
                    let level = entry.structuredMetadata["detected_level"] ?? entry.stream["detected_level"] ?? ""
                    lines.append(
                        TemplateFolding.Line(
                            text: entry.line, time: entry.timestamp, level: level, labels: entry.stream))
                }
                guard lines.count >= LokiAPI.mined else { return }
                folding.add(lines, window: window)
                lines.removeAll(keepingCapacity: true)
            }
            if !lines.isEmpty { folding.add(lines, window: window) }
        }
        return folding.templates
    }

    // MARK: Ours

    /// What the question is for ``templates(_:)``.
    private struct TemplateRequest {
        var expression: LogExpression
        var times: (start: Int64, end: Int64)
        var lookback: Int64
        var labels: [String]
        var separatesLevels = true
        var newSince: Int64?
        var limit: Int
    }

    private func templateRequest(_ call: HTTPCall) throws -> TemplateRequest {
        let expression: LogExpression
        do { expression = try logExpression(queryText(call)) } catch {
            throw HTTPFailure.badParameter("query", "\(error)")
        }
        let times = try times(call)
        // Times are within half of what 64 bits hold; a length of a third leaves room for what lies before.
        guard times.end > times.start, (times.end &- times.start).magnitude < UInt64(Int64.max / 3) else {
            throw HTTPFailure.badParameter("end", "end must be after start, and by less than a hundred years")
        }
        var request = TemplateRequest(
            expression: expression, times: times, lookback: 86_400_000_000_000, labels: ["service_name"], limit: 100)
        if let text = call.parameters["lookback"] {
            let milliseconds = try TimeParameters.duration(text, name: "lookback")
            guard milliseconds >= 0, milliseconds < 4_000_000_000_000 else {
                throw HTTPFailure.badParameter("lookback", "\"\(text)\" is not from 0 to 100 years")
            }
            request.lookback = milliseconds * 1_000_000
        }
        if let text = call.parameters["by"] {
            request.labels = text.split(separator: ",").map { String($0).trimmingSpaces }.filter { !$0.isEmpty }
        }
        switch call.parameters["levels"] {
        case nil, "true"?, "1"?: break
        case "false"?, "0"?: request.separatesLevels = false
        default: throw HTTPFailure.badParameter("levels", "must be true or false")
        }
        for name in ["newSince", "new_since"] {
            if let text = call.parameters[name] {
                request.newSince = try TimeParameters.nanoseconds(text, name: name)
            }
        }
        if let text = call.parameters["limit"] {
            guard let limit = Int(text), limit > 0 else { throw HTTPFailure.badParameter("limit", "must be positive") }
            request.limit = min(limit, 10_000)
        }
        return request
    }

    private func templates(_ call: HTTPCall) async throws -> HTTPAnswer {
        let request = try templateRequest(call)
        let (start, end) = request.times
        let before = start - (end - start)
        // Before that nobody looks; what begins there is not new.
        let earliest = min(before, (request.newSince ?? start) &- request.lookback)
        let wanted = LogTemplateQuery(
            matchers: request.expression.matchers,
            windows: [
                TimeRange(start: earliest, end: before), TimeRange(start: before, end: start),
                TimeRange(start: start, end: end),
            ], step: 60_000_000_000, labels: request.labels, separatesLevels: request.separatesLevels)
        let text = call.parameters["query"] ?? ""
        let (found, warnings) = try await process.query(.logql, text, for: call) { query in
            (try await counted(wanted, request.expression, query.context), query.context.warnings)
        }
        var shown = found.filter { $0.rows[2] > 0 }
        if let since = request.newSince {
            shown = shown.filter { $0.firstTime >= since }
        }
        return PrometheusEnvelope.success(warnings: warnings) { json in
            json.beginObject()
            json.key("templates")
            json.beginArray()
            for template in shown.prefix(request.limit) { write(template, &json) }
            json.endArray()
            json.key("total")
            json.integer(shown.count)
            json.key("lookedBackTo")
            json.seconds(earliest / 1_000_000)
            json.endObject()
        }
    }

    private func write(_ template: LogTemplate, _ json: inout JSONWriter) {
        json.beginObject()
        json.field("pattern", template.pattern)
        json.field("level", template.level)
        json.key("labels")
        json.labels(template.labels)
        json.key("count")
        json.integer(template.rows[2])
        json.key("before")
        json.integer(template.rows[1])
        json.key("growth")
        if template.rows[1] > 0 {
            json.double(Double(template.rows[2]) / Double(template.rows[1]) - 1)
        } else {
            json.null()
        }
        json.key("new")
        json.bool(template.rows[0] == 0 && template.rows[1] == 0)
        json.key("firstSeen")
        json.seconds(template.firstTime / 1_000_000)
        json.key("lastSeen")
        json.seconds(template.lastTime / 1_000_000)
        json.endObject()
    }
}
