/// A chunk of float samples as Prometheus encodes it (tsdb/chunkenc/xor.go, after Facebook's Gorilla paper): a count
/// of two bytes, then bits with the most significant first.
package struct XORChunk: Sendable, Hashable {
    package var first: Int64
    package var last: Int64
    package var bytes: [UInt8]

    /// What Prometheus itself puts in a chunk.
    static let samplesPerChunk = 120

    package static func chunks(_ timestamps: [Int64], _ values: [Double]) -> [XORChunk] {
        var chunks: [XORChunk] = []
        let count = min(timestamps.count, values.count)
        var start = 0
        while start < count {
            let end = min(start + samplesPerChunk, count)
            chunks.append(XORChunk(timestamps[start..<end], values[start..<end]))
            start = end
        }
        return chunks
    }

    /// At least one sample, at most 65,535, ascending in time.
    private init(_ timestamps: ArraySlice<Int64>, _ values: ArraySlice<Double>) {
        var bits = ChunkBitWriter()
        bits.write(UInt64(timestamps.count), 16)
        var previous: Int64 = 0
        var delta: Int64 = 0
        var value: UInt64 = 0
        var leading = -1
        var trailing = 0
        for (row, (timestamp, number)) in zip(timestamps, values).enumerated() {
            let pattern = number.bitPattern
            switch row {
            case 0:
                bits.varint(UInt64(bitPattern: timestamp << 1) ^ UInt64(bitPattern: timestamp >> 63))
                bits.write(pattern, 64)
            case 1:
                delta = timestamp &- previous
                bits.varint(UInt64(bitPattern: delta))
                bits.xor(pattern ^ value, &leading, &trailing)
            default:
                let next = timestamp &- previous
                bits.deltaOfDelta(next &- delta)
                delta = next
                bits.xor(pattern ^ value, &leading, &trailing)
            }
            previous = timestamp
            value = pattern
        }
        first = timestamps.first ?? 0
        last = timestamps.last ?? 0
        bytes = bits.bytes
    }
}

private struct ChunkBitWriter {
    private(set) var bytes: [UInt8] = []
    /// Bits that are free in the last byte.
    private var free = 0

    mutating func write(_ value: UInt64, _ count: Int) {
        var left = count
        while left > 0 {
            if free == 0 {
                bytes.append(0)
                free = 8
            }
            let taken = min(free, left)
            let part = value >> UInt64(left - taken) & (1 << UInt64(taken) - 1)
            bytes[bytes.count - 1] |= UInt8(truncatingIfNeeded: part << UInt64(free - taken))
            free -= taken
            left -= taken
        }
    }

    mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            write(rest & 0x7f | 0x80, 8)
            rest >>= 7
        }
        write(rest, 8)
    }

    mutating func deltaOfDelta(_ value: Int64) {
        /// Prometheus' own ranges: one value more above zero than below.
        func fits(_ bits: Int64) -> Bool { -(1 << (bits - 1)) + 1 <= value && value <= 1 << (bits - 1) }
        let pattern = UInt64(bitPattern: value)
        switch true {
        case value == 0: write(0, 1)
        case fits(14):
            write(0b10, 2)
            write(pattern, 14)
        case fits(17):
            write(0b110, 3)
            write(pattern, 17)
        case fits(20):
            write(0b1110, 4)
            write(pattern, 20)
        default:
            write(0b1111, 4)
            write(pattern, 64)
        }
    }

    mutating func xor(_ difference: UInt64, _ leading: inout Int, _ trailing: inout Int) {
        guard difference != 0 else { return write(0, 1) }
        write(1, 1)
        // Five bits hold the count of leading zeros.
        let newLeading = min(difference.leadingZeroBitCount, 31)
        let newTrailing = difference.trailingZeroBitCount
        if leading >= 0, newLeading >= leading, newTrailing >= trailing {
            write(0, 1)
            write(difference >> UInt64(trailing), 64 - leading - trailing)
            return
        }
        leading = newLeading
        trailing = newTrailing
        let significant = 64 - newLeading - newTrailing
        write(1, 1)
        write(UInt64(newLeading), 5)
        // 64 does not fit in six bits and is written as 0, which no difference has.
        write(UInt64(significant & 63), 6)
        write(difference >> UInt64(newTrailing), significant)
    }
}
