/// A fast 64-bit hash after wyhash (64×64→128 multiply-and-fold). Its results are on disk: it must never change.
/// It is not for secrets, and a sender can make collisions on purpose.
package enum Hash64 {
    private static let secret0: UInt64 = 0xa076_1d64_78bd_642f
    private static let secret1: UInt64 = 0xe703_7ed1_a0b4_28db
    private static let secret2: UInt64 = 0x8ebc_6af0_9c88_c6e3
    private static let secret3: UInt64 = 0x5899_65cc_7537_4cc3

    package static func hash(_ bytes: [UInt8], seed: UInt64 = 0) -> UInt64 {
        unsafe bytes.withUnsafeBytes { unsafe hash(raw: $0, seed: seed) }
    }

    package static func hash(_ bytes: ArraySlice<UInt8>, seed: UInt64 = 0) -> UInt64 {
        unsafe bytes.withUnsafeBytes { unsafe hash(raw: $0, seed: seed) }
    }

    package static func hash(_ bytes: Span<UInt8>, seed: UInt64 = 0) -> UInt64 {
        unsafe bytes.withUnsafeBytes { unsafe hash(raw: $0, seed: seed) }
    }

    package static func hash(_ text: String, seed: UInt64 = 0) -> UInt64 {
        var text = text
        return text.withUTF8 { unsafe hash(raw: UnsafeRawBufferPointer($0), seed: seed) }
    }

    /// Spreads a number over all 64 bits.
    @inline(__always)
    package static func mix(_ value: UInt64, seed: UInt64 = 0) -> UInt64 {
        fold(value ^ secret0, seed ^ secret1)
    }

    @inline(__always)
    private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }

    @unsafe @inline(__always)
    private static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
        unsafe UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    @unsafe @inline(__always)
    private static func half(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
        unsafe UInt64(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
    }

    @unsafe
    private static func hash(raw bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
        let count = bytes.count
        var state = seed ^ fold(seed ^ secret0, secret1)
        var a: UInt64 = 0
        var b: UInt64 = 0
        if count <= 16 {
            if count >= 8 {
                a = unsafe word(bytes, 0)
                b = unsafe word(bytes, count - 8)
            } else if count >= 4 {
                a = unsafe half(bytes, 0)
                b = unsafe half(bytes, count - 4)
            } else if count > 0 {
                a = unsafe UInt64(bytes[0]) << 16 | UInt64(bytes[count >> 1]) << 8 | UInt64(bytes[count - 1])
            }
        } else {
            var offset = 0
            var left = count
            if left > 48 {
                var second = state
                var third = state
                while left > 48 {
                    state = unsafe fold(word(bytes, offset) ^ secret1, word(bytes, offset + 8) ^ state)
                    second = unsafe fold(word(bytes, offset + 16) ^ secret2, word(bytes, offset + 24) ^ second)
                    third = unsafe fold(word(bytes, offset + 32) ^ secret3, word(bytes, offset + 40) ^ third)
                    offset += 48
                    left -= 48
                }
                state ^= second ^ third
            }
            while left > 16 {
                state = unsafe fold(word(bytes, offset) ^ secret1, word(bytes, offset + 8) ^ state)
                offset += 16
                left -= 16
            }
            a = unsafe word(bytes, count - 16)
            b = unsafe word(bytes, count - 8)
        }
        let product = (a ^ secret1).multipliedFullWidth(by: b ^ state)
        return fold(product.low ^ secret0 ^ UInt64(count), product.high ^ secret1)
    }
}
