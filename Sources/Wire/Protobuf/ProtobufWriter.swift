/// Appends protobuf fields to bytes. Zero and empty values are written too: the caller leaves out what it does not
/// mean.
package struct ProtobufWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func varint(_ field: Int, _ value: UInt64) {
        tag(field, 0)
        raw(value)
    }

    package mutating func varint(_ field: Int, _ value: Int64) { varint(field, UInt64(bitPattern: value)) }

    package mutating func bool(_ field: Int, _ value: Bool) { varint(field, value ? 1 as UInt64 : 0) }

    package mutating func zigZag(_ field: Int, _ value: Int64) {
        varint(field, UInt64(bitPattern: value << 1) ^ UInt64(bitPattern: value >> 63))
    }

    package mutating func fixed64(_ field: Int, _ value: UInt64) {
        tag(field, 1)
        little(value, count: 8)
    }

    package mutating func double(_ field: Int, _ value: Double) { fixed64(field, value.bitPattern) }

    package mutating func fixed32(_ field: Int, _ value: UInt32) {
        tag(field, 5)
        little(UInt64(value), count: 4)
    }

    package mutating func string(_ field: Int, _ value: String) { data(field, value.utf8) }

    package mutating func data(_ field: Int, _ value: some Collection<UInt8>) {
        tag(field, 2)
        raw(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    package mutating func packedDoubles(_ field: Int, _ values: [Double]) {
        guard !values.isEmpty else { return }
        tag(field, 2)
        raw(UInt64(values.count) &* 8)
        for value in values { little(value.bitPattern, count: 8) }
    }

    package mutating func packedVarints(_ field: Int, _ values: [UInt32]) {
        guard !values.isEmpty else { return }
        message(field) { inner in
            for value in values { inner.raw(UInt64(value)) }
        }
    }

    package mutating func packedZigZags(_ field: Int, _ values: [Int64]) {
        guard !values.isEmpty else { return }
        message(field) { inner in
            for value in values { inner.raw(UInt64(bitPattern: value << 1) ^ UInt64(bitPattern: value >> 63)) }
        }
    }

    package mutating func message<Failure>(
        _ field: Int, _ body: (inout ProtobufWriter) throws(Failure) -> Void
    ) throws(Failure) {
        tag(field, 2)
        // Most messages are shorter than 128 bytes: one byte is kept for the length and the rest is moved when it is
        // longer.
        let start = bytes.count
        bytes.append(0)
        try body(&self)
        var length = UInt64(bytes.count - start - 1)
        if length < 0x80 {
            bytes[start] = UInt8(truncatingIfNeeded: length)
            return
        }
        var prefix: [UInt8] = []
        while length >= 0x80 {
            prefix.append(UInt8(truncatingIfNeeded: length) | 0x80)
            length >>= 7
        }
        prefix.append(UInt8(truncatingIfNeeded: length))
        bytes.replaceSubrange(start...start, with: prefix)
    }

    /// The fields of another writer after ours.
    package mutating func append(_ other: ProtobufWriter) { bytes.append(contentsOf: other.bytes) }

    private mutating func tag(_ field: Int, _ wireType: UInt64) {
        raw(UInt64(truncatingIfNeeded: field) << 3 | wireType)
    }

    private mutating func raw(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    private mutating func little(_ value: UInt64, count: Int) {
        unsafe withUnsafeBytes(of: value.littleEndian) { unsafe bytes.append(contentsOf: $0[..<count]) }
    }
}
