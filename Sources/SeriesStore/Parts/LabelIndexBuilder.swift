import Codecs
internal import Telemetry

/// Collects which series have which name and value, by bytes: a pair of both is one run of a label set's canonical
/// bytes, known by its hash; what stands where it stood in the series before is not even hashed.
struct LabelIndexBuilder {
    private struct Pair {
        var start: Int
        var nameLength: Int
        var valueStart: Int
        var end: Int
        var count = 0
    }

    private var arena: [UInt8] = []
    private var pairs: [Pair] = []
    /// Open addressing; 0 is empty, else pair + 1.
    private var table = [UInt32](repeating: 0, count: 1024)
    /// Pairs of all series one after the other, and how many each series has.
    private var used: [UInt32] = []
    private var counts: [UInt32] = []
    private var previous: [UInt32] = []
    private var current: [UInt32] = []

    mutating func add(_ labels: LabelSet) {
        current.removeAll(keepingCapacity: true)
        let bytes = labels.bytes
        labels.forEachRange { name, value in
            // The name's length stands before it, in one byte or more.
            let start = current.isEmpty ? 0 : lastEnd
            lastEnd = value.upperBound
            let place = current.count
            if place < previous.count, matches(Int(previous[place]), bytes, start..<value.upperBound) {
                current.append(previous[place])
            } else {
                current.append(find(bytes, start, name, value))
            }
        }
        for pair in current { pairs[Int(pair)].count += 1 }
        used.append(contentsOf: current)
        counts.append(UInt32(truncatingIfNeeded: current.count))
        swap(&previous, &current)
    }

    private var lastEnd = 0

    private func matches(_ pair: Int, _ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        let known = pairs[pair]
        guard known.end - known.start == range.count else { return false }
        return unsafe arena.withUnsafeBytes { arena in
            unsafe bytes.withUnsafeBytes { bytes in
                var offset = 0
                while offset &+ 8 <= range.count {
                    let one = unsafe arena.loadUnaligned(fromByteOffset: known.start &+ offset, as: UInt64.self)
                    let other = unsafe bytes.loadUnaligned(fromByteOffset: range.lowerBound &+ offset, as: UInt64.self)
                    if one != other { return false }
                    offset &+= 8
                }
                while offset < range.count {
                    if unsafe arena[known.start &+ offset] != bytes[range.lowerBound &+ offset] { return false }
                    offset &+= 1
                }
                return true
            }
        }
    }

    private mutating func find(_ bytes: [UInt8], _ start: Int, _ name: Range<Int>, _ value: Range<Int>) -> UInt32 {
        let range = start..<value.upperBound
        let hash = Hash64.hash(bytes[range])
        var slot = Int(truncatingIfNeeded: hash) & (table.count - 1)
        while table[slot] != 0 {
            if matches(Int(table[slot]) - 1, bytes, range) { return table[slot] - 1 }
            slot = (slot + 1) & (table.count - 1)
        }
        let offset = arena.count - start
        pairs.append(
            Pair(
                start: arena.count, nameLength: name.upperBound - start, valueStart: value.lowerBound + offset,
                end: value.upperBound + offset))
        arena.append(contentsOf: bytes[range])
        table[slot] = UInt32(truncatingIfNeeded: pairs.count)
        if pairs.count * 2 > table.count { grow() }
        return UInt32(truncatingIfNeeded: pairs.count - 1)
    }

    private mutating func grow() {
        table = [UInt32](repeating: 0, count: table.count * 4)
        for (index, pair) in pairs.enumerated() {
            var slot = Int(truncatingIfNeeded: Hash64.hash(arena[pair.start..<pair.end])) & (table.count - 1)
            while table[slot] != 0 { slot = (slot + 1) & (table.count - 1) }
            table[slot] = UInt32(truncatingIfNeeded: index + 1)
        }
    }

    /// The name without its length.
    private func name(_ pair: Pair) -> ArraySlice<UInt8> {
        // Field length `n` takes as many bytes as are left of the run before it.
        var prefix = 1
        while prefix < pair.nameLength, arena[pair.start + prefix - 1] >= 0x80 { prefix += 1 }
        return arena[pair.start + prefix..<pair.start + pair.nameLength]
    }

    /// Calls `page` with ascending values of one name, at most ``PartFormat/pageSize`` at a time: the name, the first
    /// value and the page's bytes.
    func pages(_ page: (_ name: ArraySlice<UInt8>, _ first: ArraySlice<UInt8>, _ bytes: [UInt8]) throws -> Void) rethrows
    {
        // Series of each pair, by counting.
        var starts = [Int](repeating: 0, count: pairs.count + 1)
        for (index, pair) in pairs.enumerated() { starts[index + 1] = starts[index] + pair.count }
        var series = [UInt32](repeating: 0, count: used.count)
        var next = starts
        var place = 0
        for (number, count) in counts.enumerated() {
            for _ in 0..<count {
                let pair = Int(used[place])
                series[next[pair]] = UInt32(truncatingIfNeeded: number)
                next[pair] += 1
                place += 1
            }
        }
        let order = sorted()
        var begin = 0
        while begin < order.count {
            let name = self.name(pairs[order[begin]])
            var end = begin
            while end < order.count, end - begin < PartFormat.pageSize, self.name(pairs[order[end]]) == name { end += 1 }
            var writer = ByteWriter()
            writer.writeVarint(end - begin)
            for index in order[begin..<end] {
                let pair = pairs[index]
                writer.writeLengthPrefixed(arena[pair.valueStart..<pair.end])
                writer.writeVarint(pair.count)
                var packed = ByteWriter(reserving: pair.count + 8)
                var last: UInt32 = 0
                for one in series[starts[index]..<starts[index + 1]] {
                    packed.writeVarint(UInt64(one &- last))
                    last = one
                }
                // With its length, so that a reader passes over the values that it does not want.
                writer.writeLengthPrefixed(packed.bytes)
            }
            let first = pairs[order[begin]]
            try page(name, arena[first.valueStart..<first.end], writer.bytes)
            begin = end
        }
    }

    /// Pairs by name, then by value, bytewise.
    private func sorted() -> [Int] {
        pairs.indices.sorted { a, b in
            let first = name(pairs[a])
            let second = name(pairs[b])
            if first != second { return first.lexicographicallyPrecedes(second) }
            return arena[pairs[a].valueStart..<pairs[a].end]
                .lexicographicallyPrecedes(arena[pairs[b].valueStart..<pairs[b].end])
        }
    }
}
