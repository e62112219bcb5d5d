import Foundation
import SeriesStore
import Storage
import Telemetry
import TestSupport
import Testing

private let now: Int64 = 1_800_000_000_000
private let minute: Int64 = 60_000

private func read(
    _ store: EmbeddedSeriesStore, _ matchers: [Matcher] = [], _ range: TimeRange = .all
) async throws -> [String: SeriesColumns] {
    var found: [String: SeriesColumns] = [:]
    _ = try await store.scan(SeriesScanPlan(range: range, matchers: matchers), context: QueryContext()) { batch in
        for columns in batch { found["\(columns.labels)"] = columns }
    }
    return found
}

@Test func samplesAreAcceptedByPrometheusRules() async throws {
    try await withTemporaryFolder { path in
        let folder = try DataFolder(opening: path.path)
        var options = SeriesStoreOptions()
        options.outOfOrderWindow = 60 * minute
        let store = try EmbeddedSeriesStore.open(folder: folder, options: options, clock: { now })
        let stale = SpecialValue.staleMarker
        let cases: [(at: Int64, value: Double, rejection: RejectionReason?, what: String)] = [
            (now, 1, nil, "the first"),
            (now, 1, nil, "again with the same value"),
            (now, 2, .duplicate, "again with another"),
            (now, -0.0, .duplicate, "zero of another sign is another value"),
            (now - 30 * minute, 3, nil, "late, within the window"),
            (now - 30 * minute, 3, nil, "late again with the same value"),
            (now - 30 * minute, 4, .duplicate, "late again with another"),
            (now - 60 * minute, 5, nil, "at the edge of the window"),
            (now - 60 * minute - 1, 5, .tooOld, "beyond it"),
            (now + 10 * minute, 6, nil, "at the edge of the future"),
            (now + 10 * minute + 1, 6, .tooNew, "beyond it"),
            (now - 30 * minute, 3, nil, "still the same"),
            (now - 16 * 86_400_000, 1, .tooOld, "older than retention"),
            (now + 9 * minute, stale, nil, "a stale marker, late"),
            (now + 9 * minute, .nan, .duplicate, "another NaN than the marker"),
            (.min, 1, .tooOld, "the oldest number"),
            (.max, 1, .tooNew, "the newest number"),
        ]
        let labels = LabelSet(["__name__": "up", "job": "a"])
        for (at, value, rejection, what) in cases {
            var batch = SeriesBatch()
            batch.addSample(batch.addSeries(labels), timestamp: at, value: value)
            let outcome = try await store.append(batch, id: nil)
            #expect(outcome.rejected == (rejection.map { [$0: 1] } ?? [:]), "\(what)")
            #expect(outcome.accepted == (rejection == nil ? 1 : 0), "\(what)")
        }
        let expected: [(Int64, Double)] = [
            (now - 60 * minute, 5), (now - 30 * minute, 3), (now, 1), (now + 9 * minute, stale), (now + 10 * minute, 6),
        ]
        let columns = try #require(try await read(store)["up{job=\"a\"}"])
        #expect(columns.timestamps == expected.map(\.0))
        #expect(columns.values.map(\.bitPattern) == expected.map(\.1.bitPattern))
        // The same inside of one batch: rejected parts do not fail the rest.
        var batch = SeriesBatch()
        let other = batch.addSeries(LabelSet(["__name__": "down"]))
        batch.addSample(other, timestamp: now, value: 1)
        batch.addSample(other, timestamp: now, value: 2)
        batch.addSample(other, timestamp: now - 2 * 60 * minute, value: 3)
        batch.addSample(other, timestamp: now - minute, value: 4)
        batch.addSample(77, timestamp: now, value: 4)
        batch.histograms.append(.init(series: other, timestamp: now - minute, histogram: NativeHistogram()))
        let id = BatchID(high: 1, low: 2)
        let outcome = try await store.append(batch, id: id)
        // The window is that of before the batch.
        #expect(outcome.accepted == 3)
        #expect(outcome.rejected == [.duplicate: 2, .invalid: 1])
        #expect(outcome.newSeries == 1)
        #expect(try await store.append(batch, id: id).rejected.isEmpty)
        #expect(try await read(store)["down"]?.values == [3, 4, 1])
        try await store.close()
        await #expect(throws: StorageError.closed) { try await store.append(batch, id: nil) }
    }
}

private func fill(_ store: EmbeddedSeriesStore, from start: Int64, count: Int) async throws {
    var histogram = NativeHistogram()
    histogram.schema = 3
    histogram.count = 7
    histogram.positiveSpans = [.init(offset: -4, length: 2), .init(offset: 3, length: 1)]
    histogram.positiveBuckets = [1, 2.5, 4]
    histogram.customValues = []
    histogram.resetHint = .gauge
    for step in 0..<count {
        var batch = SeriesBatch()
        for i in 0..<300 {
            let labels = LabelSet([
                "__name__": "requests_\(i % 3)", "host": "h\(i)", "zone": i % 2 == 0 ? "a" : "b",
                "odd": i % 50 == 0 ? "yes" : "",
            ])
            let ref = batch.addSeries(labels)
            let time = start + Int64(step) * minute + Int64(i % 7)
            if i == 299 {
                histogram.sum = Double(step)
                batch.histograms.append(.init(series: ref, timestamp: time, histogram: histogram))
            } else {
                batch.addSample(ref, timestamp: time, value: Double(step * i) / 10)
            }
            if i == 5 {
                let exemplar = Exemplar(labels: LabelSet(["trace_id": "t\(step)"]), value: 1, timestamp: time)
                batch.exemplars.append(.init(series: ref, exemplar: exemplar))
            }
        }
        batch.metadata = [MetricMetadata(name: "requests_0", kind: .counter, help: "All of them.", unit: "")]
        let outcome = try await store.append(batch, id: nil)
        #expect(outcome.rejectedCount == 0, "\(outcome.firstRejection ?? "")")
    }
}

/// What a reader was told: a sentence and, where it is about a series, its samples to the bit.
private struct Answer: Equatable {
    var text: String
    var timestamps: [Int64] = []
    var bits: [UInt64] = []
    var histogramTimestamps: [Int64] = []
    var histograms: [NativeHistogram] = []
}

/// Everything a reader can ask.
private func answers(_ store: EmbeddedSeriesStore) async throws -> [Answer] {
    let context = QueryContext()
    var out: [Answer] = []
    func say(_ text: String) { out.append(Answer(text: text)) }
    let selectors: [[Matcher]] = [
        [], [Matcher("host", .equal, "h7")], [Matcher("odd", .equal, "yes")],
        [Matcher("odd", .equal, ""), Matcher("zone", .equal, "b")],
        [Matcher("__name__", .regex, "requests_[12]"), Matcher("host", .notRegex, "h[0-9]+5")],
        [Matcher("host", .regex, "h1|h2|gone")], [Matcher("host", .equal, "gone")], [Matcher("gone", .notEqual, "x")],
    ]
    for selector in selectors {
        for range in [TimeRange.all, TimeRange(start: now - 200 * minute, end: now - 100 * minute)] {
            let found = try await read(store, selector, range)
            for (name, columns) in found.sorted(by: { $0.key < $1.key }) {
                out.append(
                    Answer(
                        text: name, timestamps: columns.timestamps, bits: columns.values.map(\.bitPattern),
                        histogramTimestamps: columns.histogramTimestamps, histograms: columns.histograms))
            }
            say("\(selector.map(\.description)) \(found.count)")
        }
        let query = SeriesCatalogQuery(matcherSets: [selector], limit: 40)
        say("\(try await store.series(query, context: context))")
        say("\(try await store.labelNames(query, context: context))")
        say("\(try await store.labelValues("host", query, context: context))")
    }
    say("\(try await store.labelNames(SeriesCatalogQuery(), context: context))")
    say("\(try await store.labelValues("zone", SeriesCatalogQuery(), context: context))")
    say("\(try await store.metadata())")
    return out
}

@Test func answersAreTheSameFromMemoryJournalAndParts() async throws {
    try await withTemporaryFolder { path in
        var options = SeriesStoreOptions()
        options.shards = 4
        let start = now - 400 * minute
        var folder = try DataFolder(opening: path.path)
        var store = try EmbeddedSeriesStore.open(folder: folder, options: options, clock: { now })
        try await fill(store, from: start, count: 400)
        let expected = try await answers(store)
        #expect(expected.contains { $0.text.hasPrefix("[] 300") })
        #expect(expected.contains { $0.text.hasPrefix("[\"host=\\\"h7\\\"\"] 1") })
        let exemplars = try await store.exemplars(
            SeriesScanPlan(
                range: TimeRange(start: start, end: start + 3 * minute), matchers: [Matcher("host", .equal, "h5")]),
            context: QueryContext())
        #expect(exemplars.first?.exemplars.map { $0.labels["trace_id"] } == ["t0", "t1", "t2"])

        // A process that dies without a word: the lock is let go, nothing else happens.
        try folder.close()
        folder = try DataFolder(opening: path.path)
        store = try EmbeddedSeriesStore.open(folder: folder, options: options, clock: { now })
        #expect(try await answers(store) == expected, "from the journal")
        #expect(await store.health().problems.isEmpty)

        try await store.maintain(now: now)
        #expect(await store.health().parts >= 3)
        #expect(try await answers(store) == expected, "from parts and memory")

        let copyPath = path.path + "-snapshot"
        defer { try? FileManager.default.removeItem(atPath: copyPath) }
        try folder.snapshot(to: copyPath, journals: ["series/journal", "gone/journal"])
        #expect(throws: StorageError.self) { try folder.snapshot(to: copyPath, journals: []) }
        let copy = try DataFolder(opening: copyPath)
        let copied = try EmbeddedSeriesStore.open(folder: copy, options: options, clock: { now })
        #expect(try await answers(copied) == expected, "from a snapshot")
        try await copied.close()
        try copy.close()
        #expect(try await answers(store) == expected, "beside a snapshot that was written to")

        try await store.close()
        try folder.close()
        folder = try DataFolder(opening: path.path)
        store = try EmbeddedSeriesStore.open(folder: folder, options: options, clock: { now })
        #expect(await store.health().activeSeries == 0, "a clean start has nothing to replay")
        #expect(try await answers(store) == expected, "from parts")
        #expect(await store.health().journalBytes < 100_000)

        // A day later its parts are one, and two weeks later they are gone.
        let rows = await store.health().rows
        try await store.maintain(now: now + 2 * 86_400_000)
        #expect(await store.health().parts <= 2)
        #expect(await store.health().rows == rows)
        #expect(try await answers(store) == expected, "from merged parts")
        try await store.maintain(now: now + 16 * 86_400_000)
        #expect(await store.health().parts == 0)
        #expect(try await read(store).isEmpty)
        let left = try FileManager.default.contentsOfDirectory(atPath: path.path + "/series").filter {
            $0.hasSuffix(".part")
        }
        #expect(left.isEmpty)
        try await store.close()
    }
}

@Test func damagedBytesAreNamedAndTheirNeighboursServed() async throws {
    var named = 0
    for trial in 0..<60 {
        let disk = SimulatedFileSystem(seed: 7)
        let catalog = try Catalog()
        let folder = try DataFolder(simulated: "/data", fileSystem: disk, catalog: catalog)
        var options = SeriesStoreOptions()
        options.shards = 1
        // A third of the trials damages the journal, the others a part.
        options.sealsAtClose = trial % 3 != 0
        let first = try EmbeddedSeriesStore.open(folder: folder, options: options, clock: { now })
        try await fill(first, from: now - 8 * minute, count: 8)
        let whole = try await read(first)
        try await first.close()
        let suffix = options.sealsAtClose ? ".part" : ".journal"
        let size = { try disk.size(of: $0) }
        let path = try #require(try disk.files.filter { $0.hasSuffix(suffix) }.max { try size($0) < size($1) })
        var random = SeededGenerator(seed: UInt64(trial))
        disk.alter(path) { bytes in
            // The first twelve bytes of a part are for people; the version of the journal is refused by name.
            // The last record of a journal is cut off like one that a crash interrupted.
            let end = options.sealsAtClose ? bytes.count : bytes.count * 3 / 4
            let place = Int.random(in: 24..<end, using: &random)
            bytes[place] ^= UInt8.random(in: 1...255, using: &random)
        }
        let again = try EmbeddedSeriesStore.open(folder: folder, options: options, clock: { now })
        var damaged = try await read(again)
        let context = QueryContext()
        damaged.merge(try await read(again, [Matcher("zone", .equal, "b")])) { a, _ in a }
        _ = try await again.series(SeriesCatalogQuery(matcherSets: [[Matcher("host", .equal, "h7")]]), context: context)
        for name in ["__name__", "host", "odd", "zone"] {
            _ = try await again.labelValues(name, SeriesCatalogQuery(), context: context)
        }
        let problems = await again.health().problems
        #expect(problems.contains { $0.contains(path) }, "trial \(trial): \(problems)")
        if problems.contains(where: { $0.contains(path) && $0.contains("byte") }) { named += 1 }
        for (name, columns) in damaged {
            let original = try #require(whole[name], "trial \(trial): \(name) was made up")
            let samples = Dictionary(uniqueKeysWithValues: zip(original.timestamps, original.values))
            for (time, value) in zip(columns.timestamps, columns.values) {
                #expect(samples[time]?.bitPattern == value.bitPattern, "trial \(trial): \(name) at \(time)")
            }
        }
        let isWholePart = problems.contains { $0.contains("trailer") || $0.contains("series table") } || damaged.isEmpty
        if !isWholePart {
            #expect(damaged.count >= 290, "trial \(trial): only \(damaged.count) series are left: \(problems)")
        }
        try await again.close()
    }
    #expect(named == 60)
}

@Test func manyWritersAndReadersWorkWhilePartsAreSealed() async throws {
    try await withTemporaryFolder { path in
        var options = SeriesStoreOptions()
        options.journal.segmentBytes = 50_000
        let folder = try DataFolder(opening: path.path)
        let store = try EmbeddedSeriesStore.open(folder: folder, options: options, clock: { now })
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<6 {
                group.addTask {
                    for step in 0..<100 {
                        var batch = SeriesBatch()
                        for i in 0..<20 {
                            let ref = batch.addSeries(LabelSet(["__name__": "m", "writer": "\(writer)", "i": "\(i)"]))
                            batch.addSample(ref, timestamp: now - (400 - Int64(step) * 4) * minute, value: Double(step))
                        }
                        let outcome = try await store.append(batch, id: nil)
                        #expect(outcome.accepted == 20, "\(outcome.firstRejection ?? "")")
                        // What was acknowledged is seen, wherever it is at this moment.
                        if step % 10 == 0 {
                            let mine = try await read(store, [Matcher("writer", .equal, "\(writer)")])
                            #expect(mine.count == 20)
                            #expect(mine.values.allSatisfy { $0.values == (0...step).map(Double.init) })
                        }
                    }
                }
            }
            group.addTask {
                for _ in 0..<30 {
                    try await store.maintain(now: now)
                    try await Task.sleep(for: .milliseconds(5))
                }
            }
            try await group.waitForAll()
        }
        let all = try await read(store)
        #expect(all.count == 120)
        #expect(all.values.allSatisfy { $0.timestamps.count == 100 })
        let problems = await store.health().problems
        #expect(problems.isEmpty, "\(problems)")
        try await store.close()
    }
}
