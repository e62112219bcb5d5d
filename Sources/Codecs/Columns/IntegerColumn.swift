/// A column of 64-bit integers, in the cheapest of five encodings. Lossless for any values; arithmetic wraps.
package enum IntegerColumn {
    enum Kind: UInt8, CaseIterable {
        /// One value for all rows.
        case constant = 0
        /// Distances from the least value, bit-packed.
        case frameOfReference = 1
        /// First value, then differences.
        case delta = 2
        /// First value, first difference, then second differences: timestamps at a regular interval take no bits.
        case deltaOfDelta = 3
        /// One zigzag varint for each value: short columns with few small values.
        case varint = 4
    }

    package static func encode(_ values: [Int64]) -> [UInt8] {
        var writer = ByteWriter()
        encode(values, into: &writer)
        return writer.bytes
    }

    package static func encode(_ values: [Int64], into writer: inout ByteWriter) {
        guard let first = values.first else { return }
        guard values.contains(where: { $0 != first }) else {
            writer.write(Kind.constant.rawValue)
            writer.writeZigzag(first)
            return
        }
        var least = first
        for value in values { least = min(least, value) }
        let distances = values.map { UInt64(bitPattern: $0 &- least) }
        let deltas = differences(values)
        let zigzagDeltas = deltas.map(ZigZag.encode)
        let zigzagSecond = differences(deltas).map(ZigZag.encode)
        var costs = [
            (Kind.frameOfReference, PatchedPacking.cost(distances) + varintSize(ZigZag.encode(least))),
            (Kind.delta, PatchedPacking.cost(zigzagDeltas) + varintSize(ZigZag.encode(first))),
            (
                Kind.deltaOfDelta,
                PatchedPacking.cost(zigzagSecond) + varintSize(ZigZag.encode(first))
                    + varintSize(zigzagDeltas.first ?? 0)
            ),
        ]
        if values.count <= 16 {
            costs.append((.varint, values.reduce(0) { $0 + varintSize(ZigZag.encode($1)) }))
        }
        var kind = Kind.frameOfReference
        var lowest = Int.max
        for (candidate, cost) in costs where cost < lowest { (kind, lowest) = (candidate, cost) }
        writer.write(kind.rawValue)
        switch kind {
        case .constant, .varint:
            for value in values { writer.writeZigzag(value) }
        case .frameOfReference:
            writer.writeZigzag(least)
            PatchedPacking.encode(distances, into: &writer)
        case .delta:
            writer.writeZigzag(first)
            PatchedPacking.encode(zigzagDeltas, into: &writer)
        case .deltaOfDelta:
            writer.writeZigzag(first)
            writer.writeZigzag(deltas.first ?? 0)
            PatchedPacking.encode(zigzagSecond, into: &writer)
        }
    }

    package static func decode(_ bytes: ArraySlice<UInt8>, count: Int) throws(CodecError) -> [Int64] {
        var reader = ByteReader(bytes)
        return try decode(&reader, count: count)
    }

    package static func decode(_ bytes: [UInt8], count: Int) throws(CodecError) -> [Int64] {
        try decode(bytes[...], count: count)
    }

    package static func decode(_ reader: inout ByteReader, count: Int) throws(CodecError) -> [Int64] {
        guard count >= 0, count <= maximumDecodedCount else { throw reader.failure("\(count) integers") }
        guard count > 0 else { return [] }
        let start = reader
        let name = try reader.readByte()
        guard let kind = Kind(rawValue: name) else { throw start.failure("unknown integer encoding \(name)") }
        let first = try reader.readZigzag()
        switch kind {
        case .constant:
            return [Int64](repeating: first, count: count)
        case .varint:
            guard reader.remaining >= count - 1 else { throw reader.failure("\(count) varints are cut off") }
            var values = [first]
            values.reserveCapacity(count)
            for _ in 1..<count { values.append(try reader.readZigzag()) }
            return values
        case .frameOfReference:
            return try PatchedPacking.decode(&reader, count: count).map { first &+ Int64(bitPattern: $0) }
        case .delta:
            let packed = try PatchedPacking.decode(&reader, count: count - 1)
            return integrate(first, packed)
        case .deltaOfDelta:
            let delta = try reader.readZigzag()
            guard count > 1 else { return [first] }
            let packed = try PatchedPacking.decode(&reader, count: count - 2)
            return integrateTwice(first, delta, packed)
        }
    }

    private static func integrate(_ first: Int64, _ deltas: [UInt64]) -> [Int64] {
        var values: [Int64] = []
        values.reserveCapacity(deltas.count + 1)
        var value = first
        values.append(value)
        for delta in deltas {
            value &+= ZigZag.decode(delta)
            values.append(value)
        }
        return values
    }

    private static func integrateTwice(_ first: Int64, _ firstDelta: Int64, _ seconds: [UInt64]) -> [Int64] {
        var values: [Int64] = []
        values.reserveCapacity(seconds.count + 2)
        var delta = firstDelta
        var value = first &+ delta
        values.append(first)
        values.append(value)
        for second in seconds {
            delta &+= ZigZag.decode(second)
            value &+= delta
            values.append(value)
        }
        return values
    }

    private static func differences(_ values: [Int64]) -> [Int64] {
        guard values.count > 1 else { return [] }
        var result: [Int64] = []
        result.reserveCapacity(values.count - 1)
        for index in 1..<values.count { result.append(values[index] &- values[index - 1]) }
        return result
    }

    static func varintSize(_ value: UInt64) -> Int { max(1, (BitPacking.width(value) &+ 6) / 7) }
}
