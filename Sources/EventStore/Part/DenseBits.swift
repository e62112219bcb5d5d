/// Bits of which most are set, or most are not, three at a time: the more of a kind there are, the shorter the code. On
/// disk (docs/formats/event-part.md).
enum DenseBits {
    private static let asTheyAre: UInt8 = 0
    private static let mostAreSet: UInt8 = 1
    private static let mostAreClear: UInt8 = 2

    /// By the three bits: code, lowest bit first, and its length.
    private static let codes: [(code: UInt64, length: UInt64)] = [
        (0b00111, 5), (0b01111, 5), (0b10111, 5), (0b001, 3), (0b11111, 5), (0b011, 3), (0b101, 3), (0, 1),
    ]

    /// By the next five bits: the three bits in the low half, the code's length in the high one.
    private static let decoding: [UInt8] = (0..<32).map { next in
        for (bits, known) in codes.enumerated() where UInt64(next) & (1 << known.length - 1) == known.code {
            return UInt8(known.length << 4) | UInt8(bits)
        }
        return 0
    }

    /// The form, and what it makes of the bytes.
    static func pack(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        let isDense = bytes.reduce(0) { $0 + $1.nonzeroBitCount } * 2 >= bytes.count * 8
        let packed = code(bytes, isDense ? mostAreSet : mostAreClear)
        return packed.count <= bytes.count ? packed : [asTheyAre] + bytes
    }

    private static func code(_ bytes: ArraySlice<UInt8>, _ form: UInt8) -> [UInt8] {
        var out: [UInt8] = [form]
        out.reserveCapacity(bytes.count)
        let flip: UInt8 = form == mostAreClear ? 0xff : 0
        var (held, count): (UInt64, UInt64) = (0, 0)
        // The bits that are not yet coded.
        var (rest, left): (UInt64, UInt64) = (0, 0)
        func add(_ three: UInt64) {
            let known = codes[Int(three)]
            held |= known.code << count
            count += known.length
            while count >= 8 {
                out.append(UInt8(truncatingIfNeeded: held))
                held >>= 8
                count -= 8
            }
        }
        for byte in bytes {
            rest |= UInt64(byte ^ flip) << left
            left += 8
            while left >= 3 {
                add(rest & 7)
                rest >>= 3
                left -= 3
            }
        }
        // Filled up with set bits, as they cost least.
        if left > 0 { add((rest | ~0 << left) & 7) }
        if count > 0 { out.append(UInt8(truncatingIfNeeded: held)) }
        return out
    }

    /// nil where these are not so many bytes packed.
    static func unpack(_ packed: ArraySlice<UInt8>, count size: Int) -> [UInt8]? {
        guard let form = packed.first, form <= mostAreClear else { return nil }
        let packed = packed.dropFirst()
        if form == asTheyAre { return packed.count == size ? Array(packed) : nil }
        let flip: UInt8 = form == mostAreClear ? 0xff : 0
        var out: [UInt8] = []
        out.reserveCapacity(size)
        let decoding = decoding
        let table = decoding.span
        var (held, count): (UInt64, UInt64) = (0, 0)
        var (rest, left): (UInt64, UInt64) = (0, 0)
        var at = packed.startIndex
        while out.count < size {
            while count < 32, at < packed.endIndex {
                held |= UInt64(packed[at]) << count
                count += 8
                at += 1
            }
            let known = table[Int(held & 31)]
            let length = UInt64(known >> 4)
            guard length <= count else { return nil }
            held >>= length
            count -= length
            rest |= UInt64(known & 7) << left
            left += 3
            if left >= 8 {
                out.append(UInt8(truncatingIfNeeded: rest) ^ flip)
                rest >>= 8
                left -= 8
            }
        }
        return at == packed.endIndex && count < 8 ? out : nil
    }
}
