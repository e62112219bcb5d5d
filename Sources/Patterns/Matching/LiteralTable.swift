/// A set of byte strings for an alternation of literals: one hash and, as a rule, one comparison, however many there
/// are.
struct LiteralTable: Sendable {
    private var bytes: [UInt8] = []
    /// Where string `i` begins; one past the last at the end.
    private var starts: [Int32] = [0]
    /// Open addressing: string numbers, -1 where empty. A power of two, at most half full.
    private var slots: [Int32]
    private var lengths: ClosedRange<Int>

    init(_ strings: [[UInt8]]) {
        var capacity = 8
        while capacity < strings.count * 2 { capacity *= 2 }
        slots = [Int32](repeating: -1, count: capacity)
        let counts = strings.map(\.count)
        lengths = (counts.min() ?? 0)...(counts.max() ?? 0)
        for (number, string) in strings.enumerated() {
            bytes += string
            starts.append(Int32(truncatingIfNeeded: bytes.count))
            var slot = Int(truncatingIfNeeded: LiteralTable.hash(string.span)) & (capacity - 1)
            while slots[slot] >= 0 { slot = (slot + 1) & (capacity - 1) }
            slots[slot] = Int32(truncatingIfNeeded: number)
        }
    }

    func contains(_ text: Span<UInt8>) -> Bool {
        guard lengths.contains(text.count) else { return false }
        var slot = Int(truncatingIfNeeded: LiteralTable.hash(text)) & (slots.count - 1)
        while slots[slot] >= 0 {
            let number = Int(slots[slot])
            let start = Int(starts[number])
            if Int(starts[number + 1]) - start == text.count, isEqual(text, at: start) { return true }
            slot = (slot + 1) & (slots.count - 1)
        }
        return false
    }

    private func isEqual(_ text: Span<UInt8>, at start: Int) -> Bool {
        for index in text.indices where bytes[start &+ index] != text[index] { return false }
        return true
    }

    /// Eight bytes at a time, multiplied and folded. The strings are the expression's author's: a flood of collisions
    /// would slow only what he himself asked for, by no more than a walk over his own list.
    private static func hash(_ text: Span<UInt8>) -> UInt64 {
        var hash = UInt64(truncatingIfNeeded: text.count) &* 0x9e37_79b9_7f4a_7c15
        var index = 0
        while index < text.count {
            var word: UInt64 = 0
            let end = min(index &+ 8, text.count)
            while index < end {
                word = word &<< 8 | UInt64(text[index])
                index &+= 1
            }
            let product = (hash ^ word).multipliedFullWidth(by: 0xd6e8_feb8_6659_fd93)
            hash = product.high ^ product.low
        }
        return hash ^ (hash &>> 32)
    }
}
