import Codecs
import TestSupport
import Testing

@Suite struct CompressionTests {
    static func inputs() -> [[UInt8]] {
        var random = SeededGenerator(seed: 21)
        var inputs: [[UInt8]] = [[], [0], Array("needletail".utf8), [UInt8](repeating: 7, count: 100_000)]
        inputs.append((0..<70_000).map { _ in UInt8.random(in: 0...255, using: &random) })
        inputs.append(Array(String(repeating: "GET /cart 200 12ms\n", count: 9000).utf8))
        for _ in 0..<200 {
            let count = Int.random(in: 0...400, using: &random)
            inputs.append((0..<count).map { _ in UInt8.random(in: 97...99, using: &random) })
        }
        return inputs
    }

    @Test func everyFormatGivesBackWhatWentIn() throws {
        for input in CompressionTests.inputs() {
            let snappy = Snappy.compress(input)
            #expect(try Snappy.decompress(snappy, limit: input.count) == input)
            if !input.isEmpty {
                #expect(throws: CodecError.self) { try Snappy.decompress(snappy, limit: input.count - 1) }
            }
            for codec in BlockCodec.allCases {
                let packed = BlockCodec.compress(input, codec: codec)
                #expect(packed.bytes.count <= input.count)
                #expect(
                    try BlockCodec.decompress(packed.bytes, codec: packed.codec, expectedSize: input.count) == input)
                var writer = ByteWriter()
                SealedBlock.write(input, codec: codec, to: &writer)
                var reader = ByteReader(writer.bytes)
                #expect(try SealedBlock.read(&reader) == input)
                #expect(reader.isAtEnd)
            }
            let gzip = Gzip.compress(input)
            #expect(try Inflate.gunzip(gzip, limit: input.count) == input)
            #expect(try Inflate.gunzip(gzip + gzip + [0, 0], limit: input.count * 2) == input + input)
            if let zstd = Zstd.compress(input) {
                #expect(try Zstd.decompress(zstd[...], limit: input.count) == input)
                #expect(try Zstd.decompress((zstd + zstd)[...], limit: input.count * 2) == input + input)
            }
        }
    }

    @Test func aBodyThatExpandsTooFarIsRefused() throws {
        let bomb = [UInt8](repeating: 0, count: 4_000_000)
        #expect(throws: CodecError.self) { try Inflate.gunzip(Gzip.compress(bomb), limit: 1_000_000) }
        if let zstd = Zstd.compress(bomb) {
            #expect(throws: CodecError.self) { try Zstd.decompress(zstd[...], limit: 1_000_000) }
        }
        // Four bytes that claim four gigabytes.
        #expect(throws: CodecError.self) {
            try Snappy.decompress([0xff, 0xff, 0xff, 0xff, 0x0f, 0], limit: 1 << 33)
        }
    }

    @Test func deflateIsReadWithAndWithoutItsZlibHeader() throws {
        let text = Array(String(repeating: "needletail ", count: 50).utf8)
        let packed = BlockCodec.compress(text, codec: .zlib).bytes
        #expect(try Inflate.zlib(packed[...], limit: 1000) == text)
        #expect(try Inflate.deflate(packed[...], limit: 1000) == text)
        #expect(try Inflate.deflate(packed[2..<(packed.count - 4)], limit: 1000) == text)
        for cut in 0..<packed.count {
            #expect(throws: CodecError.self) { try Inflate.zlib(packed[..<cut], limit: 1000) }
        }
    }

    @Test func lz4ReadsWhatTheReferenceWrites() throws {
        func bytes(_ hex: String) -> [UInt8] {
            let digits = hex.compactMap(\.hexDigitValue)
            return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
        }
        let line = Array(String(repeating: "level=info msg=hello ", count: 40).utf8)
        let random = bytes(
            "00efdecdbdac9c8c7c6d5d4e3f30211203f5e6d8cabcafa194877a6d6053473a2e22160bfff4e9ded3c8bdb3a89e948a81776e655c534a4139302820"
        )
        // Written by the reference: with checksums, with linked blocks, empty, with a block that is not compressed.
        let packed = bytes(
            "04224d185440ae23000000ff066c6576656c3d696e666f206d73673d68656c6c6f201500ffffff1e50656c6c6f2022ea355300000000cc28527f"
        )
        let cases: [(packed: [UInt8], plain: [UInt8])] = [
            (packed, line),
            (
                bytes(
                    "04224d185040c026000000ff066c6576656c3d696e666f206d73673d68656c6c6f201500ff051f7a01002d507a7a7a7a7a424ea97a00000000"
                ), line.prefix(300) + [UInt8](repeating: 0x7a, count: 70)
            ),
            (bytes("04224d185440ae00000000055dcc02"), []),
            (
                bytes(
                    "04224d185440ae3c00008000efdecdbdac9c8c7c6d5d4e3f30211203f5e6d8cabcafa194877a6d6053473a2e22160bfff4e9ded3c8bdb3a89e948a81776e655c534a4139302820038eebe300000000038eebe3"
                ), random
            ),
            // A frame to be passed over, and two frames.
            ([0x52, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9] + packed + packed, line + line),
        ]
        for (packed, plain) in cases { #expect(try LZ4.decompress(packed[...], limit: 2000) == plain) }
        for cut in 0..<packed.count {
            #expect(throws: CodecError.self) { try LZ4.decompress(packed[..<cut], limit: 1000) }
        }
        var random4 = SeededGenerator(seed: 4)
        for _ in 0..<2000 {
            var damaged = packed
            damaged[Int(random4.next() % UInt64(packed.count))] ^= UInt8(1 << (random4.next() % 8))
            let found = try? LZ4.decompress(damaged[...], limit: 1000)
            #expect(found == nil || found == line, "seed 4")
        }
        let error = #expect(throws: CodecError.self) { try LZ4.decompress(packed[...], limit: 839) }
        #expect(error?.isOverLimit == true)
    }

    @Test func snappyReadsWhatTheReferenceWrites() throws {
        // google/snappy's own encoding of "Wikipedia is a free…" and of a run, by the format description.
        let cases: [(packed: [UInt8], plain: [UInt8])] = [
            ([0x00], []),
            ([0x05, 0x10] + Array("hello".utf8), Array("hello".utf8)),
            ([0x0a, 0x00, 0x61, 0x15, 0x01], [UInt8](repeating: 0x61, count: 10)),
            ([0x0a, 0x04, 0x61, 0x62, 0x1e, 0x02, 0x00], Array("ababababab".utf8)),
            ([0x05, 0xf0, 0x04] + Array("hello".utf8), Array("hello".utf8)),
        ]
        for (packed, plain) in cases { #expect(try Snappy.decompress(packed, limit: 100) == plain) }
        let bad: [[UInt8]] = [
            [], [0x80], [0x05], [0x05, 0x10, 0x68], [0x01, 0x05, 0x01], [0x02, 0x00, 0x61, 0x05, 0x00],
            [0x04, 0x10] + Array("hello".utf8), [0x06, 0x10] + Array("hello".utf8), [0x05, 0xf4],
            [0x05, 0x00, 0x61, 0x01],
            [0x05, 0x00, 0x61, 0x0f, 0x01, 0x00], [0x05, 0x00, 0x61, 0x11, 0x02],
        ]
        for packed in bad {
            #expect(throws: CodecError.self, "\(packed)") { try Snappy.decompress(packed, limit: 100) }
        }
    }
}
