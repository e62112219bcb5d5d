/// Writes ``ValueColumn``s; holds the memory that it works in.
package struct ValueColumnEncoder {
    private var columns: EntropyColumnEncoder
    private var integers: [Int64] = []
    private var exceptions: [Int] = []
    private var difference: [Int64] = []

    package init(effort: ColumnEffort = .thorough) { columns = EntropyColumnEncoder(effort: effort) }

    /// Appends the column. Answers its integers, where it has some, for the next column to refer to.
    ///
    /// - Parameter reference: integers of a column that the reader will have at hand; used where that is cheaper, and
    ///   only where it has as many values.
    package mutating func encode(
        _ values: [Double], reference: ValueColumn.Integers? = nil, into writer: inout ByteWriter
    ) -> ValueColumn.Integers? {
        guard let first = values.first else { return nil }
        guard values.contains(where: { $0.bitPattern != first.bitPattern }) else {
            writer.write(ValueColumn.Kind.constant.rawValue)
            writer.writeDouble(first)
            return nil
        }
        if let scale = decimalScale(values), scaleAll(values, scale) {
            let start = writer.count
            writeScaled(values, scale, reference, into: &writer)
            // Below 20 bits a value nothing else wins; there is no need to try.
            if (writer.count - start) * 8 < values.count * 20 + 256 {
                return ValueColumn.Integers(scale: scale, values: integers)
            }
            let decimal = Array(writer.bytes[start...])
            writer.bytes.removeSubrange(start...)
            let other = encodeWide(values)
            writer.writeBytes(decimal.count <= other.count ? decimal : other)
            return decimal.count <= other.count ? ValueColumn.Integers(scale: scale, values: integers) : nil
        }
        writer.writeBytes(encodeWide(values))
        return nil
    }

    // MARK: Scales

    @inline(__always)
    private static func scaled(_ value: Double, _ power: Double) -> Int64? {
        let product = (value * power).rounded(.toNearestOrEven)
        // Also false for NaN and the infinities.
        guard product.magnitude <= ValueColumn.largestInteger else { return nil }
        let integer = Int64(product)
        // Compared as bits, so that negative zero is an exception and not a zero.
        return (Double(integer) / power).bitPattern == value.bitPattern ? integer : nil
    }

    /// A power of ten that turns nearly all of up to 16 samples into integers, the smallest such one; nil where half of
    /// them have none.
    private func decimalScale(_ values: [Double]) -> UInt8? {
        let step = max(1, values.count / 16)
        var counts = (0..<ValueColumn.powers.count).map { _ in 0 }
        var hits = 0
        var tried = 0
        var index = 0
        while index < values.count {
            tried += 1
            let value = values[index]
            for exponent in ValueColumn.powers.indices
            where ValueColumnEncoder.scaled(value, ValueColumn.powers[exponent]) != nil {
                counts[exponent] += 1
                hits += 1
                break
            }
            // Numbers of seventeen digits are known by a few of them.
            if tried == 4, hits == 0 { return nil }
            index += step
        }
        guard hits * 2 >= tried else { return nil }
        // One in ten may have more digits: it becomes an exception rather than make all others long.
        var left = hits / 10
        for exponent in counts.indices.reversed() where counts[exponent] > 0 {
            if counts[exponent] > left { return UInt8(exponent) }
            left -= counts[exponent]
        }
        return 0
    }

    /// Fills ``integers`` and ``exceptions``; false where half of the values are exceptions.
    private mutating func scaleAll(_ values: [Double], _ scale: UInt8) -> Bool {
        guard let power = ValueColumn.divisor(scale) else { return false }
        exceptions.removeAll(keepingCapacity: true)
        var last: Int64 = 0
        var missing = 0
        integers = unsafe [Int64](unsafeUninitializedCapacity: values.count) { target, initialized in
            for index in values.indices {
                if let integer = ValueColumnEncoder.scaled(values[index], power) {
                    last = integer
                } else {
                    // Repeats its neighbour, which costs the least in every integer encoding.
                    exceptions.append(index)
                }
                unsafe target[index] = last
            }
            initialized = values.count
        }
        while missing < exceptions.count, exceptions[missing] == missing { missing += 1 }
        if missing < integers.count { for index in 0..<missing { integers[index] = integers[missing] } }
        return exceptions.count * 2 <= values.count
    }

    private mutating func writeScaled(
        _ values: [Double], _ scale: UInt8, _ reference: ValueColumn.Integers?, into writer: inout ByteWriter
    ) {
        var isDifference = false
        if let reference, reference.scale == scale, reference.values.count == integers.count,
            integers.count >= EntropyColumnEncoder.shortest
        {
            difference.removeAll(keepingCapacity: true)
            for index in integers.indices { difference.append(integers[index] &- reference.values[index]) }
            isDifference =
                ValueColumnEncoder.effort(difference) &+ values.count / 8 < ValueColumnEncoder.effort(integers)
        }
        writer.write((isDifference ? ValueColumn.Kind.difference : .scaled).rawValue)
        writer.write(scale)
        columns.encode(isDifference ? difference : integers, into: &writer)
        writer.writeVarint(exceptions.count)
        var previous = 0
        for index in exceptions {
            writer.writeVarint(index - previous)
            writer.writeDouble(values[index])
            previous = index
        }
    }

    /// Bits that the differences of neighbours take, less a usual one.
    private static func effort(_ values: [Int64]) -> Int {
        guard values.count > 2 else { return 0 }
        var usual = InlineArray<16, Int64>(repeating: 0)
        var count = 0
        let step = max(1, values.count / 15)
        for index in stride(from: 1, to: values.count, by: step) where count < 16 {
            let difference = values[index] &- values[index - 1]
            var place = count
            while place > 0, usual[place - 1] > difference {
                usual[place] = usual[place - 1]
                place -= 1
            }
            usual[place] = difference
            count += 1
        }
        let median = usual[count / 2]
        var bits = 0
        for index in 1..<values.count {
            bits &+= BitPacking.width(ZigZag.encode(values[index] &- values[index - 1] &- median))
        }
        return bits
    }

    // MARK: Numbers of many digits

    private mutating func encodeWide(_ values: [Double]) -> [UInt8] {
        var best = DoubleColumn.encodeXOR(values, kind: ValueColumn.Kind.xor.rawValue)
        if values.count >= EntropyColumnEncoder.shortest, let scale = ValueColumnEncoder.binaryScale(values) {
            let kept = (integers, exceptions)
            if scaleExactly(values, scale) {
                var writer = ByteWriter(reserving: values.count * 7)
                writeScaled(values, scale, nil, into: &writer)
                if writer.count < best.count { best = writer.bytes }
            }
            (integers, exceptions) = kept
        }
        if best.count <= values.count * 8 + 1 { return best }
        var writer = ByteWriter(reserving: values.count * 8 + 1)
        writer.write(ValueColumn.Kind.raw.rawValue)
        for value in values { writer.writeDouble(value) }
        return writer.bytes
    }

    /// The least power of two that makes all finite values integers of at most 62 bits.
    private static func binaryScale(_ values: [Double]) -> UInt8? {
        var lowest = Int.max
        var highest = Int.min
        for value in values where value.isFinite && value != 0 {
            guard value.isNormal else { return nil }
            let exponent = Int(value.exponent)
            let zeros = min(value.significandBitPattern.trailingZeroBitCount, 52)
            lowest = min(lowest, exponent - 52 + zeros)
            highest = max(highest, exponent)
        }
        guard lowest <= 0, lowest >= ValueColumn.firstBinaryScale - ValueColumn.lastBinaryScale,
            highest - lowest < 62
        else { return nil }
        return UInt8(ValueColumn.firstBinaryScale - lowest)
    }

    private mutating func scaleExactly(_ values: [Double], _ scale: UInt8) -> Bool {
        guard let divisor = ValueColumn.divisor(scale) else { return false }
        integers.removeAll(keepingCapacity: true)
        exceptions.removeAll(keepingCapacity: true)
        for (index, value) in values.enumerated() {
            let product = value * divisor
            if product.magnitude < 4.6e18, (Double(Int64(product)) / divisor).bitPattern == value.bitPattern {
                integers.append(Int64(product))
            } else {
                exceptions.append(index)
                integers.append(integers.last ?? 0)
            }
        }
        return exceptions.count * 2 <= values.count
    }
}
