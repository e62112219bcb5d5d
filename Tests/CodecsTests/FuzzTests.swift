import Codecs
import TestSupport
import Testing

/// Decoders meet random bytes and damaged encodings. They may answer or throw; a trap ends the test process.
@Suite struct FuzzTests {
    static func decodeAsEverything(_ bytes: ArraySlice<UInt8>, _ count: Int) {
        _ = try? SealedColumn.decode(bytes, count: count)
        _ = try? DoubleColumn.decode(bytes, count: count)
        _ = try? IntegerColumn.decode(bytes, count: count)
        _ = try? SampleChunkDecoder.decode(bytes)
        _ = try? DictionaryColumn.decode(bytes, count: count)
        _ = try? Snappy.decompress(bytes, limit: 1 << 16)
        _ = try? Inflate.gunzip(bytes, limit: 1 << 16)
        _ = try? Inflate.deflate(bytes, limit: 1 << 16)
        _ = try? Zstd.decompress(bytes, limit: 1 << 16)
        var reader = ByteReader(bytes)
        _ = try? SealedBlock.read(&reader, limit: 1 << 16)
        if let filter = try? ExactFilter(bytes) { _ = filter.mayContain(UInt64(count)) }
    }

    @Test func noDecoderTrapsOnRandomBytes() {
        var random = SeededGenerator(seed: 41)
        for _ in 0..<3000 {
            let length = Int.random(in: 0...80, using: &random)
            var bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            // Small leading bytes are the names of encodings, so that more than the first check is met.
            if length > 1, Bool.random(using: &random) { bytes[0] = UInt8.random(in: 0...4, using: &random) }
            FuzzTests.decodeAsEverything(bytes[...], Int.random(in: 0...300, using: &random))
            FuzzTests.decodeAsEverything(bytes.dropFirst(length / 3), 5)
        }
    }

    @Test func noDecoderTrapsOnDamagedEncodings() throws {
        var random = SeededGenerator(seed: 42)
        let times = ColumnTests.timestamps(100, 2, &random)
        var whole: [[UInt8]] = []
        for shape in 0..<8 {
            let values = ColumnTests.values(100, shape, &random)
            whole.append(SealedColumn.encode(timestamps: times, values: values))
            whole.append(DoubleColumn.encode(values))
            var chunk = SampleChunkEncoder()
            for (time, value) in zip(times, values) { chunk.append(timestamp: time, value: value) }
            whole.append(chunk.encoded())
        }
        whole.append(IntegerColumn.encode(times))
        whole.append(try #require(DictionaryColumn.encode(times.map { [UInt8(truncatingIfNeeded: $0)][...] })))
        whole.append(Snappy.compress(Array(String(repeating: "abcdefg", count: 60).utf8)))
        whole.append(Gzip.compress(Array(String(repeating: "abcdefg", count: 60).utf8)))
        whole.append(try #require(ExactFilter.build((0..<200).map { _ in random.next() })).serialised())
        for good in whole {
            for _ in 0..<60 {
                var bad = good
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    bad[Int.random(in: 0..<bad.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
                FuzzTests.decodeAsEverything(bad[...], 100)
                FuzzTests.decodeAsEverything(bad[..<Int.random(in: 0..<bad.count, using: &random)], 100)
            }
        }
    }

    @Test func aCorruptBlockNeverPassesItsChecksum() throws {
        var writer = ByteWriter()
        SealedBlock.write(Array(String(repeating: "needletail", count: 40).utf8), codec: .zlib, to: &writer)
        for index in writer.bytes.indices {
            var bad = writer.bytes
            bad[index] ^= 0x10
            #expect(throws: CodecError.self, "byte \(index)") {
                var reader = ByteReader(bad)
                _ = try SealedBlock.read(&reader)
            }
        }
    }
}
