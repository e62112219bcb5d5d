/// Walks the fields of one protobuf message inside a byte array, without copying.
///
/// Every read checks the message's end. A field whose wire type is not the expected one is skipped, as protobuf asks
/// of
/// unknown fields: the typed reads then answer nil. After `next` exactly one of the reads or `skip` must be called.
package struct ProtobufCursor: Sendable {
    /// OTLP's own nesting needs 8; an attribute's value adds two for each level.
    package static let maximumDepth = 96

    package private(set) var offset: Int
    package let end: Int
    /// Number of the current field.
    package private(set) var field = 0
    private var wireType = 0
    private let depth: Int
    /// Field numbers of the outer messages, eight bits each, the innermost lowest; more than eight levels push the
    /// oldest out.
    private let path: UInt64

    package init(_ bytes: [UInt8]) { self.init(offset: 0, end: bytes.count, depth: 0, path: 0) }

    /// Over a message that lies inside the bytes.
    package init(_ bytes: [UInt8], message: Range<Int>) {
        let inside = message.clamped(to: 0..<bytes.count)
        self.init(offset: inside.lowerBound, end: inside.upperBound, depth: 0, path: 0)
    }

    /// The fields from the start of the range on, which lies in a message of this number at the outermost level (0: it
    /// is the outermost itself). The range must lie inside the bytes that are read.
    init(_ range: Range<Int>, in field: Int = 0) {
        self.init(
            offset: range.lowerBound, end: range.upperBound, depth: field == 0 ? 0 : 1, path: UInt64(field & 0xff))
    }

    private init(offset: Int, end: Int, depth: Int, path: UInt64) {
        self.offset = offset
        self.end = end
        self.depth = depth
        self.path = path
    }

    /// Goes to the next field; false at the end of the message.
    package mutating func next(_ bytes: [UInt8]) throws(WireError) -> Bool {
        guard offset < end else { return false }
        let tag = try rawVarint(bytes)
        field = Int(truncatingIfNeeded: tag >> 3 & 0x1fff_ffff)
        wireType = Int(truncatingIfNeeded: tag & 7)
        guard field != 0 else { throw failure(.zeroFieldNumber) }
        return true
    }

    package mutating func varint(_ bytes: [UInt8]) throws(WireError) -> UInt64? {
        guard wireType == 0 else { return try mismatch(bytes) }
        return try rawVarint(bytes)
    }

    package mutating func fixed64(_ bytes: [UInt8]) throws(WireError) -> UInt64? {
        guard wireType == 1 else { return try mismatch(bytes) }
        return try rawFixed64(bytes)
    }

    package mutating func double(_ bytes: [UInt8]) throws(WireError) -> Double? {
        try fixed64(bytes).map { Double(bitPattern: $0) }
    }

    package mutating func fixed32(_ bytes: [UInt8]) throws(WireError) -> UInt32? {
        guard wireType == 5 else { return try mismatch(bytes) }
        guard end - offset >= 4 else { throw failure(.truncated) }
        var value: UInt32 = 0
        for i in 0..<4 { value |= UInt32(bytes[offset + i]) << UInt32(8 * i) }
        offset += 4
        return value
    }

    /// The bytes of a string, of bytes or of a message.
    package mutating func range(_ bytes: [UInt8]) throws(WireError) -> Range<Int>? {
        guard wireType == 2 else { return try mismatch(bytes) }
        let length = try rawVarint(bytes)
        guard length <= UInt64(end - offset) else { throw failure(.truncated) }
        let start = offset
        offset += Int(length)
        return start..<offset
    }

    package mutating func message(_ bytes: [UInt8]) throws(WireError) -> ProtobufCursor? {
        guard let range = try range(bytes) else { return nil }
        guard depth < ProtobufCursor.maximumDepth else { throw failure(.tooDeep) }
        let inner = path << 8 | UInt64(field & 0xff)
        return ProtobufCursor(offset: range.lowerBound, end: range.upperBound, depth: depth + 1, path: inner)
    }

    /// One element or a packed run of them.
    package mutating func fixed64s(_ bytes: [UInt8], into out: inout [UInt64]) throws(WireError) {
        guard wireType == 2 else {
            if let one = try fixed64(bytes) { out.append(one) }
            return
        }
        guard let range = try range(bytes) else { return }
        guard range.count.isMultiple(of: 8) else { throw failure(.packedLengthUneven) }
        var inner = ProtobufCursor(offset: range.lowerBound, end: range.upperBound, depth: depth, path: path)
        while inner.offset < inner.end { out.append(try inner.rawFixed64(bytes)) }
    }

    package mutating func varints(_ bytes: [UInt8], into out: inout [UInt64]) throws(WireError) {
        guard wireType == 2 else {
            if let one = try varint(bytes) { out.append(one) }
            return
        }
        guard let range = try range(bytes) else { return }
        var inner = ProtobufCursor(offset: range.lowerBound, end: range.upperBound, depth: depth, path: path)
        while inner.offset < inner.end { out.append(try inner.rawVarint(bytes)) }
    }

    /// The next element of a packed run of varints over which this cursor was made.
    mutating func number(_ bytes: [UInt8]) throws(WireError) -> UInt64 { try rawVarint(bytes) }

    package mutating func skip(_ bytes: [UInt8]) throws(WireError) {
        switch wireType {
        case 0: _ = try rawVarint(bytes)
        case 1: try advance(8)
        case 2: _ = try range(bytes)
        case 3: try skipGroup(bytes)
        case 4: throw failure(.unmatchedEndOfGroup)
        case 5: try advance(4)
        default: throw failure(.unknownWireType(wireType))
        }
    }

    private mutating func mismatch<T>(_ bytes: [UInt8]) throws(WireError) -> T? {
        try skip(bytes)
        return nil
    }

    private mutating func advance(_ count: Int) throws(WireError) {
        guard end - offset >= count else { throw failure(.truncated) }
        offset += count
    }

    private mutating func skipGroup(_ bytes: [UInt8]) throws(WireError) {
        var open = [field]
        while let innermost = open.last {
            guard try next(bytes) else { throw failure(.truncated) }
            switch wireType {
            case 3:
                guard open.count < ProtobufCursor.maximumDepth else { throw failure(.tooDeep) }
                open.append(field)
            case 4:
                guard field == innermost else { throw failure(.unmatchedEndOfGroup) }
                open.removeLast()
            default: try skip(bytes)
            }
        }
    }

    @inline(__always)
    private mutating func rawVarint(_ bytes: [UInt8]) throws(WireError) -> UInt64 {
        if offset < end, bytes[offset] < 0x80 {
            let value = UInt64(bytes[offset])
            offset += 1
            return value
        }
        return try longVarint(bytes)
    }

    private mutating func longVarint(_ bytes: [UInt8]) throws(WireError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while shift < 70 {
            guard offset < end else { throw failure(.truncated) }
            let byte = bytes[offset]
            offset += 1
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        throw failure(.varintTooLong)
    }

    @inline(__always)
    private mutating func rawFixed64(_ bytes: [UInt8]) throws(WireError) -> UInt64 {
        guard end - offset >= 8 else { throw failure(.truncated) }
        var value: UInt64 = 0
        for i in 0..<8 { value |= UInt64(bytes[offset &+ i]) << UInt64(8 &* i) }
        offset += 8
        return value
    }

    package func failure(_ fault: ProtobufFault) -> WireError {
        var numbers: [Int] = field == 0 ? [] : [field]
        var rest = path
        while rest != 0 {
            numbers.append(Int(rest & 0xff))
            rest >>= 8
        }
        return .protobuf(fault, offset: offset, path: numbers.reversed())
    }
}

package func decodeZigZag(_ value: UInt64) -> Int64 {
    Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
}
