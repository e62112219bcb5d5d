internal import Telemetry
internal import Vectors

/// Fills a reader as `load` says.
struct TestStorage {
    private(set) var reader = MemorySeriesReader()
    private var lastHistograms: [LabelSet: NativeHistogram] = [:]

    mutating func load(_ series: [SeriesNotation], step: Int64, customBuckets: Bool) {
        var offsets: [Int64?] = []
        for one in series {
            if one.isStartTimestamps {
                offsets = one.offsets
                continue
            }
            for (i, item) in one.items.enumerated() {
                let time = Int64(i) &* step
                let start = i < offsets.count ? offsets[i].map { time &+ $0 } ?? 0 : 0
                switch item {
                case .nothing: break
                case .float(let value):
                    reader.add(one.labels, time, value, start: start)
                    lastHistograms[one.labels] = nil
                case .histogram(let histogram, let hintWritten):
                    add(one.labels, time, histogram, start: start, detectsResets: !hintWritten)
                }
            }
            offsets = []
        }
        if customBuckets { addCustomBuckets(series, step: step) }
    }

    /// As a store does: whether a counter was reset is found when it is written.
    private mutating func add(
        _ labels: LabelSet, _ time: Int64, _ histogram: NativeHistogram, start: Int64 = 0, detectsResets: Bool = true
    ) {
        var stored = histogram
        if detectsResets, stored.resetHint == .unknown, let previous = lastHistograms[labels] {
            // Stores keep "no reset" but forget "reset" between chunks (Prometheus' issue 15346).
            let fresh = previous.resetHint == .gauge || stored.isReset(after: previous)
            stored.resetHint = fresh ? .unknown : .notReset
        }
        reader.add(labels, time, stored, start: start)
        lastHistograms[labels] = histogram
    }

    /// Classic histograms once more, as native ones with custom bounds.
    private mutating func addCustomBuckets(_ series: [SeriesNotation], step: Int64) {
        struct Parts {
            var buckets: [(bound: Double, items: [SeriesNotation.Item])] = []
            var count: [SeriesNotation.Item] = []
            var sum: [SeriesNotation.Item] = []
        }
        var parts: [LabelSet: Parts] = [:]
        for one in series where !one.isStartTimestamps {
            guard let name = one.labels.metricName else { continue }
            for suffix in ["_bucket", "_count", "_sum"] where name.hasSuffix(suffix) {
                let base = one.labels.dropping(["le"]).setting("__name__", to: String(name.dropLast(suffix.count)))
                if suffix == "_bucket" {
                    guard let bound = one.labels["le"].flatMap(TestNumber.parse) else { continue }
                    parts[base, default: Parts()].buckets.append((bound, one.items))
                } else if suffix == "_count" {
                    parts[base, default: Parts()].count = one.items
                } else {
                    parts[base, default: Parts()].sum = one.items
                }
            }
        }
        func float(_ items: [SeriesNotation.Item], _ i: Int) -> Double? {
            guard i < items.count, case .float(let value) = items[i], !SpecialValue.isStaleMarker(value) else {
                return nil
            }
            return value
        }
        for (base, part) in parts {
            let length = (part.buckets.map(\.items.count) + [part.count.count, part.sum.count]).max() ?? 0
            let sorted = part.buckets.sorted { $0.bound < $1.bound }
            for i in 0..<length {
                var histogram = NativeHistogram()
                histogram.schema = NativeHistogram.customBucketsSchema
                var below = 0.0
                for bucket in sorted {
                    guard let count = float(bucket.items, i) else { continue }
                    if bucket.bound < .infinity { histogram.customValues.append(bucket.bound) }
                    histogram.positiveBuckets.append(count - below)
                    below = count
                }
                let count = float(part.count, i)
                guard !histogram.positiveBuckets.isEmpty || count != nil else { continue }
                if histogram.positiveBuckets.count == histogram.customValues.count, let count {
                    histogram.positiveBuckets.append(count - below)
                }
                histogram.count = count ?? below
                histogram.sum = float(part.sum, i) ?? 0
                histogram.positiveSpans = [.init(offset: 0, length: UInt32(histogram.positiveBuckets.count))]
                add(base, Int64(i) &* step, histogram.compacted())
            }
        }
    }
}
