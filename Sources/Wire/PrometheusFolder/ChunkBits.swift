import Codecs

/// Why the data of a chunk cannot be decoded; whoever knows file and offset adds them.
package struct ChunkDefect: Error, Hashable, Sendable {
    package var reason: String
    package var isUnsupported = false
    package init(_ reason: String, isUnsupported: Bool = false) {
        self.reason = reason
        self.isUnsupported = isUnsupported
    }
}

/// Prometheus' bit stream: the most significant bit of each byte first.
struct ChunkBits {
    private let bytes: [UInt8]
    /// In bits.
    private(set) var position: Int
    private let end: Int

    init(_ bytes: [UInt8], fromByte start: Int) {
        self.bytes = bytes
        position = min(start, bytes.count) &* 8
        end = bytes.count &* 8
    }

    var remaining: Int { end &- position }

    mutating func bit() throws(ChunkDefect) -> Bool {
        guard position < end else { throw ChunkDefect("the chunk ends inside a sample") }
        let byte = bytes[position >> 3]
        let bit = byte &>> UInt8(truncatingIfNeeded: 7 &- (position & 7)) & 1
        position &+= 1
        return bit == 1
    }

    /// Up to 64 bits.
    mutating func bits(_ count: Int) throws(ChunkDefect) -> UInt64 {
        if count > 56 {
            let high = try bits(count &- 32)
            return high &<< 32 | (try bits(32))
        }
        guard count > 0 else { return 0 }
        guard count <= end &- position else { throw ChunkDefect("the chunk ends inside a sample") }
        let first = position >> 3
        var word: UInt64 = 0
        if bytes.count &- first >= 8 {
            word = unsafe bytes.withUnsafeBytes {
                unsafe UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: first, as: UInt64.self))
            }
        } else {
            for i in 0..<8 { word = word &<< 8 | (first &+ i < bytes.count ? UInt64(bytes[first &+ i]) : 0) }
        }
        let value = (word &<< UInt64(position & 7)) &>> UInt64(64 &- count)
        position &+= count
        return value
    }

    mutating func double() throws(ChunkDefect) -> Double { Double(bitPattern: try bits(64)) }

    mutating func unsignedVarint() throws(ChunkDefect) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while shift < 70 {
            let byte = try bits(8)
            value |= (byte & 0x7f) &<< shift
            if byte < 0x80 { return value }
            shift &+= 7
        }
        throw ChunkDefect("a varint is longer than 10 bytes")
    }

    mutating func varint() throws(ChunkDefect) -> Int64 { ZigZag.decode(try unsignedVarint()) }

    /// Widths of the payload by the number of ones in front.
    private static let widths = [0, 3, 6, 9, 12, 18, 25, 56, 64]

    private mutating func prefix() throws(ChunkDefect) -> Int {
        var ones = 0
        while ones < 8, try bit() { ones &+= 1 }
        return ChunkBits.widths[ones]
    }

    /// "varbit_uint"
    mutating func unsigned() throws(ChunkDefect) -> UInt64 { try bits(try prefix()) }

    /// "varbit_int": 3 bits hold -3...4, and so on.
    mutating func signed() throws(ChunkDefect) -> Int64 {
        let width = try prefix()
        let raw = try bits(width)
        guard width > 0, width < 64 else { return Int64(bitPattern: raw) }
        return raw > 1 &<< UInt64(width &- 1)
            ? Int64(bitPattern: raw &- (1 &<< UInt64(width))) : Int64(bitPattern: raw)
    }
}

/// A float that is written as its difference to the one before (Gorilla's XOR).
struct ChunkFloat {
    private(set) var bits: UInt64
    private var leading = 0
    private var trailing = 0

    init(_ value: Double) { bits = value.bitPattern }

    var value: Double { Double(bitPattern: bits) }

    /// "varbit_xor": 0 is the same, 10 the window of before, 11 a new window.
    mutating func readNext(_ source: inout ChunkBits) throws(ChunkDefect) {
        guard try source.bit() else { return }
        if try source.bit() { try readWindow(&source) } else { try readInWindow(&source) }
    }

    mutating func readWindow(_ source: inout ChunkBits) throws(ChunkDefect) {
        leading = Int(truncatingIfNeeded: try source.bits(5))
        let significant = Int(truncatingIfNeeded: try source.bits(6))
        trailing = 64 &- leading &- (significant == 0 ? 64 : significant)
        guard trailing >= 0 else { throw ChunkDefect("a value's window is wider than 64 bits") }
        try readInWindow(&source)
    }

    mutating func readInWindow(_ source: inout ChunkBits) throws(ChunkDefect) {
        bits ^= try source.bits(64 &- leading &- trailing) &<< UInt64(trailing)
    }
}
