import Codecs
import TestSupport
import Testing

@Suite struct BytesTests {
    @Test func whatIsWrittenIsReadBack() throws {
        let numbers: [UInt64] = [0, 1, 127, 128, 300, 1 << 32, .max >> 1, .max]
        var writer = ByteWriter()
        for number in numbers {
            writer.writeVarint(number)
            writer.writeZigzag(Int64(bitPattern: number))
            writer.writeFixed16(UInt16(truncatingIfNeeded: number))
            writer.writeFixed32(UInt32(truncatingIfNeeded: number))
            writer.writeFixed64(number)
            writer.writeDouble(Double(bitPattern: number))
        }
        writer.writeLengthPrefixed("straße")
        writer.writeLengthPrefixed([0xff])
        var reader = ByteReader(writer.bytes)
        for number in numbers {
            #expect(try reader.readVarint() == number)
            #expect(try reader.readZigzag() == Int64(bitPattern: number))
            #expect(try reader.readFixed16() == UInt16(truncatingIfNeeded: number))
            #expect(try reader.readFixed32() == UInt32(truncatingIfNeeded: number))
            #expect(try reader.readFixed64() == number)
            #expect(try reader.readDouble().bitPattern == number)
        }
        #expect(try reader.readString() == "straße")
        #expect(throws: CodecError(writer.count - 2, "text is not valid UTF-8")) { try reader.readString() }
        #expect(reader.isAtEnd)
        #expect(throws: CodecError(writer.count, "1 bytes expected, 0 left")) { try reader.readByte() }
    }

    @Test func overlongVarintsAndLengthsAreErrors() {
        for bytes: [UInt8] in [
            [], [0x80], [UInt8](repeating: 0x80, count: 12), [UInt8](repeating: 0xff, count: 9) + [0x02],
        ] {
            var reader = ByteReader(bytes)
            #expect(throws: CodecError.self) { try reader.readVarint() }
        }
        var reader = ByteReader([UInt8](repeating: 0xff, count: 9) + [0x01, 0x00])
        #expect(throws: CodecError.self) { try reader.readLengthPrefixed() }
        #expect(throws: CodecError.self) { try reader.readBytes(-1) }
        #expect(throws: CodecError.self) { try reader.skip(.max) }
    }

    @Test func bitsOfEveryWidthComeBack() throws {
        var random = SeededGenerator(seed: 31)
        let fields = (0..<5000).map { _ in (value: random.next(), width: Int.random(in: 0...64, using: &random)) }
        var writer = BitWriter()
        for field in fields { writer.write(field.value, bits: field.width) }
        let bytes = writer.encoded()
        #expect(bytes.count == writer.byteCount)
        var reader = BitReader(bytes[...])
        for field in fields {
            let mask = field.width == 64 ? UInt64.max : (1 << UInt64(field.width)) - 1
            #expect(try reader.read(field.width) == field.value & mask)
        }
        #expect(reader.remainingBits < 8)
        #expect(throws: CodecError.self) { try reader.read(9) }
    }

    @Test func checksumsAndHashesAreThoseOnDisk() {
        #expect(CRC32C.checksum(Array("123456789".utf8)) == 0xe306_9283)
        let halves = CRC32C.checksum(Array("12345".utf8))
        #expect(CRC32C.checksum(Array("6789".utf8), continuing: halves) == 0xe306_9283)
        // Pinned: a change here makes every filter on disk lie.
        let text = Array("the quick brown fox jumps over the lazy dog, twice: the quick brown fox jumps over".utf8)
        let pinned: [(Int, UInt64)] = [
            (0, 0x0409_638e_e2bd_e459), (1, 0x1eee_44ab_627d_bd6d), (3, 0xf137_1263_a031_9a83),
            (4, 0x4620_b021_61c8_b435), (7, 0x133e_1d73_30c8_76e4), (8, 0xde58_b186_5d43_973a),
            (16, 0x0719_2cc8_4f00_6efe), (17, 0xbbb0_8e69_b0f4_7b5e), (48, 0x7fc3_2cac_98b6_9beb),
            (49, 0xef6c_31d1_5ec0_597d), (82, 0xe409_395b_b548_a912),
        ]
        for (length, expected) in pinned { #expect(Hash64.hash(text[..<length]) == expected, "length \(length)") }
        #expect(Hash64.hash("the") == Hash64.hash(Array("the".utf8)))
        #expect(Hash64.hash("the", seed: 1) != Hash64.hash("the"))
        var seen: Set<UInt64> = []
        for number in 0..<20_000 { seen.insert(Hash64.hash("pod-\(number)")) }
        #expect(seen.count == 20_000)
    }
}
