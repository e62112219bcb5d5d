internal import Telemetry

/// Slots of the head's series in the order of their labels, kept from flush to flush: sorting all label sets each time
/// would cost more than writing the samples.
struct FlushOrder {
    private(set) var slots: [UInt32] = []
    /// For each slot the version of it that is in ``slots``; 0 for none.
    private var versions: [UInt32] = []

    /// Takes in what is new in the registry and forgets what is gone.
    mutating func update(_ registry: borrowing SeriesRegistry) {
        let count = registry.slotCount
        while versions.count < count { versions.append(0) }
        slots.removeAll { slot in
            guard registry.version(slot) != versions[Int(slot)] else { return false }
            versions[Int(slot)] = 0
            return true
        }
        var fresh: [UInt32] = []
        for slot in 0..<UInt32(truncatingIfNeeded: count) where versions[Int(slot)] == 0 {
            let version = registry.version(slot)
            guard version != 0 else { continue }
            versions[Int(slot)] = version
            fresh.append(slot)
        }
        guard !fresh.isEmpty else { return }
        fresh.sort { registry.precedes($0, $1) }
        merge(fresh, registry)
    }

    private mutating func merge(_ fresh: [UInt32], _ registry: borrowing SeriesRegistry) {
        var merged: [UInt32] = []
        merged.reserveCapacity(slots.count + fresh.count)
        var next = 0
        for slot in fresh {
            // Few new ones among many: find each place instead of walking there.
            let place =
                fresh.count * 16 < slots.count
                ? partition(from: next) { registry.precedes(slot, $0) } : walk(from: next) { registry.precedes(slot, $0) }
            merged.append(contentsOf: slots[next..<place])
            merged.append(slot)
            next = place
        }
        merged.append(contentsOf: slots[next...])
        slots = merged
    }

    private func walk(from start: Int, _ isAfter: (UInt32) -> Bool) -> Int {
        var place = start
        while place < slots.count, !isAfter(slots[place]) { place += 1 }
        return place
    }

    private func partition(from start: Int, _ isAfter: (UInt32) -> Bool) -> Int {
        var low = start
        var high = slots.count
        while low < high {
            let middle = low + (high - low) / 2
            if isAfter(slots[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
