import Foundation
import Storage
import Telemetry
import TestSupport
import Testing

@testable import SeriesStore

@Suite struct PartsMergingTests {
    /// What a merge must give: of samples with one timestamp the first part's, without what tombstones cover.
    private static func expected(_ parts: [[SeriesColumns]], _ tombstones: [[Tombstone]]) -> [String: [Int64: UInt64]] {
        var all: [String: [Int64: UInt64]] = [:]
        for (series, stones) in zip(parts, tombstones) {
            for one in series {
                for (time, value) in zip(one.timestamps, one.values)
                where !stones.contains(where: { $0.covers(one.labels).contains { $0.contains(time) } })
                    && all["\(one.labels)"]?[time] == nil
                {
                    all["\(one.labels)", default: [:]][time] = value.bitPattern
                }
            }
        }
        return all
    }

    @Test func aMergeKeepsEverySampleOnce() throws {
        for seed: UInt64 in 71..<81 {
            var random = SeededGenerator(seed: seed)
            let disk = SimulatedFileSystem(seed: seed)
            var inputs: [[SeriesColumns]] = []
            var stones: [[Tombstone]] = []
            var parts: [SeriesPart] = []
            for number in 0..<Int.random(in: 1...5, using: &random) {
                // Floats only: histograms at the times of floats follow the query's rules, not this model's.
                var series = PartSamples.some(
                    seed &+ UInt64(number % 2), count: Int.random(in: 1...40, using: &random), samples: 30
                ).filter { $0.histograms.isEmpty }
                let shift = Int64.random(in: 0...3, using: &random) * 150_000
                for place in series.indices { series[place].timestamps = series[place].timestamps.map { $0 + shift } }
                if number == 2 { series.shuffle(using: &random) }
                try PartSamples.write(series, disk, "/p/\(number).part")
                let part = try PartSamples.open(disk, "/p/\(number).part", id: Int64(number + 1))
                var mine: [Tombstone] = []
                if number % 2 == 0 {
                    let start = PartSamples.start + Int64.random(in: 0...300_000, using: &random)
                    mine.append(
                        try Tombstone(
                            key: "\(number)", range: TimeRange(start: start, end: start + 200_000),
                            matcherSets: [[Matcher("__name__", .regex, "metric_[0-4]")], [Matcher("le", .equal, "1")]]))
                    mine.append(
                        try Tombstone(
                            key: "all", range: .all, matcherSets: [[Matcher("instance", .equal, "host-2")]]))
                    mine.forEach(part.add)
                }
                inputs.append(series)
                stones.append(mine)
                parts.append(part)
            }
            var writer = PartWriter(try disk.open("/p/out.part", .create))
            var merger = try PartMerger(parts)
            try merger.write(to: &writer) { false }
            let directory = try writer.finish().directory
            #expect(directory.isOrdered)
            let expected = Self.expected(inputs, stones)
            let read = try PartSamples.read(try PartSamples.open(disk, "/p/out.part")) { Issue.record("\($0)") }
            #expect(Set(read.map { "\($0.labels)" }) == Set(expected.keys), "seed \(seed)")
            #expect(read.count == expected.count, "seed \(seed)")
            for one in read {
                #expect(one.timestamps == one.timestamps.sorted())
                let pairs = Dictionary(uniqueKeysWithValues: zip(one.timestamps, one.values.map(\.bitPattern)))
                #expect(pairs == expected["\(one.labels)"], "seed \(seed), \(one.labels)")
            }
            // Reads leave out what is deleted before any merge does.
            for (part, (series, mine)) in zip(parts, zip(inputs, stones)) {
                let expected = Self.expected([series], [mine])
                let read = try PartSamples.read(part).filter { !$0.timestamps.isEmpty }
                #expect(read.reduce(0) { $0 + $1.timestamps.count } == expected.values.reduce(0) { $0 + $1.count })
            }
            var other = PartWriter(try disk.open("/p/no.part", .create))
            var second = try PartMerger(parts)
            #expect(throws: StorageError.cancelled) { try second.write(to: &other) { true } }
        }
    }

    @Test func plansMergeWindowsThenDaysAndWaitForLateOnes() {
        let day = MergePlan.day
        let hour = MergePlan.hour
        func part(_ id: Int64, _ from: Int64, _ to: Int64, bytes: Int = 100, created: Int64 = 0, level: Int = 0)
            -> MergePlan.Part
        {
            .init(id: id, minTime: from, maxTime: to - 1, bytes: bytes, created: created, level: level)
        }
        let cases: [(what: String, retention: Int64, parts: [MergePlan.Part], now: Int64, due: [[Int64]])] = [
            ("fifteen in an open window wait", 15 * day, (1...15).map { part($0, 0, hour) }, hour, []),
            ("sixteen do not", 15 * day, (1...16).map { part($0, 0, hour) }, hour, [Array(1...16)]),
            (
                "of another level they are not counted", 15 * day,
                (1...15).map { part($0, 0, hour) } + [part(16, 0, hour, level: 1)], hour, []
            ),
            ("an ended window is merged", 15 * day, [part(1, 0, hour), part(2, 0, hour)], 3 * hour, [[1, 2]]),
            ("one part is none to merge", 15 * day, [part(1, 0, hour)], 9 * day, []),
            (
                "an ended day is merged", 15 * day,
                [part(1, 0, 2 * hour, level: 1), part(2, 4 * hour, 6 * hour, level: 1)],
                25 * hour, [[1, 2]]
            ),
            (
                "a day is too long for three days of retention", 3 * day,
                [part(1, 0, 2 * hour, level: 1), part(2, 8 * hour, 10 * hour, level: 1)], 25 * hour, []
            ),
            (
                "ten days for a hundred of retention", 100 * day,
                [part(1, 0, day, level: 2), part(2, 3 * day, 4 * day, level: 2)],
                11 * day, [[1, 2]]
            ),
            ("and no more", 100 * day, [part(1, 0, day), part(2, 10 * day, 11 * day)], 50 * day, []),
            (
                "late samples wait for company", 15 * day,
                [part(1, 0, day, bytes: 10_000, level: 2), part(2, hour, 2 * hour, created: 50 * hour)], 50 * hour + 1,
                []
            ),
            (
                "an hour", 15 * day,
                [part(1, 0, day, bytes: 10_000, level: 2), part(2, hour, 2 * hour, created: 50 * hour)], 51 * hour,
                [[1, 2]]
            ),
            (
                "the largest stay as they are", 15 * day,
                [part(1, 0, hour, bytes: 8 << 30), part(2, 0, hour, bytes: 1)], 3 * hour, []
            ),
            (
                "before 1970", 15 * day, [part(1, -2 * hour, -hour), part(2, -hour, 0), part(3, 0, hour)], 10 * hour,
                [[1, 2]]
            ),
            ("at the ends of time", 15 * day, [part(1, .min, .min + 2), part(2, .max - 2, .max)], .max, []),
        ]
        for one in cases {
            #expect(MergePlan(retention: one.retention).due(one.parts, now: one.now) == one.due, "\(one.what)")
        }
        #expect(MergePlan(retention: 365 * day).spans == [2 * hour, day, 31 * day])
        #expect(MergePlan(retention: 3 * day).spans == [2 * hour, 6 * hour])
    }

    @Test func whatIsDeletedIsGoneAndStaysGone() async throws {
        let minute: Int64 = 60_000
        let now = PartSamples.start
        try await withTemporaryFolder { path in
            func fill(_ store: EmbeddedSeriesStore, _ from: Int64, _ value: Double) async throws {
                var batch = SeriesBatch()
                for name in ["a", "b", "c"] {
                    let series = batch.addSeries(LabelSet(["__name__": name, "job": "x"]))
                    for step in 0..<10 { batch.addSample(series, timestamp: from + Int64(step) * minute, value: value) }
                }
                #expect(try await store.append(batch, id: nil).accepted == 30)
            }
            func times(_ store: EmbeddedSeriesStore) async throws -> [String: [Int64]] {
                var found: [String: [Int64]] = [:]
                let plan = SeriesScanPlan(range: .all, matchers: [])
                _ = try await store.scan(plan, context: QueryContext()) { batch in
                    for one in batch {
                        found["\(one.labels.metricName ?? "")"] = one.timestamps.map { ($0 - now) / minute }
                    }
                }
                return found
            }
            let start = now - 100 * minute
            var folder = try DataFolder(opening: path.path)
            var store = try EmbeddedSeriesStore.open(folder: folder, clock: { now })
            try await fill(store, start, 1)
            try await store.delete([[Matcher("__name__", .equal, "a")]], range: .all)
            try await store.delete(
                [[Matcher("__name__", .equal, "b")]],
                range: TimeRange(start: start + 2 * minute, end: start + 8 * minute))
            let first: [String: [Int64]] = ["b": [-100, -99, -92, -91], "c": Array(-100 ... -91)]
            #expect(try await times(store) == first)
            let query = SeriesCatalogQuery(matcherSets: [[Matcher("job", .equal, "x")]])
            #expect(try await store.labelValues("__name__", query, context: QueryContext()) == ["b", "c"])
            // Without matchers too, nothing is named that is from another time.
            let early = SeriesCatalogQuery(range: TimeRange(start: 0, end: start))
            #expect(try await store.labelNames(early, context: QueryContext()).isEmpty)
            #expect(try await store.labelValues("__name__", early, context: QueryContext()).isEmpty)
            let late = SeriesCatalogQuery(range: TimeRange(start: start, end: now))
            #expect(try await store.labelValues("__name__", late, context: QueryContext()).contains("c"))
            // What comes afterwards stays, the same samples too.
            try await fill(store, start + 20 * minute, 2)
            let second = try await times(store)
            #expect(second["a"] == Array(-80 ... -71) && second["b"]?.count == 14)
            try await store.close()
            try folder.close()
            folder = try DataFolder(opening: path.path)
            store = try EmbeddedSeriesStore.open(folder: folder, clock: { now })
            #expect(try await times(store) == second, "after a restart")
            #expect(try folder.catalog.documents(kind: TombstoneDocument.kind).count == 2)
            try await store.cleanTombstones()
            #expect(try await times(store) == second, "after cleaning")
            #expect(try folder.catalog.documents(kind: TombstoneDocument.kind).isEmpty)
            #expect(await store.health().problems == [])
            // Everything, and then nothing is left of the files either.
            try await store.delete([[Matcher("job", .notEqual, "")]], range: .all)
            try await store.cleanTombstones()
            #expect(try await times(store).isEmpty)
            #expect(await store.health().parts == 0)
            await #expect(throws: StorageError.self) {
                try await store.delete([[Matcher("a", .regex, "(")]], range: .all)
            }
            try await fill(store, start, 3)
            try await store.flushEverything()
            try await fill(store, start + 30 * minute, 3)
            try await store.flushEverything()
            let sizes = store.parts.withLock { $0.map(\.record.bytes) }
            #expect(sizes.count == 2)
            try await store.retain(bytes: store.journal.bytes + sizes[1])
            #expect(try await times(store)["c"] == Array(-70 ... -61), "the oldest part goes first")
            try folder.snapshot(to: path.path + "-copy", journals: ["series/journal"])
            let copied = try DataFolder(opening: path.path + "-copy")
            let copy = try EmbeddedSeriesStore.open(folder: copied, clock: { now })
            #expect(try await times(copy)["c"] == Array(-70 ... -61), "a snapshot has the parts")
            try await copy.close()
            try copied.close()
            try FileManager.default.removeItem(atPath: path.path + "-copy")
            try await store.close()
            try folder.close()
        }
    }

    @Test func aMergeWithoutRoomOnTheDiskLeavesEverythingAsItWas() async throws {
        let disk = SimulatedFileSystem(seed: 91)
        let folder = try DataFolder(simulated: "/data", fileSystem: disk, catalog: try Catalog())
        let late = PartSamples.start + 20 * MergePlan.hour
        let store = try EmbeddedSeriesStore.open(folder: folder, clock: { late })
        for step in 0..<2 {
            var batch = SeriesBatch()
            for name in 0..<200 {
                let series = batch.addSeries(LabelSet(["__name__": "m", "n": "\(name)"]))
                batch.addSample(series, timestamp: PartSamples.start + Int64(step), value: Double(name))
            }
            _ = try await store.append(batch, id: nil)
            try await store.flushEverything()
        }
        #expect(await store.health().parts == 2)
        let files = disk.files
        disk.setCapacity(disk.used + 100)
        try store.mergeDays(now: late)
        #expect(disk.files == files)
        #expect(await store.health().problems.contains { $0.contains("not merged") })
        disk.setCapacity(.max)
        // One that is cancelled changes nothing.
        try store.mergeDays(now: late) { true }
        #expect(disk.files == files)
        try store.mergeDays(now: late)
        let health = await store.health()
        #expect(health.parts == 1 && health.rows == 400)
        #expect(!disk.files.contains { $0.hasSuffix(".tmp") })
        try await store.close()
    }
}
