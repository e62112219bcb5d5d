/// The open chunk of a series (Gorilla, Pelkonen et al., VLDB 2015): delta-of-delta timestamps and XORed values,
/// appended bit by bit. Bit exact for every timestamp and every bit pattern; timestamp arithmetic wraps.
package struct SampleChunkEncoder: Sendable {
    private var bits: BitWriter
    package private(set) var count = 0
    package private(set) var firstTimestamp: Int64 = 0
    package private(set) var lastTimestamp: Int64 = 0
    package private(set) var lastValue: Double = 0
    private var lastDelta: Int64 = 0
    private var window = XORWindow()

    package init(reserving capacity: Int = 0) {
        bits = BitWriter(reserving: capacity)
    }

    /// Size of `encoded()`, about.
    package var byteCount: Int { bits.byteCount + 2 }

    package mutating func append(timestamp: Int64, value: Double) {
        if count == 0 {
            firstTimestamp = timestamp
            bits.write(UInt64(bitPattern: timestamp), bits: 64)
            bits.write(value.bitPattern, bits: 64)
        } else {
            let delta = timestamp &- lastTimestamp
            appendSecondDifference(delta &- lastDelta)
            lastDelta = delta
            window.append(value.bitPattern ^ lastValue.bitPattern, to: &bits)
        }
        lastTimestamp = timestamp
        lastValue = value
        count &+= 1
    }

    private mutating func appendSecondDifference(_ difference: Int64) {
        let packed = ZigZag.encode(difference)
        switch BitPacking.width(packed) {
        case 0: bits.write(0b0, bits: 1)
        case ...8:
            bits.write(0b01, bits: 2)
            bits.write(packed, bits: 8)
        case ...15:
            bits.write(0b011, bits: 3)
            bits.write(packed, bits: 15)
        case ...22:
            bits.write(0b0111, bits: 4)
            bits.write(packed, bits: 22)
        default:
            bits.write(0b1111, bits: 4)
            bits.write(packed, bits: 64)
        }
    }

    /// The chunk so far: a varint count, then the bits. Appending may go on afterwards.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter(reserving: 4)
        writer.writeVarint(count)
        return bits.encoded(after: writer.bytes)
    }
}

package enum SampleChunkDecoder {
    package static func decode(
        _ bytes: ArraySlice<UInt8>
    ) throws(CodecError) -> (timestamps: [Int64], values: [Double]) {
        var timestamps: [Int64] = []
        var values: [Double] = []
        try decode(bytes, into: &timestamps, &values)
        return (timestamps, values)
    }

    package static func decode(_ bytes: [UInt8]) throws(CodecError) -> (timestamps: [Int64], values: [Double]) {
        try decode(bytes[...])
    }

    /// Appends all samples of the chunk.
    package static func decode(
        _ bytes: ArraySlice<UInt8>, into timestamps: inout [Int64], _ values: inout [Double]
    ) throws(CodecError) {
        var reader = ByteReader(bytes)
        let count = try reader.readCount(limit: maximumDecodedCount)
        guard count > 0 else { return }
        var bits = BitReader(reader.rest)
        // The first sample takes 128 bits, each later one at least two.
        guard (count &- 1) &* 2 &+ 128 <= bits.remainingBits else {
            throw reader.failure("\(count) samples are cut off")
        }
        timestamps.reserveCapacity(timestamps.count + count)
        values.reserveCapacity(values.count + count)
        var timestamp = Int64(bitPattern: try bits.read(64))
        var pattern = try bits.read(64)
        timestamps.append(timestamp)
        values.append(Double(bitPattern: pattern))
        var delta: Int64 = 0
        var window = XORWindowReader()
        for _ in 1..<count {
            delta &+= try readSecondDifference(&bits)
            timestamp &+= delta
            pattern ^= try window.next(&bits)
            timestamps.append(timestamp)
            values.append(Double(bitPattern: pattern))
        }
    }

    private static func readSecondDifference(_ bits: inout BitReader) throws(CodecError) -> Int64 {
        guard try bits.readBit() else { return 0 }
        guard try bits.readBit() else { return ZigZag.decode(try bits.read(8)) }
        guard try bits.readBit() else { return ZigZag.decode(try bits.read(15)) }
        guard try bits.readBit() else { return ZigZag.decode(try bits.read(22)) }
        return ZigZag.decode(try bits.read(64))
    }
}
