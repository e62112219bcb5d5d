import Codecs
import Foundation
import Storage
import Telemetry
import TestSupport
import Testing

@testable import SeriesStore

/// Series of every kind for parts, the same for one seed.
enum PartSamples {
    static let start: Int64 = 1_800_000_000_000

    static func histogram(_ random: inout SeededGenerator, _ index: Int) -> NativeHistogram {
        var histogram = NativeHistogram()
        histogram.schema = index % 5 == 4 ? NativeHistogram.customBucketsSchema : 3
        histogram.isInteger = index % 3 != 0
        histogram.resetHint = index % 7 == 0 ? .reset : .unknown
        histogram.zeroThreshold = 1e-128
        histogram.positiveSpans = [.init(offset: -2, length: 2), .init(offset: 3, length: 1)]
        histogram.positiveBuckets = (0..<3).map { _ in Double(Int.random(in: 0...90, using: &random)) }
        histogram.count = histogram.positiveBuckets.reduce(0, +)
        histogram.sum = index % 11 == 10 ? .nan : Double.random(in: 0...9, using: &random)
        if index % 5 == 4 { histogram.customValues = [0.1, 1, .infinity] }
        return histogram
    }

    static func columns(_ labels: LabelSet, _ count: Int, _ random: inout SeededGenerator) -> SeriesColumns {
        var columns = SeriesColumns(labels: labels)
        let shape = Int.random(in: 0..<8, using: &random)
        let jitter = Bool.random(using: &random)
        var time = start + Int64.random(in: 0..<5, using: &random) * 1000
        var level = 0
        for index in 0..<count {
            time += 15_000 + (jitter ? Int64.random(in: -2...2, using: &random) : 0)
            if shape == 7 {
                columns.histogramTimestamps.append(time)
                columns.histograms.append(histogram(&random, index))
                continue
            }
            level += Int.random(in: 0...20, using: &random)
            columns.timestamps.append(time)
            switch shape {
            case 0: columns.values.append(1)
            case 1: columns.values.append(Double.random(in: 0...1, using: &random))
            case 2: columns.values.append(index % 50 == 49 ? SpecialValue.staleMarker : Double(level) / 100)
            case 3: columns.values.append(index % 3 == 0 ? -0.0 : .infinity)
            default: columns.values.append(Double(level))
            }
        }
        if shape == 5 { columns.startTimestamps = columns.timestamps.indices.map { $0 < count / 2 ? 0 : start - 7 } }
        if shape == 7, jitter { columns.histogramStartTimestamps = columns.histogramTimestamps.map { _ in start - 9 } }
        return columns
    }

    /// Histograms with many buckets beside others, in order of a part.
    static func some(_ seed: UInt64, count: Int, samples: Int) -> [SeriesColumns] {
        var random = SeededGenerator(seed: seed)
        var all: [SeriesColumns] = []
        for index in 0..<count {
            let labels: [String: String] = [
                "__name__": "metric_\(index % 9)", "instance": "host-\(index)", "job": "shop",
            ]
            if index % 10 == 3 {
                var totals = [Double](repeating: 0, count: samples)
                let base = columns(LabelSet(labels), samples, &random)
                let times = base.timestamps.isEmpty ? base.histogramTimestamps : base.timestamps
                for (place, bound) in (["0.5", "1", "2", "10", "20", "+Inf", "x"] + (3..<30).map { "\($0).5" })
                    .enumerated()
                {
                    var total = 0.0
                    for sample in 0..<samples {
                        total += Double(Int.random(in: 0...3, using: &random))
                        totals[sample] += total
                    }
                    var bucket = SeriesColumns(labels: LabelSet(labels.merging(["le": bound]) { $1 }))
                    bucket.timestamps = times
                    bucket.values = totals
                    if place % 6 == 5 { bucket.values[samples / 2] = SpecialValue.staleMarker }
                    all.append(bucket)
                }
            } else {
                all.append(columns(LabelSet(labels), samples, &random))
            }
        }
        return all.sorted { PartOrder($0.labels) < PartOrder($1.labels) }
    }

    /// The same on every machine: no chance, and no arithmetic that rounds.
    static func golden() -> [SeriesColumns] {
        var all: [SeriesColumns] = []
        var times: [Int64] = []
        for index in 0..<45 {
            let jitter = index * index % 5
            times.append(start + Int64(index * 15_000 + jitter))
        }
        for (place, bound) in ["1", "2.5", "+Inf"].enumerated() {
            let labels: [String: String] = ["__name__": "b", "le": bound, "z": "1"]
            var bucket = SeriesColumns(labels: LabelSet(labels), timestamps: times)
            for index in 0..<45 {
                let below = index * 7 + index * index % 11
                bucket.values.append(Double(below + place * index / 9))
                bucket.startTimestamps.append(start - 5)
            }
            all.append(bucket)
        }
        var gauge = SeriesColumns(labels: LabelSet(["__name__": "g"]), timestamps: times)
        for index in 0..<45 { gauge.values.append(Double(index * index % 17) / 4) }
        gauge.values[44] = SpecialValue.staleMarker
        gauge.values[9] = -0.0
        all.append(gauge)
        var native = SeriesColumns(labels: LabelSet(["__name__": "n"]))
        native.histogramTimestamps = Array(times.prefix(2))
        native.histograms = (0..<2).map { index in
            var one = NativeHistogram()
            one.count = Double(3 + index)
            one.positiveSpans = [.init(offset: 1, length: 1)]
            one.positiveBuckets = [Double(3 + index)]
            one.isInteger = true
            return one
        }
        all.append(native)
        return all
    }

    static func write(_ series: [SeriesColumns], _ disk: SimulatedFileSystem, _ path: String) throws {
        try disk.makeFolder(parentFolder(of: path))
        var writer = PartWriter(try disk.open(path, .create))
        for one in series { try writer.add(one) }
        _ = try writer.finish()
    }

    static func open(_ disk: SimulatedFileSystem, _ path: String, id: Int64 = 1) throws -> SeriesPart {
        try SeriesPart(
            PartRecord(id: id, table: "series", file: path, minTime: 0, maxTime: 0, rows: 0, bytes: 0), path: path,
            fileSystem: disk)
    }

    static func read(
        _ part: SeriesPart, _ matchers: [Matcher] = [], report: (String) -> Void = { _ in }
    ) throws -> [SeriesColumns] {
        var all: [SeriesColumns] = []
        let reader = PartReader(part)
        let compiled = try matchers.map { try CompiledMatcher($0) }
        try part.forEachMatch(compiled, context: QueryContext(), report: report) { series in
            var columns = SeriesColumns(labels: series.labels)
            for block in series.blocks {
                do {
                    switch block.kind {
                    case .floats:
                        let read = try reader.floats(block)
                        columns.timestamps += read.timestamps
                        columns.values += read.values
                        columns.startTimestamps += read.starts
                    case .histograms:
                        let read = try reader.histograms(block)
                        columns.histogramTimestamps += read.timestamps
                        columns.histograms += read.histograms
                        columns.histogramStartTimestamps += read.starts
                    }
                } catch {
                    report("\(error)")
                }
            }
            all.append(columns)
        }
        return all
    }

    /// NaN is not equal to itself, bits are.
    static func bits(_ columns: SeriesColumns) -> [String] {
        var words = ["\(columns.labels)", "\(columns.timestamps)", "\(columns.startTimestamps)"]
        words += columns.values.map { "\($0.bitPattern)" }
        words += ["\(columns.histogramTimestamps)", "\(columns.histogramStartTimestamps)"]
        words += columns.histograms.map { "\(HistogramCodec.encode($0))" }
        return words
    }
}

@Suite struct PartsTests {
    @Test func whatIsWrittenIsReadWhateverTheOrder() throws {
        for (seed, count, samples) in [(61, 40, 3), (62, 300, 12), (63, 12, 480), (64, 2, 9000)] as [(UInt64, Int, Int)]
        {
            let disk = SimulatedFileSystem(seed: seed)
            var series = PartSamples.some(seed, count: count, samples: samples)
            for isOrdered in [true, false] {
                var random = SeededGenerator(seed: seed)
                if !isOrdered { series.shuffle(using: &random) }
                try PartSamples.write(series, disk, "/p/a.part")
                let part = try PartSamples.open(disk, "/p/a.part")
                #expect(part.directory.isOrdered == isOrdered)
                let read = try PartSamples.read(part) { Issue.record("seed \(seed): \($0)") }
                #expect(read.count == series.count)
                for (one, other) in zip(read, series) {
                    #expect(PartSamples.bits(one) == PartSamples.bits(other), "seed \(seed), \(other.labels)")
                }
                // One block alone, without what a reader remembers.
                var blocks: [(PartBlock, [Double])] = []
                for group in part.directory.groups.indices {
                    for one in try part.series(inGroup: group) {
                        guard let block = one.blocks.last, block.kind == .floats else { continue }
                        blocks.append((block, try part.readFloats(block).values))
                    }
                }
                let reader = PartReader(part)
                for (block, values) in blocks.shuffled(using: &random) {
                    #expect(try reader.floats(block).values.map(\.bitPattern) == values.map(\.bitPattern))
                }
            }
        }
    }

    /// Format 2 as it was first written.
    private static let golden = """
        TlRTRVJJRVMCAAAAAAAAAH2CEigjgMDiheNosuoBBQAGDgDwzrhTnvBEoSVXbQEAIwAQEQAMDAAAAADw3JBTkx0A6I1ApQEC\
        IwAy7QUGDg0AgA8AALDN03QaKJUcME0BSkkDptNUOk2ngFJpgNIUsMQUcCpNpdN0GiCVGDi9AQIJAAAAAAAAAIAjAgAAAAAA\
        8H9ru/cqAmY28smu+Ci1L/0gZm0BAKgyAQAIQAABAgEAMgEAAAAQQBBAAAAKAFYdAFKBDTAADACBOUNIihCQDQUMAQCDAYMB\
        wGpolQMtgMDiheNowshQGiAt9r/iheNoAAACgMDiheNosuoBAAAUCF9fbmFtZV9fAWICbGUBMQF6ATEBCAABGA4IAzIuNQF6\
        ATEBHAABDQQAEgAAAQABAgQIAAAOCQQrSW5mAXoBMQEcAAENBAASAAABECBAgAABAAoBZwEAAFAKAW4BAQJBABISSqtKxQMB\
        YgMDAAEBAWcBAQMBbgEBBAAVFer3RUkDBCtJbmYBAQIBMQEBAAMyLjUBAQEACAh2jAfMAQExAwMAAQEAOzsc+OsAAYDA4oXj\
        aMKIs4bjaLYBBQHTAYwBKgUDCF9fbmFtZV9fAQFi3wIZAmxlAQQrSW5m+AIcAXoBATGUAw+jAQAAAAAAAEIAAAAAAAAAAgAA\
        AD61Zc9OVFNFUklFUw==
        """

    @Test func theFormatOnDiskStaysReadable() throws {
        guard BlockCodec.zstd.isAvailable else {
            print("skipped: the recorded part has zstd blocks and this build has no zstd")
            return
        }
        let disk = SimulatedFileSystem(seed: 67)
        try disk.makeFolder("/p")
        let recorded = try #require(Data(base64Encoded: Self.golden))
        try disk.open("/p/a.part", .create).append(Array(recorded))
        let read = try PartSamples.read(try PartSamples.open(disk, "/p/a.part")) { Issue.record("\($0)") }
        #expect(read.map(PartSamples.bits) == PartSamples.golden().map(PartSamples.bits))
    }

    @Test func theLabelIndexFindsWhatMatchersMean() throws {
        let disk = SimulatedFileSystem(seed: 65)
        let series = PartSamples.some(65, count: 1500, samples: 2)
        try PartSamples.write(series, disk, "/p/a.part")
        let part = try PartSamples.open(disk, "/p/a.part")
        let cases: [[Matcher]] = [
            [Matcher("__name__", .equal, "metric_3")], [Matcher("__name__", .equal, "metric")],
            [Matcher("__name__", .equal, "metric_3"), Matcher("le", .equal, "+Inf")],
            [Matcher("instance", .regex, "host-1[0-9]+")], [Matcher("instance", .regex, "host-7|host-1499|none")],
            [Matcher("le", .equal, "")], [Matcher("le", .notEqual, "")], [Matcher("job", .notEqual, "shop")],
            [Matcher("nothing", .equal, "x")], [Matcher("nothing", .equal, ""), Matcher("le", .regex, ".+")],
        ]
        for matchers in cases {
            let compiled = try matchers.map { try CompiledMatcher($0) }
            let expected = series.map(\.labels).filter { compiled.matches($0) }
            #expect(try PartSamples.read(part, matchers).map(\.labels) == expected, "\(matchers)")
        }
        #expect(try part.values(of: "instance").count == 1500)
        #expect(try part.values(of: "le").contains("+Inf"))
        #expect(part.directory.names.map(\.name) == ["__name__", "instance", "job", "le"])
    }

    @Test func everyFlippedByteIsNamedOrHarmless() throws {
        let disk = SimulatedFileSystem(seed: 66)
        let series = PartSamples.some(66, count: 8, samples: 10)
        try PartSamples.write(series, disk, "/p/a.part")
        let good = Dictionary(
            uniqueKeysWithValues: series.map { ("\($0.labels)", PartSamples.bits($0)) })
        let size = try disk.size(of: "/p/a.part")
        var silent = 0
        for place in stride(from: 0, to: size, by: 5) {
            disk.alter("/p/a.part") { $0[place] ^= UInt8(truncatingIfNeeded: 1 << (place % 8)) }
            defer { disk.alter("/p/a.part") { $0[place] ^= UInt8(truncatingIfNeeded: 1 << (place % 8)) } }
            var said: [String] = []
            do {
                let part = try PartSamples.open(disk, "/p/a.part")
                var seen = 0
                for one in try PartSamples.read(part, report: { said.append($0) }) {
                    // A block may be missing; what is there must be right.
                    if PartSamples.bits(one) == good["\(one.labels)"] {
                        seen += 1
                    } else {
                        #expect(one.timestamps.isEmpty && one.histogramTimestamps.isEmpty, "byte \(place)")
                    }
                }
                _ = try part.candidates([CompiledMatcher(Matcher("instance", .regex, "host.*"))])
                for name in ["__name__", "instance", "job", "le"] { _ = try part.values(of: name) }
                if said.isEmpty {
                    silent += 1
                    #expect(seen == series.count, "byte \(place) went unseen")
                }
            } catch {
                said.append("\(error)")
            }
            if !said.isEmpty { #expect(said.allSatisfy { $0.contains("/p/a.part") }, "byte \(place): \(said)") }
        }
        #expect(silent == 0, "every byte of the file is covered by a checksum")
    }
}
