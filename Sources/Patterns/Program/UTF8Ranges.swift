/// Cuts ranges of scalars into sequences of byte ranges (Thompson's UTF-8 trick, as in RE2).
enum UTF8Ranges {
    typealias Sequence = [ClosedRange<UInt8>]

    static func sequences(_ set: ScalarSet) -> [Sequence] {
        var result: [Sequence] = []
        for range in set.ranges { split(range.lowerBound, range.upperBound, into: &result) }
        return result
    }

    // Depth is bounded: every step fixes one of at most nine boundaries.
    private static func split(_ low: UInt32, _ high: UInt32, into result: inout [Sequence]) {
        guard low <= high else { return }
        // Surrogates are no scalars.
        if low <= 0xdfff, high >= 0xd800 {
            if low < 0xd800 { split(low, 0xd7ff, into: &result) }
            if high > 0xdfff { split(0xe000, high, into: &result) }
            return
        }
        for boundary: UInt32 in [0x7f, 0x7ff, 0xffff] where low <= boundary && high > boundary {
            split(low, boundary, into: &result)
            split(boundary + 1, high, into: &result)
            return
        }
        if high > 0x7f {
            for shift in [6, 12, 18] as [UInt32] {
                let mask = (UInt32(1) << shift) - 1
                guard low & ~mask != high & ~mask else { continue }
                if low & mask != 0 {
                    split(low, low | mask, into: &result)
                    split((low | mask) + 1, high, into: &result)
                    return
                }
                if high & mask != mask {
                    split(low, (high & ~mask) - 1, into: &result)
                    split(high & ~mask, high, into: &result)
                    return
                }
            }
        }
        result.append(zip(encode(low), encode(high)).map { $0...$1 })
    }

    static func encode(_ scalar: UInt32) -> [UInt8] {
        func tail(_ shift: UInt32) -> UInt8 { 0x80 | UInt8(scalar >> shift & 0x3f) }
        switch scalar {
        case ..<0x80: return [UInt8(scalar)]
        case ..<0x800: return [0xc0 | UInt8(scalar >> 6), tail(0)]
        case ..<0x10000: return [0xe0 | UInt8(scalar >> 12), tail(6), tail(0)]
        default: return [0xf0 | UInt8(scalar >> 18 & 7), tail(12), tail(6), tail(0)]
        }
    }
}
