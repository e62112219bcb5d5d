import PromQL
import Storage
import Telemetry
import Wire

/// `/federate?match[]=…`: the newest sample of each matching series as an exposition, for another Prometheus to scrape.
struct FederationAPI {
    let process: ServerProcess
    /// As Prometheus' `--query.lookback-delta`.
    private static let lookback: Int64 = 300_000

    func register(on routes: Routes) {
        let errors: Routes.ErrorShaper = { error in
            let status =
                switch error {
                case let failure as HTTPFailure: failure.status
                case let error as StorageError:
                    switch error {
                    case .tooManySamples, .memoryBudgetExceeded, .badMatcher: 400
                    case .timedOut: 503
                    default: 500
                    }
                default: 500
                }
            return .text("\(error)\n", status: status)
        }
        routes.on([.get], "/federate", "/prometheus/federate", errors: errors) { call in
            let text = call.parameters.values("match[]").joined(separator: " or ")
            return try await process.query(.names, "/federate \(text)", for: call) { _ in try await federate(call) }
        }
    }

    private func federate(_ call: HTTPCall) async throws -> HTTPAnswer {
        let selectors = call.parameters.values("match[]")
        guard !selectors.isEmpty else {
            throw HTTPFailure(400, "no match[] parameter: say which series, as in /federate?match[]={job=\"x\"}")
        }
        var sets: [[Matcher]] = []
        for selector in selectors {
            do { sets.append(try PromQLEngine.parseSelector(selector)) } catch {
                throw HTTPFailure(400, "match[] \"\(selector)\": \(error)")
            }
        }
        let now = TimeParameters.nowMilliseconds
        let format = FederationFormat(accept: call.headers["accept"] ?? "")
        let samples = try await newest(sets, TimeRange(start: now - FederationAPI.lookback, end: now + 1))
        var external = process.configuration.externalLabels
        // Else the scraper would put its own address on what has no instance, an aggregate for example.
        var added = external.labels
        if external.valueRange(of: "instance") == nil {
            added.append(Label("instance", ""))
            added.sort()
            external = LabelSet(added)
        }
        var writer = FederationWriter(format: format, external: added)
        for sample in samples { writer.add(sample) }
        return HTTPAnswer(contentType: format.contentType, body: writer.finished())
    }

    /// Sorted by name, then by labels; series whose newest sample is a staleness marker are left out.
    private func newest(_ sets: [[Matcher]], _ range: TimeRange) async throws -> [FederatedSample] {
        let context = process.queryContext()
        var found: [LabelSet: FederatedSample] = [:]
        for matchers in sets {
            _ = try await process.series.scan(SeriesScanPlan(range: range, matchers: matchers), context: context) {
                for columns in $0 {
                    guard found[columns.labels] == nil, let sample = FederatedSample(newestOf: columns) else {
                        continue
                    }
                    found[columns.labels] = sample
                }
            }
        }
        return found.values.sorted { a, b in
            a.name == b.name ? a.labels < b.labels : a.name.utf8.lexicographicallyPrecedes(b.name.utf8)
        }
    }
}

/// The newest sample of a series.
struct FederatedSample: Sendable {
    enum Value: Sendable {
        case number(Double)
        case histogram(NativeHistogram)
    }

    var labels: LabelSet
    var name: String
    var timestamp: Int64
    var value: Value

    /// nil where the series has no name, no sample, or has ended.
    init?(newestOf columns: SeriesColumns) {
        guard let name = columns.labels.metricName else { return nil }
        self.name = name
        labels = columns.labels
        let number = columns.timestamps.last.flatMap { time in columns.values.last.map { (time, $0) } }
        let histogram = columns.histogramTimestamps.last.flatMap { time in columns.histograms.last.map { (time, $0) } }
        if let histogram, histogram.0 > number?.0 ?? .min {
            if SpecialValue.isStaleMarker(histogram.1.sum) { return nil }
            timestamp = histogram.0
            value = .histogram(histogram.1)
        } else if let number {
            if SpecialValue.isStaleMarker(number.1) { return nil }
            timestamp = number.0
            value = .number(number.1)
        } else {
            return nil
        }
    }
}

/// In which form a scraper takes the answer.
struct FederationFormat: Sendable, Hashable {
    var isProtobuf = false
    /// Names that are not plain are quoted; else their odd characters become `_`.
    var allowsUTF8 = false

    /// Protobuf only where the scraper prefers it: it alone carries native histograms.
    init(accept: String) {
        var protobufWeight = 0.0
        var textWeight = 0.0
        for entry in accept.split(separator: ",") {
            let parts = entry.split(separator: ";").map { $0.trimmingSpaces.lowercased() }
            guard let type = parts.first else { continue }
            let weight = parts.first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
            let allows = parts.contains("escaping=allow-utf-8")
            if type == "application/vnd.google.protobuf", parts.contains("proto=io.prometheus.client.metricfamily"),
                parts.contains("encoding=delimited")
            {
                protobufWeight = max(protobufWeight, weight)
            } else if type == "text/plain" || type == "*/*" || type == "application/openmetrics-text" {
                textWeight = max(textWeight, weight)
                if type == "text/plain", parts.contains("version=1.0.0"), allows { allowsUTF8 = true }
            }
        }
        isProtobuf = protobufWeight > 0 && protobufWeight >= textWeight
        if isProtobuf { allowsUTF8 = true }
    }

    var contentType: String {
        if isProtobuf {
            return
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=allow-utf-8"
        }
        return allowsUTF8
            ? "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
            : "text/plain; version=0.0.4; charset=utf-8"
    }
}
