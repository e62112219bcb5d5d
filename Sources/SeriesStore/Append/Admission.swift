import Codecs
internal import Storage
internal import Telemetry

/// What admission found out about one batch before the journal sees it.
struct Admission {
    /// In place of a slot: the series' labels are not valid.
    static let invalid = UInt32.max
    /// In place of a slot: a limit forbids the new series.
    static let limited = UInt32.max - 1

    var record = JournalRecord()
    var outcome = AppendOutcome()
    /// Slot of each series of the batch. Good until the gate is left, because only who is alone in it frees slots.
    var slots: [UInt32] = []
    /// Slot of each sample and histogram of the record; those of one shard are one run.
    var sampleSlots: [UInt32] = []
    /// For each shard the end of its run among the samples.
    var sampleEnds: [Int] = []
    /// Samples that are admitted so far: the record's columns have room for all of the batch until ``trimSamples()``.
    private(set) var sampleCount = 0
    var histogramSlots: [UInt32] = []
    /// Slots whose definition the record carries.
    var defined: [UInt32] = []
    /// One look at the clock for the whole batch.
    var now: Int64 = 0
    var oldest: Int64 = 0
    var newest: Int64 = 0

    /// The first rejection of a sample, to be put into words when no lock is held.
    private var first: (reason: RejectionReason, slot: UInt32, timestamp: Int64, newest: Int64)?

    init(now: Int64, options: SeriesStoreOptions) {
        self.now = now
        oldest = now.subtractingReportingOverflow(options.retention).partialValue
        newest = now &+ options.futureLimit
    }

    // MARK: Samples

    mutating func makeRoom(forSamples count: Int) {
        record.ids = [UInt64](repeating: 0, count: count)
        record.timestamps = [Int64](repeating: 0, count: count)
        record.values = [Double](repeating: 0, count: count)
        sampleSlots = [UInt32](repeating: 0, count: count)
    }

    mutating func trimSamples() {
        let rest = record.ids.count - sampleCount
        record.ids.removeLast(rest)
        record.timestamps.removeLast(rest)
        record.values.removeLast(rest)
        sampleSlots.removeLast(rest)
    }

    mutating func add(id: UInt64, slot: UInt32, timestamp: Int64, value: Double) {
        record.ids[sampleCount] = id
        record.timestamps[sampleCount] = timestamp
        record.values[sampleCount] = value
        sampleSlots[sampleCount] = slot
        sampleCount += 1
    }

    /// Admits a shard's samples from `start` on, as far as they are newer than all that their series have, inside the
    /// bounds and of series that this journal segment knows. Answers the first sample that is not.
    ///
    /// - Parameter shard: its number, the mask of slots that says so, and the shift from a slot to its place there.
    mutating func addNew(
        of batch: SeriesBatch, from start: Int, to end: Int, _ head: borrowing HeadShard,
        _ shard: (number: Int, mask: Int, shift: Int)
    ) -> Int {
        let generation = UInt32(truncatingIfNeeded: record.generation)
        let hasStarts = !batch.startTimestamps.isEmpty
        let slots = slots
        var idColumn = record.ids.takeOut()
        var timeColumn = record.timestamps.takeOut()
        var valueColumn = record.values.takeOut()
        var slotColumn = sampleSlots.takeOut()
        defer {
            (record.ids, record.timestamps, record.values) = (idColumn, timeColumn, valueColumn)
            sampleSlots = slotColumn
        }
        // Once for all samples: an array that is written to asks for each element whether it is shared.
        var ids = idColumn.mutableSpan
        var timestamps = timeColumn.mutableSpan
        var values = valueColumn.mutableSpan
        var taken = slotColumn.mutableSpan
        var row = sampleCount
        var i = start
        while i < end {
            let series = Int(batch.refs[i])
            guard series < slots.count else {
                i += 1
                continue
            }
            let slot = slots[series]
            guard slot < Admission.limited, Int(slot) & shard.mask == shard.number else {
                i += 1
                continue
            }
            let place = Int(slot) >> shard.shift
            let timestamp = batch.timestamps[i]
            guard timestamp > head.records[place].newest, timestamp <= newest, timestamp >= oldest,
                head.records[place].definedIn == generation
            else { break }
            ids[row] = head.records[place].id
            timestamps[row] = timestamp
            values[row] = batch.values[i]
            taken[row] = slot
            if hasStarts {
                record.starts.append(i < batch.startTimestamps.count ? batch.startTimestamps[i] : 0)
            }
            row += 1
            i += 1
        }
        sampleCount = row
        return i
    }

    // MARK: Rejections

    mutating func reject(_ reason: RejectionReason, slot: UInt32, timestamp: Int64, newest: Int64 = 0) {
        // Prometheus calls both "too old": behind the retention, and behind the window of the series.
        outcome.rejected[reason == .outOfOrder ? .tooOld : reason, default: 0] += 1
        if first == nil { first = (reason, slot, timestamp, newest) }
    }

    /// Says what the first rejection was; `labels` are asked for where there was one.
    mutating func explain(outOfOrderWindow: Int64, _ labels: (UInt32) -> LabelSet) {
        guard let first, outcome.firstRejection == nil else { return }
        let name = labels(first.slot)
        let time = first.timestamp
        outcome.firstRejection =
            switch first.reason {
            case .tooNew: "out of bounds: the sample of \(name) at \(time) is too far in the future"
            case .duplicate: "duplicate sample for timestamp \(time) of \(name) with another value"
            case .outOfOrder:
                "too old sample: \(name) at \(time) is further behind its newest sample at \(first.newest) than "
                    + "\(outOfOrderWindow / 1000) s"
            default: "out of bounds: the sample of \(name) at \(time) is older than the retention time"
            }
    }
}
