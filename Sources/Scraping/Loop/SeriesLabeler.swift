import Codecs
import Endpoints
import Telemetry

/// From what a target exposes to what is stored: the target's labels, metric relabelling, limits, names.
struct SeriesLabeler: Sendable {
    private let rules: [RelabelRule]
    private let honorLabels: Bool
    private let settings: ScrapeSettings
    private let target: LabelSet
    private let targetRanges: [(name: Range<Int>, value: Range<Int>)]

    init(configuration: ScrapeConfiguration, target: Target) {
        rules = configuration.metricRelabelRules
        honorLabels = configuration.honorLabels
        settings = configuration.settings
        self.target = target.labels
        targetRanges = SeriesLabeler.ranges(target.labels)
    }

    /// Nil where relabelling drops the series; throws what fails the whole scrape.
    func stored(_ exposed: LabelSet) throws(ScrapeFailure) -> LabelSet? {
        let whole = merged(exposed) ?? resolved(exposed)
        guard let labels = rules.isEmpty ? whole : rules.apply(whole), !labels.isEmpty else { return nil }
        guard labels.valueRange(of: "__name__") != nil else {
            throw .limit("metric relabelling left a series without a name: \(labels)")
        }
        if settings.validation == .legacy { try checkNames(labels) }
        try checkLimits(labels)
        return labels
    }

    private static func ranges(_ labels: LabelSet) -> [(name: Range<Int>, value: Range<Int>)] {
        var out: [(name: Range<Int>, value: Range<Int>)] = []
        labels.forEachRange { out.append(($0, $1)) }
        return out
    }

    /// Both sorted lists as one; nil where a name is in both.
    private func merged(_ exposed: LabelSet) -> LabelSet? {
        var out: [UInt8] = []
        out.reserveCapacity(exposed.bytes.count + target.bytes.count)
        let own = SeriesLabeler.ranges(exposed)
        // A label with its two lengths ends where its value ends and begins where the one before ended.
        var (ownStart, targetStart, next) = (0, 0, 0)
        for (name, value) in own {
            while next < targetRanges.count {
                let candidate = targetRanges[next]
                let (a, b) = (target.bytes[candidate.name], exposed.bytes[name])
                if a.elementsEqual(b) { return nil }
                guard a.lexicographicallyPrecedes(b) else { break }
                out.append(contentsOf: target.bytes[targetStart..<candidate.value.upperBound])
                targetStart = candidate.value.upperBound
                next += 1
            }
            out.append(contentsOf: exposed.bytes[ownStart..<value.upperBound])
            ownStart = value.upperBound
        }
        out.append(contentsOf: target.bytes[targetStart...])
        return LabelSet(canonical: out)
    }

    /// One of two labels of one name gives way.
    private func resolved(_ exposed: LabelSet) -> LabelSet {
        if honorLabels { return target.merging(exposed) }
        var labels = exposed
        target.forEach { name, value in
            if let own = exposed[name] {
                var renamed = "exported_" + name
                while exposed[renamed] != nil || target[renamed] != nil { renamed = "exported_" + renamed }
                labels = labels.setting(renamed, to: own)
            }
            labels = labels.setting(name, to: value)
        }
        return labels
    }

    private func checkNames(_ labels: LabelSet) throws(ScrapeFailure) {
        func isPlain(_ name: ArraySlice<UInt8>, colon: Bool) -> Bool {
            guard let first = name.first, first &- 0x30 >= 10 else { return false }
            return name.allSatisfy {
                ($0 | 0x20) &- 0x61 < 26 || $0 &- 0x30 < 10 || $0 == UInt8(ascii: "_")
                    || (colon && $0 == UInt8(ascii: ":"))
            }
        }
        var areGood = true
        labels.forEachRange { name, value in
            let isMetric = labels.bytes[name].elementsEqual("__name__".utf8)
            if !isPlain(labels.bytes[isMetric ? value : name], colon: isMetric) { areGood = false }
        }
        if !areGood { throw .limit("invalid metric name or label names: \(labels)") }
    }

    private func checkLimits(_ labels: LabelSet) throws(ScrapeFailure) {
        guard settings.labelLimit > 0 || settings.labelNameLengthLimit > 0 || settings.labelValueLengthLimit > 0 else {
            return
        }
        let count = labels.count
        if settings.labelLimit > 0, count > settings.labelLimit {
            throw .limit(
                "label_limit exceeded (metric: \(shown(labels)), number of labels: \(count), limit: \(settings.labelLimit))")
        }
        for (name, value) in SeriesLabeler.ranges(labels) {
            if settings.labelNameLengthLimit > 0, name.count > settings.labelNameLengthLimit {
                throw .limit(
                    "label_name_length_limit exceeded (metric: \(shown(labels)), label name: \(text(labels, name)), length: \(name.count), limit: \(settings.labelNameLengthLimit))"
                )
            }
            if settings.labelValueLengthLimit > 0, value.count > settings.labelValueLengthLimit {
                throw .limit(
                    "label_value_length_limit exceeded (metric: \(shown(labels)), label name: \(text(labels, name)), value: \"\(text(labels, value))\", length: \(value.count), limit: \(settings.labelValueLengthLimit))"
                )
            }
        }
    }

    private func shown(_ labels: LabelSet) -> String { String((labels.metricName ?? "").prefix(50)) }

    private func text(_ labels: LabelSet, _ range: Range<Int>) -> String {
        String(String(decoding: labels.bytes[range], as: UTF8.self).prefix(50))
    }
}

/// What all scraped series are known by to a store: their canonical labels, hashed with a seed that no other sender has.
/// It lives as long as the process, so that a series keeps its key over reloads.
enum ScrapeKeys {
    private static let seed = UInt64.random(in: .min ... .max)

    static func key(_ labels: LabelSet) -> SeriesKey {
        let hash = Hash128.hash(labels.bytes, 0..<labels.bytes.count, seed: seed)
        return SeriesKey(high: hash.high, low: hash.low)
    }
}

/// Why a whole scrape is refused.
enum ScrapeFailure: Error, CustomStringConvertible {
    case limit(String)
    case http(String)
    /// The answer is larger than `body_size_limit`.
    case bodySize(String)

    var description: String {
        switch self {
        case .limit(let text), .http(let text), .bodySize(let text): text
        }
    }
}
