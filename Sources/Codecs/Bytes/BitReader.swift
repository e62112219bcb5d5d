/// Reads what `BitWriter` wrote. Throws at the end of the bytes; never traps.
package struct BitReader: Sendable {
    private let source: ArraySlice<UInt8>
    private var next: Int
    private var window: UInt64 = 0
    private var windowBits = 0

    package init(_ source: ArraySlice<UInt8>) {
        self.source = source
        next = source.startIndex
    }

    package var remainingBits: Int { (source.endIndex &- next) &* 8 &+ windowBits }

    private mutating func refill() {
        let start = next &- source.startIndex
        if source.endIndex &- next >= 8 {
            let word = unsafe source.withUnsafeBytes {
                unsafe UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: start, as: UInt64.self))
            }
            // Only whole bytes enter the window, so the masked count is what fits above `windowBits`.
            let taken = (63 &- windowBits) >> 3
            window |= (word & ((UInt64(1) &<< UInt64(taken &* 8)) &- 1)) &<< UInt64(windowBits)
            next &+= taken
            windowBits &+= taken &* 8
            return
        }
        while windowBits <= 55, next < source.endIndex {
            window |= UInt64(source[next]) &<< UInt64(windowBits)
            next &+= 1
            windowBits &+= 8
        }
    }

    package mutating func readBit() throws(CodecError) -> Bool {
        if windowBits == 0 {
            refill()
            guard windowBits > 0 else { throw cutOff(1) }
        }
        let bit = window & 1
        window >>= 1
        windowBits &-= 1
        return bit == 1
    }

    /// `bits` from 0 to 64.
    package mutating func read(_ bits: Int) throws(CodecError) -> UInt64 {
        if bits > 32 {
            let low = try read32(32)
            return low | (try read32(Swift.min(bits, 64) &- 32)) &<< 32
        }
        return try read32(bits)
    }

    private mutating func read32(_ bits: Int) throws(CodecError) -> UInt64 {
        guard bits > 0 else { return 0 }
        if windowBits < bits {
            refill()
            guard windowBits >= bits else { throw cutOff(bits) }
        }
        let value = window & ((UInt64(1) &<< UInt64(bits)) &- 1)
        window >>= UInt64(bits)
        windowBits &-= bits
        return value
    }

    private func cutOff(_ bits: Int) -> CodecError {
        CodecError(next &- source.startIndex, "\(bits) bits expected, \(remainingBits) left")
    }
}
