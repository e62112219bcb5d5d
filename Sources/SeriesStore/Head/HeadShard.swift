import Codecs
internal import Storage
import Synchronization
internal import Telemetry

/// What became of one sample.
enum Insertion { case stored, repeated, conflict }

/// A native histogram in memory, encoded.
struct HeadHistogram: Sendable {
    var timestamp: Int64
    var startTimestamp: Int64
    var bytes: [UInt8]
}

/// From `timestamp` on, counting began at `start`.
struct StartChange: Hashable, Sendable {
    var timestamp: Int64
    var start: Int64
}

/// What the head knows of a series beside its samples.
struct HeadRecord {
    /// Over floats and histograms, also of what was flushed; `.min` before the first.
    var newest = Int64.min
    /// Of the newest sample, where it is a float.
    var newestBits: UInt64 = 0
    /// What the journal calls it; 0 for a slot that is free.
    var id: UInt64 = 0
    /// Its newest row in the tail.
    var lastRow = SampleTail.none
    /// The journal segment that its definition is in or after, 0 for none.
    var definedIn: UInt32 = 0
    /// The newest sample is a histogram.
    var newestIsHistogram = false
    /// Some sample said when its counting began.
    var hasStart = false
    /// When it was appended to last, in seconds since the store was opened.
    var touched: Int32 = 0
}

/// Samples in memory: sorted runs, and what is rare beside them.
struct HeadSamples: Sendable {
    var runs: [SampleRun] = []
    var histograms: [UInt32: [HeadHistogram]] = [:]
    var histogramCount = 0
    /// Where the start of counting changed; ascending by arrival.
    var starts: [UInt32: [StartChange]] = [:]

    var isEmpty: Bool { runs.isEmpty && histograms.isEmpty }
    var sampleCount: Int { runs.reduce(histogramCount) { $0 + $1.count } }
    var byteCount: Int {
        runs.reduce(histogramCount * 240) { $0 + $1.byteCount } + starts.count * 96
    }
}

/// Every n-th series of the head with its samples.
struct HeadShard {
    /// Rows of the tail before it is sorted into a run; more where there are more series than that. A flush waits for
    /// memory once for each series in each run.
    private static let tailRows = 131_072

    private(set) var records: [HeadRecord] = []
    private var tail = SampleTail()
    /// Samples that no flush has taken yet, but for the tail.
    private(set) var fresh = HeadSamples()
    /// Being written to a part; still there for queries.
    private(set) var flushing: [HeadSamples] = []
    private(set) var freshFloats = 0

    var freshCount: Int { freshFloats + fresh.histogramCount }
    var byteCount: Int {
        (tail.count + tail.room) * 24 + fresh.byteCount + flushing.reduce(0) { $0 + $1.byteCount }
            + records.capacity * MemoryLayout<HeadRecord>.stride
    }
    var sampleCount: Int { tail.count + fresh.sampleCount + flushing.reduce(0) { $0 + $1.sampleCount } }

    // MARK: Series

    mutating func define(slot: Int, id: UInt64) {
        while records.count <= slot { records.append(HeadRecord()) }
        records[slot] = HeadRecord()
        records[slot].id = id
    }

    mutating func noteDefined(slot: Int, in generation: UInt32) { records[slot].definedIn = generation }

    mutating func free(slot: Int) { records[slot] = HeadRecord() }

    /// Whether a sample of the series is in memory.
    func hasSamples(_ slot: Int) -> Bool {
        if records[slot].lastRow != SampleTail.none { return true }
        let key = UInt32(truncatingIfNeeded: slot)
        if fresh.histograms[key] != nil || fresh.runs.contains(where: { !$0.rows(of: slot).isEmpty }) { return true }
        return flushing.contains { samples in
            samples.histograms[key] != nil || samples.runs.contains { !$0.rows(of: slot).isEmpty }
        }
    }

    // MARK: Writing

    /// What an insertion would answer.
    @inline(__always)
    func check(slot: Int, timestamp: Int64, bits: UInt64) -> Insertion {
        if timestamp > records[slot].newest { return .stored }
        return checkOld(slot: slot, timestamp: timestamp, bits: bits)
    }

    private func checkOld(slot: Int, timestamp: Int64, bits: UInt64) -> Insertion {
        let record = records[slot]
        // Known without its sample, which may be in a part by now.
        if timestamp == record.newest {
            return !record.newestIsHistogram && record.newestBits == bits ? .repeated : .conflict
        }
        if histogram(slot, timestamp) != nil { return .conflict }
        guard let found = float(slot, timestamp) else { return .stored }
        return found.bitPattern == bits ? .repeated : .conflict
    }

    mutating func insert(slot: Int, timestamp: Int64, value: Double, touched: Int32) -> Insertion {
        if timestamp <= records[slot].newest {
            let verdict = checkOld(slot: slot, timestamp: timestamp, bits: value.bitPattern)
            guard verdict == .stored else { return verdict }
        } else {
            records[slot].newest = timestamp
            records[slot].newestBits = value.bitPattern
            records[slot].newestIsHistogram = false
        }
        records[slot].touched = touched
        makeRoom()
        let row = UInt32(truncatingIfNeeded: tail.count)
        tail.append(
            slot: UInt32(truncatingIfNeeded: slot), timestamp: timestamp, value: value,
            previous: records[slot].lastRow)
        records[slot].lastRow = row
        freshFloats &+= 1
        return .stored
    }

    /// Inserts the plain ones of a record's float samples, as far as they come one after the other: newer than all that
    /// their series have, which never said when their counting began. Answers the first row that is for the others.
    mutating func insert(
        _ rows: Range<Int>, of record: JournalRecord, slots: [UInt32], shift: Int, touched: Int32
    ) -> Int {
        var row = rows.lowerBound
        while row < rows.upperBound {
            makeRoom()
            let room = tail.room
            let next = tail.append(
                row..<rows.upperBound, of: record, slots: slots, shift: shift, touched: touched, &records)
            freshFloats &+= next - row
            guard next - row == room else { return next }
            row = next
        }
        return row
    }

    private mutating func makeRoom() {
        guard tail.room == 0 else { return }
        if tail.count >= HeadShard.tailRows, tail.count >= records.count { closeTail() } else { tail.grow() }
    }

    private mutating func closeTail() {
        guard tail.count > 0 else { return }
        fresh.runs.append(SampleRun(tail, slotCount: records.count))
        for slot in tail.slots[..<tail.count] { records[Int(slot)].lastRow = SampleTail.none }
        tail.removeAll()
    }

    func check(slot: Int, timestamp: Int64, histogram bytes: [UInt8]) -> Insertion {
        let record = records[slot]
        guard timestamp <= record.newest else { return .stored }
        if timestamp == record.newest {
            return record.newestIsHistogram && record.newestBits == HeadShard.fingerprint(bytes) ? .repeated : .conflict
        }
        if let found = histogram(slot, timestamp) { return found.bytes == bytes ? .repeated : .conflict }
        return float(slot, timestamp) == nil ? .stored : .conflict
    }

    private static func fingerprint(_ histogram: [UInt8]) -> UInt64 {
        Hash128.hash(histogram, 0..<histogram.count).low
    }

    mutating func insert(slot: Int, histogram: HeadHistogram, touched: Int32) -> Insertion {
        let verdict = check(slot: slot, timestamp: histogram.timestamp, histogram: histogram.bytes)
        guard verdict == .stored else { return verdict }
        if histogram.timestamp > records[slot].newest {
            records[slot].newest = histogram.timestamp
            records[slot].newestIsHistogram = true
            records[slot].newestBits = HeadShard.fingerprint(histogram.bytes)
        }
        records[slot].touched = touched
        fresh.histograms[UInt32(truncatingIfNeeded: slot), default: []].append(histogram)
        fresh.histogramCount += 1
        return .stored
    }

    /// Counting of this float sample began at `start`, 0 where nobody said.
    @inline(__always)
    mutating func note(start: Int64, slot: Int, timestamp: Int64) {
        if start == 0, !records[slot].hasStart { return }
        noteChange(start: start, slot: slot, timestamp: timestamp)
    }

    private mutating func noteChange(start: Int64, slot: Int, timestamp: Int64) {
        records[slot].hasStart = true
        let key = UInt32(truncatingIfNeeded: slot)
        if let last = fresh.starts[key]?.last, last.start == start, last.timestamp <= timestamp { return }
        fresh.starts[key, default: []].append(StartChange(timestamp: timestamp, start: start))
    }

    // MARK: Reading

    /// Runs that queries may read without the shard's lock.
    var runs: [SampleRun] { flushing.flatMap(\.runs) + fresh.runs }

    /// Samples of the tail, in order of arrival.
    func tailSamples(slot: Int, in range: TimeRange, _ timestamps: inout [Int64], _ values: inout [Double]) {
        guard slot < records.count else { return }
        let first = timestamps.count
        var row = records[slot].lastRow
        while row != SampleTail.none {
            let time = tail.timestamps[Int(row)]
            if range.contains(time) {
                timestamps.append(time)
                values.append(tail.values[Int(row)])
            }
            row = tail.previous[Int(row)]
        }
        timestamps[first...].reverse()
        values[first...].reverse()
    }

    /// Histograms in order of arrival.
    func histograms(slot: Int, in range: TimeRange) -> [HeadHistogram] {
        let key = UInt32(truncatingIfNeeded: slot)
        var found: [HeadHistogram] = []
        for samples in flushing where samples.histogramCount > 0 { found += samples.histograms[key] ?? [] }
        if fresh.histogramCount > 0 { found += fresh.histograms[key] ?? [] }
        return found.filter { range.contains($0.timestamp) }
    }

    func starts(slot: Int) -> [StartChange] {
        let key = UInt32(truncatingIfNeeded: slot)
        var found: [StartChange] = []
        for samples in flushing { found += samples.starts[key] ?? [] }
        return found + (fresh.starts[key] ?? [])
    }

    private func histogram(_ slot: Int, _ timestamp: Int64) -> HeadHistogram? {
        let key = UInt32(truncatingIfNeeded: slot)
        for samples in flushing + [fresh] where samples.histogramCount > 0 {
            if let found = samples.histograms[key]?.last(where: { $0.timestamp == timestamp }) { return found }
        }
        return nil
    }

    private func float(_ slot: Int, _ timestamp: Int64) -> Double? {
        var row = records[slot].lastRow
        while row != SampleTail.none {
            if tail.timestamps[Int(row)] == timestamp { return tail.values[Int(row)] }
            row = tail.previous[Int(row)]
        }
        if let found = HeadShard.find(slot, timestamp, fresh.runs) { return found }
        for samples in flushing { if let found = HeadShard.find(slot, timestamp, samples.runs) { return found } }
        return nil
    }

    private static func find(_ slot: Int, _ timestamp: Int64, _ runs: [SampleRun]) -> Double? {
        for run in runs where timestamp >= run.minTime && timestamp <= run.maxTime {
            for sample in run.samples[run.rows(of: slot)] where sample.timestamp == timestamp { return sample.value }
        }
        return nil
    }

    /// Whether a sample in memory may lie in the range; of histograms only that there are some is looked at.
    func mayHold(_ range: TimeRange) -> Bool {
        runs.contains { range.overlaps(first: $0.minTime, last: $0.maxTime) }
            || tail.timestamps[..<tail.count].contains { range.contains($0) }
            || fresh.histogramCount > 0 || flushing.contains { $0.histogramCount > 0 }
    }

    // MARK: Flushing

    /// Puts everything fresh aside for a flush.
    mutating func beginFlush() {
        closeTail()
        if !fresh.isEmpty { flushing.append(fresh) }
        fresh = HeadSamples()
        freshFloats = 0
        tail = SampleTail()
    }

    /// Drops what was put aside: it is in parts now.
    mutating func endFlush() { flushing = [] }
}

final class HeadShardBox: Sendable {
    let state = Mutex(HeadShard())
}
