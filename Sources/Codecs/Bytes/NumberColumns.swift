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
        for value in values {
            writeZigzag(value &- last)
            last = value
        }
    }

    package mutating func writeDeltas(_ values: [UInt64]) {
        var last: UInt64 = 0
        for value in values {
            writeZigzag(Int64(bitPattern: value &- last))
            last = value
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
