/// Substring search, sixteen places at a time: where both the first and the last byte of the needle stand, the rest is
/// compared (Muła's generic SIMD search).
package enum ByteSearch {
    /// Where `needle` first stands; 0 for an empty needle.
    package static func find(_ needle: [UInt8], in text: Span<UInt8>) -> Int? {
        unsafe text.withUnsafeBufferPointer { unsafe find(needle, in: $0) }
    }

    /// An index of the slice.
    package static func find(_ needle: [UInt8], in text: ArraySlice<UInt8>) -> Int? {
        unsafe text.withUnsafeBufferPointer { unsafe find(needle, in: $0) }.map { $0 + text.startIndex }
    }

    package static func find(_ needle: [UInt8], in text: [UInt8]) -> Int? { find(needle, in: text[...]) }

    package static func contains(_ needle: [UInt8], in text: Span<UInt8>) -> Bool { find(needle, in: text) != nil }

    @unsafe
    package static func find(_ needle: [UInt8], in text: UnsafeBufferPointer<UInt8>) -> Int? {
        guard let first = needle.first, let last = needle.last else { return 0 }
        guard needle.count <= text.count else { return nil }
        if needle.count == 1 { return unsafe firstIndex(of: first, in: text) }
        let bytes = UnsafeRawBufferPointer(text)
        let lastOffset = needle.count - 1
        let firsts = SIMD16(repeating: first)
        let lasts = SIMD16(repeating: last)
        let end = text.count - lastOffset
        var position = 0
        while position + 16 <= end {
            let heads = unsafe bytes.loadUnaligned(fromByteOffset: position, as: SIMD16<UInt8>.self)
            let tails = unsafe bytes.loadUnaligned(fromByteOffset: position + lastOffset, as: SIMD16<UInt8>.self)
            let hits = (heads .== firsts) .& (tails .== lasts)
            if any(hits) {
                for lane in 0..<16 where hits[lane] {
                    if unsafe hasBytes(needle, at: position + lane, in: text) { return position + lane }
                }
            }
            position += 16
        }
        while position < end {
            if unsafe text[position] == first, unsafe hasBytes(needle, at: position, in: text) { return position }
            position += 1
        }
        return nil
    }

    @unsafe
    package static func firstIndex(of byte: UInt8, in text: UnsafeBufferPointer<UInt8>) -> Int? {
        let bytes = UnsafeRawBufferPointer(text)
        let wanted = SIMD16(repeating: byte)
        var position = 0
        while position + 16 <= text.count {
            let hits = unsafe bytes.loadUnaligned(fromByteOffset: position, as: SIMD16<UInt8>.self) .== wanted
            if any(hits) {
                for lane in 0..<16 where hits[lane] { return position + lane }
            }
            position += 16
        }
        while position < text.count {
            if unsafe text[position] == byte { return position }
            position += 1
        }
        return nil
    }

    /// The first place of any of four bytes.
    @unsafe
    static func firstIndex(ofAny bytes: SIMD4<UInt8>, in text: UnsafeBufferPointer<UInt8>) -> Int? {
        let raw = UnsafeRawBufferPointer(text)
        let (a, b) = (SIMD16(repeating: bytes[0]), SIMD16(repeating: bytes[1]))
        let (c, d) = (SIMD16(repeating: bytes[2]), SIMD16(repeating: bytes[3]))
        var position = 0
        while position + 16 <= text.count {
            let block = unsafe raw.loadUnaligned(fromByteOffset: position, as: SIMD16<UInt8>.self)
            let hits = (block .== a) .| (block .== b) .| (block .== c) .| (block .== d)
            if any(hits) {
                for lane in 0..<16 where hits[lane] { return position + lane }
            }
            position += 16
        }
        while position < text.count {
            let byte = unsafe text[position]
            if byte == bytes[0] || byte == bytes[1] || byte == bytes[2] || byte == bytes[3] { return position }
            position += 1
        }
        return nil
    }

    @unsafe
    static func hasBytes(_ needle: [UInt8], at position: Int, in text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard text.count - position >= needle.count else { return false }
        for offset in needle.indices where unsafe text[position + offset] != needle[offset] { return false }
        return true
    }

    /// As `find`, but ASCII letters match in either case. Other bytes, also of letters outside ASCII, match exactly.
    package static func findIgnoringCase(_ needle: [UInt8], in text: Span<UInt8>) -> Int? {
        unsafe text.withUnsafeBufferPointer { unsafe findIgnoringCase(needle, in: $0) }
    }

    package static func findIgnoringCase(_ needle: [UInt8], in text: ArraySlice<UInt8>) -> Int? {
        unsafe text.withUnsafeBufferPointer { unsafe findIgnoringCase(needle, in: $0) }.map { $0 + text.startIndex }
    }

    @unsafe
    static func findIgnoringCase(_ needle: [UInt8], in text: UnsafeBufferPointer<UInt8>) -> Int? {
        guard let first = needle.first, let last = needle.last else { return 0 }
        guard needle.count <= text.count else { return nil }
        let bytes = UnsafeRawBufferPointer(text)
        let lastOffset = needle.count - 1
        // Setting bit 5 folds letters; the few other bytes it folds are sorted out by the comparison.
        let fold = SIMD16<UInt8>(repeating: 0x20)
        let firsts = SIMD16(repeating: first | 0x20)
        let lasts = SIMD16(repeating: last | 0x20)
        let end = text.count - lastOffset
        var position = 0
        while position < end {
            if position + 16 <= end {
                let heads = unsafe bytes.loadUnaligned(fromByteOffset: position, as: SIMD16<UInt8>.self) | fold
                let tails =
                    unsafe bytes.loadUnaligned(fromByteOffset: position + lastOffset, as: SIMD16<UInt8>.self) | fold
                let hits = (heads .== firsts) .& (tails .== lasts)
                if any(hits) {
                    for lane in 0..<16 where hits[lane] {
                        if unsafe isEqualIgnoringCase(needle, at: position + lane, in: text) { return position + lane }
                    }
                }
                position += 16
            } else {
                if unsafe isEqualIgnoringCase(needle, at: position, in: text) { return position }
                position += 1
            }
        }
        return nil
    }

    @unsafe
    static func isEqualIgnoringCase(
        _ needle: [UInt8], at position: Int, in text: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        for offset in needle.indices
        where unsafe lowercased(text[position + offset]) != lowercased(needle[offset]) { return false }
        return true
    }

    @inline(__always)
    private static func lowercased(_ byte: UInt8) -> UInt8 {
        byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
    }
}
