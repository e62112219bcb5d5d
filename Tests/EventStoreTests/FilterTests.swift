import Codecs
import TestSupport
import Testing

@testable import EventStore

/// Filters may let a block through for nothing; they must never keep one back.
@Suite struct FilterTests {
    private static func number(_ random: inout SeededGenerator, _ below: Int) -> Int {
        Int(random.next() % UInt64(below))
    }

    private static func hexadecimal(_ random: inout SeededGenerator, _ digits: Int) -> [UInt8] {
        (0..<digits).map { _ in Array("0123456789abcdef".utf8)[number(&random, 16)] }
    }

    /// Words, ids with and without dashes, numbers, punctuation, bytes that are no text.
    private static func line(_ random: inout SeededGenerator) -> [UInt8] {
        var out: [UInt8] = []
        for _ in 0..<number(&random, 12) {
            switch number(&random, 8) {
            case 0: out += hexadecimal(&random, 32)
            case 1: out += hexadecimal(&random, 8) + [0x2d] + hexadecimal(&random, 4) + [0x2d, 0x61, 0x31, 0x5f]
            case 2: out += Array("item\(number(&random, 1_000_000))-\(number(&random, 50))ms".utf8)
            case 3: out += Array("\(random.next())".utf8)
            case 4: out += (0..<number(&random, 9)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            case 5: out += Array("größe_".utf8)
            case 6: out += Array(["checkout", "level", "of", "x", "timed-out"][number(&random, 5)].utf8)
            default: out += Array([" ", "\": \"", "=", "/", "."][number(&random, 5)].utf8)
            }
        }
        return out
    }

    @Test func everyRunOfEveryLineIsInTheFilters() {
        for seed: UInt64 in 0..<12 {
            var random = SeededGenerator(seed: 500 + seed)
            var bytes: [UInt8] = []
            var ends: [UInt32] = []
            var lines: [[UInt8]] = []
            for _ in 0..<(seed % 3 == 0 ? 60 : 900) {
                lines.append(FilterTests.line(&random))
                bytes += lines[lines.count - 1]
                ends.append(UInt32(bytes.count))
            }
            let filters = GramFilter.build(bytes: bytes, ends: ends, budget: bytes.count)
            #expect(filters.map(\.kind) == GramKind.allCases, "seed \(seed)")
            var missing = 0
            for line in lines {
                Gram.forEach(in: line.span) { _, gram in
                    for filter in filters where filter.kind == gram.kind {
                        let place = gram.place(of: UInt32(filter.bits.count * 8))
                        if filter.bits[Int(place >> 3)] >> UInt8(place & 7) & 1 == 0 { missing += 1 }
                    }
                }
            }
            #expect(missing == 0, "seed \(seed)")
            guard let ids = filters.first(where: { $0.kind == .identifier }) else { continue }
            var passed = 0
            for _ in 0..<400 {
                let needle = FilterTests.hexadecimal(&random, 20)
                let places = GramFilter.places(of: needle, kind: .identifier, bytes: ids.bits.count)
                if places.allSatisfy({ ids.bits[Int($0 >> 3)] >> UInt8($0 & 7) & 1 == 1 }) { passed += 1 }
            }
            #expect(passed < 20, "seed \(seed): \(passed) of 400 foreign ids are let through")
        }
    }

    @Test func needlesWithoutARunAskNothing() {
        for needle in ["", "abc", "a b c d", "12 34", "x1y2z", "\": \"", "1-2-3", "ab1cd"] {
            for kind in GramKind.allCases {
                #expect(GramFilter.places(of: Array(needle.utf8), kind: kind, bytes: 64).isEmpty, "\(needle)")
            }
        }
        let long = [UInt8](repeating: 0x61, count: 3000)
        #expect(GramFilter.places(of: long, kind: .text, bytes: 64).count <= 24)
    }

    @Test func sequencesComeBackWhateverTheirStretches() throws {
        var random = SeededGenerator(seed: 91)
        for (rows, longest) in [(1, 1), (2, 1), (5, 9), (300, 1), (300, 3), (3000, 20), (3000, 900), (800, 5000)] {
            var sequences: [UInt64] = []
            var next: UInt64 = 1 << 40
            while sequences.count < rows {
                for _ in 0..<min(rows - sequences.count, 1 + FilterTests.number(&random, longest)) {
                    sequences.append(next)
                    next += 1
                }
                // Rows that came late have earlier times and later sequences.
                next = next &+ UInt64(FilterTests.number(&random, 1000)) &- UInt64(FilterTests.number(&random, 400))
            }
            var entropy = EntropyColumnEncoder()
            let encoded = SequenceColumn.encode(sequences, &entropy)
            #expect(try SequenceColumn.decode(encoded, count: rows) == sequences, "\(rows) rows, \(longest)")
            for length in stride(from: 0, to: encoded.count, by: max(1, encoded.count / 50)) {
                _ = try? SequenceColumn.decode(Array(encoded[..<length]), count: rows)
                var damaged = encoded
                damaged[length] ^= 0x11
                _ = try? SequenceColumn.decode(damaged, count: rows)
            }
        }
    }

    /// The matrix of filters of any number of blocks gives each of them back, by blocks and by places.
    @Test func matricesAreTheirFiltersTurnedOnTheirSide() throws {
        var random = SeededGenerator(seed: 77)
        for blocks in [1, 2, 3, 7, 8, 9, 31, 64, 100, 127, 128] {
            for filterBytes in [8, 9, 15, 26, 240, 1000] {
                let kind: GramKind = filterBytes % 3 == 0 ? .text : .identifier
                // Of one bit in four to all of them.
                let filters = (0..<blocks).map { _ in
                    (0..<filterBytes).map { _ in
                        let (some, others) = (random.next(), random.next())
                        return UInt8(
                            truncatingIfNeeded: [some & others, some, some | others, .max][filterBytes % 4])
                    }
                }
                let body = FilterMatrix.encode(filters, kind: kind, filterBytes: filterBytes)
                let matrix = FilterMatrix(
                    column: "c", kind: kind, filterBytes: filterBytes, blocks: (0..<UInt32(blocks)).map { $0 * 3 },
                    offset: 0, length: body.count)
                let bounds = matrix.bounds(body[..<(matrix.indexSize - 4)])
                #expect(bounds.count == matrix.chunkCount + 1 && bounds.last == body.count)
                var chunks: [[UInt8]] = []
                for chunk in 0..<matrix.chunkCount {
                    let packed = body[bounds[chunk]..<bounds[chunk + 1] - 4]
                    let size = matrix.plainSize(ofChunk: chunk)
                    chunks.append(try #require(DenseBits.unpack(packed, count: size)))
                    #expect(packed.count <= size + 1)
                    #expect(DenseBits.unpack(packed, count: size + 3) == nil)
                    #expect(DenseBits.unpack(packed.dropLast(), count: size) == nil)
                }
                #expect(matrix.filters(plain: chunks.flatMap { $0 }) == filters, "\(blocks) blocks of \(filterBytes)")
                for place in stride(from: 0, to: filterBytes * 8, by: 13) {
                    let row = matrix.row(place, in: chunks[place / matrix.rowsPerChunk][...])
                    let isRight = filters.indices.allSatisfy { block in
                        row[block >> 3] >> UInt8(block & 7) & 1 == filters[block][place >> 3] >> UInt8(place & 7) & 1
                    }
                    #expect(isRight, "place \(place) of \(blocks) blocks of \(filterBytes)")
                }
            }
        }
    }
}
