/// The decoder. Every length is checked against what is left of input and output before a byte is moved; copies then
/// go 8 or 16 bytes at a time and may spill into the slop behind the output, never beyond it.
enum SnappyExpander {
    /// A literal or a copy is at most this long on the quick path, its header included.
    private static let quickInput = 64 + 5

    /// `target` has `size` bytes and at least ``Snappy/slop`` more.
    @unsafe
    static func expand(
        _ source: UnsafeRawBufferPointer, from start: Int, into target: UnsafeMutableRawBufferPointer, size: Int
    ) throws(CodecError) {
        guard let input = source.baseAddress, let output = target.baseAddress, target.count >= size + Snappy.slop else {
            throw CodecError(0, "snappy data is cut off")
        }
        let end = source.count
        var read = start
        var written = 0
        while read < end {
            unsafe try quick(input, output, &read, &written, size: size, end: end)
            if read < end { unsafe try careful(source, target, &read, &written, size: size) }
        }
        guard written == size else {
            throw CodecError(end, "snappy data holds \(written) bytes, its header says \(size)")
        }
    }

    /// Goes on until a long literal, an error of lengths or the end comes near.
    @unsafe @inline(__always)
    private static func quick(
        _ input: UnsafeRawPointer, _ output: UnsafeMutableRawPointer, _ readCursor: inout Int,
        _ writtenCursor: inout Int, size: Int, end: Int
    ) throws(CodecError) {
        var read = readCursor
        var written = writtenCursor
        // While this holds no read of a header or of a short literal can pass the end of the input.
        let quickEnd = end - quickInput
        while read < quickEnd {
            let tag = unsafe Int(input.load(fromByteOffset: read, as: UInt8.self))
            var length = (tag >> 2) + 1
            if tag & 3 == 0 {
                if length > 60 { break }
                guard length <= size &- written else { break }
                let from = unsafe input + (read &+ 1)
                let to = unsafe output + written
                unsafe WideCopy.sixteen(from, to)
                if length > 16 {
                    unsafe WideCopy.sixteen(from + 16, to + 16)
                    if length > 32 {
                        unsafe WideCopy.sixteen(from + 32, to + 32)
                        unsafe WideCopy.sixteen(from + 48, to + 48)
                    }
                }
                read &+= length &+ 1
                written &+= length
                continue
            }
            let distance: Int
            if tag & 3 == 1 {
                length = (tag >> 2 & 7) + 4
                distance = unsafe (tag >> 5) << 8 | Int(input.load(fromByteOffset: read &+ 1, as: UInt8.self))
                read &+= 2
            } else if tag & 3 == 2 {
                distance = unsafe Int(
                    UInt16(littleEndian: input.loadUnaligned(fromByteOffset: read &+ 1, as: UInt16.self)))
                read &+= 3
            } else {
                distance = unsafe Int(
                    UInt32(littleEndian: input.loadUnaligned(fromByteOffset: read &+ 1, as: UInt32.self)))
                read &+= 5
            }
            guard distance > 0, distance <= written, length <= size &- written else {
                throw copyFailure(read, distance: distance, length: length, written: written, size: size)
            }
            unsafe copy(output + written, distance, length)
            written &+= length
        }
        readCursor = read
        writtenCursor = written
    }

    /// Spills up to 15 bytes behind `to + length`.
    @unsafe @inline(__always)
    private static func copy(_ to: UnsafeMutableRawPointer, _ distance: Int, _ length: Int) {
        var target = unsafe to
        var source = unsafe UnsafeRawPointer(to - distance)
        var left = length
        if distance >= 16 {
            unsafe WideCopy.sixteen(source, target)
            if left > 16 {
                unsafe WideCopy.sixteen(source + 16, target + 16)
                if left > 32 {
                    unsafe WideCopy.sixteen(source + 32, target + 32)
                    unsafe WideCopy.sixteen(source + 48, target + 48)
                }
            }
            return
        }
        // A pattern shorter than a word doubles itself until it is one.
        var gap = distance
        while gap < 8, left > 0 {
            unsafe WideCopy.eight(source, target)
            unsafe target += gap
            left &-= gap
            gap &+= gap
        }
        while left > 0 {
            unsafe WideCopy.eight(source, target)
            unsafe source += 8
            unsafe target += 8
            left &-= 8
        }
    }

    /// One element, whatever its length and however near the end.
    @unsafe
    private static func careful(
        _ source: UnsafeRawBufferPointer, _ target: UnsafeMutableRawBufferPointer, _ input: inout Int,
        _ output: inout Int, size: Int
    ) throws(CodecError) {
        let end = source.count
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
            return
        }
        let width = tag & 3 == 3 ? 4 : Int(tag & 3)
        guard end - input >= width else { throw CodecError(tagOffset, "snappy copy is cut off") }
        var distance = 0
        for index in 0..<width { unsafe distance |= Int(source[input + index]) << (8 * index) }
        if tag & 3 == 1 { distance |= Int(tag >> 5) << 8 }
        let length = tag & 3 == 1 ? Int(tag >> 2 & 7) + 4 : Int(tag >> 2) + 1
        input += width
        guard distance > 0, distance <= output, length <= size - output else {
            throw copyFailure(tagOffset, distance: distance, length: length, written: output, size: size)
        }
        // Overlapping on purpose: a short pattern repeats itself.
        for index in output..<(output + length) { unsafe target[index] = target[index - distance] }
        output += length
    }

    private static func copyFailure(
        _ offset: Int, distance: Int, length: Int, written: Int, size: Int
    ) -> CodecError {
        distance > 0 && distance <= written
            ? CodecError(offset, "snappy copy overruns the size")
            : CodecError(offset, "snappy copy reaches \(distance) bytes back, \(written) are written")
    }
}
