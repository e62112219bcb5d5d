internal import Telemetry

/// From the key of a sender's spelling to the series' slot: one probe for a known series, no labels looked at.
struct SeriesKeyTable {
    private struct Entry {
        var high: UInt64 = 0
        var low: UInt64 = 0
        var slot: UInt32 = SeriesKeyTable.none
    }
    static let none = UInt32.max

    private var entries = [Entry](repeating: Entry(), count: 64)
    private(set) var count = 0

    var byteCount: Int { entries.count * MemoryLayout<Entry>.stride }

    /// ``none`` for a key that is not there.
    @inline(__always)
    func find(_ key: SeriesKey) -> UInt32 {
        let mask = entries.count - 1
        var place = Int(truncatingIfNeeded: key.low) & mask
        while true {
            let entry = entries[place]
            if entry.slot == SeriesKeyTable.none || (entry.low == key.low && entry.high == key.high) {
                return entry.slot
            }
            place = (place + 1) & mask
        }
    }

    /// The key must not be there yet.
    mutating func insert(_ key: SeriesKey, slot: UInt32) {
        if (count + 1) * 10 > entries.count * 6 {
            let old = entries
            entries = [Entry](repeating: Entry(), count: old.count * 2)
            for entry in old where entry.slot != SeriesKeyTable.none { place(entry) }
        }
        place(Entry(high: key.high, low: key.low, slot: slot))
        count += 1
    }

    private mutating func place(_ entry: Entry) {
        let mask = entries.count - 1
        var place = Int(truncatingIfNeeded: entry.low) & mask
        while entries[place].slot != SeriesKeyTable.none { place = (place + 1) & mask }
        entries[place] = entry
    }

    /// Forgets the keys of slots that are not alive.
    mutating func keep(_ isAlive: [Bool]) {
        let old = entries
        let left = old.reduce(0) { $0 + ($1.slot != SeriesKeyTable.none && isAlive[Int($1.slot)] ? 1 : 0) }
        var size = 64
        while left * 10 > size * 5 { size *= 2 }
        entries = [Entry](repeating: Entry(), count: size)
        count = left
        for entry in old where entry.slot != SeriesKeyTable.none && isAlive[Int(entry.slot)] { place(entry) }
    }
}
