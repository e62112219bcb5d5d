import Codecs

/// Sequences of a block's rows. A push has the lines of a stream together, so most follow their neighbour: where that
/// is so, what is written are the stretches without a gap (docs/formats/event-part.md).
enum SequenceColumn {
    private static let plain: UInt8 = 0
    private static let stretches: UInt8 = 1

    static func encode(_ sequences: [UInt64], _ entropy: inout EntropyColumnEncoder) -> [UInt8] {
        var lengths: [Int64] = []
        var steps: [Int64] = []
        for (i, sequence) in sequences.enumerated() {
            if i > 0, sequence == sequences[i - 1] &+ 1 {
                lengths[lengths.count - 1] += 1
            } else {
                // From the end of the stretch before to the beginning of this one.
                steps.append(Int64(bitPattern: sequence &- (i == 0 ? 0 : sequences[i - 1])))
                lengths.append(1)
            }
        }
        guard lengths.count * 4 < sequences.count else {
            return [plain] + entropy.encode(sequences.map { Int64(bitPattern: $0) })
        }
        var writer = ByteWriter()
        writer.write(stretches)
        writer.writeVarint(lengths.count)
        let packed = entropy.encode(lengths)
        writer.writeVarint(packed.count)
        writer.writeBytes(packed)
        // The first is where the block begins, and far from the others.
        writer.writeZigzag(steps[0])
        writer.writeBytes(entropy.encode(Array(steps.dropFirst())))
        return writer.bytes
    }

    static func decode(_ bytes: [UInt8], count: Int) throws(CodecError) -> [UInt64] {
        if count == 0 { return [] }
        var reader = ByteReader(bytes)
        switch try reader.readByte() {
        case plain: return try EntropyColumn.decode(&reader, count: count).map { UInt64(bitPattern: $0) }
        case stretches:
            let stretchCount = try reader.readCount(limit: count)
            let size = try reader.readCount(limit: reader.remaining)
            let lengths = try EntropyColumn.decode(Array(try reader.readBytes(size)), count: stretchCount)
            guard stretchCount > 0 else { throw reader.failure("no sequences") }
            var out: [UInt64] = []
            out.reserveCapacity(count)
            var last = UInt64(bitPattern: try reader.readZigzag())
            let steps = try EntropyColumn.decode(&reader, count: stretchCount - 1)
            for (number, length) in lengths.enumerated() {
                guard length > 0, length <= Int64(count - out.count) else {
                    throw reader.failure("a stretch of \(length) sequences")
                }
                if number > 0 { last = last &+ UInt64(bitPattern: steps[number - 1]) }
                for i in 0..<UInt64(length) { out.append(last &+ i) }
                last = last &+ UInt64(length) &- 1
            }
            guard out.count == count else { throw reader.failure("\(out.count) sequences of \(count)") }
            return out
        case let form: throw reader.failure("unknown form of sequences \(form)")
        }
    }
}
