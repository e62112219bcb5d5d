import Codecs
import Telemetry
import TestSupport
import Testing

@testable import Wire

/// The readers of Prometheus' files against writers made from the description of the formats. The real Prometheus is in
/// `Tests/EndToEnd/import_prometheus`; here is what its Debian version does not write.
@Suite struct PrometheusFolderTests {
    private static let odd: [Double] = [
        -0.0, .infinity, -.infinity, .leastNonzeroMagnitude, Double(bitPattern: 0x7ff8_0000_0000_0123),
        SpecialValue.staleMarker, 0.1,
    ]

    private func samples(_ random: inout SeededGenerator) -> (times: [Int64], values: [Double], starts: [Int64]) {
        let count = Int.random(in: 1...200, using: &random)
        let isSteady = Bool.random(using: &random)
        let hasStarts = Bool.random(using: &random)
        var time = Int64.random(in: -1_000_000...1_800_000_000_000, using: &random)
        var start = time - 1000
        var (times, values, starts): ([Int64], [Double], [Int64]) = ([], [], [])
        for i in 0..<count {
            if i > 0 {
                let jitter = Int.random(in: 0...20, using: &random)
                time +=
                    isSteady && jitter < 15
                    ? 15_000 : jitter == 16 ? 40_000_000_000 : jitter == 17 ? 400_000 : Int64(jitter) + 15_000
            }
            if Int.random(in: 0...9, using: &random) == 0 {
                start = time - Int64.random(in: 0...100_000, using: &random)
            }
            times.append(time)
            starts.append(hasStarts ? start : 0)
            switch Int.random(in: 0...5, using: &random) {
            case 0: values.append(PrometheusFolderTests.odd.randomElement(using: &random) ?? 0)
            case 1: values.append(Double(bitPattern: .random(in: .min ... .max, using: &random)))
            case 2, 3: values.append(values.last ?? 1)
            default: values.append(Double(Int.random(in: 0...1000, using: &random)) / 4)
            }
        }
        return (times, values, starts)
    }

    private func histograms(
        _ random: inout SeededGenerator, isInteger: Bool, isCustom: Bool
    ) -> (times: [Int64], list: [NativeHistogram]) {
        var layout = NativeHistogram()
        layout.isInteger = isInteger
        layout.schema = isCustom ? -53 : Int32.random(in: -4...8, using: &random)
        layout.zeroThreshold = isCustom ? 0 : [0, 0.001, 0.5][Int.random(in: 0...2, using: &random)]
        layout.positiveSpans = [.init(offset: isCustom ? 1 : -3, length: 2), .init(offset: 4, length: 1)]
        if !isCustom { layout.negativeSpans = [.init(offset: 1, length: 3)] }
        if isCustom { layout.customValues = [0.005, 1, 2.5, 1e9, 1.23456789, 1e12, 1e13, 1e14] }
        var time = Int64.random(in: 0...1_800_000_000_000, using: &random)
        var list: [NativeHistogram] = []
        var times: [Int64] = []
        func count(_ random: inout SeededGenerator) -> Double {
            let whole = Double(Int.random(in: 0...5000, using: &random))
            return isInteger ? whole : whole / 8
        }
        for _ in 0..<Int.random(in: 1...60, using: &random) {
            var one = layout
            one.count = count(&random)
            one.zeroCount = count(&random)
            one.sum = Double.random(in: -5...5, using: &random)
            one.positiveBuckets = (0..<3).map { _ in count(&random) }
            one.negativeBuckets = isCustom ? [] : (0..<3).map { _ in count(&random) }
            list.append(one)
            times.append(time)
            time += Int64.random(in: 1...100_000, using: &random)
        }
        return (times, list)
    }

    @Test func chunksOfAllEncodingsHaveEveryBit() throws {
        for seed in 1...300 as ClosedRange<UInt64> {
            var random = SeededGenerator(seed: seed)
            let (times, values, starts) = samples(&random)
            var found = FolderSamples()
            try PrometheusChunk.decode(encoding: 1, GoChunk.xor(times, values), into: &found)
            #expect(found.timestamps == times, "seed \(seed)")
            #expect(found.values.map(\.bitPattern) == values.map(\.bitPattern), "seed \(seed)")
            found.removeAll()
            let isClean = values.first.map { !SpecialValue.isStaleMarker($0) } ?? false
            try PrometheusChunk.decode(encoding: 4, GoChunk.xor2(times, values, starts: starts), into: &found)
            #expect(found.timestamps == times && (isClean || !times.isEmpty), "seed \(seed)")
            #expect(found.values.map(\.bitPattern) == values.map(\.bitPattern), "seed \(seed)")
            #expect(found.startTimestamps == (starts.contains { $0 != 0 } ? starts : []), "seed \(seed)")
            for (isInteger, isCustom, flags) in [
                (true, false, 0), (true, true, 0x80), (false, false, 0xc0), (false, true, 0x40),
            ] as [(Bool, Bool, UInt8)] {
                let (times, list) = histograms(&random, isInteger: isInteger, isCustom: isCustom)
                found.removeAll()
                try PrometheusChunk.decode(
                    encoding: isInteger ? 2 : 3, GoChunk.histograms(times, list, flags: flags), into: &found)
                #expect(found.histogramTimestamps == times, "seed \(seed)")
                var wanted = list
                if flags == 0x80 { wanted[0].resetHint = .reset }
                if flags == 0xc0 { for i in wanted.indices { wanted[i].resetHint = .gauge } }
                #expect(found.histograms == wanted, "seed \(seed)")
            }
        }
        #expect(
            throws: ChunkDefect(
                "chunk encoding 9 is not known here; XOR, XOR2, histogram and float histogram are", isUnsupported: true)
        ) {
            var found = FolderSamples()
            try PrometheusChunk.decode(encoding: 9, [0, 1, 0], into: &found)
        }
    }

    private struct Sink: LogRecordSink {
        var wantsSamples = true
        var lines: [String] = []
        mutating func series(_ reference: UInt64, _ labels: LabelSet) { lines.append("series \(reference) \(labels)") }
        mutating func sample(_ reference: UInt64, _ time: Int64, _ value: Double, start: Int64) {
            lines.append("sample \(reference) \(time) \(value) \(start)")
        }
        mutating func histogram(_ reference: UInt64, _ time: Int64, _ histogram: NativeHistogram, start: Int64) {
            lines.append(
                "histogram \(reference) \(time) \(histogram.count) \(histogram.positiveBuckets) \(histogram.customValues) \(start)"
            )
        }
        mutating func exemplar(_ reference: UInt64, _ exemplar: Exemplar) {
            lines.append("exemplar \(reference) \(exemplar.labels) \(exemplar.value) \(exemplar.timestamp)")
        }
        mutating func tombstone(_ reference: UInt64, _ minTime: Int64, _ maxTime: Int64) {
            lines.append("tombstone \(reference) \(minTime) \(maxTime)")
        }
        mutating func metadata(_ reference: UInt64, _ kind: MetricMetadata.Kind, unit: String, help: String) {
            lines.append("metadata \(reference) \(kind) \(unit) \(help)")
        }
        mutating func skipped(_ reason: String) { lines.append("skipped \(reason)") }
    }

    private func record(_ type: UInt8, _ build: (inout GoBytes) -> Void) -> [UInt8] {
        var out = GoBytes()
        out.byte(type)
        build(&out)
        return out.bytes
    }

    /// One record of each kind, and what it says.
    private func records() -> [(bytes: [UInt8], lines: [String])] {
        func place(_ out: inout GoBytes, _ reference: UInt64, _ time: UInt64) {
            out.fixed64(reference)
            out.fixed64(time)
        }
        func histogram(_ out: inout GoBytes, isInteger: Bool, schema: Int64) {
            out.byte(0)
            out.signed(schema)
            out.double(0.5)
            if isInteger { out.unsigned(1) } else { out.double(1) }
            if isInteger { out.unsigned(6) } else { out.double(6.5) }
            out.double(2)
            out.unsigned(1)
            out.signed(0)
            out.unsigned(2)
            out.unsigned(0)
            out.unsigned(2)
            for (delta, count) in [(2, 2.0), (1, 3.0)] {
                if isInteger { out.signed(Int64(delta)) } else { out.double(count) }
            }
            out.unsigned(0)
            if schema == -53 {
                out.unsigned(1)
                out.double(7)
            }
        }
        return [
            (
                record(1) { out in
                    out.fixed64(5)
                    out.unsigned(2)
                    for text in ["__name__", "up", "a", "b\n"] { out.text(text) }
                }, ["series 5 up{a=\"b\\n\"}"]
            ),
            (
                record(2) { out in
                    place(&out, 5, 1000)
                    for (reference, time, value) in [(0, 0, 1.5), (2, -3, -0.0)] as [(Int64, Int64, Double)] {
                        out.signed(reference)
                        out.signed(time)
                        out.double(value)
                    }
                }, ["sample 5 1000 1.5 0", "sample 7 997 -0.0 0"]
            ),
            (
                record(3) { out in
                    out.fixed64(5)
                    out.signed(-1)
                    out.signed(9)
                }, ["tombstone 5 -1 9"]
            ),
            (
                record(4) { out in
                    place(&out, 5, 1000)
                    out.signed(1)
                    out.signed(2)
                    out.double(3)
                    out.unsigned(1)
                    out.text("trace_id")
                    out.text("x")
                }, ["exemplar 6 {trace_id=\"x\"} 3.0 1002"]
            ),
            (record(5) { $0.fixed64(1) }, []), (record(14) { $0.fixed64(1) }, []),
            (
                record(6) { out in
                    out.unsigned(5)
                    out.byte(1)
                    out.unsigned(2)
                    for text in ["UNIT", "s", "HELP", "h"] { out.text(text) }
                }, ["metadata 5 counter s h"]
            ),
            (
                record(7) { out in
                    place(&out, 5, 1000)
                    out.signed(0)
                    out.signed(0)
                    histogram(&out, isInteger: true, schema: 1)
                }, ["histogram 5 1000 6.0 [2.0, 3.0] [] 0"]
            ),
            (
                record(8) { out in
                    place(&out, 5, 1000)
                    out.signed(0)
                    out.signed(0)
                    histogram(&out, isInteger: false, schema: 1)
                }, ["histogram 5 1000 6.5 [2.0, 3.0] [] 0"]
            ),
            (
                record(9) { out in
                    place(&out, 5, 1000)
                    out.signed(0)
                    out.signed(0)
                    histogram(&out, isInteger: true, schema: -53)
                }, ["histogram 5 1000 6.0 [2.0, 3.0] [7.0] 0"]
            ),
            (
                record(11) { out in
                    out.signed(5)
                    out.signed(1000)
                    out.signed(900)
                    out.double(1)
                    out.signed(1)
                    out.signed(10)
                    out.byte(1)
                    out.double(2)
                    out.signed(1)
                    out.signed(20)
                    out.byte(2)
                    out.signed(50)
                    out.double(3)
                    out.signed(-1)
                    out.signed(30)
                    out.byte(0)
                    out.double(4)
                }, ["sample 5 1000 1.0 900", "sample 6 1010 2.0 900", "sample 7 1020 3.0 950", "sample 6 1030 4.0 0"]
            ),
            (
                record(13) { out in
                    out.signed(5)
                    out.signed(1000)
                    out.signed(900)
                    histogram(&out, isInteger: false, schema: -53)
                }, ["histogram 5 1000 6.5 [2.0, 3.0] [7.0] 900"]
            ),
            (record(77) { $0.byte(1) }, ["skipped records of type 77, which is not known here"]),
        ]
    }

    @Test func theLogIsReadInAllItsCompressionsAndOverPages() throws {
        let small = records()
        var lines: [String] = []
        var pieces: [(bytes: [UInt8], compression: UInt8)] = []
        for round in 0..<400 {
            for (bytes, said) in small {
                switch round % 3 {
                case 0: pieces.append((bytes, 0))
                case 1: pieces.append((Snappy.compress(bytes), 0x08))
                default:
                    guard let packed = Zstd.compress(bytes) else { continue }
                    pieces.append((packed, 0x10))
                }
                lines += said
            }
        }
        // One record over three pages.
        let large = record(2) { out in
            out.fixed64(1)
            out.fixed64(0)
            for i in 0..<9000 as Range<Int64> {
                out.signed(0)
                out.signed(i)
                out.double(Double(i))
            }
        }
        pieces.append((large, 0))
        let file = GoFiles.log(pieces)
        let second = GoFiles.log([(small[0].bytes, 0)])
        var reader = LogReader([
            FolderFileInMemory(name: "wal/00000000", content: file),
            FolderFileInMemory(name: "wal/00000001", content: second),
        ])
        var sink = Sink()
        while let record = try reader.next() { try LogRecords.read(record, into: &sink) }
        #expect(reader.torn == nil)
        #expect(Array(sink.lines.prefix(lines.count)) == lines)
        #expect(sink.lines.count == lines.count + 9001)
        #expect(sink.lines.last == small[0].lines.first)
        // Cut off: in the last segment it is the end, in an earlier one it is damage.
        for cut in [file.count - 1, file.count - 40_000, 32_768, 40] {
            var torn = LogReader([FolderFileInMemory(name: "wal/00000000", content: Array(file[..<cut]))])
            var count = 0
            while try torn.next() != nil { count += 1 }
            #expect(torn.torn != nil || cut % 32_768 == 0, "cut at \(cut) after \(count) records")
            var early = LogReader([
                FolderFileInMemory(name: "wal/00000000", content: Array(file[..<cut])),
                FolderFileInMemory(name: "wal/00000001", content: second),
            ])
            #expect(throws: PrometheusFolderError.self, "cut at \(cut)") { while try early.next() != nil {} }
        }
        var flipped = file
        flipped[9] ^= 1
        var broken = LogReader([
            FolderFileInMemory(name: "wal/00000000", content: flipped),
            FolderFileInMemory(name: "wal/00000001", content: second),
        ])
        #expect(
            throws: PrometheusFolderError.corrupt(
                file: "wal/00000000", offset: 0, reason: "a fragment's checksum is wrong")
        ) {
            _ = try broken.next()
        }
    }

    @Test func bothIndexFormatsGiveSeriesAndChunks() throws {
        let long = String(repeating: "x", count: 300)
        let series = [[("__name__", "a"), ("l", "ü")], [("__name__", "a"), ("l", long)], [("__name__", "b")]]
        for version in [1, 2] as [UInt8] {
            let bytes = GoFiles.index(version: version, series)
            let index = try BlockIndex(FolderFileInMemory(name: "index", content: bytes))
            #expect(index.seriesCount == 3)
            let found = try index.references(from: 0, count: 10).map { try index.series($0) }
            #expect(found.map(\.labels) == series.map { LabelSet($0.map { Label($0.0, $0.1) }) }, "version \(version)")
            #expect(
                found[1].chunks == [
                    .init(minTime: -5, maxTime: 5, segment: 1, offset: 108),
                    .init(minTime: 8, maxTime: 12, segment: 1, offset: 158),
                ])
            // Every flipped bit is seen, or it is one that nobody reads.
            for place in bytes.indices {
                var flipped = bytes
                flipped[place] ^= 0x10
                do {
                    let index = try BlockIndex(FolderFileInMemory(name: "index", content: flipped))
                    let again = try index.references(from: 0, count: 10).map { try index.series($0) }
                    #expect(
                        again.map(\.labels) == found.map(\.labels) && again.map(\.chunks) == found.map(\.chunks),
                        "byte \(place)")
                } catch is PrometheusFolderError {}
            }
        }
    }

    @Test func brokenBytesGiveAnErrorAndNeverATrap() throws {
        let small = records()
        for seed in 1...500 as ClosedRange<UInt64> {
            var random = SeededGenerator(seed: seed)
            func mutate(_ bytes: [UInt8]) -> [UInt8] {
                var out = bytes
                for _ in 0..<Int.random(in: 1...4, using: &random) where !out.isEmpty {
                    let place = Int.random(in: 0..<out.count, using: &random)
                    switch Int.random(in: 0...2, using: &random) {
                    case 0: out[place] = UInt8.random(in: .min ... .max, using: &random)
                    case 1: out.removeSubrange(place...)
                    default: out.insert(0xff, at: place)
                    }
                }
                return out
            }
            var found = FolderSamples()
            let (times, values, starts) = samples(&random)
            try? PrometheusChunk.decode(encoding: 1, mutate(GoChunk.xor(times, values)), into: &found)
            try? PrometheusChunk.decode(encoding: 4, mutate(GoChunk.xor2(times, values, starts: starts)), into: &found)
            let (moments, list) = histograms(&random, isInteger: seed % 2 == 0, isCustom: seed % 3 == 0)
            try? PrometheusChunk.decode(
                encoding: seed % 2 == 0 ? 2 : 3, mutate(GoChunk.histograms(moments, list, flags: 0)), into: &found)
            var sink = Sink()
            let bytes = mutate(small[Int(seed) % small.count].bytes)
            let file = FolderFileInMemory(name: "wal", content: mutate(bytes))
            try? LogRecords.read(LogRecordBytes(bytes: bytes, file: file, offset: 0), into: &sink)
            var reader = LogReader([
                FolderFileInMemory(name: "wal", content: mutate(GoFiles.log([(bytes, 0x08), (bytes, 0)])))
            ])
            while let record = try? reader.next() { try? LogRecords.read(record, into: &sink) }
            _ = try? FolderTombstones(file)
            var head = try? HeadChunkFile(file)
            while try head?.next(isLastFile: true) != nil {}
        }
    }
}
