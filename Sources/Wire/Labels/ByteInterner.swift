import Codecs

/// Numbers distinct byte strings from 0 on, without making a `String` or an array of each.
///
/// The hash is seeded anew in each process, so that a sender cannot choose names that collide.
struct ByteInterner {
    private static let seed = UInt64.random(in: .min ... .max)

    private var slots: [Int32] = Array(repeating: -1, count: 64)
    private var hashes: [UInt64] = []
    private var ends: [Int] = []
    private var arena: [UInt8] = []

    var count: Int { ends.count }

    /// The number of the key, new where it was not seen before.
    mutating func intern(_ source: [UInt8], _ range: Range<Int>) -> (index: Int, isNew: Bool) {
        let hash = Hash64.hash(source.span.extracting(range), seed: ByteInterner.seed)
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] >= 0 {
            let index = Int(slots[slot])
            if hashes[index] == hash, isSame(index, source, range) { return (index, false) }
            slot = (slot + 1) & mask
        }
        let index = ends.count
        slots[slot] = Int32(truncatingIfNeeded: index)
        hashes.append(hash)
        UTF8Text.copy(source, range, to: &arena)
        ends.append(arena.count)
        if ends.count * 2 > slots.count { grow() }
        return (index, true)
    }

    private func isSame(_ index: Int, _ source: [UInt8], _ range: Range<Int>) -> Bool {
        let start = index == 0 ? 0 : ends[index - 1]
        guard ends[index] - start == range.count else { return false }
        for offset in 0..<range.count where arena[start + offset] != source[range.lowerBound + offset] { return false }
        return true
    }

    private mutating func grow() {
        slots = Array(repeating: -1, count: slots.count * 2)
        let mask = slots.count - 1
        for (index, hash) in hashes.enumerated() {
            var slot = Int(truncatingIfNeeded: hash) & mask
            while slots[slot] >= 0 { slot = (slot + 1) & mask }
            slots[slot] = Int32(truncatingIfNeeded: index)
        }
    }
}
