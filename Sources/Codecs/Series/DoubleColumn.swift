/// A column of doubles, lossless to the bit: constant, decimal (ALP, Afroozeh et al., SIGMOD 2024, with division by
/// an exact power of ten in place of two multiplications), XOR, or raw.
package enum DoubleColumn {
    enum Kind: UInt8 {
        case constant = 0
        case decimal = 1
        case xor = 2
        case raw = 3
    }

    /// Doubles hold powers of ten exactly up to 10^22; integers to 2^53 divided by one of them round correctly, so
    /// every number that was written with up to 15 digits comes back.
    private static let powers: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    ]
    private static let largestInteger = 9_007_199_254_740_992.0

    package static func encode(_ values: [Double]) -> [UInt8] {
        var writer = ByteWriter()
        encode(values, into: &writer)
        return writer.bytes
    }

    package static func encode(_ values: [Double], into writer: inout ByteWriter) {
        guard let first = values.first else { return }
        guard values.contains(where: { $0.bitPattern != first.bitPattern }) else {
            writer.write(Kind.constant.rawValue)
            writer.writeDouble(first)
            return
        }
        let decimal = encodeDecimal(values)
        // Below 20 bits a value XOR does not win; there is no need to try.
        if let decimal, decimal.count * 8 < values.count * 20 {
            writer.writeBytes(decimal)
            return
        }
        let xor = encodeXOR(values)
        let rawSize = values.count * 8 + 1
        if let decimal, decimal.count <= xor.count, decimal.count < rawSize {
            writer.writeBytes(decimal)
        } else if xor.count < rawSize {
            writer.writeBytes(xor)
        } else {
            writer.write(Kind.raw.rawValue)
            for value in values { writer.writeDouble(value) }
        }
    }

    @inline(__always)
    private static func scaled(_ value: Double, _ power: Double) -> Int64? {
        let product = (value * power).rounded(.toNearestOrEven)
        // Also false for NaN and the infinities.
        guard product.magnitude <= largestInteger else { return nil }
        let integer = Int64(product)
        // Compared as bits, so that negative zero is an exception and not a zero.
        return (Double(integer) / power).bitPattern == value.bitPattern ? integer : nil
    }

    /// The exponent that turns the most of up to 64 samples into integers; the smallest such one.
    private static func bestExponent(_ values: [Double]) -> (exponent: Int, hits: Int, tried: Int) {
        let step = max(1, values.count / 64)
        var best = (exponent: 0, hits: -1, tried: 1)
        for exponent in powers.indices {
            var hits = 0
            var tried = 0
            var index = 0
            while index < values.count {
                tried += 1
                if scaled(values[index], powers[exponent]) != nil { hits += 1 }
                index += step
            }
            if hits > best.hits { best = (exponent, hits, tried) }
            if hits == tried { break }
        }
        return best
    }

    private static func encodeDecimal(_ values: [Double]) -> [UInt8]? {
        let choice = bestExponent(values)
        guard choice.hits * 2 >= choice.tried else { return nil }
        let power = powers[choice.exponent]
        var integers: [Int64] = []
        integers.reserveCapacity(values.count)
        var exceptions: [Int] = []
        for (index, value) in values.enumerated() {
            if let integer = scaled(value, power) {
                integers.append(integer)
            } else {
                // Repeats its neighbour, which costs the least in every integer encoding.
                exceptions.append(index)
                integers.append(integers.last ?? 0)
            }
        }
        guard exceptions.count * 2 <= values.count else { return nil }
        if let firstGood = values.indices.first(where: { $0 >= exceptions.count || exceptions[$0] != $0 }) {
            for index in 0..<firstGood { integers[index] = integers[firstGood] }
        }
        var writer = ByteWriter(reserving: values.count * 2)
        writer.write(Kind.decimal.rawValue)
        writer.write(UInt8(choice.exponent))
        IntegerColumn.encode(integers, into: &writer)
        writer.writeVarint(exceptions.count)
        var previous = 0
        for index in exceptions {
            writer.writeVarint(index - previous)
            writer.writeDouble(values[index])
            previous = index
        }
        return writer.bytes
    }

    static func encodeXOR(_ values: [Double], kind: UInt8 = Kind.xor.rawValue) -> [UInt8] {
        var bits = BitWriter(reserving: values.count * 6)
        var window = XORWindow()
        var previous: UInt64 = 0
        for value in values {
            window.append(value.bitPattern ^ previous, to: &bits)
            previous = value.bitPattern
        }
        var writer = ByteWriter()
        writer.write(kind)
        writer.writeVarint(bits.byteCount)
        return bits.encoded(after: writer.bytes)
    }

    package static func decode(_ bytes: ArraySlice<UInt8>, count: Int) throws(CodecError) -> [Double] {
        var reader = ByteReader(bytes)
        return try decode(&reader, count: count)
    }

    package static func decode(_ reader: inout ByteReader, count: Int) throws(CodecError) -> [Double] {
        guard count >= 0, count <= maximumDecodedCount else { throw reader.failure("\(count) doubles") }
        guard count > 0 else { return [] }
        let start = reader
        let name = try reader.readByte()
        guard let kind = Kind(rawValue: name) else { throw start.failure("unknown double encoding \(name)") }
        switch kind {
        case .constant:
            return [Double](repeating: try reader.readDouble(), count: count)
        case .decimal:
            return try decodeDecimal(&reader, count: count)
        case .xor:
            return try decodeXOR(&reader, count: count)
        case .raw:
            return try decodeRaw(&reader, count: count)
        }
    }

    static func decodeRaw(_ reader: inout ByteReader, count: Int) throws(CodecError) -> [Double] {
        guard reader.remaining >= count * 8 else { throw reader.failure("\(count) doubles are cut off") }
        var values: [Double] = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(try reader.readDouble()) }
        return values
    }

    private static func decodeDecimal(_ reader: inout ByteReader, count: Int) throws(CodecError) -> [Double] {
        let start = reader
        let exponent = Int(try reader.readByte())
        guard exponent < powers.count else { throw start.failure("decimal exponent \(exponent)") }
        let power = powers[exponent]
        let integers = try IntegerColumn.decode(&reader, count: count)
        var values = integers.map { Double($0) / power }
        let exceptions = try reader.readCount(limit: count)
        var position = 0
        for _ in 0..<exceptions {
            position &+= try reader.readCount(limit: count)
            let value = try reader.readDouble()
            guard position < count else { throw reader.failure("exception at \(position) of \(count) doubles") }
            values[position] = value
        }
        return values
    }

    static func decodeXOR(_ reader: inout ByteReader, count: Int) throws(CodecError) -> [Double] {
        let start = reader
        let packed = try reader.readLengthPrefixed()
        var bits = BitReader(packed)
        guard bits.remainingBits >= count else { throw start.failure("\(count) doubles are cut off") }
        var values: [Double] = []
        values.reserveCapacity(count)
        var state = XORWindowReader()
        var pattern: UInt64 = 0
        for _ in 0..<count {
            pattern ^= try state.next(&bits)
            values.append(Double(bitPattern: pattern))
        }
        return values
    }
}
