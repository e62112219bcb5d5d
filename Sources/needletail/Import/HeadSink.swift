import Telemetry
import Wire

/// Takes the records of the log and the head's chunks, and lets through what Prometheus itself would answer from them.
struct HeadSink: LogRecordSink {
    /// The first pass over the log is for series and deletions.
    var wantsSamples = false
    /// Whether the log of late samples is read.
    var isOutOfOrder = false
    var batch = ImportBatch()
    private(set) var samples = 0
    private(set) var histograms = 0
    private(set) var exemplars = 0
    private(set) var deleted = 0
    private(set) var skippedReasons: [String: Int] = [:]
    private(set) var minTime = Int64.max
    private(set) var maxTime = Int64.min

    /// Deleted in blocks. The log is not read from the end of the newest block on, as Prometheus does it: where that
    /// block has only late samples, everything else of its time would be lost.
    private let deletions: [LabelSet: [ClosedRange<Int64>]]
    private var labels: [LabelSet] = []
    /// Newest sample in order, which is all that Prometheus takes from the log of samples in order.
    private var newest: [Int64] = []
    private var indices: [LabelSet: Int] = [:]
    /// After a restart one series may have several references.
    private var references: [UInt64: Int] = [:]
    private var tombstones = FolderTombstones()
    private var described: Set<String> = []
    /// Times of chunks that were read already. The log spells a histogram in another way than a chunk, whose samples
    /// share one layout: the store would take it for another value.
    private let histogramsOfBlocks: [LabelSet: [ClosedRange<Int64>]]
    private var histogramsRead: [Int: [ClosedRange<Int64>]] = [:]

    init(deletions: [LabelSet: [ClosedRange<Int64>]], histogramsOfBlocks: [LabelSet: [ClosedRange<Int64>]]) {
        self.deletions = deletions
        self.histogramsOfBlocks = histogramsOfBlocks
    }

    var seriesCount: Int { labels.count }

    mutating func resetCounts() {
        (samples, histograms, exemplars, deleted) = (0, 0, 0, 0)
        skippedReasons = [:]
    }

    // MARK: First pass

    mutating func series(_ reference: UInt64, _ labels: LabelSet) {
        guard references[reference] == nil else { return }
        let index: Int
        if let known = indices[labels] {
            index = known
        } else {
            index = self.labels.count
            self.labels.append(labels)
            newest.append(.min)
            indices[labels] = index
            if let read = histogramsOfBlocks[labels] { histogramsRead[index] = read }
            for range in deletions[labels] ?? [] { tombstones.add(UInt64(index), range.lowerBound, range.upperBound) }
        }
        references[reference] = index
    }

    mutating func tombstone(_ reference: UInt64, _ minTime: Int64, _ maxTime: Int64) {
        guard !wantsSamples else { return }
        // By series, whichever of its references it came under.
        if let index = references[reference] { tombstones.add(UInt64(index), minTime, maxTime) }
    }

    mutating func metadata(_ reference: UInt64, _ kind: MetricMetadata.Kind, unit: String, help: String) {
        guard wantsSamples, let index = references[reference], let name = labels[index].metricName else { return }
        var family = name
        let suffixes: [String] =
            switch kind {
            case .histogram, .gaugehistogram: ["_bucket", "_count", "_sum"]
            case .summary: ["_count", "_sum"]
            default: []
            }
        if let suffix = suffixes.first(where: name.hasSuffix) { family = String(name.dropLast(suffix.count)) }
        guard described.insert(family).inserted else { return }
        batch.add(MetricMetadata(name: family, kind: kind, help: help, unit: unit))
    }

    // MARK: Samples

    private mutating func admit(_ index: Int, _ time: Int64) -> Bool {
        // A late sample may be in a block already; giving it twice is no harm.
        if !isOutOfOrder {
            guard time > newest[index] else { return false }
            newest[index] = time
        }
        if tombstones.contains(UInt64(index), time) {
            deleted += 1
            return false
        }
        minTime = min(minTime, time)
        maxTime = max(maxTime, time)
        return true
    }

    private mutating func find(_ reference: UInt64) -> Int? {
        if let index = references[reference] { return index }
        skipped("samples of series that the log does not define")
        return nil
    }

    mutating func sample(_ reference: UInt64, _ time: Int64, _ value: Double, start: Int64) {
        guard let index = find(reference), admit(index, time) else { return }
        samples += 1
        batch.add(batch.series(labels[index]), time, value, start: start)
    }

    mutating func histogram(_ reference: UInt64, _ time: Int64, _ histogram: NativeHistogram, start: Int64) {
        guard let index = find(reference), !isRead(index, time), admit(index, time) else { return }
        histograms += 1
        batch.add(batch.series(labels[index]), time, histogram, start: start)
    }

    private func isRead(_ index: Int, _ time: Int64) -> Bool {
        guard let ranges = histogramsRead[index] else { return false }
        return ranges.contains { $0.contains(time) }
    }

    mutating func exemplar(_ reference: UInt64, _ exemplar: Exemplar) {
        guard let index = references[reference] else { return }
        exemplars += 1
        batch.add(batch.series(labels[index]), exemplar)
    }

    mutating func add(_ chunk: HeadChunkFile.Chunk) {
        guard let index = find(chunk.reference) else { return }
        // In order or not: the log may have what lies before a chunk, where a restart lost it.
        let wasOutOfOrder = isOutOfOrder
        isOutOfOrder = true
        defer { isOutOfOrder = wasOutOfOrder }
        let found = chunk.samples
        for i in found.timestamps.indices where admit(index, found.timestamps[i]) {
            samples += 1
            let start = found.startTimestamps.isEmpty ? 0 : found.startTimestamps[i]
            batch.add(batch.series(labels[index]), found.timestamps[i], found.values[i], start: start)
        }
        for (time, histogram) in zip(found.histogramTimestamps, found.histograms)
        where !isRead(index, time) && admit(index, time) {
            histograms += 1
            batch.add(batch.series(labels[index]), time, histogram, start: 0)
        }
        if let first = found.histogramTimestamps.min(), let last = found.histogramTimestamps.max() {
            histogramsRead[index, default: []].append(first...last)
        }
    }

    mutating func skipped(_ reason: String) { skippedReasons[reason, default: 0] += 1 }
}
