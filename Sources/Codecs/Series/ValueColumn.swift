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

    /// Whether a value of these bits may be in the column, without decoding it: what is no integer stands in the bytes
    /// as it is. Never false where there is one; the bits must be those of no integer.
    package static func mayHold(bits: UInt64, in bytes: ArraySlice<UInt8>) -> Bool {
        guard let kind = bytes.first, kind != Kind.xor.rawValue else { return true }
        return unsafe bytes.withUnsafeBytes { source in
            let wanted = SIMD16<UInt8>(repeating: UInt8(truncatingIfNeeded: bits &>> 56))
            var place = 7
            while place + 16 <= source.count {
                let some = unsafe source.loadUnaligned(fromByteOffset: place, as: SIMD16<UInt8>.self)
                if any(some .== wanted) {
                    for at in place..<place + 16 {
                        let word = unsafe source.loadUnaligned(fromByteOffset: at - 7, as: UInt64.self)
                        if UInt64(littleEndian: word) == bits { return true }
                    }
                }
                place += 16
            }
            while place < source.count {
                let word = unsafe source.loadUnaligned(fromByteOffset: place - 7, as: UInt64.self)
                if UInt64(littleEndian: word) == bits { return true }
                place += 1
            }
            return false
        }
    }

    /// The values and, where they are such, their integers for columns that refer to this one. `reference` is only
    /// used where ``needsReference(_:)`` says so.
    package static func decode(
        _ reader: inout ByteReader, count: Int, reference: Integers? = nil
    ) throws(CodecError) -> (values: [Double], integers: Integers?) {
        guard count >= 0, count <= maximumDecodedCount else { throw reader.failure("\(count) doubles") }
        guard count > 0 else { return ([], nil) }
        var values = [Double](repeating: 0, count: count)
        var integers = [Int64](repeating: 0, count: count)
        var outcome = Outcome()
        var failure: CodecError?
        var copy = reader
        unsafe values.withUnsafeMutableBufferPointer { values in
            unsafe integers.withUnsafeMutableBufferPointer { integers in
                let (values, integers) = unsafe (values, integers)
                unsafe (reference?.values ?? []).withUnsafeBufferPointer { integersBefore in
                    do throws(CodecError) {
                        unsafe outcome = try ValueColumn.decode(
                            &copy, into: values, integers: integers,
                            reference: reference == nil ? nil : integersBefore,
                            referenceScale: reference?.scale ?? 0)
                    } catch {
                        failure = error
                    }
                }
            }
        }
        if let failure { throw failure }
        reader = copy
        return (values, outcome.hasIntegers ? Integers(scale: outcome.scale, values: integers) : nil)
    }

    /// What a column turned out to be.
    package struct Outcome: Sendable {
        /// The integers are there, for columns that refer to this one.
        package var hasIntegers = false
        package var scale: UInt8 = 0
        /// Some value may be no number: only a column of integers without exceptions says that none is.
        package var mayHoldNaN = true
        package init() {}
    }

    /// Fills `values` and, where the column is one of integers, `integers`, which has as many places; without memory of
    /// its own. In both is nothing of use where this throws.
    @unsafe
    package static func decode(
        _ reader: inout ByteReader, into values: UnsafeMutableBufferPointer<Double>,
        integers: UnsafeMutableBufferPointer<Int64>, reference: UnsafeBufferPointer<Int64>?, referenceScale: UInt8
    ) throws(CodecError) -> Outcome {
        var outcome = Outcome()
        let count = values.count
        guard count > 0 else { return outcome }
        guard integers.count == count, count <= maximumDecodedCount else { throw reader.failure("\(count) doubles") }
        let start = reader
        let name = try reader.readByte()
        guard let kind = Kind(rawValue: name) else { throw start.failure("unknown value encoding \(name)") }
        switch kind {
        case .constant:
            let value = try reader.readDouble()
            unsafe values.update(repeating: value)
            outcome.mayHoldNaN = value.isNaN
            return outcome
        case .xor:
            let decoded = try DoubleColumn.decodeXOR(&reader, count: count)
            for index in 0..<count { unsafe values[index] = decoded[index] }
            return outcome
        case .raw:
            for index in 0..<count { unsafe values[index] = try reader.readDouble() }
            return outcome
        case .scaled, .difference: break
        }
        let scale = try reader.readByte()
        guard let divisor = divisor(scale) else { throw start.failure("scale \(scale)") }
        unsafe try EntropyColumn.decode(&reader, into: integers)
        if kind == .difference {
            guard let reference = unsafe reference, referenceScale == scale, reference.count == count else {
                throw start.failure("the column that this one is the difference to is of another kind")
            }
            for index in 0..<count { unsafe integers[index] &+= reference[index] }
        }
        if divisor == 1 {
            for index in 0..<count { unsafe values[index] = Double(integers[index]) }
        } else {
            for index in 0..<count { unsafe values[index] = Double(integers[index]) / divisor }
        }
        let exceptions = try reader.readCount(limit: count)
        var position = 0
        for _ in 0..<exceptions {
            position &+= try reader.readCount(limit: count)
            let value = try reader.readDouble()
            guard position < count else { throw reader.failure("exception at \(position) of \(count) doubles") }
            unsafe values[position] = value
        }
        outcome.hasIntegers = true
        outcome.scale = scale
        outcome.mayHoldNaN = exceptions > 0
        return outcome
    }

    package static func decode(
        _ bytes: [UInt8], count: Int, reference: Integers? = nil
    ) throws(CodecError) -> [Double] {
        var reader = ByteReader(bytes)
        return try decode(&reader, count: count, reference: reference).values
    }
}
