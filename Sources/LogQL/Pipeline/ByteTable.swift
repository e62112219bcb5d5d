/// Interns byte strings: each distinct one gets the next number. Open addressing over FNV-1a, so that a look-up costs
/// no allocation.
struct ByteTable: Sendable {
    private var bytes: [UInt8] = []
    private var ends: [Int] = [0]
    private var hashes: [UInt32] = []
    private var slots = [Int32](repeating: -1, count: 64)

    var count: Int { hashes.count }

    func value(_ id: Int) -> ArraySlice<UInt8> { bytes[ends[id]..<ends[id + 1]] }

    private static func hash(_ text: ArraySlice<UInt8>) -> UInt32 {
        var h: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text { h = (h ^ UInt64(byte)) &* 0x100_0000_01b3 }
        h ^= h >> 32
        return UInt32(truncatingIfNeeded: h &* 0xd6e8_feb8_6659_fd93 >> 17)
    }

    /// The number of `text`, and whether it is new.
    mutating func insert(_ text: ArraySlice<UInt8>) -> (id: Int, isNew: Bool) {
        let hash = ByteTable.hash(text)
        var slot = Int(hash) & (slots.count - 1)
        while slots[slot] >= 0 {
            let id = Int(slots[slot])
            if hashes[id] == hash, value(id).elementsEqual(text) { return (id, false) }
            slot = (slot + 1) & (slots.count - 1)
        }
        let id = hashes.count
        slots[slot] = Int32(truncatingIfNeeded: id)
        hashes.append(hash)
        bytes.append(contentsOf: text)
        ends.append(bytes.count)
        if hashes.count * 2 > slots.count { grow() }
        return (id, true)
    }

    mutating func id(_ text: ArraySlice<UInt8>) -> Int { insert(text).id }
    mutating func id(_ text: String) -> Int { insert(Array(text.utf8)[...]).id }

    private mutating func grow() {
        slots = [Int32](repeating: -1, count: slots.count * 2)
        for id in hashes.indices {
            var slot = Int(hashes[id]) & (slots.count - 1)
            while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = Int32(truncatingIfNeeded: id)
        }
    }
}
