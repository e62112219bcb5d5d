/// Appends bit fields, least significant bit first, into bytes.
package struct BitWriter: Sendable {
    /// Whole bytes written so far; the last, unfinished byte is in `pending`.
    private var bytes: [UInt8]
    private var pending: UInt64 = 0
    private var pendingBits = 0

    package init(reserving capacity: Int = 0) {
        bytes = []
        if capacity > 0 { bytes.reserveCapacity(capacity) }
    }

    package var bitCount: Int { bytes.count &* 8 &+ pendingBits }
    package var byteCount: Int { bytes.count &+ (pendingBits &+ 7) / 8 }

    package mutating func writeBit(_ bit: Bool) {
        write(bit ? 1 : 0, bits: 1)
    }

    /// The low `bits` (0 to 64) of `value`.
    package mutating func write(_ value: UInt64, bits: Int) {
        guard bits > 0 else { return }
        if bits > 32 {
            write32(value & 0xffff_ffff, bits: 32)
            write32(value >> 32, bits: Swift.min(bits, 64) &- 32)
        } else {
            write32(value, bits: bits)
        }
    }

    // `pendingBits` is below 8 between calls, so 32 more always fit in the 64.
    private mutating func write32(_ value: UInt64, bits: Int) {
        let mask = (UInt64(1) &<< UInt64(bits)) &- 1
        pending |= (value & mask) &<< UInt64(pendingBits)
        pendingBits &+= bits
        while pendingBits >= 8 {
            bytes.append(UInt8(truncatingIfNeeded: pending))
            pending >>= 8
            pendingBits &-= 8
        }
    }

    /// The bytes so far, the last one filled up with zero bits. The writer may go on afterwards.
    package func encoded(after prefix: [UInt8] = []) -> [UInt8] {
        var result = prefix
        result.reserveCapacity(prefix.count &+ byteCount)
        result.append(contentsOf: bytes)
        if pendingBits > 0 { result.append(UInt8(truncatingIfNeeded: pending)) }
        return result
    }
}
