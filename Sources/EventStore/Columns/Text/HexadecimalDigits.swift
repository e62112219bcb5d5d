/// Hexadecimal digits, eight at a time: most bytes of logs that cannot be made smaller are ids.
enum HexadecimalDigits {
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highBits: UInt64 = 0x8080_8080_8080_8080

    /// The ``ByteClass``es of eight bytes where all are digits or `a` to `f`.
    @inline(__always)
    static func classes(_ text: Span<UInt8>, _ at: Int) -> UInt8? {
        let word = TextBytes.load(text, at)
        guard word & highBits == 0 else { return nil }
        // No sum passes the end of its byte: its high bit says whether it is over a limit.
        let digits = ~((word ^ (0x30 &* ones)) &+ 0x76 &* ones) & highBits
        let letter = word ^ (0x60 &* ones)
        let letters = (letter &+ 0x7f &* ones) & ~(letter &+ 0x79 &* ones) & highBits
        guard digits | letters == highBits else { return nil }
        return (digits != 0 ? ByteClass.digit : 0) | (letters != 0 ? ByteClass.lowerHexadecimal : 0)
    }

    /// Two digits to the byte, the high one first; an odd last one alone in the high half. All values have so many.
    static func pack(_ text: Span<UInt8>, _ values: [TextSlice], digits: Int) -> [UInt8] {
        let width = (digits + 1) / 2
        return unsafe [UInt8](unsafeUninitializedCapacity: width * values.count) { target, count in
            guard let base = UnsafeMutableRawPointer(target.baseAddress) else { return }
            let all = values.span
            for index in all.indices {
                TextBytes.expect(text, all, index &+ TextBytes.ahead)
                let value = all[index]
                precondition(value.count == digits && count <= target.count &- width)
                var at = value.lower
                while value.upper &- at >= 8 {
                    // Letters have bit 6 set, and their low half is nine less than what they stand for.
                    let word = TextBytes.load(text, at)
                    var halves = (word & (0x0f &* ones)) &+ (word >> 6 & ones) &* 9
                    halves = (halves << 4 | halves >> 8) & 0x00ff_00ff_00ff_00ff
                    halves = (halves | halves >> 8) & 0x0000_ffff_0000_ffff
                    halves |= halves >> 16
                    let four = UInt32(truncatingIfNeeded: halves).littleEndian
                    unsafe base.storeBytes(of: four, toByteOffset: count, as: UInt32.self)
                    count &+= 4
                    at &+= 8
                }
                while at < value.upper {
                    let low = at &+ 1 < value.upper ? half(text[at &+ 1]) : 0
                    unsafe target[count] = half(text[at]) << 4 | low
                    count &+= 1
                    at &+= 2
                }
            }
        }
    }

    /// The first byte of all values, the second of all, and so on.
    static func planes(_ packed: [UInt8], width: Int) -> [[UInt8]] {
        let count = packed.count / width
        return (0..<width).map { plane in
            var out = [UInt8](repeating: 0, count: count)
            var target = out.mutableSpan
            let source = packed.span
            var at = plane
            for i in 0..<count {
                target[i] = source[at]
                at &+= width
            }
            return out
        }
    }

    @inline(__always)
    private static func half(_ byte: UInt8) -> UInt8 { byte & 0x0f &+ (byte >> 6 & 1) &* 9 }
}
