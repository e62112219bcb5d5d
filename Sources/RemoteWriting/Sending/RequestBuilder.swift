import Codecs
import Endpoints
import Telemetry
import Wire

/// A request body of queued items.
enum RequestBuilder {
    /// Snappy-compressed. Metadata by family name is for 2.0 alone, where it hangs on each series.
    static func body(
        _ items: [QueuedItem], version: RemoteWrite.Version, metadata: [String: MetricMetadata] = [:]
    ) -> [UInt8] {
        var batch = SeriesBatch()
        var refs: [LabelSet: UInt32] = [:]
        refs.reserveCapacity(items.count)
        for item in items {
            let ref: UInt32
            if let known = refs[item.labels] {
                ref = known
            } else {
                ref = batch.addSeries(item.labels)
                refs[item.labels] = ref
            }
            switch item.content {
            case .value(let value):
                if item.startTimestamp != 0 || !batch.startTimestamps.isEmpty {
                    let missing = batch.refs.count - batch.startTimestamps.count
                    batch.startTimestamps += Array(repeating: 0, count: max(0, missing)) + [item.startTimestamp]
                }
                batch.addSample(ref, timestamp: item.timestamp, value: value)
            case .histogram(let histogram):
                batch.histograms.append(
                    .init(
                        series: ref, timestamp: item.timestamp, histogram: histogram,
                        startTimestamp: item.startTimestamp))
            case .exemplar(let exemplar): batch.exemplars.append(.init(series: ref, exemplar: exemplar))
            }
        }
        if version == .two { batch.metadata = Array(metadata.values) }
        return Snappy.compress(RemoteWrite.encode(batch, version: version))
    }

    static func metadata(_ entries: ArraySlice<MetricMetadata>) -> [UInt8] {
        var batch = SeriesBatch()
        batch.metadata = Array(entries)
        return Snappy.compress(RemoteWrite.encode(batch))
    }
}

/// Labels as the receiver sees them: with the external ones where ours have none of the name, then relabelled.
/// Remembered by series, because relabelling costs more than all the rest.
struct OutgoingLabels {
    private let external: [Label]
    private let rules: [RelabelRule]
    private var known: [LabelSet: LabelSet?] = [:]

    init(external: LabelSet, rules: [RelabelRule]) {
        self.external = external.labels
        self.rules = rules
    }

    /// nil where a rule drops the series.
    mutating func outgoing(_ labels: LabelSet) -> LabelSet? {
        if external.isEmpty && rules.isEmpty { return labels }
        if let known = known[labels] { return known }
        // Series that are gone must not stay here for ever.
        if known.count > 200_000 { known.removeAll() }
        var out = labels
        let missing = external.filter { labels.valueRange(of: $0.name) == nil }
        if !missing.isEmpty { out = LabelSet(labels.labels + missing) }
        let result = rules.isEmpty ? out : rules.apply(out).flatMap { $0.isEmpty ? nil : $0 }
        known[labels] = .some(result)
        return result
    }
}
