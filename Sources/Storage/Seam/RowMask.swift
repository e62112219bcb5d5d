/// One bit for each row of a block.
package struct RowMask: Equatable, Sendable {
    package private(set) var words: [UInt64]
    package let count: Int

    package init(count: Int, all: Bool) {
        self.count = count
        words = [UInt64](repeating: all ? .max : 0, count: (count + 63) / 64)
        if all { clearTail() }
    }

    private mutating func clearTail() {
        if count & 63 != 0, let last = words.indices.last { words[last] &= (1 << UInt64(count & 63)) - 1 }
    }

    package subscript(row: Int) -> Bool {
        get { words[row >> 6] >> UInt64(row & 63) & 1 != 0 }
        set {
            if newValue {
                words[row >> 6] |= 1 << UInt64(row & 63)
            } else {
                words[row >> 6] &= ~(1 << UInt64(row & 63))
            }
        }
    }

    package var isEmpty: Bool { words.allSatisfy { $0 == 0 } }
    package var population: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    package mutating func formIntersection(_ other: RowMask) {
        for i in words.indices { words[i] &= other.words[i] }
    }

    package mutating func formUnion(_ other: RowMask) {
        for i in words.indices { words[i] |= other.words[i] }
    }

    package mutating func subtract(_ other: RowMask) {
        for i in words.indices { words[i] &= ~other.words[i] }
    }

    package func forEach(_ body: (Int) throws -> Void) rethrows {
        for i in words.indices {
            var word = words[i]
            while word != 0 {
                try body(i << 6 + word.trailingZeroBitCount)
                word &= word &- 1
            }
        }
    }

    /// The rows whose bit is set, ascending.
    package var rows: [UInt32] {
        var out: [UInt32] = []
        out.reserveCapacity(population)
        forEach { out.append(UInt32(truncatingIfNeeded: $0)) }
        return out
    }
}
