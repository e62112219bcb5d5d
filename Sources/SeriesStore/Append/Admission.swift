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
