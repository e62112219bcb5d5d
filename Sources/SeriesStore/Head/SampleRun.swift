/// Float samples of many series in memory, grouped by series and within one in order of arrival. Never changed.
struct SampleRun: Sendable {
    /// Samples of series `slot` are at `offsets[slot]..<offsets[slot + 1]`; later slots have none.
    let offsets: [UInt32]
    let timestamps: [Int64]
    let values: [Double]
    let minTime: Int64
    let maxTime: Int64

    /// Stable counting sort by slot: one pass over the rows, and a lookup is one index.
    init(_ tail: SampleTail, slotCount: Int) {
        let count = tail.count
        var places = [UInt32](repeating: 0, count: slotCount + 1)
        for slot in tail.slots { places[Int(slot) + 1] &+= 1 }
        for i in 1..<places.count { places[i] &+= places[i - 1] }
        offsets = places
        var times = [Int64](repeating: 0, count: count)
        var numbers = [Double](repeating: 0, count: count)
        var first = Int64.max
        var last = Int64.min
        for row in 0..<count {
            let slot = Int(tail.slots[row])
            let place = Int(places[slot])
            places[slot] &+= 1
            let time = tail.timestamps[row]
            times[place] = time
            numbers[place] = tail.values[row]
            first = min(first, time)
            last = max(last, time)
        }
        timestamps = times
        values = numbers
        minTime = first
        maxTime = last
    }

    /// All rows of several runs; those of an earlier run come first.
    init(merging runs: [SampleRun]) {
        let slotCount = runs.reduce(0) { max($0, $1.offsets.count - 1) }
        var places = [UInt32](repeating: 0, count: max(slotCount, 0) + 1)
        for run in runs {
            for slot in 0..<max(run.offsets.count - 1, 0) {
                places[slot + 1] &+= run.offsets[slot + 1] &- run.offsets[slot]
            }
        }
        for i in 1..<max(places.count, 1) { places[i] &+= places[i - 1] }
        offsets = places
        let count = runs.reduce(0) { $0 + $1.count }
        var times = [Int64](repeating: 0, count: count)
        var numbers = [Double](repeating: 0, count: count)
        for run in runs {
            for slot in 0..<max(run.offsets.count - 1, 0) {
                let rows = run.rows(of: slot)
                var place = Int(places[slot])
                for row in rows {
                    times[place] = run.timestamps[row]
                    numbers[place] = run.values[row]
                    place += 1
                }
                places[slot] &+= UInt32(truncatingIfNeeded: rows.count)
            }
        }
        timestamps = times
        values = numbers
        minTime = runs.reduce(.max) { min($0, $1.minTime) }
        maxTime = runs.reduce(.min) { max($0, $1.maxTime) }
    }

    var count: Int { timestamps.count }
    var byteCount: Int { timestamps.count * 16 + offsets.count * 4 }

    func rows(of slot: Int) -> Range<Int> {
        guard slot + 1 < offsets.count else { return 0..<0 }
        return Int(offsets[slot])..<Int(offsets[slot + 1])
    }
}

/// The newest float samples of a shard, in order of arrival; the rows of one series are chained.
struct SampleTail: Sendable {
    static let none = UInt32.max

    private(set) var slots: [UInt32] = []
    private(set) var timestamps: [Int64] = []
    private(set) var values: [Double] = []
    /// The row before of the same series.
    private(set) var previous: [UInt32] = []

    var count: Int { slots.count }

    mutating func append(slot: UInt32, timestamp: Int64, value: Double, previous row: UInt32) {
        slots.append(slot)
        timestamps.append(timestamp)
        values.append(value)
        previous.append(row)
    }

    mutating func removeAll() {
        slots.removeAll(keepingCapacity: true)
        timestamps.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
        previous.removeAll(keepingCapacity: true)
    }
}
