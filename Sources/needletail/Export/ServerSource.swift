import Foundation
import Storage
import Telemetry

/// A running server, asked through its query API: Prometheus', so that a Prometheus can be asked too.
struct ServerSource: ExportSource {
    let client: ServerClient

    private struct Envelope<T: Decodable>: Decodable { var data: T }

    private func seconds(_ milliseconds: Int64) -> String {
        let fraction = String(1000 + milliseconds % 1000).dropFirst()
        return "\(milliseconds / 1000).\(fraction)"
    }

    /// Prometheus takes both ends in.
    private func bounds(_ range: TimeRange) -> [(String, String?)] {
        [("start", seconds(max(0, range.start))), ("end", seconds(max(0, range.end - 1)))]
    }

    private func selectors(_ sets: [[Matcher]]) -> [(String, String?)] {
        sets.map { ("match[]", ServerSource.selector($0)) }
    }

    private static func selector(_ matchers: [Matcher]) -> String {
        let parts = matchers.map { matcher in
            let isPlain = matcher.name.utf8.allSatisfy {
                ($0 | 0x20) &- 0x61 < 26 || $0 &- 0x30 < 10 || $0 == UInt8(ascii: "_")
            }
            return isPlain
                ? matcher.description
                : "\"\(OpenMetricsText.escaped(matcher.name))\"" + matcher.description.dropFirst(matcher.name.count)
        }
        return "{\(parts.joined(separator: ","))}"
    }

    func metricNames(_ matcherSets: [[Matcher]], range: TimeRange) async throws -> [String] {
        try await client.get(
            Envelope<[String]>.self, "/api/v1/label/__name__/values", bounds(range) + selectors(matcherSets)
        ).data
    }

    func metadata() async throws -> [String: MetricMetadata] {
        struct Entry: Decodable {
            var type: String
            var help: String
            var unit: String
        }
        var found: [String: MetricMetadata] = [:]
        for (name, entries) in try await client.get(Envelope<[String: [Entry]]>.self, "/api/v1/metadata").data {
            guard let entry = entries.first else { continue }
            found[name] = MetricMetadata(
                name: name, kind: MetricMetadata.Kind(rawValue: entry.type) ?? .unknown, help: entry.help,
                unit: entry.unit)
        }
        return found
    }

    func series(_ matcherSets: [[Matcher]], range: TimeRange) async throws -> [LabelSet] {
        try await client.get(
            Envelope<[[String: String]]>.self, "/api/v1/series", bounds(range) + selectors(matcherSets)
        ).data.map { LabelSet($0) }
    }

    /// `selector[range]` at the end of the range; its start is not in it, so it begins a millisecond earlier.
    private func query(_ matchers: [Matcher], _ range: TimeRange, wrap: (String) -> String) -> [(String, String?)] {
        // Prometheus counts back from the query's time and knows no time before 1970.
        let length = max(1, range.end - max(0, range.start))
        return [
            ("query", wrap("\(ServerSource.selector(matchers))[\(length)ms]")), ("time", seconds(range.end - 1)),
        ]
    }

    private struct Answer: Decodable {
        struct Series: Decodable {
            var metric: [String: String]
            var values: [MetricAnswer.Envelope.Point]?
            var histograms: [MetricAnswer.Envelope.HistogramPoint]?
            var value: MetricAnswer.Envelope.Point?
        }
        var result: [Series]
    }

    func count(_ matchers: [Matcher], range: TimeRange) async throws -> Int {
        let data = try await client.get(
            Envelope<Answer>.self, "/api/v1/query", query(matchers, range) { "sum(count_over_time(\($0)))" }
        ).data
        return Int(Double(data.result.first?.value?.value ?? "0") ?? 0)
    }

    func load(_ matchers: [Matcher], range: TimeRange) async throws -> [SeriesColumns] {
        let data = try await client.get(Envelope<Answer>.self, "/api/v1/query", query(matchers, range) { $0 }).data
        return data.result.map { one in
            var columns = SeriesColumns(labels: LabelSet(one.metric))
            for point in one.values ?? [] {
                let time = Int64((point.time * 1000).rounded())
                // Before version 3 a range took in its start too.
                guard time >= range.start, let value = ServerSource.number(point.value) else { continue }
                columns.timestamps.append(time)
                columns.values.append(value)
            }
            // Only how many there are is asked for.
            for point in one.histograms ?? [] {
                columns.histogramTimestamps.append(Int64((point.time * 1000).rounded()))
                columns.histograms.append(NativeHistogram())
            }
            return columns
        }
    }

    private static func number(_ text: String) -> Double? {
        switch text {
        case "NaN": .nan
        case "+Inf": .infinity
        case "-Inf": -.infinity
        default: Double(text)
        }
    }

    func exemplars(
        _ matchers: [Matcher], range: TimeRange
    ) async throws -> [(labels: LabelSet, exemplars: [Exemplar])] {
        struct Entry: Decodable {
            struct One: Decodable {
                var labels: [String: String]
                var value: String
                var timestamp: Double
            }
            var seriesLabels: [String: String]
            var exemplars: [One]
        }
        let data = try await client.get(
            Envelope<[Entry]>.self, "/api/v1/query_exemplars",
            [("query", ServerSource.selector(matchers))] + bounds(range)
        ).data
        return data.map { entry in
            (
                LabelSet(entry.seriesLabels),
                entry.exemplars.compactMap { one in
                    ServerSource.number(one.value).map {
                        Exemplar(
                            labels: LabelSet(one.labels), value: $0, timestamp: Int64((one.timestamp * 1000).rounded()))
                    }
                }
            )
        }
    }

    func close() async throws {}
}
