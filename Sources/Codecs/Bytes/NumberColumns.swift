extension ByteWriter {
    /// Bit patterns of all values, 8 bytes each, little-endian.
    package mutating func writeDoubles(_ values: [Double]) {
        #if _endian(little)
            unsafe values.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
        #else
            for value in values { writeDouble(value) }
        #endif
    }

    /// Each number as the zigzag varint of its difference to the one before, the first one to zero. Differences wrap.
    package mutating func writeDeltas(_ values: [Int64]) {
        var last: Int64 = 0
        writeZigzags(values.count) { index in
            defer { last = values[index] }
            return values[index] &- last
        }
    }

    package mutating func writeDeltas(_ values: [UInt64]) {
        var last: UInt64 = 0
        writeZigzags(values.count) { index in
            defer { last = values[index] }
            return Int64(bitPattern: values[index] &- last)
        }
    }

    @inline(__always)
    private mutating func writeZigzags(_ count: Int, _ value: (Int) -> Int64) {
        // A varint has up to ten bytes; where there are many their memory is taken piece by piece.
        let piece = 512
        var index = 0
        while index < count {
            let end = min(index + piece, count)
            let room = unsafe [UInt8](unsafeUninitializedCapacity: 10 * (end - index)) { target, length in
                var place = 0
                while index < end {
                    var rest = ZigZag.encode(value(index))
                    while rest >= 0x80 {
                        unsafe target[place] = UInt8(truncatingIfNeeded: rest) | 0x80
                        rest >>= 7
                        place &+= 1
                    }
                    unsafe target[place] = UInt8(truncatingIfNeeded: rest)
                    place &+= 1
                    index &+= 1
                }
                length = place
            }
            bytes.append(contentsOf: room)
        }
    }
}

extension ByteReader {
    package mutating func readDoubles(_ count: Int) throws(CodecError) -> [Double] {
        guard count >= 0, count <= remaining / 8 else { throw failure("\(count) doubles with \(remaining) bytes left") }
        let slice = try readBytes(count * 8)
        return unsafe [Double](unsafeUninitializedCapacity: count) { buffer, initialized in
            unsafe slice.withUnsafeBytes { source in
                for i in 0..<count {
                    let bits = unsafe source.loadUnaligned(fromByteOffset: i &* 8, as: UInt64.self)
                    unsafe buffer.initializeElement(at: i, to: Double(bitPattern: UInt64(littleEndian: bits)))
                }
            }
            initialized = count
        }
    }

    package mutating func readDeltas(_ count: Int) throws(CodecError) -> [Int64] {
        guard count >= 0, count <= remaining else { throw failure("\(count) numbers with \(remaining) bytes left") }
        var values: [Int64] = []
        values.reserveCapacity(count)
        var last: Int64 = 0
        for _ in 0..<count {
            last = last &+ (try readZigzag())
            values.append(last)
        }
        return values
    }
}
