/// A cursor over bytes from a disk or a network. Every read checks what is left and throws; none traps.
package struct ByteReader: Sendable {
    package let source: ArraySlice<UInt8>
    @usableFromInline var position: Int

    @inlinable
    package init(_ source: ArraySlice<UInt8>) {
        self.source = source
        position = source.startIndex
    }

    @inlinable
    package init(_ source: [UInt8]) {
        self.init(source[...])
    }

    /// Bytes read so far.
    @inlinable package var offset: Int { position &- source.startIndex }
    @inlinable package var remaining: Int { source.endIndex &- position }
    @inlinable package var isAtEnd: Bool { position >= source.endIndex }
    /// What has not been read yet.
    @inlinable package var rest: ArraySlice<UInt8> { source[position...] }

    package func failure(_ reason: String) -> CodecError { CodecError(offset, reason) }

    @usableFromInline
    func missing(_ count: Int) -> CodecError {
        CodecError(offset, "\(count) bytes expected, \(remaining) left")
    }

    @inlinable
    package mutating func readByte() throws(CodecError) -> UInt8 {
        guard position < source.endIndex else { throw missing(1) }
        let byte = source[position]
        position &+= 1
        return byte
    }

    /// The next byte without reading it; nil at the end.
    @inlinable
    package func peek() -> UInt8? {
        position < source.endIndex ? source[position] : nil
    }

    @inlinable
    package mutating func readVarint() throws(CodecError) -> UInt64 {
        guard position < source.endIndex else { throw missing(1) }
        let first = source[position]
        if first < 0x80 {
            position &+= 1
            return UInt64(first)
        }
        return try readLongVarint()
    }

    @usableFromInline
    mutating func readLongVarint() throws(CodecError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        var index = position
        while index < source.endIndex {
            let byte = source[index]
            index &+= 1
            // The tenth byte holds bit 63 only.
            if shift == 63, byte > 1 { throw failure("varint is longer than 64 bits") }
            value |= UInt64(byte & 0x7f) &<< shift
            if byte < 0x80 {
                position = index
                return value
            }
            shift &+= 7
        }
        throw failure("varint is cut off")
    }

    @inlinable
    package mutating func readZigzag() throws(CodecError) -> Int64 {
        ZigZag.decode(try readVarint())
    }

    /// A varint that must fit in `0...limit`: for counts and lengths, before anything is allocated for them.
    @inlinable
    package mutating func readCount(limit: Int) throws(CodecError) -> Int {
        let before = offset
        let value = try readVarint()
        guard value <= UInt64(Swift.max(limit, 0)) else {
            throw CodecError(before, "count \(value) is over the limit of \(limit)")
        }
        return Int(truncatingIfNeeded: value)
    }

    @inlinable
    package mutating func readFixed16() throws(CodecError) -> UInt16 {
        guard remaining >= 2 else { throw missing(2) }
        let value = UInt16(source[position]) | UInt16(source[position &+ 1]) << 8
        position &+= 2
        return value
    }

    @inlinable
    package mutating func readFixed32() throws(CodecError) -> UInt32 {
        guard remaining >= 4 else { throw missing(4) }
        let start = position &- source.startIndex
        position &+= 4
        return unsafe source.withUnsafeBytes {
            unsafe UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: start, as: UInt32.self))
        }
    }

    @inlinable
    package mutating func readFixed64() throws(CodecError) -> UInt64 {
        guard remaining >= 8 else { throw missing(8) }
        let start = position &- source.startIndex
        position &+= 8
        return unsafe source.withUnsafeBytes {
            unsafe UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: start, as: UInt64.self))
        }
    }

    @inlinable
    package mutating func readDouble() throws(CodecError) -> Double {
        Double(bitPattern: try readFixed64())
    }

    /// The next `count` bytes, without a copy.
    @inlinable
    package mutating func readBytes(_ count: Int) throws(CodecError) -> ArraySlice<UInt8> {
        guard count >= 0, count <= remaining else { throw missing(count) }
        let slice = source[position..<(position &+ count)]
        position &+= count
        return slice
    }

    @inlinable
    package mutating func readLengthPrefixed() throws(CodecError) -> ArraySlice<UInt8> {
        let before = offset
        let length = try readVarint()
        guard length <= UInt64(remaining) else {
            throw CodecError(before, "length \(length) with \(remaining) bytes left")
        }
        return try readBytes(Int(truncatingIfNeeded: length))
    }

    /// Length-prefixed UTF-8; invalid UTF-8 is an error.
    package mutating func readString() throws(CodecError) -> String {
        let start = self
        let slice = try readLengthPrefixed()
        guard let text = String(validating: slice, as: UTF8.self) else {
            throw start.failure("text is not valid UTF-8")
        }
        return text
    }

    @inlinable
    package mutating func skip(_ count: Int) throws(CodecError) {
        guard count >= 0, count <= remaining else { throw missing(count) }
        position &+= count
    }

    /// Moves to `offset` bytes from the start.
    @inlinable
    package mutating func seek(to offset: Int) throws(CodecError) {
        guard offset >= 0, offset <= source.count else { throw CodecError(offset, "beyond the \(source.count) bytes") }
        position = source.startIndex &+ offset
    }
}
