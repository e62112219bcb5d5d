/// Writes XORed doubles: 0 for "the same", 10 and the bits in the last window, 11 with a new window of 6 + 6 bits.
struct XORWindow: Sendable {
    private var leading = 64
    private var trailing = 0

    mutating func append(_ difference: UInt64, to bits: inout BitWriter) {
        guard difference != 0 else { return bits.write(0b0, bits: 1) }
        let newLeading = difference.leadingZeroBitCount
        let newTrailing = difference.trailingZeroBitCount
        let width = 64 &- newLeading &- newTrailing
        let oldWidth = 64 &- leading &- trailing
        // A new window costs 12 bits; a much wider old one costs more.
        if oldWidth > 0, newLeading >= leading, newTrailing >= trailing, oldWidth &- width <= 12 {
            bits.write(0b01, bits: 2)
            bits.write(difference &>> UInt64(trailing), bits: oldWidth)
            return
        }
        leading = newLeading
        trailing = newTrailing
        bits.write(0b11, bits: 2)
        bits.write(UInt64(newLeading), bits: 6)
        bits.write(UInt64(width &- 1), bits: 6)
        bits.write(difference &>> UInt64(newTrailing), bits: width)
    }
}

/// Reads what `XORWindow` wrote.
struct XORWindowReader {
    private var trailing = 0
    private var width = 0

    mutating func next(_ bits: inout BitReader) throws(CodecError) -> UInt64 {
        guard try bits.readBit() else { return 0 }
        if try bits.readBit() {
            let leading = Int(try bits.read(6))
            width = Int(try bits.read(6)) &+ 1
            trailing = 64 &- leading &- width
            guard trailing >= 0 else { throw CodecError(0, "XOR window of \(leading) and \(width) bits") }
        }
        guard width > 0 else { throw CodecError(0, "XOR window is reused before it is set") }
        return (try bits.read(width)) &<< UInt64(trailing)
    }
}
