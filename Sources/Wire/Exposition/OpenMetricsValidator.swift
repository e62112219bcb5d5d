import Telemetry

/// The rules of OpenMetrics 1.0 beyond its grammar: names, types, units, grouping, order, values.
///
/// Each call answers nil or what is wrong with the line.
struct OpenMetricsValidator {
    private struct Family {
        var name: String
        var kind: MetricMetadata.Kind = .unknown
        var keywords: Set<String> = []
        var unit = ""
        /// Sample names that belong to it.
        var sampleNames: Set<String>
        var hasSamples = false
    }

    private var family: Family?
    private var seenNames: Set<String> = []
    private var group: LabelSet?
    private var groupTime: Double?
    private var seenGroups: Set<LabelSet> = []
    private var histogram = HistogramRules()

    mutating func metadata(_ keyword: String, _ name: String, _ value: String) -> String? {
        if family?.name != name {
            if let problem = close() { return problem }
            family = Family(name: name, sampleNames: [name])
        }
        guard var current = family else { return nil }
        if current.hasSamples { return "metadata of \(name) comes after its samples" }
        if !current.keywords.insert(keyword).inserted { return "\(name) has two lines with \(keyword)" }
        if keyword == "TYPE", let kind = MetricMetadata.Kind(rawValue: value) {
            current.kind = kind
            current.sampleNames = Set(OpenMetricsValidator.suffixes(kind).map { name + $0 })
        } else if keyword == "UNIT" {
            current.unit = value
        }
        family = current
        return nil
    }

    mutating func sample(_ sample: ExpositionSample, seconds: Double?) -> String? {
        let name = sample.labels.metricName ?? ""
        if !(family?.sampleNames.contains(name) ?? false) {
            if let problem = close() { return problem }
            family = Family(name: name, sampleNames: [name])
        }
        guard var current = family else { return nil }
        current.hasSamples = true
        family = current
        let suffix = String(name.utf8.dropFirst(current.name.utf8.count)) ?? ""
        return checkLabels(sample, current, suffix) ?? checkValue(sample, current.kind, suffix)
            ?? checkGroup(sample, seconds, current, suffix)
    }

    mutating func finish() -> String? { close() }

    private static func suffixes(_ kind: MetricMetadata.Kind) -> [String] {
        switch kind {
        case .counter: ["_total", "_created"]
        case .summary: ["", "_sum", "_count", "_created"]
        case .histogram: ["_bucket", "_sum", "_count", "_created"]
        case .gaugehistogram: ["_bucket", "_gsum", "_gcount"]
        case .info: ["_info"]
        case .gauge, .stateset, .unknown: [""]
        }
    }

    /// The current family is complete.
    private mutating func close() -> String? {
        defer {
            family = nil
            group = nil
            groupTime = nil
            seenGroups = []
            histogram = HistogramRules()
        }
        guard let family else { return nil }
        if let problem = histogram.endOfGroup() { return problem }
        if !family.unit.isEmpty {
            if family.kind == .info || family.kind == .stateset { return "\(family.name) must not have a unit" }
            if !family.name.hasSuffix("_\(family.unit)") { return "the unit of \(family.name) is not its suffix" }
        }
        for suffix in Set(OpenMetricsValidator.suffixes(family.kind) + [""]) {
            if !seenNames.insert(family.name + suffix).inserted { return "the name \(family.name + suffix) clashes" }
        }
        return nil
    }

    private func checkLabels(_ sample: ExpositionSample, _ family: Family, _ suffix: String) -> String? {
        switch family.kind {
        case .stateset:
            return sample.labels.valueRange(of: family.name) == nil ? "a stateset needs the label \(family.name)" : nil
        case .histogram, .gaugehistogram:
            guard suffix == "_bucket" else { return nil }
            guard let text = sample.labels["le"], let bound = FloatParser.parse(text), !bound.isNaN else {
                return "a bucket needs a number in le"
            }
            return bound == .infinity && text != "+Inf" ? "the last bucket's le must be +Inf" : nil
        case .summary:
            guard suffix.isEmpty else { return nil }
            guard let text = sample.labels["quantile"], let quantile = FloatParser.parse(text), quantile >= 0,
                quantile <= 1
            else { return "a quantile must be between 0 and 1" }
            return nil
        default: return nil
        }
    }

    private func checkValue(_ sample: ExpositionSample, _ kind: MetricMetadata.Kind, _ suffix: String) -> String? {
        let value = sample.value
        let countLike = ["_total", "_sum", "_count", "_bucket", "_gcount"].contains(suffix) && kind != .unknown
        if countLike || suffix == "_gsum", value.isNaN { return "\(suffix) must not be NaN" }
        if countLike, value < 0 { return "\(suffix) must not be negative" }
        if kind == .info, value != 1 { return "an info's value must be 1" }
        if kind == .stateset, value != 0, value != 1 { return "a stateset's value must be 0 or 1" }
        if kind == .summary, suffix.isEmpty, value < 0 { return "a quantile's value must not be negative" }
        guard !sample.exemplars.isEmpty else { return nil }
        let allowed =
            (kind == .counter && suffix == "_total")
            || ((kind == .histogram || kind == .gaugehistogram) && suffix == "_bucket")
        return allowed ? nil : "only a counter's _total and a histogram's _bucket may have an exemplar"
    }

    private mutating func checkGroup(
        _ sample: ExpositionSample, _ seconds: Double?, _ family: Family, _ suffix: String
    ) -> String? {
        var labels = sample.labels.droppingMetricName
        switch family.kind {
        case .info: labels = .empty
        case .summary where suffix.isEmpty: labels = labels.dropping(["quantile"])
        case .stateset: labels = labels.dropping([family.name])
        case .histogram where suffix == "_bucket", .gaugehistogram where suffix == "_bucket":
            labels = labels.dropping(["le"])
        default: break
        }
        if let group, group == labels {
            if (seconds == nil) != (groupTime == nil) {
                return "some samples of a metric have a timestamp and some have not"
            }
            if let seconds, let groupTime, groupTime > seconds, family.kind != .info {
                return "timestamps go backwards"
            }
        } else if group != nil, seenGroups.contains(labels) {
            return "the samples of a metric are not together"
        }
        if labels != group || seconds != groupTime, let problem = histogram.endOfGroup() { return problem }
        group = labels
        groupTime = seconds
        seenGroups.insert(labels)
        guard family.kind == .histogram || family.kind == .gaugehistogram else { return nil }
        return histogram.add(suffix, sample)
    }
}

/// What holds within one histogram.
private struct HistogramRules {
    private var isEmpty = true
    private var bound: Double?
    private var value = 0.0
    private var count: Double?
    private var hasSum = false
    private var hasGaugeSum = false
    private var hasNegativeSum = false
    private var hasNegativeBuckets = false

    mutating func add(_ suffix: String, _ sample: ExpositionSample) -> String? {
        isEmpty = false
        switch suffix {
        case "_bucket":
            let next = sample.labels["le"].flatMap(FloatParser.parse) ?? .nan
            if let bound, next <= bound { return "buckets are out of order" }
            if sample.value < value { return "a bucket holds less than the one below it" }
            if next < 0 { hasNegativeBuckets = true }
            bound = next
            value = sample.value
        case "_count", "_gcount": count = sample.value
        case "_sum": hasSum = true
        case "_gsum":
            hasGaugeSum = true
            hasNegativeSum = sample.value < 0
        default: break
        }
        return nil
    }

    mutating func endOfGroup() -> String? {
        defer { self = HistogramRules() }
        guard !isEmpty else { return nil }
        if bound != .infinity { return "the bucket with le=\"+Inf\" is missing" }
        if let count, count != value { return "the count is not that of the last bucket" }
        if hasSum || hasGaugeSum, count == nil { return "a histogram with a sum needs a count" }
        if count != nil, !hasSum, !hasGaugeSum { return "a histogram with a count needs a sum" }
        if hasNegativeBuckets, hasSum { return "a histogram with negative buckets must not have _sum" }
        if hasNegativeSum, !hasNegativeBuckets { return "a negative sum needs negative buckets" }
        return nil
    }
}
