import CShims

/// The few operations on text that read more than one byte at a time. Every place and length is checked first.
enum TextBytes {
    /// Folds a run of bytes into a state; not on disk, and collisions cost time only.
    @inline(__always)
    static func hash(_ text: Span<UInt8>, _ start: Int, count: Int, _ seed: UInt64) -> UInt64 {
        precondition(start >= 0 && count >= 0 && count <= text.count &- start)
        var state = seed ^ UInt64(truncatingIfNeeded: count)
        return unsafe text.withUnsafeBytes { bytes in
            var at = start
            let end = start &+ count
            while end &- at >= 8 {
                let word = unsafe bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
                state = mix(state ^ word)
                at &+= 8
            }
            if end &- at >= 4 {
                let low = unsafe bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self)
                let high = unsafe bytes.loadUnaligned(fromByteOffset: end &- 4, as: UInt32.self)
                return mix(state ^ (UInt64(high) << 32 | UInt64(low)))
            }
            if at < end {
                let tail =
                    unsafe UInt64(bytes[at]) | UInt64(bytes[at &+ (end &- at) / 2]) << 8 | UInt64(bytes[end &- 1]) << 16
                return mix(state ^ tail)
            }
            return mix(state)
        }
    }

    @inline(__always)
    private static func mix(_ state: UInt64) -> UInt64 {
        let product = state &* 0x9fb2_1c65_1e98_df25
        return product ^ (product >> 29)
    }

    @inline(__always)
    static func finish(_ state: UInt64) -> UInt64 {
        let product = state.multipliedFullWidth(by: 0xa076_1d64_78bd_642f)
        return product.high ^ product.low
    }

    @inline(__always)
    static func isEqual(_ text: Span<UInt8>, _ a: Int, _ b: Int, count: Int) -> Bool {
        precondition(a >= 0 && b >= 0 && count >= 0 && count <= text.count &- a && count <= text.count &- b)
        return unsafe text.withUnsafeBytes { bytes in
            var i = 0
            while count &- i >= 8 {
                let x = unsafe bytes.loadUnaligned(fromByteOffset: a &+ i, as: UInt64.self)
                let y = unsafe bytes.loadUnaligned(fromByteOffset: b &+ i, as: UInt64.self)
                if x != y { return false }
                i &+= 8
            }
            // The rest by words that reach back over what is known to be equal, or over each other.
            if i == count { return true }
            if count >= 8 {
                let x = unsafe bytes.loadUnaligned(fromByteOffset: a &+ count &- 8, as: UInt64.self)
                return unsafe x == bytes.loadUnaligned(fromByteOffset: b &+ count &- 8, as: UInt64.self)
            }
            if count >= 4 {
                let x = unsafe bytes.loadUnaligned(fromByteOffset: a, as: UInt32.self)
                let y = unsafe bytes.loadUnaligned(fromByteOffset: b, as: UInt32.self)
                let more = unsafe bytes.loadUnaligned(fromByteOffset: a &+ count &- 4, as: UInt32.self)
                return unsafe x == y && more == bytes.loadUnaligned(fromByteOffset: b &+ count &- 4, as: UInt32.self)
            }
            return unsafe bytes[a] == bytes[b] && bytes[a &+ count / 2] == bytes[b &+ count / 2]
                && bytes[a &+ count &- 1] == bytes[b &+ count &- 1]
        }
    }

    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highBits: UInt64 = 0x8080_8080_8080_8080

    @inline(__always)
    static func load(_ text: Span<UInt8>, _ at: Int) -> UInt64 {
        precondition(at >= 0 && at <= text.count &- 8)
        return UInt64(
            littleEndian: unsafe text.withUnsafeBytes { bytes in
                unsafe bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            })
    }

    /// The digits of a value of 1 to 8 bytes as one word, the first one lowest, zeros in front of them; nil where a byte
    /// is no digit or the text ends behind the value.
    @inline(__always)
    static func digits(_ text: Span<UInt8>, _ at: Int, count: Int) -> UInt64? {
        guard at &+ 8 <= text.count else { return nil }
        let unused = UInt64(64 &- 8 &* count)
        let word = load(text, at) << unused
        let values = (word ^ 0x30 &* ones) & ~(unused == 0 ? 0 : ~0 >> (64 &- unused))
        return (values | values &+ 0x76 &* ones) & highBits == 0 ? values : nil
    }

    /// The number that ``digits(_:_:count:)`` are: two, four and eight of them at a time.
    @inline(__always)
    static func number(_ digits: UInt64) -> Int64 {
        var word = (digits &* 10 &+ digits >> 8) & 0x00ff_00ff_00ff_00ff
        word = (word &* 100 &+ word >> 16) & 0x0000_ffff_0000_ffff
        return Int64(truncatingIfNeeded: (word &* 10_000 &+ word >> 32) & 0xffff_ffff)
    }

    /// A bit for each byte of the word that is a decimal digit, that of the first byte lowest.
    @inline(__always)
    static func digitMask(_ word: UInt64) -> UInt64 {
        // No byte of the sum carries: those over 0x7f are left out before, and are no digits.
        let values = (word ^ 0x30 &* ones) & ~highBits
        let others = (values &+ 0x76 &* ones | word) & highBits
        return (((others ^ highBits) >> 7) &* 0x0102_0408_1020_4080) >> 56
    }

    /// The first quote or backslash from `start` on, `end` where there is none.
    @inline(__always)
    static func quoteOrBackslash(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> Int {
        var at = start
        while at &+ 8 <= end {
            let word = load(text, at)
            let (quotes, slashes) = (word ^ 0x22 &* ones, word ^ 0x5c &* ones)
            // Only the lowest bit that is set is sure to stand for a zero byte.
            let found = ((quotes &- ones) & ~quotes | (slashes &- ones) & ~slashes) & highBits
            if found != 0 { return at &+ found.trailingZeroBitCount / 8 }
            at &+= 8
        }
        while at < end {
            let byte = unsafe text[unchecked: at]
            if byte == 0x22 || byte == 0x5c { break }
            at &+= 1
        }
        return at
    }

    /// Values of a column lie hundreds of bytes apart in a text that is larger than the nearest cache, and to wait for
    /// each would be a third of the work: what is read some values later is asked for now.
    @inline(__always)
    static func expect(_ text: Span<UInt8>, _ values: Span<TextSlice>, _ index: Int) {
        guard index < values.count else { return }
        let value = values[index]
        guard value.upper < text.count else { return }
        unsafe text.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            unsafe needletail_prefetch(base + value.lower)
            if value.lower ^ value.upper >= 64 { unsafe needletail_prefetch(base + value.upper) }
        }
    }

    /// How many values before it is read that is.
    static let ahead = 8

    /// Appends a run of the text.
    @inline(__always)
    static func append(_ text: Span<UInt8>, _ slice: TextSlice, to out: inout [UInt8]) {
        precondition(slice.upper <= text.count)
        unsafe text.withUnsafeBufferPointer { bytes in
            unsafe out.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[slice.lower..<slice.upper]))
        }
    }
}
