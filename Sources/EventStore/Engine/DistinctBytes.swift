/// Distinct texts in the order of their bytes, of a million and more, in one array. They are sorted in runs rather than
/// hashed: eight bytes behind what all have in common are compared at once, and only where these are equal the rest.
struct DistinctBytes: Sendable {
    private var bytes: [UInt8] = []
    private var ends: [Int] = []
    private var limit = 1 << 18

    mutating func insert(_ text: some Collection<UInt8>) {
        bytes.append(contentsOf: text)
        ends.append(bytes.count)
        guard ends.count > limit else { return }
        let order = sortedOrder
        var least = DistinctBytes()
        least.bytes.reserveCapacity(bytes.count)
        least.ends.reserveCapacity(order.count)
        for index in order {
            least.bytes.append(contentsOf: bytes[range(index)])
            least.ends.append(least.bytes.count)
        }
        least.limit = max(1 << 18, order.count * 2)
        self = least
    }

    mutating func formUnion(_ other: DistinctBytes) {
        for index in other.ends.indices { insert(other.bytes[other.range(index)]) }
    }

    private func range(_ index: Int) -> Range<Int> { (index == 0 ? 0 : ends[index - 1])..<ends[index] }

    var sorted: [ArraySlice<UInt8>] { sortedOrder.map { bytes[range($0)] } }

    /// Numbers of the texts, each text once.
    private var sortedOrder: [Int] {
        guard !ends.isEmpty else { return [] }
        let first = bytes[range(0)]
        var common = first.count
        for index in ends.indices {
            let place = range(index)
            var i = 0
            while i < common, i < place.count, bytes[place.lowerBound &+ i] == first[i] { i &+= 1 }
            common = i
        }
        var keys: [(head: UInt64, index: Int)] = []
        keys.reserveCapacity(ends.count)
        for index in ends.indices {
            let place = range(index)
            var head: UInt64 = 0
            for i in place.lowerBound + common..<place.lowerBound + common + 8 {
                head = head << 8 | UInt64(i < place.upperBound ? bytes[i] : 0)
            }
            keys.append((head, index))
        }
        keys.sort { a, b in
            a.head == b.head
                ? bytes[range(a.index)].lexicographicallyPrecedes(bytes[range(b.index)]) : a.head < b.head
        }
        var out: [Int] = []
        out.reserveCapacity(keys.count)
        var lastHead: UInt64 = 0
        for key in keys {
            if let last = out.last, key.head == lastHead, bytes[range(last)].elementsEqual(bytes[range(key.index)]) {
                continue
            }
            out.append(key.index)
            lastHead = key.head
        }
        return out
    }
}
