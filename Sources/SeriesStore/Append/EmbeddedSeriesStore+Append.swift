import Codecs
package import Storage
import Synchronization
package import Telemetry

extension EmbeddedSeriesStore {
    /// What admission found out about one batch before the journal sees it.
    private struct Admission {
        var record = JournalRecord()
        var outcome = AppendOutcome()
        /// Per sample and histogram of the record: index of its series in the batch.
        var seriesOfSample: [UInt32] = []
        var seriesOfHistogram: [UInt32] = []
        var hashes: [UInt64] = []
        /// One look at the clock for the whole batch.
        var now: Int64 = 0
        /// Per series of the batch: its slot in its shard, -1 where no sample needs it. Good until the gate is left,
        /// because
        /// only who is alone in the gate moves series.
        var slots: [Int] = []
        /// Series of the batch whose definition this record carries.
        var defined: [Int] = []
    }

    package func append(_ given: SeriesBatch, id: BatchID?) async throws -> AppendOutcome {
        var batch = given
        if !batch.keys.isEmpty {
            batch.series = []
            for index in given.keys.indices { batch.series.append(try given.labels(ofSeries: index)) }
            batch.keys = []
        }
        if let id, batchIDs.withLock({ $0.contains(id) }) {
            var outcome = AppendOutcome()
            outcome.accepted = batch.refs.count + batch.histograms.count
            return outcome
        }
        if headBytes.load(ordering: .relaxed) / 2 > options.headBytes {
            throw StorageError.overloaded(
                "the metrics in memory take twice the \(options.headBytes >> 20) MiB they may; try again in a minute, "
                    + "and see that sealing works and that there are not too many series")
        }
        if ledger.withLock({ $0.generation == 0 && !$0.isClosed }) {
            await gate.enterAlone()
            defer { gate.leaveAlone() }
            try beginGeneration()
        }
        await gate.enter()
        defer { gate.leave() }
        let (generation, isClosed) = ledger.withLock { ($0.generation, $0.isClosed) }
        guard !isClosed else { throw StorageError.closed }
        var admission = admit(batch, generation: generation)
        admission.record.batch = id
        admission.record.generation = generation
        guard !admission.record.isEmpty else { return admission.outcome }
        _ = try await journal.append(admission.record.encoded())
        store(&admission, generation: generation)
        if let id { batchIDs.withLock { $0.insert(id) } }
        return admission.outcome
    }

    // MARK: Admission

    private func admit(_ batch: SeriesBatch, generation: Int) -> Admission {
        var admission = Admission()
        admission.now = clock()
        admission.hashes = batch.series.map { Hash64.hash($0.bytes) }
        let count = min(batch.refs.count, batch.timestamps.count, batch.values.count)
        let invalid = batch.refs.count - count
        if invalid > 0 { admission.outcome.reject(.invalid, count: invalid, "samples without a timestamp or a value") }
        var samplesOfShard = [[Int]](repeating: [], count: shards.count)
        for i in 0..<count {
            let series = Int(batch.refs[i])
            guard series < batch.series.count else {
                admission.outcome.reject(.invalid, "a sample of a series that the batch does not have")
                continue
            }
            samplesOfShard[shardIndex(admission.hashes[series])].append(i)
        }
        var histogramsOfShard = [[Int]](repeating: [], count: shards.count)
        for (i, sample) in batch.histograms.enumerated() {
            let series = Int(sample.series)
            guard series < batch.series.count else {
                admission.outcome.reject(.invalid, "a histogram of a series that the batch does not have")
                continue
            }
            histogramsOfShard[shardIndex(admission.hashes[series])].append(i)
        }
        var slots = [Int](repeating: -1, count: batch.series.count)
        var newest = [Int64](repeating: .min, count: batch.series.count)
        for shard in shards.indices where !samplesOfShard[shard].isEmpty || !histogramsOfShard[shard].isEmpty {
            let encoded = histogramsOfShard[shard].map { HistogramCodec.encode(batch.histograms[$0].histogram) }
            shards[shard].state.withLock { head in
                for i in samplesOfShard[shard] {
                    admit(sample: i, of: batch, &head, &slots, &newest, &admission, generation)
                }
                for (i, bytes) in zip(histogramsOfShard[shard], encoded) {
                    admit(histogram: i, bytes, of: batch, &head, &slots, &newest, &admission, generation)
                }
            }
        }
        admission.slots = slots
        for sample in batch.exemplars where Int(sample.series) < batch.series.count {
            admission.record.exemplars.append((batch.series[Int(sample.series)], sample.exemplar))
        }
        families.withLock { families in
            admission.record.metadata = batch.metadata.filter { families[$0.name]?.contains($0) != true }
        }
        return admission
    }

    /// Slot of the batch's series, made where it is new; nil where the limit forbids it.
    private func slot(
        _ series: Int, _ batch: SeriesBatch, _ head: inout HeadShard, _ slots: inout [Int],
        _ admission: inout Admission,
        _ generation: Int
    ) -> Int? {
        if slots[series] >= 0 { return slots[series] }
        let labels = batch.series[series]
        let hash = admission.hashes[series]
        let slot: Int
        if let known = head.slot(of: labels, hash: hash) {
            slot = known
        } else {
            if options.seriesLimit > 0, seriesCount.load(ordering: .relaxed) >= options.seriesLimit { return nil }
            slot = head.add(labels, hash: hash, id: nextID.add(1, ordering: .relaxed).newValue)
            seriesCount.add(1, ordering: .relaxed)
            admission.outcome.newSeries += 1
        }
        slots[series] = slot
        // Only a record that is written makes the definition known, so until then everybody sends it along.
        if head.series[slot].definedIn != generation {
            admission.record.definitions.append((head.series[slot].id, labels))
            admission.defined.append(series)
        }
        return slot
    }

    private func admit(
        sample i: Int, of batch: SeriesBatch, _ head: inout HeadShard, _ slots: inout [Int], _ newest: inout [Int64],
        _ admission: inout Admission, _ generation: Int
    ) {
        let series = Int(batch.refs[i])
        let timestamp = batch.timestamps[i]
        let value = batch.values[i]
        guard isInTime(timestamp, batch.series[series], &admission) else { return }
        guard let slot = slot(series, batch, &head, &slots, &admission, generation) else {
            admission.outcome.reject(
                .limit, "the limit of \(options.seriesLimit) active series is reached: \(batch.series[series])")
            return
        }
        let limit = max(head.series[slot].newest, newest[series])
        let verdict = head.series[slot].check(timestamp: timestamp, value: value)
        guard accept(verdict, timestamp, limit, batch.series[series], &admission.outcome) else { return }
        newest[series] = max(newest[series], timestamp)
        admission.record.ids.append(head.series[slot].id)
        admission.record.timestamps.append(timestamp)
        admission.record.values.append(value)
        admission.seriesOfSample.append(batch.refs[i])
    }

    private func admit(
        histogram i: Int, _ bytes: [UInt8], of batch: SeriesBatch, _ head: inout HeadShard, _ slots: inout [Int],
        _ newest: inout [Int64], _ admission: inout Admission, _ generation: Int
    ) {
        let sample = batch.histograms[i]
        let series = Int(sample.series)
        guard isInTime(sample.timestamp, batch.series[series], &admission) else { return }
        guard let slot = slot(series, batch, &head, &slots, &admission, generation) else {
            admission.outcome.reject(
                .limit, "the limit of \(options.seriesLimit) active series is reached: \(batch.series[series])")
            return
        }
        let limit = max(head.series[slot].newest, newest[series])
        let verdict = head.series[slot].check(timestamp: sample.timestamp, histogram: bytes)
        guard accept(verdict, sample.timestamp, limit, batch.series[series], &admission.outcome) else { return }
        newest[series] = max(newest[series], sample.timestamp)
        admission.record.histograms.append((head.series[slot].id, sample.timestamp, bytes))
        admission.seriesOfHistogram.append(sample.series)
    }

    private func isInTime(_ timestamp: Int64, _ labels: LabelSet, _ admission: inout Admission) -> Bool {
        let now = admission.now
        if timestamp > now &+ options.futureLimit {
            admission.outcome.reject(
                .tooNew, "out of bounds: the sample of \(labels) at \(timestamp) is too far in the future")
            return false
        }
        if timestamp < now &- options.retention {
            admission.outcome.reject(
                .tooOld, "out of bounds: the sample of \(labels) at \(timestamp) is older than the retention time")
            return false
        }
        return true
    }

    private func accept(
        _ verdict: Insertion, _ timestamp: Int64, _ newest: Int64, _ labels: LabelSet, _ outcome: inout AppendOutcome
    ) -> Bool {
        switch verdict {
        case .repeated:
            outcome.accepted += 1
            return false
        case .conflict:
            outcome.reject(.duplicate, "duplicate sample for timestamp \(timestamp) of \(labels) with another value")
            return false
        case .stored:
            let (oldest, underflow) = newest.subtractingReportingOverflow(options.outOfOrderWindow)
            if !underflow, timestamp < oldest {
                outcome.reject(
                    .tooOld,
                    "too old sample: \(labels) at \(timestamp) is further behind its newest sample at \(newest) than "
                        + "\(options.outOfOrderWindow / 1000) s")
                return false
            }
            return true
        }
    }

    // MARK: Memory

    private func store(_ admission: inout Admission, generation: Int) {
        let record = admission.record
        let hashes = admission.hashes
        let slots = admission.slots
        noteWindows(record)
        var outcome = admission.outcome
        var sample = 0
        var histogram = 0
        // Admission went shard by shard, so each shard's samples are one run.
        for shard in shards.indices {
            let belongs = { (series: UInt32) in self.shardIndex(hashes[Int(series)]) == shard }
            let firstSample = sample
            while sample < record.ids.count, belongs(admission.seriesOfSample[sample]) { sample += 1 }
            let firstHistogram = histogram
            while histogram < record.histograms.count, belongs(admission.seriesOfHistogram[histogram]) {
                histogram += 1
            }
            guard sample > firstSample || histogram > firstHistogram else { continue }
            shards[shard].state.withLock { head in
                for i in firstSample..<sample {
                    let slot = slots[Int(admission.seriesOfSample[i])]
                    let verdict = head.series[slot].insert(timestamp: record.timestamps[i], value: record.values[i])
                    count(verdict, record.timestamps[i], head.series[slot].labels, &outcome)
                }
                for i in firstHistogram..<histogram {
                    let (_, timestamp, bytes) = record.histograms[i]
                    let slot = slots[Int(admission.seriesOfHistogram[i])]
                    let verdict = head.series[slot].insert(timestamp: timestamp, histogram: bytes)
                    count(verdict, timestamp, head.series[slot].labels, &outcome)
                }
                for series in admission.defined where shardIndex(hashes[series]) == shard {
                    head.series[slots[series]].definedIn = generation
                }
            }
        }
        remember(exemplars: record.exemplars, metadata: record.metadata)
        admission.outcome = outcome
    }

    private func count(_ verdict: Insertion, _ timestamp: Int64, _ labels: LabelSet, _ outcome: inout AppendOutcome) {
        if verdict == .conflict {
            outcome.reject(.duplicate, "duplicate sample for timestamp \(timestamp) of \(labels) with another value")
        } else {
            outcome.accepted += 1
        }
    }

    private func noteWindows(_ record: JournalRecord) {
        var windows: Set<Int64> = []
        var last: Int64?
        for timestamp in record.timestamps {
            let window = Window.index(timestamp)
            if window != last { windows.insert(window) }
            last = window
        }
        for histogram in record.histograms { windows.insert(Window.index(histogram.timestamp)) }
        ledger.withLock { ledger in
            ledger.windows.formUnion(windows)
            ledger.head.formUnion(windows)
        }
    }
}
