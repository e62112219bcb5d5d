/// Fixed-width bit packing: value `i` of `width` bits starts at bit `i × width`, least significant bit first.
package enum BitPacking {
    /// Bits that the value needs; 0 for 0.
    @inline(__always)
    package static func width(_ value: UInt64) -> Int { 64 &- value.leadingZeroBitCount }

    package static func byteCount(_ count: Int, width: Int) -> Int { (count &* width &+ 7) / 8 }

    /// The low `width` bits of each value.
    package static func pack(_ values: [UInt64], width: Int, into writer: inout ByteWriter) {
        guard width > 0 else { return }
        var pending: UInt64 = 0
        var used = 0
        let mask = width >= 64 ? UInt64.max : (1 &<< UInt64(width)) &- 1
        for value in values {
            let masked = value & mask
            pending |= masked &<< UInt64(used)
            used &+= width
            if used >= 64 {
                writer.writeFixed64(pending)
                used &-= 64
                // What did not fit; a shift by `width` would be a shift by 64 or more where nothing is left over.
                pending = used == 0 ? 0 : masked &>> UInt64(width &- used)
            }
        }
        while used > 0 {
            writer.write(UInt8(truncatingIfNeeded: pending))
            pending >>= 8
            used &-= 8
        }
    }

    package static func unpack(_ reader: inout ByteReader, count: Int, width: Int) throws(CodecError) -> [UInt64] {
        guard count >= 0, count <= maximumDecodedCount, width >= 0, width <= 64 else {
            throw reader.failure("\(count) values of \(width) bits")
        }
        guard width > 0, count > 0 else { return [UInt64](repeating: 0, count: count) }
        let packed = try reader.readBytes(byteCount(count, width: width))
        return unsafe [UInt64](unsafeUninitializedCapacity: count) { target, initialized in
            unsafe packed.withUnsafeBytes { source in
                unsafe unpack(source, count: count, width: width, into: target)
            }
            initialized = count
        }
    }

    @unsafe
    static func unpack(
        _ source: UnsafeRawBufferPointer, count: Int, width: Int, into target: UnsafeMutableBufferPointer<UInt64>
    ) {
        guard width > 0 else {
            for index in 0..<count { unsafe target[index] = 0 }
            return
        }
        let mask = width >= 64 ? UInt64.max : (1 &<< UInt64(width)) &- 1
        // As long as nine bytes can be loaded there is no need to look where the end is.
        let safe = width <= 56 ? max(0, (source.count &* 8 &- 64) / width) : 0
        var index = 0
        let quick = min(safe, count)
        var bit = 0
        while index < quick {
            let word = unsafe UInt64(littleEndian: source.loadUnaligned(fromByteOffset: bit >> 3, as: UInt64.self))
            unsafe target[index] = (word &>> UInt64(bit & 7)) & mask
            bit &+= width
            index &+= 1
        }
        while index < count {
            let first = bit >> 3
            var value: UInt64 = 0
            let shift = bit & 7
            var position = 0
            while position < 9, first &+ position < source.count {
                let byte = unsafe UInt64(source[first &+ position])
                let place = position &* 8 &- shift
                if place < 0 { value |= byte &>> UInt64(-place) } else if place < 64 { value |= byte &<< UInt64(place) }
                position &+= 1
            }
            unsafe target[index] = value & mask
            bit &+= width
            index &+= 1
        }
    }
}

/// Bit packing with exceptions (PFOR, Zukowski et al., ICDE 2006): the width suits most values, and the few that are
/// wider have their high bits in a list behind. One scrape gap doesn't widen a thousand regular intervals.
package enum PatchedPacking {
    /// A width byte, the packed low bits, an exception count, then (position gap, high bits) pairs.
    package static func encode(_ values: [UInt64], into writer: inout ByteWriter) {
        let width = bestWidth(values).width
        writer.write(UInt8(width))
        BitPacking.pack(values, width: width, into: &writer)
        guard width < 64 else { return }
        var exceptions = 0
        for value in values where value &>> UInt64(width) != 0 { exceptions &+= 1 }
        writer.writeVarint(exceptions)
        var previous = 0
        for (index, value) in values.enumerated() where value &>> UInt64(width) != 0 {
            writer.writeVarint(index &- previous)
            writer.writeVarint(value &>> UInt64(width))
            previous = index
        }
    }

    /// About the bytes that `encode` writes.
    package static func cost(_ values: [UInt64]) -> Int { bestWidth(values).bytes }

    private static func bestWidth(_ values: [UInt64]) -> (width: Int, bytes: Int) {
        var histogram = [Int](repeating: 0, count: 65)
        for value in values { histogram[BitPacking.width(value)] &+= 1 }
        var best = (width: 64, bytes: values.count &* 8 &+ 1)
        for width in 0..<64 {
            var bytes = BitPacking.byteCount(values.count, width: width) &+ 2
            for wide in (width &+ 1)...64 where histogram[wide] > 0 {
                bytes &+= histogram[wide] &* (2 &+ (wide &- width) / 7)
            }
            if bytes < best.bytes { best = (width, bytes) }
        }
        return best
    }

    package static func decode(_ reader: inout ByteReader, count: Int) throws(CodecError) -> [UInt64] {
        let start = reader
        let width = Int(try reader.readByte())
        guard width <= 64 else { throw start.failure("bit width \(width)") }
        var values = try BitPacking.unpack(&reader, count: count, width: width)
        guard width < 64 else { return values }
        let exceptions = try reader.readCount(limit: count)
        var position = 0
        for _ in 0..<exceptions {
            position &+= try reader.readCount(limit: count)
            let high = try reader.readVarint()
            guard position < count else { throw reader.failure("exception at \(position) of \(count) values") }
            values[position] |= high &<< UInt64(width)
        }
        return values
    }
}
