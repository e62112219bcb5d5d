/// A column of doubles of a series, lossless to the bit: numbers that a power of ten or of two makes integers are an
/// ``EntropyColumn``, with the few others beside it; the rest is XORed or raw.
///
/// A column may be written as the difference to the integers of another one: the buckets of a classic histogram count
/// nearly the same events.
package enum ValueColumn {
    enum Kind: UInt8 {
        case constant = 0
        case scaled = 1
        case xor = 2
        case raw = 3
        case difference = 4
    }

    /// Powers of two stand behind the powers of ten.
    static let firstBinaryScale = 64
    static let lastBinaryScale = firstBinaryScale + 120

    /// Doubles hold powers of ten exactly up to 10^22.
    static let powers: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    ]
    static let largestInteger = 9_007_199_254_740_992.0

    /// What a scale divides integers by; nil for one that there is not.
    static func divisor(_ scale: UInt8) -> Double? {
        if scale < powers.count { return powers[Int(scale)] }
        guard scale >= firstBinaryScale, scale <= lastBinaryScale else { return nil }
        return Double(sign: .plus, exponent: Int(scale) - firstBinaryScale, significand: 1)
    }

    /// A column of integers that another one may be the difference to.
    package struct Integers: Sendable {
        package var scale: UInt8
        package var values: [Int64]
        package init(scale: UInt8, values: [Int64]) {
            self.scale = scale
            self.values = values
        }
    }

    /// Whether the column cannot be read without the integers of another one.
    package static func needsReference(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.first == Kind.difference.rawValue
    }

    /// The values and, where they are such, their integers for columns that refer to this one. `reference` is only
    /// used where ``needsReference(_:)`` says so.
    package static func decode(
        _ reader: inout ByteReader, count: Int, reference: Integers? = nil
    ) throws(CodecError) -> (values: [Double], integers: Integers?) {
        guard count >= 0, count <= maximumDecodedCount else { throw reader.failure("\(count) doubles") }
        guard count > 0 else { return ([], nil) }
        let start = reader
        let name = try reader.readByte()
        guard let kind = Kind(rawValue: name) else { throw start.failure("unknown value encoding \(name)") }
        switch kind {
        case .constant: return ([Double](repeating: try reader.readDouble(), count: count), nil)
        case .xor: return (try DoubleColumn.decodeXOR(&reader, count: count), nil)
        case .raw: return (try DoubleColumn.decodeRaw(&reader, count: count), nil)
        case .scaled, .difference: break
        }
        let scale = try reader.readByte()
        guard let divisor = divisor(scale) else { throw start.failure("scale \(scale)") }
        var integers = try EntropyColumn.decode(&reader, count: count)
        if kind == .difference {
            guard let reference, reference.scale == scale, reference.values.count == count else {
                throw start.failure("the column that this one is the difference to is of another kind")
            }
            for index in integers.indices { integers[index] &+= reference.values[index] }
        }
        var values = unsafe [Double](unsafeUninitializedCapacity: count) { target, initialized in
            if divisor == 1 {
                for index in 0..<count { unsafe target[index] = Double(integers[index]) }
            } else {
                for index in 0..<count { unsafe target[index] = Double(integers[index]) / divisor }
            }
            initialized = count
        }
        let exceptions = try reader.readCount(limit: count)
        var position = 0
        for _ in 0..<exceptions {
            position &+= try reader.readCount(limit: count)
            let value = try reader.readDouble()
            guard position < count else { throw reader.failure("exception at \(position) of \(count) doubles") }
            values[position] = value
        }
        return (values, Integers(scale: scale, values: integers))
    }

    package static func decode(
        _ bytes: [UInt8], count: Int, reference: Integers? = nil
    ) throws(CodecError) -> [Double] {
        var reader = ByteReader(bytes)
        return try decode(&reader, count: count, reference: reference).values
    }
}
