/// The two text formats that Prometheus-compatible scrapers ask for.
public enum ExpositionFormat: Sendable {
    /// Text 0.0.4, which every scraper reads.
    case prometheusText
    /// OpenMetrics 1.0: carries exemplars.
    case openMetrics

    public var contentType: String {
        switch self {
        case .prometheusText: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }

    /// OpenMetrics when the `Accept` header names it with a weight that is not below that of plain text.
    public init(accept: String?) {
        var weights: [String: Double] = [:]
        for range in (accept ?? "").split(separator: ",") {
            let parts = range.split(separator: ";").map { $0.filter { !$0.isWhitespace }.lowercased() }
            guard let type = parts.first else { continue }
            let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
            weights[type] = max(weights[type] ?? 0, weight)
        }
        let open = weights["application/openmetrics-text"] ?? 0
        self = open > 0 && open >= (weights["text/plain"] ?? 0) ? .openMetrics : .prometheusText
    }
}

struct ExpositionWriter {
    let format: ExpositionFormat
    private var text = ""

    init(format: ExpositionFormat) { self.format = format }

    mutating func write(_ counter: Counter) {
        let series = counter.family.sorted
        guard !series.isEmpty else { return }
        let sample = counter.family.name
        // OpenMetrics names the family without the suffix that its samples must carry.
        header(
            format == .openMetrics ? String(sample.dropLast("_total".count)) : sample, counter.family.help, "counter")
        for (labels, value) in series { line(sample, labels, value) }
    }

    mutating func write(_ gauge: Gauge) {
        let series = gauge.family.sorted
        guard !series.isEmpty else { return }
        header(gauge.family.name, gauge.family.help, "gauge")
        for (labels, value) in series { line(gauge.family.name, labels, value) }
    }

    mutating func write(_ histogram: Histogram) {
        let series = histogram.family.sorted
        guard !series.isEmpty else { return }
        let name = histogram.family.name
        header(name, histogram.family.help, "histogram")
        for (labels, state) in series {
            var count: UInt64 = 0
            for (bucket, inBucket) in state.counts.enumerated() {
                count &+= inBucket
                let boundary = bucket < histogram.boundaries.count ? "\(histogram.boundaries[bucket])" : "+Inf"
                line(name + "_bucket", labels, Double(count), le: boundary, exemplar: state.exemplars[bucket])
            }
            line(name + "_sum", labels, state.sum)
            line(name + "_count", labels, Double(count))
        }
    }

    func finish() -> String { format == .openMetrics ? text + "# EOF\n" : text }

    private mutating func header(_ name: String, _ help: String, _ type: String) {
        if !help.isEmpty { text += "# HELP \(name) \(Self.escape(help, quotes: format == .openMetrics))\n" }
        text += "# TYPE \(name) \(type)\n"
    }

    private mutating func line(
        _ name: String, _ labels: MetricLabels, _ value: Double, le: String? = nil, exemplar: Exemplar? = nil
    ) {
        text += name
        if !labels.labels.isEmpty || le != nil {
            var pairs = labels.labels.map { "\($0.name)=\"\(Self.escape($0.value, quotes: true))\"" }
            if let le { pairs.append("le=\"\(le)\"") }
            text += "{\(pairs.joined(separator: ","))}"
        }
        text += " \(Self.number(value))"
        if let exemplar, format == .openMetrics {
            text += " # {trace_id=\"\(exemplar.traceID)\",span_id=\"\(exemplar.spanID)\"} "
            text += "\(Self.number(exemplar.value)) \(exemplar.time)"
        }
        text += "\n"
    }

    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return Int64(exactly: value).map { "\($0)" } ?? "\(value)"
    }

    static func escape(_ text: String, quotes: Bool) -> String {
        guard text.utf8.contains(where: { $0 == 0x5c || $0 == 0x0a || (quotes && $0 == 0x22) }) else { return text }
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}
