import Codecs
package import Storage
import Synchronization
package import Telemetry

extension EmbeddedSeriesStore {
    package func append(_ batch: SeriesBatch, id: BatchID?) async throws -> AppendOutcome {
        if let id, batchIDs.withLock({ $0.contains(id) }) {
            var outcome = AppendOutcome()
            outcome.accepted = batch.refs.count + batch.histograms.count
            outcome.acceptedHistograms = batch.histograms.count
            outcome.acceptedExemplars = batch.exemplars.count
            return outcome
        }
        try options.guards.refuseWhenShort()
        try checkRoom()
        if generation.load(ordering: .acquiring) == 0, !isClosed.load(ordering: .acquiring) {
            await gate.enterAlone()
            defer { gate.leaveAlone() }
            try beginGeneration()
        }
        await gate.enter()
        defer { gate.leave() }
        guard !isClosed.load(ordering: .acquiring) else { throw StorageError.closed }
        var admission = Admission(now: clock(), options: options)
        admission.record.batch = id
        admission.record.generation = generation.load(ordering: .relaxed)
        resolve(batch, &admission)
        admit(batch, &admission)
        guard !admission.record.isEmpty else {
            admission.explain(outOfOrderWindow: options.outOfOrderWindow) { slot in
                registry.withLock { $0.labels(of: slot) }
            }
            return admission.outcome
        }
        _ = try await journal.append(admission.record.encoded())
        store(&admission)
        if let id { batchIDs.withLock { $0.insert(id) } }
        return admission.outcome
    }

    /// Refuses before memory is in danger: the flush cannot keep up, or the disk is full.
    private func checkRoom() throws {
        let rows = freshRows.load(ordering: .relaxed)
        guard rows > options.rowLimit else { return }
        wishFlush()
        throw StorageError.overloaded(
            "\(rows) samples wait in memory to be written to disk, more than the \(options.rowLimit) that may; "
                + "try again in some seconds, and look at the disk if this stays")
    }

    // MARK: Series

    private func resolve(_ batch: SeriesBatch, _ admission: inout Admission) {
        if batch.keys.isEmpty {
            let hashes = batch.series.map { Hash64.hash($0.bytes) }
            admission.slots.reserveCapacity(hashes.count)
            registry.withLock { registry in
                for (i, hash) in hashes.enumerated() {
                    admission.slots.append(
                        registry.slot(of: batch.series[i], hash: hash)
                            ?? add(batch.series[i], hash: hash, &registry, &admission.outcome))
                }
            }
            return
        }
        registry.withLock { $0.slots(of: batch.keys, into: &admission.slots) }
        for index in admission.slots.indices where admission.slots[index] == SeriesKeyTable.none {
            do throws(InvalidSeries) {
                let labels = try batch.labels(ofSeries: index)
                let hash = Hash64.hash(labels.bytes)
                admission.slots[index] = registry.withLock { registry in
                    let slot =
                        registry.slot(of: labels, hash: hash) ?? add(labels, hash: hash, &registry, &admission.outcome)
                    if slot < Admission.limited { registry.remember(batch.keys[index], slot: slot) }
                    return slot
                }
            } catch {
                admission.slots[index] = Admission.invalid
                admission.outcome.invalidSeries += 1
                if admission.outcome.firstRejection == nil { admission.outcome.firstRejection = error.reason }
            }
        }
    }

    /// Slot of a series that is new, ``Admission/limited`` where there may be no more.
    private func add(
        _ labels: LabelSet, hash: UInt64, _ registry: inout SeriesRegistry, _ outcome: inout AppendOutcome
    ) -> UInt32 {
        if options.seriesLimit > 0, registry.count >= options.seriesLimit {
            outcome.reject(.limit, count: 0, "the limit of \(options.seriesLimit) active series is reached: \(labels)")
            return Admission.limited
        }
        guard seriesGuard.admit(labels) else {
            outcome.reject(.limit, count: 0, seriesGuard.refusal(of: labels))
            return Admission.limited
        }
        outcome.newSeries += 1
        flushRows.store(rowsOfFlush(registry.count), ordering: .relaxed)
        return define(labels, hash: hash, &registry)
    }

    /// The shard knows the series before anybody else can find it.
    func define(_ labels: LabelSet, hash: UInt64, _ registry: inout SeriesRegistry) -> UInt32 {
        let slot = registry.add(labels, hash: hash)
        let id = nextID.add(1, ordering: .relaxed).newValue
        shard(slot).state.withLock { $0.define(slot: place(slot), id: id) }
        return slot
    }

    // MARK: Admission

    private func admit(_ batch: SeriesBatch, _ admission: inout Admission) {
        let count = min(batch.refs.count, batch.timestamps.count, batch.values.count)
        if batch.refs.count > count {
            admission.outcome.reject(
                .invalid, count: batch.refs.count - count, "samples without a timestamp or a value")
        }
        rejectUnresolved(batch, count, &admission)
        admission.makeRoom(forSamples: count)
        let encoded = batch.histograms.map { HistogramCodec.encode($0.histogram) }
        for (number, box) in shards.enumerated() {
            box.state.withLock { head in
                admitSamples(of: batch, count, number, head, &admission)
                for (i, sample) in batch.histograms.enumerated() where Int(sample.series) < admission.slots.count {
                    let slot = admission.slots[Int(sample.series)]
                    guard slot < Admission.limited, Int(slot) & shardMask == number else { continue }
                    admit(histogram: sample, encoded[i], slot: slot, of: batch, head, &admission)
                }
            }
        }
        admission.trimSamples()
        defineNew(batch, &admission)
        for sample in batch.exemplars {
            guard let labels = try? batch.labels(ofSeries: Int(sample.series)) else { continue }
            admission.record.exemplars.append((labels, sample.exemplar))
        }
        admission.outcome.acceptedExemplars = admission.record.exemplars.count
        if !batch.metadata.isEmpty {
            families.withLock { families in
                admission.record.metadata = batch.metadata.filter { families[$0.name]?.contains($0) != true }
            }
        }
    }

    /// Samples whose series has no slot.
    private func rejectUnresolved(_ batch: SeriesBatch, _ count: Int, _ admission: inout Admission) {
        let slots = admission.slots
        // Nearly always every series has a slot, and every sample a series.
        if slots.allSatisfy({ $0 < Admission.limited }), batch.refs[..<count].allSatisfy({ Int($0) < slots.count }),
            batch.histograms.allSatisfy({ Int($0.series) < slots.count })
        {
            return
        }
        let series = batch.refs[..<count].map { Int($0) } + batch.histograms.map { Int($0.series) }
        for one in series {
            guard one < slots.count else {
                admission.outcome.reject(.invalid, "a sample of a series that the batch does not have")
                continue
            }
            if slots[one] == Admission.invalid { admission.outcome.reject(.invalid, "its labels are not valid") }
            if slots[one] == Admission.limited { admission.outcome.reject(.limit, "too many series") }
        }
    }

    /// The samples of one shard. Most are newer than all that their series has, and cost two looks at arrays.
    private func admitSamples(
        of batch: SeriesBatch, _ count: Int, _ number: Int, _ head: borrowing HeadShard, _ admission: inout Admission
    ) {
        var next = 0
        while true {
            let i = admission.addNew(
                of: batch, from: next, to: count, head, (number: number, mask: shardMask, shift: shardBits))
            guard i < count else { break }
            next = i + 1
            let slot = admission.slots[Int(batch.refs[i])]
            let record = head.records[place(slot)]
            let timestamp = batch.timestamps[i]
            let value = batch.values[i]
            if timestamp <= record.newest || timestamp > admission.newest || timestamp < admission.oldest {
                let verdict = head.check(slot: place(slot), timestamp: timestamp, bits: value.bitPattern)
                guard accept(verdict, timestamp, record.newest, slot, &admission) else { continue }
            }
            admission.add(id: record.id, slot: slot, timestamp: timestamp, value: value)
            if !batch.startTimestamps.isEmpty {
                admission.record.starts.append(i < batch.startTimestamps.count ? batch.startTimestamps[i] : 0)
            }
            if record.definedIn != UInt32(truncatingIfNeeded: admission.record.generation) {
                admission.defined.append(slot)
            }
        }
        admission.sampleEnds.append(admission.sampleCount)
    }

    private func admit(
        histogram sample: SeriesBatch.HistogramSample, _ bytes: [UInt8], slot: UInt32, of batch: SeriesBatch,
        _ head: borrowing HeadShard, _ admission: inout Admission
    ) {
        let place = place(slot)
        let verdict = head.check(slot: place, timestamp: sample.timestamp, histogram: bytes)
        if verdict == .repeated { admission.outcome.acceptedHistograms += 1 }
        guard accept(verdict, sample.timestamp, head.records[place].newest, slot, &admission) else { return }
        admission.record.histograms.append(
            JournalRecord.Histogram(
                id: head.records[place].id, timestamp: sample.timestamp, startTimestamp: sample.startTimestamp,
                bytes: bytes))
        admission.histogramSlots.append(slot)
        if head.records[place].definedIn != UInt32(truncatingIfNeeded: admission.record.generation) {
            admission.defined.append(slot)
        }
    }

    /// Only a record that is written makes a definition known, so until then everybody sends it along.
    private func defineNew(_ batch: SeriesBatch, _ admission: inout Admission) {
        guard !admission.defined.isEmpty else { return }
        admission.defined.sort()
        var slots: [UInt32] = []
        for slot in admission.defined where slots.last != slot { slots.append(slot) }
        admission.defined = slots
        registry.withLock { registry in
            for slot in slots { admission.record.definitions.append((0, registry.labels(of: slot))) }
        }
        for (i, slot) in slots.enumerated() {
            let place = place(slot)
            admission.record.definitions[i].id = shard(slot).state.withLock { $0.records[place].id }
        }
    }

    /// Whether the journal gets the sample.
    private func accept(
        _ verdict: Insertion, _ timestamp: Int64, _ newest: Int64, _ slot: UInt32, _ admission: inout Admission
    ) -> Bool {
        if timestamp > admission.newest {
            admission.reject(.tooNew, slot: slot, timestamp: timestamp)
            return false
        }
        if timestamp < admission.oldest {
            admission.reject(.tooOld, slot: slot, timestamp: timestamp)
            return false
        }
        switch verdict {
        case .repeated:
            admission.outcome.accepted += 1
            return false
        case .conflict:
            admission.reject(.duplicate, slot: slot, timestamp: timestamp)
            return false
        case .stored:
            let (oldest, underflow) = newest.subtractingReportingOverflow(options.outOfOrderWindow)
            guard !underflow, timestamp < oldest else { return true }
            admission.reject(.outOfOrder, slot: slot, timestamp: timestamp, newest: newest)
            return false
        }
    }

    // MARK: Memory

    private func store(_ admission: inout Admission) {
        let record = admission.record
        let touched = touchTime(admission.now)
        var sample = 0
        var histogram = 0
        var stored = 0
        let generation = UInt32(truncatingIfNeeded: record.generation)
        for (number, box) in shards.enumerated() {
            box.state.withLock { head in
                while sample < admission.sampleEnds[number] {
                    if record.starts.isEmpty {
                        let next = head.insert(
                            sample..<admission.sampleEnds[number], of: record, slots: admission.sampleSlots,
                            shift: shardBits, touched: touched)
                        stored += next - sample
                        sample = next
                        guard sample < admission.sampleEnds[number] else { break }
                    }
                    let slot = admission.sampleSlots[sample]
                    let timestamp = record.timestamps[sample]
                    let verdict = head.insert(
                        slot: place(slot), timestamp: timestamp, value: record.values[sample], touched: touched)
                    if verdict == .conflict {
                        // Another batch was faster.
                        admission.reject(.duplicate, slot: slot, timestamp: timestamp)
                    } else {
                        if verdict == .stored {
                            let start = record.starts.isEmpty ? 0 : record.starts[sample]
                            head.note(start: start, slot: place(slot), timestamp: timestamp)
                        }
                        stored += 1
                    }
                    sample += 1
                }
                while histogram < record.histograms.count,
                    Int(admission.histogramSlots[histogram]) & shardMask == number
                {
                    let one = record.histograms[histogram]
                    let slot = admission.histogramSlots[histogram]
                    if head.insert(slot: place(slot), histogram: HeadHistogram(one), touched: touched) == .conflict {
                        admission.reject(.duplicate, slot: slot, timestamp: one.timestamp)
                    } else {
                        stored += 1
                        admission.outcome.acceptedHistograms += 1
                    }
                    histogram += 1
                }
                for slot in admission.defined where Int(slot) & shardMask == number {
                    head.noteDefined(slot: place(slot), in: generation)
                }
            }
        }
        admission.outcome.accepted += stored
        admission.explain(outOfOrderWindow: options.outOfOrderWindow) { slot in
            registry.withLock { $0.labels(of: slot) }
        }
        remember(exemplars: record.exemplars, metadata: record.metadata)
        let rows = freshRows.add(stored, ordering: .relaxed).newValue
        lastAppend.store(admission.now, ordering: .relaxed)
        if rows >= flushRows.load(ordering: .relaxed) { wishFlush() }
    }
}

extension HeadHistogram {
    init(_ one: JournalRecord.Histogram) {
        self.init(timestamp: one.timestamp, startTimestamp: one.startTimestamp, bytes: one.bytes)
    }
}
