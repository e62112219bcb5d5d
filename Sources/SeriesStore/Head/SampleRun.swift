import Codecs

/// Float samples of many series in memory, grouped by series and within one in order of arrival. Never changed.
struct SampleRun: Sendable {
    struct Sample {
        var timestamp: Int64
        var value: Double
    }

    /// Samples of series `slot` are at `offsets[slot]..<offsets[slot + 1]`; later slots have none.
    let offsets: [UInt32]
    /// Time and value side by side: whoever looks for a series' samples comes from afar, and waits for memory once.
    let samples: [Sample]
    let minTime: Int64
    let maxTime: Int64

    /// Stable counting sort by slot: one pass over the rows, and a lookup is one index.
    init(_ tail: SampleTail, slotCount: Int) {
        let count = tail.count
        var places = [UInt32](repeating: 0, count: slotCount + 1)
        for slot in tail.slots[..<count] { places[Int(slot) + 1] &+= 1 }
        for i in 1..<places.count { places[i] &+= places[i - 1] }
        offsets = places
        var first = Int64.max
        var last = Int64.min
        for time in tail.timestamps[..<count] {
            first = min(first, time)
            last = max(last, time)
        }
        minTime = first
        maxTime = last
        // Filled in the order of arrival, without zeros first.
        samples = unsafe [Sample](unsafeUninitializedCapacity: count) { buffer, initialized in
            for row in 0..<count {
                let slot = Int(tail.slots[row])
                unsafe buffer[Int(places[slot])] = Sample(timestamp: tail.timestamps[row], value: tail.values[row])
                places[slot] &+= 1
            }
            initialized = count
        }
    }

    var count: Int { samples.count }
    var byteCount: Int { samples.count * 16 + offsets.count * 4 }

    func rows(of slot: Int) -> Range<Int> {
        guard slot + 1 < offsets.count else { return 0..<0 }
        return Int(offsets[slot])..<Int(offsets[slot + 1])
    }
}

/// The newest float samples of a shard, in order of arrival; the rows of one series are chained.
struct SampleTail: Sendable {
    static let none = UInt32.max

    /// Rows in use: the columns have room for more.
    fileprivate(set) var count = 0
    fileprivate(set) var slots: [UInt32] = []
    fileprivate(set) var timestamps: [Int64] = []
    fileprivate(set) var values: [Double] = []
    /// The row before of the same series.
    fileprivate(set) var previous: [UInt32] = []

    var room: Int { slots.count - count }

    mutating func removeAll() { count = 0 }

    /// Makes room for as many rows again, or a first few.
    mutating func grow() {
        let more = max(1024, slots.count)
        slots.append(contentsOf: repeatElement(0, count: more))
        timestamps.append(contentsOf: repeatElement(0, count: more))
        values.append(contentsOf: repeatElement(0, count: more))
        previous.append(contentsOf: repeatElement(0, count: more))
    }

    mutating func append(slot: UInt32, timestamp: Int64, value: Double, previous row: UInt32) {
        if room == 0 { grow() }
        slots[count] = slot
        timestamps[count] = timestamp
        values[count] = value
        previous[count] = row
        count += 1
    }

    /// Takes the record's rows from the range's first on while there is room and each is newer than all that its series
    /// has. Answers the first row that was not taken.
    ///
    /// - Parameters:
    ///   - slots: of the record's samples in the whole store; a shard's own are theirs shifted by `shift`.
    ///   - records: of the shard's series.
    mutating func append(
        _ rows: Range<Int>, of record: JournalRecord, slots wanted: [UInt32], shift: Int, touched: Int32,
        _ records: inout [HeadRecord]
    ) -> Int {
        let end = min(rows.upperBound, rows.lowerBound + room)
        var slotColumn = slots.takeOut()
        var timeColumn = timestamps.takeOut()
        var valueColumn = values.takeOut()
        var previousColumn = previous.takeOut()
        defer {
            (self.slots, self.timestamps, self.values, self.previous) = (slotColumn, timeColumn, valueColumn, previousColumn)
        }
        // Once for all rows: an array that is written to asks for each element whether it is shared.
        var records = records.mutableSpan
        var slots = slotColumn.mutableSpan
        var timestamps = timeColumn.mutableSpan
        var values = valueColumn.mutableSpan
        var previous = previousColumn.mutableSpan
        var row = rows.lowerBound
        var place = count
        while row < end {
            let slot = Int(wanted[row]) >> shift
            let timestamp = record.timestamps[row]
            guard timestamp > records[slot].newest, !records[slot].hasStart else { break }
            let value = record.values[row]
            slots[place] = UInt32(truncatingIfNeeded: slot)
            timestamps[place] = timestamp
            values[place] = value
            previous[place] = records[slot].lastRow
            records[slot].newest = timestamp
            records[slot].newestBits = value.bitPattern
            records[slot].newestIsHistogram = false
            records[slot].touched = touched
            records[slot].lastRow = UInt32(truncatingIfNeeded: place)
            place += 1
            row += 1
        }
        count = place
        return row
    }
}
