import Codecs
internal import Storage
import Synchronization
internal import Telemetry

/// What the journal has beyond the last flush, read back at start.
extension EmbeddedSeriesStore {
    func replay() throws {
        var state = ReplayState()
        let checkpoint = try folder.catalog.checkpoint(of: EmbeddedSeriesStore.checkpointName)
        let report = try journal.replay(after: checkpoint) { position, payload in
            do {
                apply(try JournalRecord(decoding: payload), &state)
            } catch let error as CodecError {
                self.report("\(journal.folder): record \(position) cannot be read: \(error)")
            }
        }
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
        var sampleSlots: [UInt32] = []

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

    private func apply(_ record: JournalRecord, _ state: inout ReplayState) {
        if record.generation != state.generation {
            state.generation = record.generation
            state.slots = []
        }
        if let id = record.batch { batchIDs.withLock { $0.insert(id) } }
        define(record.definitions, &state)
        let now = clock()
        let cutoff = now &- options.retention
        let touched = touchTime(now)
        state.sampleSlots.removeAll(keepingCapacity: true)
        for id in record.ids {
            let slot = state.slot(id)
            if slot == Admission.invalid { state.orphans += 1 }
            state.sampleSlots.append(slot)
        }
        let histogramSlots = record.histograms.map { state.slot($0.id) }
        state.orphans += histogramSlots.reduce(0) { $0 + ($1 == Admission.invalid ? 1 : 0) }
        for (number, box) in shards.enumerated() {
            box.state.withLock { head in
                for (i, slot) in state.sampleSlots.enumerated()
                where Int(slot) & shardMask == number && slot != Admission.invalid {
                    let timestamp = record.timestamps[i]
                    guard timestamp >= cutoff else { continue }
                    let verdict = head.insert(
                        slot: place(slot), timestamp: timestamp, value: record.values[i], touched: touched)
                    guard verdict == .stored else { continue }
                    state.rows += 1
                    head.note(
                        start: record.starts.isEmpty ? 0 : record.starts[i], slot: place(slot), timestamp: timestamp)
                }
                for (i, slot) in histogramSlots.enumerated()
                where Int(slot) & shardMask == number && slot != Admission.invalid {
                    let one = record.histograms[i]
                    guard one.timestamp >= cutoff else { continue }
                    if head.insert(slot: place(slot), histogram: HeadHistogram(one), touched: touched) == .stored {
                        state.rows += 1
                    }
                }
            }
        }
        remember(exemplars: record.exemplars, metadata: record.metadata)
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
