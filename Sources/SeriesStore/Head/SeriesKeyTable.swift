internal import Telemetry

/// From the key of a sender's spelling to the series' slot: one look for a known series, no labels looked at.
///
/// Entries lie in the order in which their keys came first. A sender names its series in the same order each time, so the
/// entry of the next key is nearly always the one behind the last found: read where the processor has already fetched
/// it, and not at a random place.
struct SeriesKeyTable {
    private struct Entry {
        var high: UInt64
        var low: UInt64
        var slot: UInt32
    }
    static let none = UInt32.max

    private var entries: [Entry] = []
    /// Open addressing by the key's lower half: numbers of entries, ``none`` for a free place.
    private var places = [UInt32](repeating: SeriesKeyTable.none, count: 64)

    var count: Int { entries.count }
    var byteCount: Int { entries.capacity * MemoryLayout<Entry>.stride + places.count * 4 }

    /// ``none`` for a key that is not there.
    func find(_ key: SeriesKey) -> UInt32 {
        let number = number(of: key)
        return number < entries.count ? entries[number].slot : SeriesKeyTable.none
    }

    /// Slots of keys that come in a sender's order, ``none`` where one is not there.
    func find(_ keys: [SeriesKey], into slots: inout [UInt32]) {
        slots = [UInt32](repeating: SeriesKeyTable.none, count: keys.count)
        var found = slots.mutableSpan
        let entries = entries.span
        var next = 0
        for i in keys.indices {
            let key = keys[i]
            if next >= entries.count || entries[next].low != key.low || entries[next].high != key.high {
                next = number(of: key)
                guard next < entries.count else { continue }
            }
            found[i] = entries[next].slot
            next &+= 1
        }
    }

    /// The number of entries for a key that is not there.
    private func number(of key: SeriesKey) -> Int {
        let mask = places.count - 1
        var place = Int(truncatingIfNeeded: key.low) & mask
        while true {
            let number = places[place]
            if number == SeriesKeyTable.none { return entries.count }
            let entry = entries[Int(number)]
            if entry.low == key.low, entry.high == key.high { return Int(number) }
            place = (place + 1) & mask
        }
    }

    /// The key must not be there yet.
    mutating func insert(_ key: SeriesKey, slot: UInt32) {
        entries.append(Entry(high: key.high, low: key.low, slot: slot))
        if entries.count * 10 > places.count * 6 {
            rebuild(size: places.count * 2)
        } else {
            place(entries.count - 1)
        }
    }

    private mutating func place(_ number: Int) {
        let mask = places.count - 1
        var place = Int(truncatingIfNeeded: entries[number].low) & mask
        while places[place] != SeriesKeyTable.none { place = (place + 1) & mask }
        places[place] = UInt32(truncatingIfNeeded: number)
    }

    private mutating func rebuild(size: Int) {
        places = [UInt32](repeating: SeriesKeyTable.none, count: size)
        for number in entries.indices { place(number) }
    }

    /// Forgets the keys of slots that are not alive.
    mutating func keep(_ isAlive: [Bool]) {
        entries = entries.filter { isAlive[Int($0.slot)] }
        var size = 64
        while entries.count * 10 > size * 5 { size *= 2 }
        rebuild(size: size)
    }
}
