import Storage
import Telemetry
import TraceQL
import Wire

/// TraceQL's metrics, over a range and at one moment.
extension TempoAPI {
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

    func metricsRange(_ call: HTTPCall) async throws -> HTTPAnswer {
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
            json.pairs("labels", series.labels.lazy.map { ($0.name, $0.value) })
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

    func metricsInstant(_ call: HTTPCall) async throws -> HTTPAnswer {
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
            json.pairs("labels", series.labels.lazy.map { ($0.name, $0.value) })
            json.key("value")
            json.double(value)
            json.endObject()
        }
        json.endArray()
        explain(call, &json)
        json.endObject()
        return .json(json.takeBytes())
    }
}

extension JSONWriter {
    /// A list of keys with typed values.
    mutating func pairs(_ name: String, _ pairs: some Sequence<(String, Static)>) {
        key(name)
        beginArray()
        for (key, value) in pairs {
            beginObject()
            field("key", key)
            self.key("value")
            anyValue(value.attributeValue)
            endObject()
        }
        endArray()
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

