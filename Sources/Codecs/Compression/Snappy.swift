/// The snappy block format (google/snappy, format_description.txt): the body of a remote-write request.
package enum Snappy {
    /// `limit` bounds the declared plain size before anything is allocated.
    package static func decompress(_ bytes: ArraySlice<UInt8>, limit: Int) throws(CodecError) -> [UInt8] {
        var reader = ByteReader(bytes)
        let size = try reader.readVarint()
        guard size <= UInt64(UInt32.max) else { throw CodecError(0, "snappy size \(size) is over 32 bits") }
        guard size <= UInt64(max(limit, 0)) else {
            throw CodecError(0, "snappy data expands to \(size) bytes, the limit is \(limit)", isOverLimit: true)
        }
        // Three bytes of input make at most 64 of output, so a short body can't claim gigabytes.
        guard size / 22 <= UInt64(reader.remaining) else {
            throw CodecError(0, "snappy size \(size) is impossible for \(bytes.count) bytes")
        }
        let start = reader.offset
        var failure: CodecError?
        let plain = unsafe [UInt8](unsafeUninitializedCapacity: Int(size)) { target, count in
            count = 0
            do throws(CodecError) {
                unsafe try bytes.span.withUnsafeBytes { (source) throws(CodecError) in
                    unsafe try expand(source, from: start, into: UnsafeMutableRawBufferPointer(target), size: Int(size))
                }
                count = Int(size)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return plain
    }

    package static func decompress(_ bytes: [UInt8], limit: Int) throws(CodecError) -> [UInt8] {
        try decompress(bytes[...], limit: limit)
    }

    @unsafe
    private static func expand(
        _ source: UnsafeRawBufferPointer, from start: Int, into target: UnsafeMutableRawBufferPointer, size: Int
    ) throws(CodecError) {
        var input = start
        let end = source.count
        var output = 0
        while input < end {
            let tag = unsafe source[input]
            let tagOffset = input
            input += 1
            if tag & 3 == 0 {
                var length = Int(tag >> 2) + 1
                if length > 60 {
                    let extra = length - 60
                    guard end - input >= extra else {
                        throw CodecError(tagOffset, "snappy literal's length is cut off")
                    }
                    length = 1
                    for index in 0..<extra { unsafe length += Int(source[input + index]) << (8 * index) }
                    input += extra
                }
                guard length <= end - input else { throw CodecError(tagOffset, "snappy literal is cut off") }
                guard length <= size - output else { throw CodecError(tagOffset, "snappy literal overruns the size") }
                unsafe target.baseAddress.unsafelyUnwrapped.advanced(by: output)
                    .copyMemory(from: source.baseAddress.unsafelyUnwrapped.advanced(by: input), byteCount: length)
                input += length
                output += length
                continue
            }
            let length: Int
            let distance: Int
            switch tag & 3 {
            case 1:
                guard input < end else { throw CodecError(tagOffset, "snappy copy is cut off") }
                length = Int(tag >> 2 & 7) + 4
                distance = unsafe Int(tag >> 5) << 8 | Int(source[input])
                input += 1
            case 2:
                guard end - input >= 2 else { throw CodecError(tagOffset, "snappy copy is cut off") }
                length = Int(tag >> 2) + 1
                distance = unsafe Int(source[input]) | Int(source[input + 1]) << 8
                input += 2
            default:
                guard end - input >= 4 else { throw CodecError(tagOffset, "snappy copy is cut off") }
                length = Int(tag >> 2) + 1
                distance = unsafe Int(
                    UInt32(littleEndian: source.loadUnaligned(fromByteOffset: input, as: UInt32.self)))
                input += 4
            }
            guard distance > 0, distance <= output else {
                throw CodecError(tagOffset, "snappy copy reaches \(distance) bytes back, \(output) are written")
            }
            guard length <= size - output else { throw CodecError(tagOffset, "snappy copy overruns the size") }
            let base = unsafe target.baseAddress.unsafelyUnwrapped
            if distance >= length {
                unsafe base.advanced(by: output).copyMemory(from: base + (output - distance), byteCount: length)
            } else {
                // Overlapping on purpose: a short pattern repeats itself.
                for index in output..<(output + length) { unsafe target[index] = target[index - distance] }
            }
            output += length
        }
        guard output == size else {
            throw CodecError(end, "snappy data holds \(output) bytes, its header says \(size)")
        }
    }

    /// Greedy matching with a hash of four bytes, in fragments of 64 KiB as the reference encoder does.
    package static func compress(_ bytes: [UInt8]) -> [UInt8] {
        var writer = ByteWriter(reserving: bytes.count / 2 + 16)
        writer.writeVarint(bytes.count)
        var table = [UInt16](repeating: 0, count: 1 << 14)
        var start = 0
        while start < bytes.count {
            let end = min(start + 65536, bytes.count)
            if start > 0 { for index in table.indices { table[index] = 0 } }
            compressFragment(bytes, start, end, &table, &writer)
            start = end
        }
        return writer.bytes
    }

    private static func compressFragment(
        _ bytes: [UInt8], _ start: Int, _ end: Int, _ table: inout [UInt16], _ writer: inout ByteWriter
    ) {
        unsafe bytes.withUnsafeBytes { source in
            @inline(__always) func word(_ offset: Int) -> UInt32 {
                unsafe source.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
            }
            var literalStart = start
            var position = start + 1
            // The last 15 bytes are never looked at four at a time past the end.
            let matchLimit = end - 15
            var misses = 32
            while position < matchLimit {
                let current = word(position)
                let slot = Int((current &* 0x1e35_a7bd) >> 18)
                let candidate = start + Int(table[slot])
                table[slot] = UInt16(truncatingIfNeeded: position - start)
                guard candidate < position, word(candidate) == current else {
                    // Data that does not match is crossed in growing steps.
                    position += misses >> 5
                    misses += 1
                    continue
                }
                misses = 32
                unsafe writeLiteral(source, literalStart, position, &writer)
                var length = 4
                while position + length < end, unsafe source[candidate + length] == source[position + length] {
                    length += 1
                }
                writeCopy(distance: position - candidate, length: length, &writer)
                position += length
                literalStart = position
            }
            unsafe writeLiteral(source, literalStart, end, &writer)
        }
    }

    @unsafe
    private static func writeLiteral(
        _ source: UnsafeRawBufferPointer, _ start: Int, _ end: Int, _ writer: inout ByteWriter
    ) {
        guard end > start else { return }
        let value = end - start - 1
        switch value {
        case ..<60: writer.write(UInt8(value << 2))
        case ..<256:
            writer.write(60 << 2)
            writer.write(UInt8(value))
        default:
            writer.write(61 << 2)
            writer.writeFixed16(UInt16(truncatingIfNeeded: value))
        }
        unsafe writer.bytes.append(contentsOf: source[start..<end])
    }

    private static func writeCopy(distance: Int, length: Int, _ writer: inout ByteWriter) {
        var left = length
        while left > 0 {
            // A rest of one to three bytes can't be a short copy; 60 leaves four or more.
            let part = left > 64 ? (left < 68 ? 60 : 64) : left
            if part < 12, part >= 4, distance < 2048 {
                writer.write(UInt8(distance >> 8) << 5 | UInt8(part - 4) << 2 | 1)
                writer.write(UInt8(truncatingIfNeeded: distance))
            } else {
                writer.write(UInt8(part - 1) << 2 | 2)
                writer.writeFixed16(UInt16(truncatingIfNeeded: distance))
            }
            left -= part
        }
    }
}
