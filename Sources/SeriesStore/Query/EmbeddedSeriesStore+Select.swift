package import Storage
import Synchronization
internal import Telemetry

extension EmbeddedSeriesStore {
    package func select(_ plan: SeriesScanPlan, context: QueryContext) async throws -> any SeriesSelection {
        let matchers = try plan.matchers.map { try CompiledMatcher($0) }
        let dictionary = queryIndex.dictionary(isShort: options.guards.pressure.level > .calm)
        let memory = queryIndex.memory(of: plan.matchers)
        // The head before the parts: what is sealed in between is seen twice, never not at all.
        let (snapshot, numbers) =
            plan.range.isEmpty
            ? (HeadSnapshot(), []) : try takeHead(matchers, memory, plan.range, dictionary, context)
        let parts = self.parts.withLock { $0 }
        let overlapping = plan.range.isEmpty ? [] : parts.filter { $0.overlaps(plan.range) }
        // What was deleted is left out sample by sample.
        if overlapping.contains(where: \.hasTombstones) {
            return try await MaterialisedSelection(plan, of: self, context: context)
        }
        context.count { $0.partsSkipped.byTime += parts.count - overlapping.count }
        var search = SeriesSearch(plan, matchers, memory, dictionary, overlapping, context)
        do {
            for number in overlapping.indices { try search.add(number, queryIndex) { self.report($0) } }
            try search.add(head: snapshot, numbers)
        } catch {
            context.release(memory: search.held)
            throw error
        }
        let found = search.series.count
        context.add(search.statistics)
        context.count { $0.seriesSelected += found }
        return EmbeddedSelection(search, context) { sentence in
            self.report(sentence)
            context.warn(sentence)
        }
    }

    /// Series between two looks at the clock, and for how many a lock is held at most.
    private static let stride = 1024

    /// The head's series that match with their samples, and their numbers.
    private func takeHead(
        _ matchers: [CompiledMatcher], _ memory: SelectorMemory, _ range: TimeRange, _ dictionary: SeriesDictionary,
        _ context: QueryContext
    ) throws -> (HeadSnapshot, [UInt32]) {
        while true {
            let (slots, epoch) = registry.withLock { registry in
                let version = registry.version
                if let known = memory.slots(of: version) { return (known, registry.epoch) }
                let found = registry.matching(matchers)
                memory.keep(found, of: version)
                return (found, registry.epoch)
            }
            let snapshot = try takeSnapshot(slots, range, context)
            var numbers: [UInt32] = []
            numbers.reserveCapacity(snapshot.entries.count)
            var isStill = true
            for start in Swift.stride(from: 0, to: snapshot.entries.count, by: EmbeddedSeriesStore.stride) {
                let some = snapshot.entries[start..<min(start + EmbeddedSeriesStore.stride, snapshot.entries.count)]
                    .map(\.slot)
                registry.withLock { registry in
                    isStill = isStill && registry.epoch == epoch
                    guard isStill else { return }
                    numbers += dictionary.numbers(ofSlots: some, registry)
                }
            }
            // Slots were freed and may have gone to other series in between: once more.
            guard isStill, registry.withLock({ $0.epoch }) == epoch else { continue }
            return (snapshot, numbers)
        }
    }

    private func takeSnapshot(
        _ slots: [UInt32], _ range: TimeRange, _ context: QueryContext
    ) throws -> HeadSnapshot {
        var snapshot = HeadSnapshot()
        var byShard = [[UInt32]](repeating: [], count: shards.count)
        for slot in slots { byShard[Int(slot) & shardMask].append(slot) }
        for (number, box) in shards.enumerated() {
            let mine = byShard[number]
            for start in Swift.stride(from: 0, to: mine.count, by: EmbeddedSeriesStore.stride) {
                try context.check()
                let some = mine[start..<min(start + EmbeddedSeriesStore.stride, mine.count)]
                // Runs never change, so only the tail is read under the lock; both at one moment, or a row that moves
                // from one to the other is missed.
                box.state.withLock { head in
                    let overlapping = head.runs.filter { range.overlaps(first: $0.minTime, last: $0.maxTime) }
                    let runs = snapshot.add(runs: overlapping)
                    for slot in some { snapshot.add(slot, place: place(slot), runs: runs, head, range) }
                }
            }
        }
        return snapshot
    }
}

/// Samples of the head as they were when a query began.
struct HeadSnapshot: Sendable {
    struct Entry {
        var slot: UInt32
        /// In its shard.
        var place: Int
        /// Of ``runs``.
        var runs: Range<Int>
        /// Of ``tailTimes``.
        var tail: Range<Int>
    }

    private(set) var entries: [Entry] = []
    private(set) var runs: [SampleRun] = []
    private(set) var tailTimes: [Int64] = []
    private(set) var tailValues: [Double] = []
    private(set) var holdsHistograms = false

    var byteCount: Int { entries.count * 56 + tailTimes.count * 16 }

    mutating func add(runs more: [SampleRun]) -> Range<Int> {
        let start = runs.count
        runs += more
        return start..<runs.count
    }

    mutating func add(
        _ slot: UInt32, place: Int, runs range: Range<Int>, _ head: borrowing HeadShard, _ time: TimeRange
    ) {
        let start = tailTimes.count
        head.tailSamples(slot: place, in: time, &tailTimes, &tailValues)
        if !head.histograms(slot: place, in: time).isEmpty { holdsHistograms = true }
        let tail = start..<tailTimes.count
        guard !tail.isEmpty || holdsHistograms || range.contains(where: { !runs[$0].rows(of: place).isEmpty }) else {
            return
        }
        entries.append(Entry(slot: slot, place: place, runs: range, tail: tail))
    }
}
