/// The encoder. `target` is sized for the worst case, so that nothing is checked while it writes.
enum SnappyMatcher {
    private static let fragment = 65536
    private static let tableBits = 14

    /// As the reference's `MaxCompressedLength`, and room for wide copies.
    static func bound(_ count: Int) -> Int { 32 + count + count / 6 + 64 }

    @unsafe
    static func compress(_ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Int {
        guard let output = target.baseAddress else { return 0 }
        var written = 0
        var rest = source.count
        while rest >= 0x80 {
            unsafe output.storeBytes(of: UInt8(truncatingIfNeeded: rest) | 0x80, toByteOffset: written, as: UInt8.self)
            rest >>= 7
            written += 1
        }
        unsafe output.storeBytes(of: UInt8(rest), toByteOffset: written, as: UInt8.self)
        written += 1
        guard let input = source.baseAddress, source.count > 0 else { return written }
        unsafe withUnsafeTemporaryAllocation(of: UInt16.self, capacity: 1 << tableBits) { table in
            var start = 0
            while start < source.count {
                let end = min(start + fragment, source.count)
                // A table for short input is short: clearing it would cost more than the search.
                var bits = 8
                while bits < tableBits, 1 << bits < end - start { bits += 1 }
                for slot in 0..<(1 << bits) { unsafe table[slot] = 0 }
                unsafe written = compressFragment(
                    input + start, end - start, table.baseAddress.unsafelyUnwrapped, bits, output, written)
                start = end
            }
        }
        return written
    }

    @unsafe @inline(__always)
    private static func word(_ input: UnsafeRawPointer, _ offset: Int) -> UInt32 {
        unsafe UInt32(littleEndian: input.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    @unsafe @inline(__always)
    private static func longWord(_ input: UnsafeRawPointer, _ offset: Int) -> UInt64 {
        unsafe UInt64(littleEndian: input.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    @unsafe
    private static func compressFragment(
        _ input: UnsafeRawPointer, _ count: Int, _ table: UnsafeMutablePointer<UInt16>, _ bits: Int,
        _ output: UnsafeMutableRawPointer, _ start: Int
    ) -> Int {
        var written = start
        var literalStart = 0
        let shift = UInt32(32 - bits)
        // The last 15 bytes are never looked at several at a time past the end.
        let matchLimit = count - 15
        var position = 1
        var misses = 32
        while position < matchLimit {
            let current = unsafe word(input, position)
            let slot = Int((current &* 0x1e35_a7bd) &>> shift)
            let candidate = unsafe Int(table[slot])
            unsafe table[slot] = UInt16(truncatingIfNeeded: position)
            guard candidate < position, unsafe word(input, candidate) == current else {
                // Data that does not match is crossed in growing steps.
                position &+= misses >> 5
                misses &+= 1
                continue
            }
            misses = 32
            if position > literalStart {
                written = unsafe writeLiteral(input, literalStart, position, output, written, limit: count)
            }
            let length = unsafe matchLength(input, candidate, position, count)
            written = unsafe writeCopy(distance: position &- candidate, length: length, output, written)
            position &+= length
            literalStart = position
            if position < matchLimit {
                // What ends a match often begins the next one.
                let before = unsafe word(input, position &- 1)
                unsafe table[Int((before &* 0x1e35_a7bd) &>> shift)] = UInt16(truncatingIfNeeded: position &- 1)
            }
        }
        if literalStart < count {
            written = unsafe writeLiteral(input, literalStart, count, output, written, limit: count)
        }
        return written
    }

    @unsafe @inline(__always)
    private static func matchLength(
        _ input: UnsafeRawPointer, _ candidate: Int, _ position: Int, _ count: Int
    ) -> Int {
        var length = 4
        while position &+ length &+ 8 <= count {
            let difference = unsafe longWord(input, candidate &+ length) ^ longWord(input, position &+ length)
            if difference != 0 { return length &+ difference.trailingZeroBitCount / 8 }
            length &+= 8
        }
        while position &+ length < count,
            unsafe input.load(fromByteOffset: candidate &+ length, as: UInt8.self)
                == input.load(fromByteOffset: position &+ length, as: UInt8.self)
        {
            length &+= 1
        }
        return length
    }

    @unsafe @inline(__always)
    private static func writeLiteral(
        _ input: UnsafeRawPointer, _ start: Int, _ end: Int, _ output: UnsafeMutableRawPointer, _ offset: Int,
        limit: Int
    ) -> Int {
        var written = offset
        let length = end &- start
        let value = length &- 1
        if length <= 16, start &+ 16 <= limit {
            unsafe output.storeBytes(of: UInt8(truncatingIfNeeded: value << 2), toByteOffset: written, as: UInt8.self)
            unsafe WideCopy.sixteen(input + start, output + written + 1)
            return written &+ 1 &+ length
        }
        if value < 60 {
            unsafe output.storeBytes(of: UInt8(truncatingIfNeeded: value << 2), toByteOffset: written, as: UInt8.self)
            written &+= 1
        } else if value < 256 {
            unsafe output.storeBytes(of: 60 << 2, toByteOffset: written, as: UInt8.self)
            unsafe output.storeBytes(of: UInt8(truncatingIfNeeded: value), toByteOffset: written &+ 1, as: UInt8.self)
            written &+= 2
        } else {
            unsafe output.storeBytes(of: 61 << 2, toByteOffset: written, as: UInt8.self)
            unsafe output.storeBytes(
                of: UInt16(truncatingIfNeeded: value).littleEndian, toByteOffset: written &+ 1, as: UInt16.self)
            written &+= 3
        }
        unsafe (output + written).copyMemory(from: input + start, byteCount: length)
        return written &+ length
    }

    @unsafe @inline(__always)
    private static func writeCopy(
        distance: Int, length: Int, _ output: UnsafeMutableRawPointer, _ offset: Int
    ) -> Int {
        var written = offset
        var left = length
        while left > 0 {
            // A rest of one to three bytes can't be a short copy; 60 leaves four or more.
            let part = left > 64 ? (left < 68 ? 60 : 64) : left
            if part < 12, part >= 4, distance < 2048 {
                unsafe output.storeBytes(
                    of: UInt8(truncatingIfNeeded: (distance >> 8) << 5 | (part &- 4) << 2 | 1), toByteOffset: written,
                    as: UInt8.self)
                unsafe output.storeBytes(
                    of: UInt8(truncatingIfNeeded: distance), toByteOffset: written &+ 1, as: UInt8.self)
                written &+= 2
            } else {
                unsafe output.storeBytes(
                    of: UInt8(truncatingIfNeeded: (part &- 1) << 2 | 2), toByteOffset: written, as: UInt8.self)
                unsafe output.storeBytes(
                    of: UInt16(truncatingIfNeeded: distance).littleEndian, toByteOffset: written &+ 1, as: UInt16.self)
                written &+= 3
            }
            left &-= part
        }
        return written
    }
}
