/// A keyed 128-bit hash of bytes: two 64-bit lanes of multiply-and-fold over the same words, with secrets of this run
/// of the process. Its results live in memory only and differ from run to run.
package enum Hash128 {
    package struct Value: Hashable, Sendable {
        package var high: UInt64
        package var low: UInt64
    }

    /// A sender that does not know them cannot make collisions on purpose.
    private struct Secrets {
        let a = UInt64.random(in: .min ... .max) | 1
        let b = UInt64.random(in: .min ... .max) | 1
        let c = UInt64.random(in: .min ... .max) | 1
        let d = UInt64.random(in: .min ... .max) | 1
    }
    private static let secrets = Secrets()

    package static func hash(_ bytes: [UInt8], _ range: Range<Int>, seed: UInt64 = 0) -> Value {
        unsafe bytes.withUnsafeBytes { buffer in
            unsafe hash(raw: UnsafeRawBufferPointer(rebasing: buffer[range]), seed: seed)
        }
    }

    package static func hash(_ bytes: Span<UInt8>, seed: UInt64 = 0) -> Value {
        unsafe bytes.withUnsafeBytes { unsafe hash(raw: $0, seed: seed) }
    }

    /// A hash of a sequence of hashes, in order.
    @inline(__always)
    package static func combine(_ state: Value, _ next: Value) -> Value {
        let secrets = secrets
        return Value(
            high: fold(state.high ^ secrets.a, next.high ^ secrets.c) ^ next.low,
            low: fold(state.low ^ secrets.b, next.low ^ secrets.d) ^ next.high)
    }

    @inline(__always)
    private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }

    @unsafe @inline(__always)
    package static func hash(raw bytes: UnsafeRawBufferPointer, seed: UInt64) -> Value {
        let secrets = secrets
        let (a, b, c, d) = (secrets.a, secrets.b, secrets.c, secrets.d)
        let count = bytes.count
        var high = seed ^ a
        var low = seed ^ b
        var offset = 0
        if count >= 32 {
            // Two more lanes over every other 16 bytes: a multiplication waits for the one before it in its own lane only.
            var otherHigh = seed ^ c
            var otherLow = seed ^ d
            while count &- offset >= 32 {
                let first = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                let second = unsafe bytes.loadUnaligned(fromByteOffset: offset &+ 8, as: UInt64.self)
                let third = unsafe bytes.loadUnaligned(fromByteOffset: offset &+ 16, as: UInt64.self)
                let fourth = unsafe bytes.loadUnaligned(fromByteOffset: offset &+ 24, as: UInt64.self)
                high = fold(first ^ c, second ^ high)
                low = fold(second ^ d, first ^ low)
                otherHigh = fold(third ^ a, fourth ^ otherHigh)
                otherLow = fold(fourth ^ b, third ^ otherLow)
                offset = offset &+ 32
            }
            high = fold(high ^ d, otherHigh ^ a)
            low = fold(low ^ c, otherLow ^ b)
        }
        while count &- offset > 16 {
            let first = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            let second = unsafe bytes.loadUnaligned(fromByteOffset: offset &+ 8, as: UInt64.self)
            high = fold(first ^ c, second ^ high)
            low = fold(second ^ d, first ^ low)
            offset = offset &+ 16
        }
        var first: UInt64 = 0
        var second: UInt64 = 0
        if count >= 16 {
            // The last 16 bytes, some of them for a second time: a loop over what is left would be one more guess of the
            // processor's for each hash.
            first = unsafe bytes.loadUnaligned(fromByteOffset: count &- 16, as: UInt64.self)
            second = unsafe bytes.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
        } else {
            var left = count &- offset
            if left >= 8 {
                first = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                offset = offset &+ 8
                left = left &- 8
            }
            for i in 0..<left { second = unsafe second | UInt64(bytes[offset &+ i]) << UInt64(i &* 8) }
        }
        high = fold(first ^ c, second ^ high)
        low = fold(second ^ d, first ^ low)
        let length = UInt64(truncatingIfNeeded: count)
        return Value(high: fold(high ^ length, a ^ d), low: fold(low ^ length, b ^ c))
    }
}
