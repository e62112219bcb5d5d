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
            while i < count {
                if unsafe bytes[a &+ i] != bytes[b &+ i] { return false }
                i &+= 1
            }
            return true
        }
    }

    /// Appends a run of the text.
    @inline(__always)
    static func append(_ text: Span<UInt8>, _ slice: TextSlice, to out: inout [UInt8]) {
        precondition(slice.upper <= text.count)
        unsafe text.withUnsafeBufferPointer { bytes in
            unsafe out.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[slice.lower..<slice.upper]))
        }
    }
}
