/// A run of bytes of a block's text.
struct TextSlice: Equatable {
    var start: UInt32
    var length: UInt32

    init(_ start: Int, _ end: Int) {
        self.start = UInt32(truncatingIfNeeded: start)
        length = UInt32(truncatingIfNeeded: end &- start)
    }

    @inline(__always) var lower: Int { Int(start) }
    @inline(__always) var upper: Int { Int(start) &+ Int(length) }
    @inline(__always) var count: Int { Int(length) }
}

/// What a byte can be part of. On disk as the set of classes that a variable's values have.
enum ByteClass {
    static let digit: UInt8 = 1
    /// a to f
    static let lowerHexadecimal: UInt8 = 2
    /// g to z
    static let lower: UInt8 = 4
    /// A to F
    static let upperHexadecimal: UInt8 = 8
    /// G to Z, underscore, and what is not ASCII
    static let other: UInt8 = 16
    /// Everything that ends a word.
    static let delimiter: UInt8 = 32

    static let word: UInt8 = 31
    static let hexadecimal: UInt8 = digit | lowerHexadecimal

    @inline(__always)
    static func of(_ byte: UInt8) -> UInt8 {
        switch byte {
        case 0x30...0x39: digit
        case 0x61...0x66: lowerHexadecimal
        case 0x67...0x7a: lower
        case 0x41...0x46: upperHexadecimal
        case 0x47...0x5a, 0x5f, 0x80...0xff: other
        default: delimiter
        }
    }

    /// The class of each of the 256 bytes.
    static let table: [UInt8] = (0...255).map { of(UInt8($0)) }
}
