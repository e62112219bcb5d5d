import Codecs
import TestSupport
import Testing

/// Columns of a series come back to the bit, alone and as the difference to another.
@Suite struct ValueColumnTests {
    static let shapes = 14

    static func values(_ count: Int, _ shape: Int, _ random: inout SeededGenerator) -> [Double] {
        var level: Int64 = Int64.random(in: 0...1_000_000, using: &random)
        var sum = 0.0
        let stale = Double(bitPattern: 0x7ff0_0000_0000_0002)
        return (0..<count).map { index in
            switch shape {
            case 0..<8: return ColumnTests.values(1, shape, &random)[0] + (shape == 1 ? Double(index * 40) : 0)
            case 8:
                level += Int64.random(in: 0..<100, using: &random) < 3 ? 1 : 0
                return Double(level)
            case 9:
                level += Int64.random(in: -60...60, using: &random)
                return index % 90 == 89 ? stale : Double(level) / 100
            case 10:
                level += Int64.random(in: 0...9, using: &random)
                return Double(level) * 4096
            case 11:
                sum += Double.random(in: 0...3, using: &random)
                return sum
            case 12:
                level += index == count / 2 ? 1 << 40 : Int64.random(in: 20...30, using: &random)
                return Double(level)
            default: return index % 7 == 0 ? -0.0 : Double(Int64.random(in: -3...3, using: &random)) * 0x1p-30
            }
        }
    }

    @Test func everyShapeComesBackToTheBit() throws {
        var random = SeededGenerator(seed: 51)
        var encoders = [ValueColumnEncoder(), ValueColumnEncoder(effort: .quick)]
        for (count, effort) in [0, 1, 2, 3, 7, 8, 20, 47, 120, 480, 768, 1000, 4096].flatMap({ [($0, 0), ($0, 1)] }) {
            var reference: ValueColumn.Integers?
            for shape in 0..<ValueColumnTests.shapes * 2 {
                let values = ValueColumnTests.values(count, shape / 2, &random)
                var writer = ByteWriter()
                writer.write(7)
                let next = encoders[effort].encode(
                    values, reference: shape % 2 == 1 ? reference : nil, into: &writer)
                let bytes = writer.bytes.dropFirst()
                writer.write(9)
                var reader = ByteReader(writer.bytes.dropFirst())
                let read = try ValueColumn.decode(&reader, count: count, reference: reference)
                let what = "seed 51, \(count) values of shape \(shape), effort \(effort)"
                #expect(ColumnTests.bits(read.values) == ColumnTests.bits(values), "\(what)")
                if let next {
                    #expect(read.integers?.values == next.values && read.integers?.scale == next.scale, "\(what)")
                }
                #expect(reader.rest == [9], "\(what)")
                if ValueColumn.needsReference(bytes) {
                    #expect(throws: CodecError.self) { try ValueColumn.decode(Array(bytes), count: count) }
                }
                reference = next
            }
        }
    }

    @Test func aBucketCostsWhatItDiffersFromItsNeighbour() {
        var random = SeededGenerator(seed: 52)
        var low = 0
        var high = 0
        let columns = (0..<480).map { _ -> (Double, Double) in
            low += Int.random(in: 0...40, using: &random)
            high += Int.random(in: 0..<50, using: &random) == 0 ? 1 : 0
            return (Double(low), Double(low + high))
        }
        var encoder = ValueColumnEncoder()
        var first = ByteWriter()
        let integers = encoder.encode(columns.map(\.0), into: &first)
        var second = ByteWriter()
        _ = encoder.encode(columns.map(\.1), reference: integers, into: &second)
        #expect(first.count < 360)
        #expect(second.count < 30)
    }

    @Test func integersOfEveryWidthComeBack() throws {
        var random = SeededGenerator(seed: 53)
        var encoder = EntropyColumnEncoder()
        for round in 0..<600 {
            let count = Int.random(in: 0...300, using: &random)
            let width = UInt64.random(in: 0...63, using: &random)
            var total: Int64 = 0
            let values: [Int64] = (0..<count).map { index in
                let noise = Int64(bitPattern: random.next() >> width)
                switch round % 6 {
                case 0: return noise
                case 1: return index % 2 == 0 ? .min : .max
                case 2:
                    total &+= noise
                    return total
                case 3: return 7 &+ Int64(index) &* noise.signum()
                case 4: return index % 40 == 0 ? noise : Int64(index % 5)
                default:
                    total &+= (noise & 7) &* 1024
                    return total
                }
            }
            let encoded = encoder.encode(values)
            #expect(try EntropyColumn.decode(encoded, count: count) == values, "seed 53, round \(round)")
            for cut in [0, 1, encoded.count / 2, encoded.count - 1] where cut >= 0 && count > 0 {
                #expect(throws: CodecError.self, "seed 53, round \(round), cut at \(cut)") {
                    try EntropyColumn.decode(Array(encoded[..<cut]), count: count)
                }
            }
        }
    }

    @Test func noDecoderTrapsOnRandomOrDamagedBytes() {
        var random = SeededGenerator(seed: 54)
        var encoder = ValueColumnEncoder()
        for round in 0..<4000 {
            let count = Int.random(in: 0...200, using: &random)
            var bytes: [UInt8]
            if round % 2 == 0 {
                bytes = (0..<Int.random(in: 0...60, using: &random)).map { _ in UInt8(truncatingIfNeeded: random.next())
                }
                if !bytes.isEmpty { bytes[0] = UInt8.random(in: 0...5, using: &random) }
                if bytes.count > 2 { bytes[1] = 0 }
                if bytes.count > 3 { bytes[2] = [3, 0x13, 0x23, 0x53, 2, 0x12][round / 2 % 6] }
            } else {
                var writer = ByteWriter()
                let values = ValueColumnTests.values(count, round / 2 % ValueColumnTests.shapes, &random)
                _ = encoder.encode(values, into: &writer)
                bytes = writer.bytes
                for _ in 0..<3 where !bytes.isEmpty {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8(truncatingIfNeeded: random.next())
                }
            }
            let reference = ValueColumn.Integers(scale: 0, values: [Int64](repeating: .max, count: count))
            _ = try? ValueColumn.decode(bytes, count: count, reference: reference)
            _ = try? EntropyColumn.decode(Array(bytes.dropFirst(2)), count: count)
        }
    }
}
