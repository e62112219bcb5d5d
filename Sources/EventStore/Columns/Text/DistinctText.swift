/// The distinct values of a column, in order of first appearance.
struct DistinctText {
    /// Index of the first value that is equal, for each code.
    private(set) var entries: [Int] = []
    private(set) var codes: [Int64] = []

    private static let sample = 1024

    /// nil where there are more than `limit`, or where a sample says that hardly any value repeats.
    init?(_ text: Span<UInt8>, _ values: [TextSlice], limit: Int) {
        guard !values.isEmpty, limit > 0 else { return nil }
        codes.reserveCapacity(values.count)
        var slots = [UInt32](repeating: 0, count: 64)
        var hashes: [UInt64] = []
        let all = values.span
        for index in all.indices {
            TextBytes.expect(text, all, index &+ TextBytes.ahead)
            let value = all[index]
            let hash = TextBytes.finish(TextBytes.hash(text, value.lower, count: value.count, 1))
            if entries.count &* 2 >= slots.count { DistinctText.grow(&slots, hashes) }
            let mask = UInt64(slots.count &- 1)
            var slot = hash & mask
            while true {
                let known = slots[Int(slot)]
                if known == 0 {
                    if entries.count >= limit { return nil }
                    if index == DistinctText.sample, entries.count &* 10 > DistinctText.sample &* 9 { return nil }
                    entries.append(index)
                    hashes.append(hash)
                    slots[Int(slot)] = UInt32(truncatingIfNeeded: entries.count)
                    codes.append(Int64(entries.count &- 1))
                    break
                }
                let code = Int(known &- 1)
                let other = values[entries[code]]
                if hashes[code] == hash, other.length == value.length,
                    TextBytes.isEqual(text, value.lower, other.lower, count: value.count)
                {
                    codes.append(Int64(code))
                    break
                }
                slot = (slot &+ 1) & mask
            }
        }
    }

    private static func grow(_ slots: inout [UInt32], _ hashes: [UInt64]) {
        slots = [UInt32](repeating: 0, count: slots.count &* 4)
        let mask = UInt64(slots.count &- 1)
        for (code, hash) in hashes.enumerated() {
            var slot = hash & mask
            while slots[Int(slot)] != 0 { slot = (slot &+ 1) & mask }
            slots[Int(slot)] = UInt32(truncatingIfNeeded: code &+ 1)
        }
    }
}
