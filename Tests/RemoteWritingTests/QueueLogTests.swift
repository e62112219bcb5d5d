import Storage
import Telemetry
import TestSupport
import Testing

@testable import RemoteWriting

@Suite struct QueueLogTests {
    private struct Parsed: SeriesLabelSource {
        let sets: [LabelSet?]
        func labels(ofSeries index: Int) throws(InvalidSeries) -> LabelSet {
            guard let labels = sets[index] else { throw InvalidSeries("bad") }
            return labels
        }
    }

    private func batch(_ number: Int, _ random: inout SeededGenerator) -> SeriesBatch {
        var batch = SeriesBatch()
        let a = batch.addSeries(LabelSet(["__name__": "s\(number % 5)", "job": "x"]))
        let b = batch.addSeries(LabelSet(["__name__": "n\(number)"]))
        batch.addSample(a, timestamp: Int64(number), value: Double.random(in: 0...1, using: &random))
        batch.addSample(b, timestamp: Int64(number) - 7, value: SpecialValue.staleMarker)
        if number % 3 == 0 { batch.startTimestamps = [5, 0] }
        if number % 4 == 0 {
            var histogram = NativeHistogram()
            histogram.positiveSpans = [.init(offset: -3, length: 2)]
            histogram.positiveBuckets = [1, 2]
            histogram.customValues = [0.5]
            histogram.isInteger = true
            histogram.resetHint = .gauge
            histogram.sum = -0.0
            batch.histograms = [.init(series: a, timestamp: Int64(number), histogram: histogram, startTimestamp: 3)]
            batch.exemplars = [
                .init(series: b, exemplar: Exemplar(labels: LabelSet(["t": "1"]), value: 2, timestamp: -9))
            ]
        }
        return batch
    }

    /// All that a batch says, as text that can be compared.
    private func lines(_ batch: SeriesBatch) -> [String] {
        batch.refs.indices.map { row in
            let start = batch.startTimestamps.isEmpty ? 0 : batch.startTimestamps[row]
            return
                "\(batch.series[Int(batch.refs[row])]) \(batch.timestamps[row]) \(start) \(batch.values[row].bitPattern)"
        }
            + batch.histograms.map {
                "\(batch.series[Int($0.series)]) \($0.timestamp) \($0.startTimestamp) \($0.histogram)"
            }
            + batch.exemplars.map { "\(batch.series[Int($0.series)]) \($0.exemplar)" }
    }

    private func lines(_ items: [QueuedItem]) -> [String] {
        items.map { item in
            switch item.content {
            case .value(let value): "\(item.labels) \(item.timestamp) \(item.startTimestamp) \(value.bitPattern)"
            case .histogram(let histogram): "\(item.labels) \(item.timestamp) \(item.startTimestamp) \(histogram)"
            case .exemplar(let exemplar): "\(item.labels) \(exemplar)"
            }
        }
    }

    /// Writers, readers, restarts, crashes of the process and of the machine, a full disk.
    @Test(arguments: 0..<30) func whatWasAppendedIsReadAgain(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let disk = SimulatedFileSystem(seed: seed)
        var limits = QueueLog.Limits()
        limits.segmentBytes = 2_000
        var log = try QueueLog(folder: "/q", fileSystem: disk, limits: limits, now: 0)
        var expected: [[String]] = []
        var read: [[String]] = []
        var reader = QueueReader(log, from: log.end)
        var cursor = try QueueCursor(folder: "/q", key: "r", fileSystem: disk)
        try cursor.move(to: log.end)
        var committed = 0
        for number in 0..<200 {
            let batch = batch(number, &random)
            try log.append(batch, exemplars: true, now: Int64(number))
            expected.append(lines(batch))
            while Bool.random(using: &random), let record = reader.next() {
                read.append(lines(record.items))
                if Bool.random(using: &random) {
                    try cursor.move(to: record.end)
                    log.discard(before: record.end)
                    committed = read.count
                }
            }
            if Int.random(in: 0..<40, using: &random) == 0 {
                // The process dies: what was written stays.
                if Bool.random(using: &random) { try log.close() }
                disk.crash(losingUnsynced: false)
                disk.restart()
                log = try QueueLog(folder: "/q", fileSystem: disk, limits: limits, now: Int64(number))
                cursor = try QueueCursor(folder: "/q", key: "r", fileSystem: disk)
                #expect(cursor.position != nil)
                read.removeLast(read.count - committed)
                reader = QueueReader(log, from: try #require(cursor.position))
            }
        }
        while let record = reader.next() { read.append(lines(record.items)) }
        #expect(read == expected, "seed \(seed)")
        #expect(reader.takeProblems() == [])
        log.discard(before: reader.position)
        #expect(disk.files.filter { $0.hasSuffix(".queue") }.count == 1)
    }

    @Test func seriesByKeyAreAskedOnceAndBadOnesLeftOut() throws {
        let disk = SimulatedFileSystem(seed: 1)
        let log = try QueueLog(folder: "/q", fileSystem: disk, now: 0)
        var reader = QueueReader(log, from: log.end)
        for round in 0..<3 {
            var batch = SeriesBatch()
            batch.keys = [SeriesKey(high: 1, low: 1), SeriesKey(high: 2, low: 2)]
            // After the first round nobody asks for the labels any more.
            batch.source = Parsed(sets: [round == 0 ? LabelSet(["__name__": "a"]) : nil, nil])
            batch.addSample(0, timestamp: 1, value: 1)
            batch.addSample(1, timestamp: 1, value: 1)
            try log.append(batch, exemplars: true, now: 0)
            #expect(reader.next()?.items.map(\.labels) == [LabelSet(["__name__": "a"])])
        }
    }

    @Test func aFullDiskRefusesAndTheLogGoesOn() throws {
        var random = SeededGenerator(seed: 3)
        let disk = SimulatedFileSystem(seed: 3)
        let log = try QueueLog(folder: "/q", fileSystem: disk, now: 0)
        var reader = QueueReader(log, from: log.end)
        try log.append(batch(1, &random), exemplars: true, now: 0)
        disk.setCapacity(disk.used + 40)
        #expect(throws: StorageError.self) { try log.append(batch(2, &random), exemplars: true, now: 0) }
        disk.setCapacity(1 << 30)
        try log.append(batch(2, &random), exemplars: true, now: 0)
        #expect(reader.next()?.items.first?.timestamp == 1 && reader.next()?.items.first?.timestamp == 2)
        #expect(reader.next() == nil && reader.takeProblems().isEmpty)
    }

    @Test func damageAndLimitsAreNamedAndTheRestIsRead() throws {
        var random = SeededGenerator(seed: 4)
        let disk = SimulatedFileSystem(seed: 4)
        var limits = QueueLog.Limits()
        limits.segmentBytes = 500
        let log = try QueueLog(folder: "/q", fileSystem: disk, limits: limits, now: 0)
        let start = log.end
        for number in 0..<40 { try log.append(batch(number, &random), exemplars: true, now: 0) }
        let segments = disk.files.filter { $0.hasSuffix(".queue") }
        #expect(segments.count > 4)
        disk.alter(segments[1]) { $0[$0.count / 2] ^= 4 }
        var reader = QueueReader(log, from: start)
        var count = 0
        while reader.next() != nil { count += 1 }
        #expect(count < 40 && count > 25)
        #expect(reader.takeProblems().count == 1)
        limits.bytes = 1_500
        log.setLimits(limits)
        try log.append(batch(41, &random), exemplars: true, now: 0)
        #expect(log.bytes <= 2_200 && log.droppedByLimits > 20)
        reader = QueueReader(log, from: start)
        var last: Int64 = 0
        while let record = reader.next() { last = record.items.first?.timestamp ?? last }
        #expect(last == 41 && reader.takeProblems().first?.contains("gone by its limits") == true)
    }

    @Test(arguments: 0..<3) func brokenPayloadsNeverTrap(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let disk = SimulatedFileSystem(seed: seed)
        let log = try QueueLog(folder: "/q", fileSystem: disk, now: 0)
        try log.append(batch(12, &random), exemplars: true, now: 0)
        let file = try disk.readAll(disk.files.first { $0.hasSuffix(".queue") } ?? "")
        let whole = Array(file[(QueueLog.headerSize + QueueLog.recordHeaderSize)...])
        for _ in 0..<5_000 {
            var bytes = whole
            for _ in 0..<3 {
                bytes[Int.random(in: bytes.indices, using: &random)] = .random(in: 0...255, using: &random)
            }
            bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
            var reader = QueueRecordReader()
            _ = try? reader.items(bytes[...])
        }
    }
}
