import Foundation
import OTLPMessages
import SwiftProtobuf
import Telemetry
import TestSupport
import Testing

@testable import Wire

@Suite struct RemoteWriteTests {
    private func labels(_ batch: SeriesBatch) throws -> [LabelSet] {
        try (0..<batch.seriesCount).map { try batch.labels(ofSeries: $0) }
    }

    static func example() -> SeriesBatch {
        var batch = SeriesBatch()
        let a = batch.addSeries(LabelSet(["__name__": "up", "job": "x☃"]))
        let b = batch.addSeries(LabelSet(["__name__": "lat"]))
        batch.addSample(a, timestamp: -5, value: 1.5)
        batch.addSample(a, timestamp: 6, value: SpecialValue.staleMarker)
        var histogram = NativeHistogram()
        histogram.schema = 3
        histogram.isInteger = true
        histogram.count = 12
        histogram.zeroCount = 2
        histogram.zeroThreshold = 0.001
        histogram.sum = 18.4
        histogram.positiveSpans = [.init(offset: -2, length: 2), .init(offset: 3, length: 1)]
        histogram.positiveBuckets = [1, 5, 2]
        histogram.negativeSpans = [.init(offset: 0, length: 1)]
        histogram.negativeBuckets = [2]
        batch.histograms.append(.init(series: b, timestamp: 7, histogram: histogram))
        histogram.isInteger = false
        histogram.positiveBuckets = [0.5, 5, 2]
        histogram.resetHint = .gauge
        batch.histograms.append(.init(series: b, timestamp: 8, histogram: histogram))
        batch.exemplars.append(
            .init(series: a, exemplar: Exemplar(labels: LabelSet(["trace_id": "1"]), value: 2, timestamp: 3)))
        batch.metadata = [MetricMetadata(name: "up", kind: .gauge, help: "h", unit: "")]
        return batch
    }

    @Test func requestsRoundTripAndAgreeWithAnotherLibrary() throws {
        var batch = RemoteWriteTests.example()
        let bytes = RemoteWrite.encode(batch)
        let other = try Prometheus_WriteRequest(serializedBytes: bytes)
        #expect(other.timeseries[0].labels.map(\.name) == ["__name__", "job"])
        #expect(other.timeseries[0].samples.map(\.timestamp) == [-5, 6])
        #expect(other.timeseries[1].histograms[0].positiveDeltas == [1, 4, -3])
        #expect(other.timeseries[1].histograms[1].positiveCounts == [0.5, 5, 2])
        #expect(other.timeseries[1].histograms[1].resetHint == .gauge)
        try expectSame(RemoteWrite.decode(Array(try other.serializedData())), batch)
        batch.startTimestamps = [0, -7]
        batch.histograms[1].startTimestamp = 4
        try expectSame(RemoteWrite.decode(RemoteWrite.encode(batch, version: .two), version: .two), batch)
    }

    private func expectSame(_ result: RemoteWriteResult, _ batch: SeriesBatch) throws {
        #expect(try labels(result.batch) == batch.series && result.batch.refs == batch.refs)
        #expect(result.batch.timestamps == batch.timestamps)
        #expect(result.batch.startTimestamps == batch.startTimestamps)
        #expect(result.batch.values.map(\.bitPattern) == batch.values.map(\.bitPattern))
        #expect(result.batch.histograms.map(\.histogram) == batch.histograms.map(\.histogram))
        #expect(result.batch.histograms.map(\.startTimestamp) == batch.histograms.map(\.startTimestamp))
        #expect(result.batch.exemplars.map(\.exemplar) == batch.exemplars.map(\.exemplar))
        #expect(result.batch.metadata == batch.metadata && result.reasons.isEmpty)
    }

    /// The message of 2.0 as the specification has it, byte by byte: no generated code, and not our encoder.
    @Test func aRequestOfVersionTwoWrittenByHandIsUnderstood() throws {
        func field(_ number: UInt8, _ content: [UInt8]) -> [UInt8] {
            [number << 3 | 2, UInt8(content.count)] + content
        }
        func double(_ number: UInt8, _ value: Double) -> [UInt8] {
            [number << 3 | 1] + withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
        }
        let symbols = ["", "__name__", "work_seconds_count", "job", "a", "help text", "seconds", "trace_id", "t1"]
        var request = symbols.flatMap { field(4, Array($0.utf8)) }
        request += field(
            5,
            field(1, [3, 4, 1, 2]) + field(2, double(1, 2.5) + [2 << 3, 100, 3 << 3, 50])
                + field(4, field(1, [7, 8]) + double(2, 9) + [3 << 3, 99])
                + field(5, [1 << 3, 3, 3 << 3, 5, 4 << 3, 6]))
        request += field(
            5,
            field(1, [1, 4])
                + field(
                    3,
                    [1 << 3, 4] + double(3, 1) + [4 << 3, 2, 6 << 3, 1]
                        + field(11, [1 << 3, 2, 2 << 3, 2]) + field(12, [4, 1]) + [
                            15 << 3, 100, 17 << 3 & 0x7f | 0x80, 1, 60,
                        ]))
        let result = try RemoteWrite.decode(request, version: .two)
        #expect(result.reasons.isEmpty)
        #expect(
            try labels(result.batch) == [
                LabelSet(["__name__": "work_seconds_count", "job": "a"]), LabelSet(["__name__": "a"]),
            ])
        #expect(
            result.batch.values == [2.5] && result.batch.timestamps == [100] && result.batch.startTimestamps == [50])
        #expect(
            result.batch.exemplars.map(\.exemplar) == [
                Exemplar(labels: LabelSet(["trace_id": "t1"]), value: 9, timestamp: 99)
            ])
        #expect(
            result.batch.metadata == [
                MetricMetadata(name: "work_seconds", kind: .histogram, help: "help text", unit: "seconds")
            ])
        let point = try #require(result.batch.histograms.first)
        #expect(point.timestamp == 100 && point.startTimestamp == 60 && point.histogram.schema == 1)
        #expect(point.histogram.positiveSpans == [.init(offset: 1, length: 2)])
        #expect(
            point.histogram.positiveBuckets == [2, 1] && point.histogram.count == 4 && point.histogram.zeroCount == 1)

        let late = symbols.flatMap { field(4, Array($0.utf8)) } + field(5, field(2, [2 << 3, 1]) + field(1, [1, 2]))
        #expect(
            try labels(RemoteWrite.decode(late, version: .two).batch) == [LabelSet(["__name__": "work_seconds_count"])])
        let broken: [(content: [UInt8], reason: String)] = [
            (field(1, [1, 2, 3]) + field(2, [2 << 3, 1]), "even number"),
            (field(1, [1, 77]) + field(2, [2 << 3, 1]), "the request has 9 symbols"),
            (field(1, [1, 2]), "must contain at least one sample or histogram"),
            (field(2, [2 << 3, 1]), "no labels_refs"),
            (field(1, [1, 2]) + field(1, [3, 4]) + field(2, [2 << 3, 1]), "in one run"),
            ([1 << 3, 1, 1 << 3, 2] + field(2, [2 << 3, 1]), "in one run"),
            (field(1, [1, 2]) + field(2, [2 << 3, 1]) + field(3, [15 << 3, 9]), "either samples or histograms"),
        ]
        for (content, reason) in broken {
            let series =
                symbols.flatMap { field(4, Array($0.utf8)) } + field(5, content)
                + field(5, field(1, [1, 2]) + field(2, [2 << 3, 1]))
            let result = try RemoteWrite.decode(series, version: .two)
            #expect(result.skippedSeries == 1 && result.batch.refs == [0], "\(reason)")
            #expect(result.reasons.count == 1 && result.reasons.joined().contains(reason), "\(result.reasons)")
        }
    }

    private func histogramsThatDoNotAddUpAreRefused() throws {
        let cases: [(fault: String?, change: (inout Prometheus_Histogram) -> Void)] = [
            (nil, { _ in }),
            ("3 observations are in buckets, the count is 9", { $0.countInt = 9 }),
            ("3 observations are in buckets, the count is 2", { $0.countInt = 2 }),
            // NaN observations are in no bucket.
            (nil, { ($0.countInt, $0.sum) = (9, .nan) }),
            ("the count is 2", { ($0.countInt, $0.sum) = (2, .nan) }),
            ("exponential", { $0.customValues = [1] }),
            (nil, { ($0.schema, $0.customValues) = (-53, [1]) }),
            ("do not reach over 2 buckets", { $0.schema = -53 }),
            ("not ascending", { ($0.schema, $0.customValues) = (-53, [2, 1]) }),
            ("+Inf", { ($0.schema, $0.customValues) = (-53, [2, .infinity]) }),
            ("zero bucket", { ($0.schema, $0.customValues, $0.zeroThreshold) = (-53, [1], 1) }),
        ]
        for (fault, change) in cases {
            var histogram = Prometheus_Histogram()
            (histogram.countInt, histogram.sum) = (3, 4)
            (histogram.positiveDeltas, histogram.positiveSpans) = ([1, 1], [.with { $0.length = 2 }])
            change(&histogram)
            var series = Prometheus_TimeSeries()
            series.labels = [.with { ($0.name, $0.value) = ("__name__", "h") }]
            series.histograms = [histogram]
            let request = Prometheus_WriteRequest.with { $0.timeseries = [series] }
            let result = try RemoteWrite.decode(Array(try request.serializedData()))
            #expect(result.batch.histograms.count == (fault == nil ? 1 : 0), "\(fault ?? "nothing"): \(result.reasons)")
            #expect(fault.map { result.reasons.joined().contains($0) } ?? result.reasons.isEmpty, "\(result.reasons)")
        }
    }

    @Test func labelsAreLookedAtWhenAskedForAndTheirFaultsNamed() throws {
        let cases: [([(String, String)], String?)] = [
            ([("__name__", "ok"), ("b", "1"), ("a", "2")], nil), ([("__name__", "ok2"), ("empty", "")], nil),
            ([("a", "1")], "metric name is missing"), ([("__name__", "")], "metric name is missing"),
            ([("__name__", "x"), ("", "v")], "no name"),
            ([("__name__", "x"), ("a", "1"), ("a", "2")], "stands twice"), ([("__name__", "utf8.is ok")], nil),
            ((100..<300).reversed().map { ("l\($0)", "v") } + [("__name__", "many")], nil),
            ((100..<300).map { ("l\($0)", "v") } + [("__name__", "many"), ("l150", "w")], "stands twice"),
        ]
        var request = Prometheus_WriteRequest()
        for (labels, _) in cases {
            var series = Prometheus_TimeSeries()
            series.labels = labels.map { name, value in .with { ($0.name, $0.value) = (name, value) } }
            series.samples = [Prometheus_Sample()]
            request.timeseries.append(series)
        }
        var broken = Prometheus_TimeSeries()
        broken.labels = request.timeseries[0].labels
        for (schema, length) in [(0, UInt32(3)), (60, 1), (0, .max)] {
            var histogram = Prometheus_Histogram()
            histogram.schema = Int32(schema)
            histogram.positiveDeltas = [1]
            histogram.positiveSpans = [.with { $0.length = length }]
            broken.histograms.append(histogram)
        }
        request.timeseries.append(broken)
        let result = try RemoteWrite.decode(Array(try request.serializedData()))
        #expect(result.batch.keys.count == cases.count && result.batch.refs == (0..<UInt32(cases.count)).map(\.self))
        #expect(result.rejectedHistograms == 3 && result.reasons.count == 3)
        for (index, (labels, fault)) in cases.enumerated() {
            do {
                let found = try result.batch.labels(ofSeries: index)
                #expect(fault == nil && found == LabelSet(labels.map { Label($0.0, $0.1) }))
            } catch {
                #expect(error.reason.contains(fault ?? "nothing"), "\(error)")
            }
        }
        try histogramsThatDoNotAddUpAreRefused()
        // Not UTF-8, which no library writes.
        let bytes: [UInt8] = [0x0a, 9, 0x0a, 5, 0x0a, 1, 0x61, 0x12, 1, 0x12, 0] + [0xff]
        #expect(throws: WireError.self) { try RemoteWrite.decode(bytes) }
        let raw: [UInt8] = [0x0a, 10, 0x0a, 6, 0x0a, 1, 0x61, 0x12, 1, 0xff, 0x12, 0]
        let one = try RemoteWrite.decode(raw)
        #expect(throws: InvalidSeries.self) { try one.batch.labels(ofSeries: 0) }
    }

    @Test func aKeyIsOneForOneSpellingAndDiffersForAnother() throws {
        func key(_ labels: [(String, String)], version: RemoteWrite.Version, extra: Int = 0) throws -> SeriesKey {
            var batch = SeriesBatch()
            for i in 0..<extra {
                batch.addSample(batch.addSeries(LabelSet(["__name__": "e\(i)"])), timestamp: 1, value: 1)
            }
            batch.addSample(
                batch.addSeries(LabelSet(labels.map { Label($0.0, $0.1) })), timestamp: Int64(extra),
                value: Double(extra))
            return try #require(
                try RemoteWrite.decode(RemoteWrite.encode(batch, version: version), version: version).batch.keys.last)
        }
        for version in [RemoteWrite.Version.one, .two] {
            let labels = [("__name__", "a"), ("b", "cd")]
            #expect(try key(labels, version: version) == key(labels, version: version, extra: 5))
            for others in [[("__name__", "a"), ("bc", "d")], [("__name__", "a")], [("__name__", "a"), ("b", "ce")]] {
                #expect(try key(labels, version: version) != key(others, version: version))
            }
        }
        #expect(try key([("__name__", "a")], version: .one) != key([("__name__", "a")], version: .two))
    }

    /// Random requests through another library, with samples before labels, labels in two runs, unknown fields.
    @Test(arguments: [1, 2]) func unusualOrdersMeanTheSameAsToAnotherLibrary(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<300 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 0..<4, using: &random) {
                var fields: [[UInt8]] = []
                for _ in 0..<Int.random(in: 0..<5, using: &random) {
                    var writer = ProtobufWriter()
                    switch Int.random(in: 0..<6, using: &random) {
                    case 0, 1:
                        writer.message(1) { out in
                            out.string(1, ["__name__", "a", "b"].randomElement(using: &random)!)
                            out.string(2, ["x", "", "☃"].randomElement(using: &random)!)
                        }
                    case 2:
                        writer.message(2) { out in
                            out.double(1, 4)
                            out.varint(2, Int64.random(in: -5...5, using: &random))
                        }
                    case 3:
                        writer.message(2) { out in
                            out.varint(2, Int64.random(in: 0...(1 << 62), using: &random))
                            out.double(1, 4)
                        }
                    case 4: writer.message(2) { $0.varint(2, UInt64(7)) }
                    default: writer.string(9, "unknown")
                    }
                    fields.append(writer.bytes)
                }
                var series = ProtobufWriter()
                series.data(1, fields.flatMap(\.self))
                bytes += series.bytes
            }
            let other = try Prometheus_WriteRequest(serializedBytes: bytes)
            let ours = try RemoteWrite.decode(bytes)
            let used = other.timeseries.filter { !$0.samples.isEmpty }
            #expect(
                ours.batch.keys.count == used.count
                    && ours.batch.timestamps == used.flatMap { $0.samples.map(\.timestamp) })
            #expect(ours.batch.values == used.flatMap { $0.samples.map(\.value) }, "seed \(seed)")
            for (index, series) in used.enumerated() {
                guard let labels = try? ours.batch.labels(ofSeries: index) else { continue }
                #expect(labels == LabelSet(series.labels.map { Label($0.name, $0.value) }), "seed \(seed)")
            }
        }
    }

    @Test(arguments: [3, 4, 5]) func brokenRequestsNeverTrap(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var accepted = 0
        for version in [RemoteWrite.Version.one, .two] {
            var batch = RemoteWriteTests.example()
            batch.startTimestamps = [1, 2]
            let whole = RemoteWrite.encode(batch, version: version)
            for round in 0..<4000 {
                var bytes = whole
                if round % 4 == 0 {
                    bytes = (0..<Int.random(in: 0..<80, using: &random)).map { _ in .random(in: 0...255, using: &random)
                    }
                    if let first = bytes.indices.first {
                        bytes[first] = [0x0a, 0x2a, 0x22].randomElement(using: &random)!
                    }
                } else {
                    for _ in 0...Int.random(in: 0..<3, using: &random) {
                        let place = Int.random(in: bytes.indices, using: &random)
                        switch Int.random(in: 0..<4, using: &random) {
                        case 0: bytes[place] = .random(in: 0...255, using: &random)
                        case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                        case 2: bytes.removeSubrange(place..<min(bytes.count, place + 3))
                        default: bytes.insert(.random(in: 0...255, using: &random), at: place)
                        }
                        if bytes.isEmpty { break }
                    }
                    if round % 7 == 0 { bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random))) }
                }
                guard let result = try? RemoteWrite.decode(bytes, version: version) else { continue }
                accepted += 1
                let batch = result.batch
                #expect(batch.refs.count == batch.timestamps.count && batch.refs.count == batch.values.count)
                #expect(batch.startTimestamps.isEmpty || batch.startTimestamps.count == batch.refs.count)
                #expect(batch.refs.allSatisfy { $0 < batch.keys.count }, "seed \(seed)")
                #expect(batch.histograms.allSatisfy { $0.series < batch.keys.count })
                #expect(batch.exemplars.allSatisfy { $0.series < batch.keys.count })
                for index in batch.keys.indices { _ = try? batch.labels(ofSeries: index) }
            }
        }
        #expect(accepted > 200)
    }
}
