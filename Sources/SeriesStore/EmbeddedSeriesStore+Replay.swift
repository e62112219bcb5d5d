import Codecs
import Dispatch
internal import Storage
import Synchronization
internal import Telemetry

/// What the journal has beyond the last flush, read back at start: records are decoded side by side, series are defined in
/// order, and each shard takes its samples on a core of its own.
extension EmbeddedSeriesStore {
    func replay() throws {
        var state = ReplayState()
        let checkpoint = try folder.catalog.checkpoint(of: EmbeddedSeriesStore.checkpointName)
        var pending: [(JournalPosition, ArraySlice<UInt8>)] = []
        var bytes = 0
        let report = try journal.replay(after: checkpoint) { position, payload in
            pending.append((position, payload))
            bytes += payload.count
            // Enough to be worth the cores, little enough to be decoded in memory.
            guard pending.count >= 128 || bytes >= 8 << 20 else { return }
            apply(pending, &state)
            pending = []
            bytes = 0
        }
        apply(pending, &state)
        for problem in report.problems { self.report(problem) }
        if state.orphans > 0 {
            self.report(
                "\(journal.folder): \(state.orphans) samples belong to series whose definition was lost to damage")
        }
        // The first append begins a generation: queries need none, and making a segment waits for the disk.
        freshRows.store(state.rows, ordering: .relaxed)
    }

    private struct ReplayState {
        var generation = 0
        /// Slots of the generation's ids, which are dense.
        var slots: [UInt32] = []
        var firstID: UInt64 = 0
        var orphans = 0
        var rows = 0

        func slot(_ id: UInt64) -> UInt32 {
            let index = id &- firstID
            return index < UInt64(slots.count) ? slots[Int(index)] : Admission.invalid
        }

        /// False where the id is so far from the others that it can only be damage.
        mutating func define(_ id: UInt64, _ slot: UInt32) -> Bool {
            if slots.isEmpty { firstID = id }
            if id < firstID {
                let missing = firstID - id
                guard missing < 1 << 28 else { return false }
                slots.insert(contentsOf: repeatElement(Admission.invalid, count: Int(missing)), at: 0)
                firstID = id
            }
            guard id - firstID < 1 << 28 else { return false }
            let index = Int(id - firstID)
            while slots.count <= index { slots.append(Admission.invalid) }
            slots[index] = slot
            return true
        }
    }

    /// A record with the slots of its samples.
    private struct Resolved: Sendable {
        var record: JournalRecord
        var sampleSlots: [UInt32]
        var histogramSlots: [UInt32]
    }

    /// What one core made of one record.
    private final class Decoded: Sendable {
        let record = Mutex<Result<JournalRecord, CodecError>?>(nil)
    }

    private func apply(_ payloads: [(JournalPosition, ArraySlice<UInt8>)], _ state: inout ReplayState) {
        guard !payloads.isEmpty else { return }
        let decoded = payloads.map { _ in Decoded() }
        DispatchQueue.concurrentPerform(iterations: payloads.count) { index in
            let result = Result { () throws(CodecError) in try JournalRecord(decoding: payloads[index].1) }
            decoded[index].record.withLock { $0 = result }
        }
        var resolved: [Resolved] = []
        for (index, one) in decoded.enumerated() {
            switch one.record.withLock({ $0 }) {
            case .success(let record): resolved.append(resolve(record, &state))
            case .failure(let error):
                report("\(journal.folder): record \(payloads[index].0) cannot be read: \(error)")
            case nil: continue
            }
        }
        let now = clock()
        let rows = Atomic(0)
        let all = resolved
        DispatchQueue.concurrentPerform(iterations: shards.count) { number in
            rows.add(insert(all, shard: number, now: now), ordering: .relaxed)
        }
        state.rows += rows.load(ordering: .relaxed)
        for one in resolved { remember(exemplars: one.record.exemplars, metadata: one.record.metadata) }
    }

    private func resolve(_ record: JournalRecord, _ state: inout ReplayState) -> Resolved {
        if record.generation != state.generation {
            state.generation = record.generation
            state.slots = []
        }
        if let id = record.batch { batchIDs.withLock { $0.insert(id) } }
        define(record.definitions, &state)
        var resolved = Resolved(record: record, sampleSlots: [], histogramSlots: [])
        resolved.record.definitions = []
        resolved.sampleSlots.reserveCapacity(record.ids.count)
        for id in record.ids {
            let slot = state.slot(id)
            if slot == Admission.invalid { state.orphans += 1 }
            resolved.sampleSlots.append(slot)
        }
        for histogram in record.histograms {
            let slot = state.slot(histogram.id)
            if slot == Admission.invalid { state.orphans += 1 }
            resolved.histogramSlots.append(slot)
        }
        return resolved
    }

    /// Puts the samples of one shard into its head; answers how many.
    private func insert(_ resolved: [Resolved], shard number: Int, now: Int64) -> Int {
        let cutoff = now &- options.retention
        let touched = touchTime(now)
        return shards[number].state.withLock { head in
            var rows = 0
            for one in resolved {
                let record = one.record
                for (i, slot) in one.sampleSlots.enumerated()
                where Int(slot) & shardMask == number && slot != Admission.invalid {
                    let timestamp = record.timestamps[i]
                    guard timestamp >= cutoff else { continue }
                    let verdict = head.insert(
                        slot: place(slot), timestamp: timestamp, value: record.values[i], touched: touched)
                    guard verdict == .stored else { continue }
                    rows += 1
                    head.note(
                        start: record.starts.isEmpty ? 0 : record.starts[i], slot: place(slot), timestamp: timestamp)
                }
                for (i, slot) in one.histogramSlots.enumerated()
                where Int(slot) & shardMask == number && slot != Admission.invalid {
                    let histogram = record.histograms[i]
                    guard histogram.timestamp >= cutoff else { continue }
                    let verdict = head.insert(
                        slot: place(slot), histogram: HeadHistogram(histogram), touched: touched)
                    if verdict == .stored { rows += 1 }
                }
            }
            return rows
        }
    }

    private func define(_ definitions: [(id: UInt64, labels: LabelSet)], _ state: inout ReplayState) {
        guard !definitions.isEmpty else { return }
        registry.withLock { registry in
            for (id, labels) in definitions where state.slot(id) == Admission.invalid {
                let hash = Hash64.hash(labels.bytes)
                var slot = registry.slot(of: labels, hash: hash)
                if slot == nil {
                    slot = define(labels, hash: hash, &registry)
                    seriesGuard.add(labels)
                }
                if let slot, !state.define(id, slot) { report("\(journal.folder): series id \(id) is damage") }
            }
        }
    }
}
