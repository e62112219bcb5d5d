import Codecs
import TestSupport
import Testing

/// Columns come back to the bit, whatever is in them.
@Suite struct ColumnTests {
    static func timestamps(_ count: Int, _ shape: Int, _ random: inout SeededGenerator) -> [Int64] {
        var now = Int64(1_700_000_000_000)
        return (0..<count).map { index in
            switch shape {
            case 0: now += 15_000
            case 1: now += 15_000 + Int64.random(in: -3...3, using: &random)
            case 2: now += index % 50 == 49 ? 3_600_000 : 15_000
            case 3: now = Int64(truncatingIfNeeded: random.next())
            default: now = index.isMultiple(of: 2) ? .min : .max
            }
            return now
        }
    }

    static func values(_ count: Int, _ shape: Int, _ random: inout SeededGenerator) -> [Double] {
        let special: [Double] = [
            .nan, -.nan, -0.0, 0.0, .infinity, -.infinity, .leastNonzeroMagnitude, .greatestFiniteMagnitude,
            Double(bitPattern: 0x7ff0_0000_0000_0002), Double(bitPattern: 0xfff8_dead_beef_0001), 9_007_199_254_740_992,
            1e22, 1e300, -1e-300,
        ]
        var counter = 0.0
        return (0..<count).map { index in
            switch shape {
            case 0: return 42.5
            case 1:
                counter += Double(Int.random(in: 0...500, using: &random))
                return counter
            case 2: return Double(Int.random(in: -100_000...100_000, using: &random)) / 1000
            case 3: return index % 37 == 0 ? special[index % special.count] : Double(index) / 10
            case 4: return Double(bitPattern: random.next())
            case 5: return special[Int.random(in: 0..<special.count, using: &random)]
            case 6: return Double.random(in: 0...1, using: &random)
            default: return index < count / 2 ? special[index % special.count] : Double(index)
            }
        }
    }

    static func bits(_ values: [Double]) -> [UInt64] { values.map(\.bitPattern) }

    @Test func samplesComeBackToTheBitFromBothEncodings() throws {
        var random = SeededGenerator(seed: 11)
        for count in [1, 2, 3, 17, 120, 1000] {
            for timeShape in 0..<5 {
                for valueShape in 0..<8 {
                    let times = ColumnTests.timestamps(count, timeShape, &random)
                    let values = ColumnTests.values(count, valueShape, &random)
                    let what = "seed 11, \(count) samples, shapes \(timeShape) and \(valueShape)"
                    let sealed = try SealedColumn.decode(
                        SealedColumn.encode(timestamps: times, values: values), count: count)
                    #expect(sealed.timestamps == times, "\(what)")
                    #expect(ColumnTests.bits(sealed.values) == ColumnTests.bits(values), "\(what)")
                    var chunk = SampleChunkEncoder()
                    for (time, value) in zip(times, values) { chunk.append(timestamp: time, value: value) }
                    let open = try SampleChunkDecoder.decode(chunk.encoded())
                    #expect(open.timestamps == times, "\(what)")
                    #expect(ColumnTests.bits(open.values) == ColumnTests.bits(values), "\(what)")
                }
            }
        }
    }

    @Test func usualSeriesTakeFewBytes() {
        var random = SeededGenerator(seed: 12)
        let count = 1000
        let limits: [(time: Int, value: Int, bytes: Int)] = [
            (0, 0, 30), (0, 1, 1350), (0, 2, 2350), (1, 0, 700), (2, 0, 300), (3, 4, 16100),
        ]
        for (timeShape, valueShape, limit) in limits {
            let times = ColumnTests.timestamps(count, timeShape, &random)
            let size = SealedColumn.encode(timestamps: times, values: ColumnTests.values(count, valueShape, &random))
                .count
            #expect(size <= limit, "shapes \(timeShape) and \(valueShape)")
        }
        #expect(SealedColumn.encode(timestamps: [], values: []).isEmpty)
    }

    @Test func integersComeBackWhateverTheirShape() throws {
        var random = SeededGenerator(seed: 13)
        for round in 0..<400 {
            let count = Int.random(in: 0...200, using: &random)
            let width = UInt64.random(in: 0...63, using: &random)
            var total: Int64 = 0
            let values: [Int64] = (0..<count).map { index in
                let noise = Int64(bitPattern: random.next() >> width)
                switch round % 5 {
                case 0: return noise
                case 1: return noise &- 1_000_000
                case 2:
                    total &+= noise
                    return total
                case 3: return 7
                default: return index % 20 == 0 ? noise : Int64(index)
                }
            }
            let encoded = IntegerColumn.encode(values)
            #expect(try IntegerColumn.decode(encoded, count: count) == values, "seed 13, round \(round)")
            for cut in [0, 1, encoded.count / 2] where cut < encoded.count && count > 0 {
                // A cut column is an error or, at the least, not a trap.
                _ = try? IntegerColumn.decode(encoded[..<cut], count: count)
            }
        }
        for width in 0...64 {
            let mask = width == 64 ? UInt64.max : (1 << UInt64(width)) - 1
            let values = (0..<67).map { _ in random.next() & mask }
            var writer = ByteWriter()
            BitPacking.pack(values, width: width, into: &writer)
            #expect(writer.count == BitPacking.byteCount(67, width: width))
            var reader = ByteReader(writer.bytes)
            #expect(try BitPacking.unpack(&reader, count: 67, width: width) == values, "width \(width)")
        }
    }

    @Test func dictionariesHoldUpTo256Values() throws {
        for distinct in [1, 2, 3, 16, 17, 255, 256] {
            let rows = (0..<1000).map { Array("value-\($0 % distinct)".utf8)[...] }
            let encoded = try #require(DictionaryColumn.encode(rows))
            let column = try DictionaryColumn.decode(encoded[...], count: rows.count)
            #expect(column.values.count == distinct)
            #expect(column.codes.map { column.values[Int($0)] } == rows)
            var bytes: [UInt8] = []
            let ends = rows.map { row -> Int in
                bytes += row
                return bytes.count
            }
            #expect(DictionaryColumn.encode(bytes: bytes, ends: ends) == encoded)
        }
        #expect(DictionaryColumn.encode((0..<257).map { [UInt8($0 & 255), UInt8($0 >> 8)][...] }) == nil)
        #expect(DictionaryColumn.encode(bytes: [1, 2], ends: [3]) == nil)
    }

    @Test func filtersNeverForgetAKeyAndSeldomInventOne() throws {
        var random = SeededGenerator(seed: 14)
        for count in [0, 1, 2, 3, 10, 100, 1000, 50_000] {
            let keys = (0..<count).map { _ in random.next() }
            let built = try #require(ExactFilter.build(keys + keys.prefix(5)))
            let filter = try ExactFilter(built.serialised()[...])
            #expect(keys.allSatisfy(filter.mayContain), "\(count) keys")
            let invented = (0..<20_000).filter { _ in filter.mayContain(random.next()) }.count
            #expect(invented < 200, "\(count) keys: \(invented) of 20000")
            if count >= 1000 { #expect(filter.byteCount * 8 < count * (count > 10_000 ? 10 : 12), "\(count) keys") }
        }
    }
}
