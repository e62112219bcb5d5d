import Telemetry

/// The series that a target's remembered spellings stand for: several spellings may be one series.
struct SeriesSlots: Sendable {
    /// A spelling that relabelling drops.
    static let dropped = UInt32.max

    private(set) var keys: [SeriesKey] = []
    /// Number of the last scrape that had a sample of it.
    private(set) var seen: [UInt32] = []
    private var users: [UInt32] = []
    private var free: [UInt32] = []
    private var slotByKey: [SeriesKey: UInt32] = [:]

    var count: Int { slotByKey.count }

    /// The slot of a series, with one user more; `isNew` where it had none.
    mutating func take(_ key: SeriesKey) -> (slot: UInt32, isNew: Bool) {
        if let known = slotByKey[key] {
            users[Int(known)] += 1
            return (known, false)
        }
        let slot: UInt32
        if let reused = free.popLast() {
            slot = reused
            keys[Int(slot)] = key
            seen[Int(slot)] = 0
            users[Int(slot)] = 1
        } else {
            slot = UInt32(truncatingIfNeeded: keys.count)
            keys.append(key)
            seen.append(0)
            users.append(1)
        }
        slotByKey[key] = slot
        return (slot, true)
    }

    mutating func release(_ slot: UInt32) {
        guard slot != SeriesSlots.dropped else { return }
        let index = Int(slot)
        users[index] -= 1
        guard users[index] == 0 else { return }
        slotByKey[keys[index]] = nil
        free.append(slot)
    }

    @inline(__always)
    mutating func see(_ slot: UInt32, scrape: UInt32) { seen[Int(slot)] = scrape }

    func contains(_ key: SeriesKey) -> UInt32? { slotByKey[key] }
}
