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
        for slot in tail.slots { places[Int(slot) + 1] &+= 1 }
        for i in 1..<places.count { places[i] &+= places[i - 1] }
        offsets = places
        var first = Int64.max
        var last = Int64.min
        for time in tail.timestamps {
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
