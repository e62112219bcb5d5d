import Telemetry

/// A family of OpenMetrics: one or more metric names under one `# TYPE`.
struct MetricFamily {
    var name: String
    var kind: MetricMetadata.Kind
    var help: String
    var unit: String
    /// Of its samples, sorted.
    var metrics: [String]
}

enum MetricFamilies {
    /// Names put together by what the metadata says. A name that OpenMetrics' rules for its type do not allow (a
    /// counter without `_total`) or that two families claim becomes a family of its own, of unknown type.
    static func plan(_ names: [String], _ metadata: [String: MetricMetadata]) -> [MetricFamily] {
        var families: [String: MetricFamily] = [:]
        for name in names {
            let (family, kind, source) = place(of: name, metadata)
            if families[family] != nil, families[family]?.kind != kind {
                // Two types under one name: neither gets it.
                if let other = families[family], other.metrics != [family] {
                    families[family] = nil
                    for metric in other.metrics { families[metric] = lone(metric) }
                }
                families[name] = lone(name)
                continue
            }
            var entry =
                families[family]
                ?? MetricFamily(
                    name: family, kind: kind, help: source?.help ?? "", unit: unit(source?.unit ?? "", of: family),
                    metrics: [])
            entry.metrics.append(name)
            families[family] = entry
        }
        return families.values.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    private static func lone(_ name: String) -> MetricFamily {
        MetricFamily(name: name, kind: .unknown, help: "", unit: "", metrics: [name])
    }

    /// The unit must end the family's name.
    private static func unit(_ unit: String, of family: String) -> String {
        !unit.isEmpty && family.hasSuffix("_" + unit) ? unit : ""
    }

    private static func place(
        of name: String, _ metadata: [String: MetricMetadata]
    ) -> (family: String, kind: MetricMetadata.Kind, source: MetricMetadata?) {
        func without(_ suffix: String) -> String? {
            name.hasSuffix(suffix) && name.count > suffix.count ? String(name.dropLast(suffix.count)) : nil
        }
        for (suffix, kinds) in [
            ("_bucket", [MetricMetadata.Kind.histogram]), ("_count", [.histogram, .summary]),
            ("_sum", [.histogram, .summary]), ("_total", [.counter]), ("_info", [.info]),
        ] {
            if let base = without(suffix), let found = metadata[base], kinds.contains(found.kind) {
                return (base, found.kind, found)
            }
        }
        guard let found = metadata[name] else { return (name, .unknown, nil) }
        switch found.kind {
        case .counter:
            // The older format's counters have their whole name as the family's.
            if let base = without("_total") { return (base, .counter, found) }
            return (name, .unknown, found)
        case .info:
            if let base = without("_info") { return (base, .info, found) }
            return (name, .unknown, found)
        case .gauge, .summary: return (name, found.kind, found)
        // A native histogram's own name has no samples in text; state sets have rules that few keep.
        case .histogram, .gaugehistogram, .stateset, .unknown: return (name, .unknown, found)
        }
    }
}
