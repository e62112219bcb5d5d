import Codecs

/// The spellings of series that a target's last scrapes contained, by a hash of their bytes.
///
/// A spelling is a small number for as long as it is remembered. Its bytes are not kept here: two spellings with one
/// hash of 128 keyed bits are as likely as a broken memory cell.
struct SpellingTable: Sendable {
    private var hashes: [Hash128.Value] = []
    /// The row of the last scrape that it stood in: where to go on after a line that was out of order.
    private(set) var rows: [UInt32] = []
    /// Number of the last scrape that contained it.
    private(set) var seen: [UInt32] = []
    private var free: [UInt32] = []
    /// Open addressing; 0 is empty, else the spelling and one.
    private var slots: [UInt32] = Array(repeating: 0, count: 64)
    private(set) var count = 0
    let capacity: Int

    init(capacity: Int) { self.capacity = capacity }

    func find(_ hash: Hash128.Value) -> UInt32? {
        let mask = slots.count &- 1
        var slot = Int(truncatingIfNeeded: hash.low) & mask
        while true {
            let entry = slots[slot]
            if entry == 0 { return nil }
            let known = hashes[Int(entry &- 1)]
            if known.low == hash.low, known.high == hash.high { return entry &- 1 }
            slot = (slot &+ 1) & mask
        }
    }

    /// A number for a spelling that is not there; nil where the table is full.
    mutating func insert(_ hash: Hash128.Value, scrape: UInt32) -> UInt32? {
        guard count < capacity else { return nil }
        if (count + 1) * 2 > slots.count { grow() }
        let spelling: UInt32
        if let reused = free.popLast() {
            spelling = reused
            hashes[Int(spelling)] = hash
            seen[Int(spelling)] = scrape
        } else {
            spelling = UInt32(truncatingIfNeeded: hashes.count)
            hashes.append(hash)
            seen.append(scrape)
            rows.append(0)
        }
        place(spelling)
        count += 1
        return spelling
    }

    mutating func see(_ spelling: UInt32, scrape: UInt32) { seen[Int(spelling)] = scrape }

    mutating func setRow(_ spelling: UInt32, _ row: Int) { rows[Int(spelling)] = UInt32(truncatingIfNeeded: row) }

    /// False where it was removed before.
    @discardableResult
    mutating func remove(_ spelling: UInt32) -> Bool {
        let mask = slots.count - 1
        var hole = Int(truncatingIfNeeded: hashes[Int(spelling)].low) & mask
        while slots[hole] != spelling &+ 1 {
            if slots[hole] == 0 { return false }
            hole = (hole + 1) & mask
        }
        // Those that were pushed past the hole move back, so that no search ends early.
        var next = (hole + 1) & mask
        while slots[next] != 0 {
            let home = Int(truncatingIfNeeded: hashes[Int(slots[next] &- 1)].low) & mask
            if (next &- home) & mask >= (next &- hole) & mask {
                slots[hole] = slots[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        slots[hole] = 0
        free.append(spelling)
        count -= 1
        return true
    }

    private mutating func place(_ spelling: UInt32) {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hashes[Int(spelling)].low) & mask
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = spelling &+ 1
    }

    private mutating func grow() {
        let old = slots
        slots = Array(repeating: 0, count: old.count * 2)
        for entry in old where entry != 0 { place(entry &- 1) }
    }
}
