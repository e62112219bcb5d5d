import Codecs
internal import Storage
import Synchronization
internal import Telemetry

/// Samples of one series that a query took out of the head, in order of arrival.
struct HeadColumns: Sendable {
    var timestamps: [Int64] = []
    var values: [Double] = []
    var starts: [StartChange] = []
    var histograms: [HeadHistogram] = []

    var isEmpty: Bool { timestamps.isEmpty && histograms.isEmpty }
    var byteCount: Int {
        timestamps.count * 16 + starts.count * 16 + histograms.reduce(0) { $0 + $1.bytes.count + 64 }
    }
}

extension SampleMerge {
    mutating func add(_ block: PartBlock, _ reader: PartReader, in range: TimeRange) throws {
        switch block.kind {
        case .floats:
            let read = try reader.floats(block)
            add(timestamps: read.timestamps[...], values: read.values[...], starts: read.starts, in: range)
        case .histograms:
            let read = try reader.histograms(block)
            add(timestamps: read.timestamps, histograms: read.histograms, starts: read.starts, in: range)
        }
    }

    mutating func add(_ head: HeadColumns, in range: TimeRange) throws(CodecError) {
        add(timestamps: head.timestamps[...], values: head.values[...], changes: head.starts, in: range)
        for histogram in head.histograms { try add(histogram, in: range) }
    }
}

extension EmbeddedSeriesStore {
    /// Series between two looks at the clock, and for how many a lock is held at most.
    private static let stride = 1024

    /// Hands over the head's series that match and have samples in the range. For a catalog query the samples are not
    /// taken along, and one in the range is enough.
    func forEachHeadSeries(
        _ matchers: [CompiledMatcher], _ range: TimeRange, _ context: QueryContext, isCatalog: Bool = false,
        _ body: (LabelSet, HeadColumns) throws -> Void
    ) throws {
        while true {
            let (slots, epoch) = registry.withLock { ($0.matching(matchers), $0.epoch) }
            let (kept, columns) = try takeSamples(slots, range, context, isCatalog: isCatalog)
            var labels: [LabelSet] = []
            labels.reserveCapacity(kept.count)
            var isStill = true
            for start in Swift.stride(from: 0, to: kept.count, by: EmbeddedSeriesStore.stride) {
                registry.withLock { registry in
                    isStill = isStill && registry.epoch == epoch
                    guard isStill else { return }
                    for slot in kept[start..<min(start + EmbeddedSeriesStore.stride, kept.count)] {
                        labels.append(registry.labels(of: slot))
                    }
                }
            }
            // Slots were freed and may have gone to other series in between: once more.
            guard isStill, registry.withLock({ $0.epoch }) == epoch else { continue }
            for (place, one) in labels.enumerated() { try body(one, isCatalog ? HeadColumns() : columns[place]) }
            return
        }
    }

    private func takeSamples(
        _ slots: [UInt32], _ range: TimeRange, _ context: QueryContext, isCatalog: Bool
    ) throws -> (slots: [UInt32], columns: [HeadColumns]) {
        var kept: [UInt32] = []
        var columns: [HeadColumns] = []
        for (number, box) in shards.enumerated() {
            let mine = slots.filter { Int($0) & shardMask == number }
            for start in Swift.stride(from: 0, to: mine.count, by: EmbeddedSeriesStore.stride) {
                try context.check()
                let some = mine[start..<min(start + EmbeddedSeriesStore.stride, mine.count)]
                // Runs never change, so only the tail is read under the lock; both at one moment, or a row that moves
                // from one to the other is missed.
                let (runs, taken) = box.state.withLock { head in
                    (head.runs, some.map { snapshot(place($0), head, range) })
                }
                for (slot, tail) in zip(some, taken) {
                    var one = HeadColumns(starts: tail.starts, histograms: tail.histograms)
                    for run in runs where range.overlaps(first: run.minTime, last: run.maxTime) {
                        for sample in run.samples[run.rows(of: place(slot))] where range.contains(sample.timestamp) {
                            one.timestamps.append(sample.timestamp)
                            one.values.append(sample.value)
                            if isCatalog { break }
                        }
                    }
                    one.timestamps += tail.timestamps
                    one.values += tail.values
                    guard !one.isEmpty else { continue }
                    kept.append(slot)
                    columns.append(one)
                }
            }
        }
        return (kept, columns)
    }

    private func snapshot(_ place: Int, _ head: borrowing HeadShard, _ range: TimeRange) -> HeadColumns {
        var columns = HeadColumns()
        head.tailSamples(slot: place, in: range, &columns.timestamps, &columns.values)
        columns.histograms = head.histograms(slot: place, in: range)
        if place < head.records.count, head.records[place].hasStart { columns.starts = head.starts(slot: place) }
        return columns
    }
}
