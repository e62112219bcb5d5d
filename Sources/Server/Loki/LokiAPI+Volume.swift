import LogQL
import Storage
import Telemetry
import Wire

/// Bytes of log lines by label, as Grafana's Explore and Logs Drilldown draw them.
extension LokiAPI {
    /// Loki's `volume_max_series`.
    static let maximumVolumes = 1_000

    private enum Grouping: Sendable {
        /// By the values of these labels.
        case labels([String])
        case series
        /// By the names of labels.
        case names([String]?)
    }

    /// What one volume is of.
    private struct Volume: Hashable, Comparable, Sendable {
        var labels: LabelSet
        /// A label's name without a value, which a label set cannot hold.
        var name: String?

        static func < (a: Volume, b: Volume) -> Bool {
            a.name == b.name ? a.labels < b.labels : (a.name ?? "") < (b.name ?? "")
        }

        func write(_ json: inout JSONWriter) {
            json.key("metric")
            guard let name else { return json.labels(labels) }
            json.beginObject()
            json.field(name, "")
            json.endObject()
        }
    }

    func volume(_ call: HTTPCall) async throws -> HTTPAnswer {
        let query = try catalogQuery(call)
        let grouping = try grouping(call, query.matchers)
        let limit = try volumeLimit(call)
        var bytes: [Volume: Int] = [:]
        let streams = try await process.query(.names, question(call), for: call) {
            try await process.events.streams(query, context: $0.context)
        }
        for stream in streams {
            for key in keys(of: stream.labels, grouping) { bytes[key, default: 0] += stream.bytes }
        }
        let time = query.range.end / 1_000_000
        let largest = bytes.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(limit)
        return LokiAPI.answer("vector") { json in
            for (volume, bytes) in largest {
                json.beginObject()
                volume.write(&json)
                json.key("value")
                json.beginArray()
                json.seconds(time)
                json.string("\(bytes)")
                json.endArray()
                json.endObject()
            }
        }
    }

    /// One value for each step: the bytes of the step before it.
    func volumeRange(_ call: HTTPCall) async throws -> HTTPAnswer {
        let query = try catalogQuery(call)
        let grouping = try grouping(call, query.matchers)
        let limit = try volumeLimit(call)
        let step = try step(call, (query.range.start, query.range.end))
        let count = max(0, query.range.end - query.range.start) / step + 1
        guard count <= 11_000 else {
            throw HTTPFailure(
                400,
                "exceeded maximum resolution of 11,000 points per time series. Try increasing the value of the step parameter"
            )
        }
        let bytes = try await process.query(.names, question(call), for: call) { running in
            var bytes: [Volume: [Int]] = [:]
            for number in 0..<Int(count) {
                let start = query.range.start + Int64(number) * step
                var window = query
                window.range = TimeRange(start: start, end: min(start + step, query.range.end))
                guard !window.range.isEmpty else { continue }
                for stream in try await process.events.streams(window, context: running.context) where stream.bytes > 0
                {
                    for key in keys(of: stream.labels, grouping) {
                        bytes[key, default: [Int](repeating: 0, count: Int(count))][number] += stream.bytes
                    }
                }
            }
            return bytes
        }
        let totals = bytes.mapValues { $0.reduce(0, +) }
        let largest = totals.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(limit)
        return LokiAPI.answer("matrix") { json in
            for (volume, _) in largest {
                json.beginObject()
                volume.write(&json)
                json.key("values")
                json.beginArray()
                for (number, value) in (bytes[volume] ?? []).enumerated() where value > 0 {
                    json.beginArray()
                    json.seconds(min(query.range.start + Int64(number + 1) * step, query.range.end) / 1_000_000)
                    json.string("\(value)")
                    json.endArray()
                }
                json.endArray()
                json.endObject()
            }
        }
    }

    private static func answer(_ type: String, _ body: (inout JSONWriter) -> Void) -> HTTPAnswer {
        var json = JSONWriter()
        beginResult(type, &json)
        body(&json)
        json.endArray()
        json.key("stats")
        json.beginObject()
        json.endObject()
        json.endObject()
        json.endObject()
        return .json(json.takeBytes())
    }

    /// As Loki has it: by `targetLabels`, else by the labels that the selector names, else by all.
    private func grouping(_ call: HTTPCall, _ matchers: [Matcher]) throws -> Grouping {
        let targets = (call.parameters["targetLabels"] ?? "").split(separator: ",").map { String($0).trimmingSpaces }
        let wanted = targets.isEmpty ? matchers.map(\.name) : targets
        switch call.parameters["aggregateBy"] {
        case nil, "series": return wanted.isEmpty ? .series : .labels(wanted)
        case "labels": return .names(wanted.isEmpty ? nil : wanted)
        case let other?: throw HTTPFailure(400, "invalid aggregation option: \(other): give series or labels")
        }
    }

    private func keys(of labels: LabelSet, _ grouping: Grouping) -> [Volume] {
        switch grouping {
        case .series: return [Volume(labels: labels)]
        case .labels(let names):
            let kept = LabelSet(labels.labels.filter { names.contains($0.name) })
            return kept == .empty ? [] : [Volume(labels: kept)]
        case .names(let names):
            return labels.labels.compactMap { label in
                names.map { $0.contains(label.name) } ?? true ? Volume(labels: .empty, name: label.name) : nil
            }
        }
    }

    private func volumeLimit(_ call: HTTPCall) throws -> Int {
        guard let text = call.parameters["limit"] else { return 100 }
        guard let limit = Int(text), limit > 0 else { throw HTTPFailure(400, "limit must be a positive value") }
        return min(limit, LokiAPI.maximumVolumes)
    }
}
