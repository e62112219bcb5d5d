/// Hash to slot, open addressing with linear probing: a lookup touches one cache line and no string is hashed twice.
struct SeriesTable {
    private var slots: [UInt32] = [UInt32](repeating: SeriesTable.free, count: 64)
    private(set) var count = 0
    private static let free = UInt32.max

    var byteCount: Int { slots.count * 4 }

    /// `isSame` compares the whole identity; `hashOfSlot` serves growth.
    @inline(__always)
    func find(_ hash: UInt64, isSame: (Int) -> Bool) -> Int? {
        let mask = slots.count - 1
        var place = Int(truncatingIfNeeded: hash) & mask
        while slots[place] != SeriesTable.free {
            if isSame(Int(slots[place])) { return Int(slots[place]) }
            place = (place + 1) & mask
        }
        return nil
    }

    mutating func insert(_ hash: UInt64, slot: Int, hashOfSlot: (Int) -> UInt64) {
        if (count + 1) * 10 > slots.count * 7 {
            let old = slots
            slots = [UInt32](repeating: SeriesTable.free, count: old.count * 2)
            for slot in old where slot != SeriesTable.free { place(hashOfSlot(Int(slot)), slot) }
        }
        place(hash, UInt32(truncatingIfNeeded: slot))
        count += 1
    }

    private mutating func place(_ hash: UInt64, _ slot: UInt32) {
        let mask = slots.count - 1
        var place = Int(truncatingIfNeeded: hash) & mask
        while slots[place] != SeriesTable.free { place = (place + 1) & mask }
        slots[place] = slot
    }
}
