/// Appends little-endian numbers, LEB128 varints and length-prefixed bytes to an array.
package struct ByteWriter: Sendable {
    package var bytes: [UInt8]

    @inlinable
    package init(reserving capacity: Int = 0) {
        bytes = []
        if capacity > 0 { bytes.reserveCapacity(capacity) }
    }

    @inlinable
    package init(continuing bytes: consuming [UInt8]) {
        self.bytes = bytes
    }

    @inlinable package var count: Int { bytes.count }

    @inlinable
    package mutating func write(_ byte: UInt8) {
        bytes.append(byte)
    }

    @inlinable
    package mutating func writeVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// A count or a length; negative numbers are a programming error and are written as zero.
    @inlinable
    package mutating func writeVarint(_ value: Int) {
        writeVarint(UInt64(Swift.max(value, 0)))
    }

    @inlinable
    package mutating func writeZigzag(_ value: Int64) {
        writeVarint(ZigZag.encode(value))
    }

    @inlinable
    package mutating func writeFixed16(_ value: UInt16) {
        bytes.append(UInt8(truncatingIfNeeded: value))
        bytes.append(UInt8(truncatingIfNeeded: value >> 8))
    }

    @inlinable
    package mutating func writeFixed32(_ value: UInt32) {
        unsafe withUnsafeBytes(of: value.littleEndian) { unsafe bytes.append(contentsOf: $0) }
    }

    @inlinable
    package mutating func writeFixed64(_ value: UInt64) {
        unsafe withUnsafeBytes(of: value.littleEndian) { unsafe bytes.append(contentsOf: $0) }
    }

    /// The bit pattern, so NaN payloads and negative zero survive.
    @inlinable
    package mutating func writeDouble(_ value: Double) {
        writeFixed64(value.bitPattern)
    }

    @inlinable
    package mutating func writeBytes(_ more: some Sequence<UInt8>) {
        bytes.append(contentsOf: more)
    }

    @inlinable
    package mutating func writeLengthPrefixed(_ more: some Collection<UInt8>) {
        writeVarint(more.count)
        bytes.append(contentsOf: more)
    }

    @inlinable
    package mutating func writeLengthPrefixed(_ text: String) {
        writeLengthPrefixed(text.utf8)
    }
}

/// Maps small magnitudes of either sign to small unsigned numbers.
package enum ZigZag {
    @inlinable
    package static func encode(_ value: Int64) -> UInt64 {
        UInt64(bitPattern: (value &<< 1) ^ (value &>> 63))
    }

    @inlinable
    package static func decode(_ value: UInt64) -> Int64 {
        Int64(bitPattern: value &>> 1) ^ -Int64(bitPattern: value & 1)
    }
}
