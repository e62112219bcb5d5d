import Codecs
import OTLPMessages
import SwiftProtobuf
import Telemetry
import TestSupport
import Testing

@testable import Wire

@Suite struct RemoteReadTests {
    @Test func requestsAreUnderstood() throws {
        var writer = ProtobufWriter()
        writer.message(1) { query in
            query.varint(1, -5 as Int64)
            query.varint(2, 99 as Int64)
            for (type, value) in ["a", "b", "c.*", "d|e"].enumerated() {
                query.message(3) { matcher in
                    if type > 0 { matcher.varint(1, UInt64(type)) }
                    matcher.string(2, "n\(type)")
                    matcher.string(3, value)
                }
            }
            query.message(4) { $0.varint(1, UInt64(15)) }
        }
        writer.packedVarints(2, [1, 7, 0])
        let request = try RemoteReadRequest(writer.bytes)
        var query = RemoteReadRequest.Query()
        (query.start, query.end) = (-5, 99)
        query.matchers = [
            Matcher("n0", .equal, "a"), Matcher("n1", .notEqual, "b"), Matcher("n2", .regex, "c.*"),
            Matcher("n3", .notRegex, "d|e"),
        ]
        #expect(request.queries == [query] && request.accepted == [.streamedChunks, .samples])
        #expect(try RemoteReadRequest([]).accepted == [.samples])
        #expect(throws: WireError.self) { try RemoteReadRequest([0x0a, 4, 0x1a, 2, 0x08, 9]) }
        for seed in 0..<3 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            for _ in 0..<3_000 {
                var bytes = writer.bytes
                for _ in 0..<3 {
                    bytes[Int.random(in: bytes.indices, using: &random)] = .random(in: 0...255, using: &random)
                }
                _ = try? RemoteReadRequest(Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random))))
            }
        }
    }

    /// Our chunks through the reader of Prometheus' data folders, bit for bit.
    @Test(arguments: 0..<20) func chunksAreWhatPrometheusReads(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let special = [
            0, -0.0, 1, .nan, .infinity, -.infinity, SpecialValue.staleMarker, .leastNonzeroMagnitude,
            .greatestFiniteMagnitude,
            0.1, 1e9, -3.5,
        ]
        var time: Int64 = [0, -1_000, 1_700_000_000_000, .min / 4][Int(seed % 4)]
        var timestamps: [Int64] = []
        var values: [Double] = []
        for _ in 0..<Int.random(in: 1...500, using: &random) {
            let steps: [Int64] = [15_000, 15_000, 15_000, 1, 8_192, 8_193, 65_536, 524_288, 524_289, 1 << 40]
            time += steps.randomElement(using: &random)! + Int64.random(in: 0...3, using: &random)
            timestamps.append(time)
            values.append(
                Bool.random(using: &random)
                    ? special.randomElement(using: &random)!
                    : Double(bitPattern: .random(in: 0...(.max), using: &random)))
        }
        let chunks = XORChunk.chunks(timestamps, values)
        var read = FolderSamples()
        for chunk in chunks {
            let before = read.timestamps.count
            try PrometheusChunk.decode(encoding: 1, chunk.bytes, into: &read)
            #expect(read.timestamps[before] == chunk.first && read.timestamps.last == chunk.last)
            #expect(read.timestamps.count - before <= 120)
        }
        #expect(read.timestamps == timestamps, "seed \(seed)")
        #expect(read.values.map(\.bitPattern) == values.map(\.bitPattern), "seed \(seed)")
    }

    @Test func answersInBothForms() throws {
        var histogram = NativeHistogram()
        histogram.positiveSpans = [.init(offset: 0, length: 1)]
        histogram.positiveBuckets = [2.5]
        let labels = LabelSet(["__name__": "up", "job": "☃"])
        let series = RemoteReadSeries(
            labels: labels, timestamps: (0..<250).map { $0 * 1000 }, values: (0..<250).map { Double($0) },
            histograms: [.init(series: 0, timestamp: 7, histogram: histogram)])
        // `ReadResponse`'s results hold the TimeSeries of remote write, in a field of the same number.
        let bytes = RemoteReadResponse.samples([[series], []])
        var cursor = ProtobufCursor(bytes)
        #expect(try cursor.next(bytes))
        let result = try #require(try cursor.range(bytes))
        let other = try Prometheus_WriteRequest(serializedBytes: Array(bytes[result]))
        #expect(other.timeseries.count == 1 && other.timeseries[0].samples.map(\.value) == series.values)
        #expect(other.timeseries[0].labels.map(\.value) == ["up", "☃"])
        #expect(other.timeseries[0].histograms[0].positiveCounts == [2.5])
        #expect(try cursor.next(bytes) && cursor.range(bytes)?.isEmpty == true)

        for limit in [1 << 20, 100] {
            var out = ByteWriter()
            RemoteReadResponse.frames([series, series], query: 3, frameBytes: limit, to: &out)
            var reader = ByteReader(out.bytes)
            var frames = 0
            var samples = FolderSamples()
            while !reader.isAtEnd {
                let length = Int(try reader.readVarint())
                var checksum: UInt32 = 0
                for _ in 0..<4 { checksum = checksum << 8 | UInt32(try reader.readByte()) }
                let message = Array(try reader.readBytes(length))
                #expect(CRC32C.checksum(message) == checksum)
                frames += 1
                try collect(message, &samples)
            }
            #expect(samples.timestamps == series.timestamps + series.timestamps)
            #expect(limit == 100 ? frames > 2 : frames == 2)
        }
    }

    private func collect(_ message: [UInt8], _ samples: inout FolderSamples) throws {
        var cursor = ProtobufCursor(message)
        while try cursor.next(message) {
            guard cursor.field == 1, var inner = try cursor.message(message) else {
                #expect(try cursor.varint(message) == 3)
                continue
            }
            while try inner.next(message) {
                guard inner.field == 2, var chunk = try inner.message(message) else {
                    try inner.skip(message)
                    continue
                }
                while try chunk.next(message) {
                    if chunk.field == 4, let data = try chunk.range(message) {
                        try PrometheusChunk.decode(encoding: 1, Array(message[data]), into: &samples)
                    } else {
                        try chunk.skip(message)
                    }
                }
            }
        }
    }
}
