import Storage
import Telemetry
import TestSupport
import Testing

@testable import EventStore

@Suite struct BehaviourTests {
    private func open(
        _ files: SimulatedFileSystem, _ catalog: Catalog, _ change: (inout EventStoreOptions) -> Void = { _ in }
    )
        throws -> EmbeddedEventStore
    {
        var options = EventStoreOptions()
        change(&options)
        return try EmbeddedEventStore(
            opening: DataFolder(simulated: "/data", fileSystem: files, catalog: catalog), options: options)
    }

    private func logBatch(_ lines: [(Int64, String)], _ labels: [String: String] = ["app": "a"]) -> EventBatch {
        var batch = EventBatch()
        let group = batch.addGroup(EventGroup(labels: LabelSet(labels)))
        for (time, line) in lines {
            let row = batch.addRow(timestamp: time, group: group)
            batch.set(EventColumnName.line, row: row, .string(line))
        }
        return batch
    }

    @Test func pagesOverTenThousandEqualTimestampsAreTheWholeScanCutUp() async throws {
        let store = try open(SimulatedFileSystem(seed: 1), Catalog())
        for part in 0..<5 {
            _ = try await store.append(logBatch((0..<2000).map { (42, "row \(part) \($0)") }), to: .logs, id: nil)
            if part < 3 { try await store.seal() }
        }
        for order in [EventScanPlan.Order.newestFirst, .oldestFirst] {
            let plan = EventScanPlan(table: .logs, range: TimeRange(start: 0, end: 100), order: order)
            let whole = try await answer(store, plan)
            #expect(whole.count == 10_000)
            let numbers = whole.map(\.sequence)
            #expect(numbers == (order == .newestFirst ? Array((1...10_000).reversed()) : Array(1...10_000)))
            for limit in [1, 64, 65, 999, 5000] {
                let page = try await answer(store, plan, limit: limit)
                #expect(page == Array(whole.prefix(page.count)) && page.count >= limit)
            }
        }
    }

    @Test func batchesAndRowsThatComeTwiceAreStoredOnce() async throws {
        let files = SimulatedFileSystem(seed: 2)
        let catalog = try Catalog()
        var store = try open(files, catalog) { $0.mergeFanIn = 4 }
        let id = BatchID(high: 1, low: 2)
        let batch = logBatch([(1, "a"), (1, "a"), (1, "b"), (1, "a"), (2, "a")])
        let plan = EventScanPlan(table: .logs, range: TimeRange(start: .min, end: .max), order: .oldestFirst)
        // Loki's rule: only the row before it in the stream counts.
        #expect(try await store.append(batch, to: .logs, id: id).accepted == 5)
        #expect(try await answer(store, plan).count == 4)
        #expect(try await store.append(batch, to: .logs, id: id).accepted == 5)
        #expect(try await answer(store, plan).count == 4)
        #expect(try await store.append(logBatch([(2, "a")]), to: .logs, id: nil).accepted == 1)
        #expect(try await answer(store, plan).count == 4)
        #expect(try await store.append(logBatch([(2, "a")], ["app": "b"]), to: .logs, id: nil).accepted == 1)
        #expect(try await answer(store, plan).count == 5)
        for stage in ["journal", "part", "merged"] {
            if stage != "journal" { try await store.seal() }
            if stage == "merged" {
                for i in 0..<5 {
                    _ = try await store.append(logBatch([(Int64(10 + i), "x")]), to: .logs, id: nil)
                    try await store.seal()
                }
                try await store.maintain(now: 0)
                #expect(await store.health(of: .logs).parts < 6)
            }
            store = try open(files, catalog) { $0.mergeFanIn = 4 }
            let before = try await answer(store, plan).count
            _ = try await store.append(batch, to: .logs, id: id)
            #expect(try await answer(store, plan).count == before, "\(stage)")
        }
        // The same batch from two connections at once.
        let other = BatchID(high: 3, low: 4)
        let before = try await answer(store, plan).count
        let shared = store
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { _ = try await shared.append(self.logBatch([(99, "once")]), to: .logs, id: other) }
            }
            try await group.waitForAll()
        }
        #expect(try await answer(store, plan).count == before + 1)

        var generator = RowGenerator(seed: 9, table: .spans)
        let spans = EventBatch(model: generator.rows(100))
        _ = try await store.append(spans, to: .spans, id: nil)
        let once = await store.health(of: .spans).rows
        _ = try await store.append(spans, to: .spans, id: nil)
        let withoutID = spans.rowCount - (spans.column(EventColumnName.traceID)?.count ?? 0)
        #expect(await store.health(of: .spans).rows == once + withoutID)
    }

    @Test func aTraceIsFoundInAHandfulOfBlocksAndALimitReadsFew() async throws {
        let store = try open(SimulatedFileSystem(seed: 3), Catalog()) { $0.mergeFanIn = 100 }
        var random = SeededGenerator(seed: 3)
        var someTrace: [UInt8] = []
        for part in 0..<3 {
            var batch = EventBatch()
            let group = batch.addGroup(EventGroup(labels: LabelSet(["service_name": "s"])))
            for i in 0..<40_000 {
                let row = batch.addRow(timestamp: Int64(part * 40_000 + i), group: group)
                var id = (0..<8).map { _ in UInt8.random(in: 0...255, using: &random) }
                id += id
                if i == 777, part == 1 { someTrace = id }
                batch.set(EventColumnName.traceID, row: row, .bytes(id))
                batch.set(EventColumnName.spanID, row: row, .bytes(Array(id.prefix(8))))
                batch.set(EventColumnName.duration, row: row, .int(Int64(i)))
            }
            _ = try await store.append(batch, to: .spans, id: nil)
            try await store.seal()
        }
        let everything = TimeRange(start: .min, end: .max)
        for (id, count) in [(someTrace, 1), ([UInt8](repeating: 7, count: 16), 0)] {
            let context = QueryContext()
            let plan = EventScanPlan(
                table: .spans, range: everything, predicate: .isAny(column: EventColumnName.traceID, [.bytes(id)]),
                order: .newestFirst)
            #expect(try await answer(store, plan, context: context).count == count)
            #expect(context.statistics.blocksRead <= 1 + count && context.statistics.blocksSkipped >= 5)
        }
        let slow = QueryContext()
        let slowest = EventPredicate.compare(column: EventColumnName.duration, .greater, .int(39_998))
        #expect(
            try await answer(store, EventScanPlan(table: .spans, range: everything, predicate: slowest), context: slow)
                .count == 3)

        for i in 0..<60 {
            let lines = (0..<1000).map {
                (Int64(i * 1000 + $0), "line \(i) \($0) \($0 == 500 && i == 30 ? "needle" : "hay")")
            }
            _ = try await store.append(logBatch(lines, ["app": "\(i % 2)"]), to: .logs, id: nil)
        }
        try await store.seal()
        let limited = QueryContext()
        let newest = EventScanPlan(table: .logs, range: everything, order: .newestFirst)
        _ = try await answer(store, newest, context: limited, limit: 10)
        #expect(limited.statistics.blocksRead <= 2)
        let needle = QueryContext()
        let search = EventScanPlan(
            table: .logs, range: everything, predicate: .contains(column: EventColumnName.line, Array("needle".utf8)))
        #expect(try await answer(store, search, context: needle).count == 1)
        #expect(needle.statistics.blocksRead <= 2 && needle.statistics.blocksSkipped >= 2)
        #expect(needle.statistics.memoryPeak > 0)
        await #expect(throws: StorageError.memoryBudgetExceeded(limit: 1000)) {
            _ = try await answer(store, newest, context: QueryContext(limits: .init(memory: 1000)))
        }
        let cancelled = QueryContext()
        cancelled.cancel()
        await #expect(throws: StorageError.cancelled) { _ = try await answer(store, newest, context: cancelled) }
    }

    @Test func appendsSealsMergesAndScansAtOnceSeeEveryRowOnce() async throws {
        let store = try open(SimulatedFileSystem(seed: 4), Catalog()) { $0.sealBytes = 1 << 16 }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<4 {
                group.addTask {
                    for i in 0..<60 {
                        let lines = (0..<20).map { (Int64(i * 20 + $0), "w\(writer) \(i) \($0)") }
                        _ = try await store.append(self.logBatch(lines, ["w": "\(writer)"]), to: .logs, id: nil)
                        // What was acknowledged is there, whole and once.
                        let plan = EventScanPlan(
                            table: .logs, range: TimeRange(start: .min, end: .max),
                            matchers: [Matcher("w", .equal, "\(writer)")], order: .oldestFirst)
                        let rows = try await answer(store, plan)
                        #expect(rows.map(\.time) == (0..<Int64((i + 1) * 20)).map { $0 })
                    }
                }
            }
            group.addTask {
                for i in 0..<80 { try await store.maintain(now: Int64(i) * 40_000_000_000) }
            }
            try await group.waitForAll()
        }
        #expect(await store.health(of: .logs).rows == 4800)
    }

    @Test func retentionDropsOldPartsAndAFullMemoryIsSealedOrRefused() async throws {
        let files = SimulatedFileSystem(seed: 6)
        let store = try open(files, Catalog()) { $0.memoryLimit = 100_000 }
        let day = RowGenerator.day
        for i in 0..<3 {
            _ = try await store.append(
                logBatch([(Int64(i) * day, "day \(i)"), (Int64(i) * day + 5, "x")]), to: .logs, id: nil)
        }
        try await store.seal()
        #expect(await store.health(of: .logs).parts == 3)
        try await store.retain(.logs, after: day + 5)
        #expect(await store.health(of: .logs).parts == 2)
        #expect(files.files.filter { $0.hasSuffix(".part") }.count == 2)
        for i in 0..<20 {
            let lines = (0..<100).map { (Int64($0), "row \(i) \($0) " + String(repeating: "z", count: 50)) }
            _ = try await store.append(logBatch(lines), to: .logs, id: nil)
        }
        #expect(await store.health(of: .logs).rows == 2004)
        files.setCapacity(files.used + 5_000)
        var random = SeededGenerator(seed: 6)
        var refusals = 0
        for i in 0..<20 {
            let lines = (0..<100).map {
                (Int64($0), "more \(i) \($0) " + UInt64.random(in: 0 ... .max, using: &random).description)
            }
            do {
                _ = try await store.append(logBatch(lines), to: .logs, id: nil)
            } catch {
                refusals += 1
            }
        }
        #expect(refusals > 0)
        // The disk is still full: what could not be sealed is in the journal.
        try? await store.close()
        await #expect(throws: StorageError.closed) {
            _ = try await store.append(logBatch([(1, "late")]), to: .logs, id: nil)
        }
        await #expect(throws: StorageError.closed) {
            _ = try await answer(store, EventScanPlan(table: .logs, range: .all))
        }
    }

    /// Few small parts are left alone while lines come, and become one when they stop; a large one is left alone.
    @Test func whatIsAtRestIsMerged() async throws {
        var store = try open(SimulatedFileSystem(seed: 8), Catalog())
        for i in 0..<3 {
            _ = try await store.append(logBatch([(Int64(i), "row \(i)")]), to: .logs, id: nil)
            try await store.seal()
        }
        try await store.maintain(now: 0)
        #expect(await store.health(of: .logs).parts == 3)
        store = try open(SimulatedFileSystem(seed: 8), Catalog()) {
            $0.restTime = .zero
            $0.longRestTime = .zero
        }
        for i in 0..<3 {
            let text = String(repeating: "row \(i) ", count: i == 0 ? 100_000 : 1)
            let lines = (0..<(i == 0 ? 12 : 1)).map { (Int64($0), text + "\($0)") }
            _ = try await store.append(logBatch(lines), to: .logs, id: nil)
            try await store.seal()
        }
        try await store.maintain(now: 0)
        #expect(await store.health(of: .logs).parts == 2)
        #expect(await store.health(of: .logs).rows == 14)
    }

    /// What comes over two connections is a little out of order where one part ends and the next begins: its blocks are
    /// copied all the same, and answers are in order; where the rows of many parts lie among each other they are mixed.
    @Test(arguments: [(300, true), (0, true), (8000, false)])
    func blocksThatOverlapALittleAreCopied(overlap: Int, areCopied: Bool) async throws {
        let store = try open(SimulatedFileSystem(seed: 9), Catalog()) {
            $0.mergeFanIn = 4
            $0.restTime = .zero
            $0.longRestTime = .zero
        }
        var expected: [Int64] = []
        for i in 0..<8 {
            let first = i * (9000 - overlap)
            let times = (first..<first + 9000).map { Int64($0) }
            expected += times
            _ = try await store.append(logBatch(times.map { ($0, "row \($0) of \(i)") }), to: .logs, id: nil)
            try await store.seal()
            if i == 3 { try await store.maintain(now: 0) }
        }
        try await store.maintain(now: 0)
        #expect(await store.health(of: .logs).parts == 1)
        let layout = try store.layout(of: .logs)
        #expect((layout.finalBlocks == 8 && layout.otherBlocks == 0) == areCopied)
        expected.sort()
        func check() async throws {
            for order in [EventScanPlan.Order.oldestFirst, .newestFirst] {
                let plan = EventScanPlan(table: .logs, range: TimeRange(start: .min, end: .max), order: order)
                let rows = try await answer(store, plan)
                #expect(rows.map(\.time) == (order == .oldestFirst ? expected : expected.reversed()))
                let sequences = rows.map { ($0.time, $0.sequence) }
                let pairs = zip(sequences, sequences.dropFirst())
                #expect(order == .newestFirst || pairs.allSatisfy { $0.0 < $1.0 || $0.0 == $1.0 && $0.1 < $1.1 })
            }
        }
        try await check()
        // Now blocks have to be taken apart, of two lists at once.
        let gone = Int64(8800)..<9100
        expected.removeAll { gone.contains($0) }
        try await store.delete(
            .logs, matchers: [], predicate: .everything, range: TimeRange(start: gone.lowerBound, end: gone.upperBound))
        try await check()
        try await store.maintain(now: 0)
        #expect(await store.health(of: .logs).rows == expected.count)
        try await check()
    }

    /// Nothing is guessed about parts that another version wrote.
    @Test func partsOfAnotherFormatAreRefusedWithASentence() throws {
        let facts = "partition=0 raw=10 first=1 last=2 ids=0 deletions=0"
        func record(_ extra: String) -> PartRecord {
            PartRecord(
                table: "logs", file: "logs/parts/0000000001.part", minTime: 0, maxTime: 1, rows: 2, bytes: 100,
                level: 0, extra: extra)
        }
        #expect(try PartFacts(record("format=4 " + facts)).rawBytes == 10)
        for (extra, hint) in [
            (facts, "empty data folder"), ("format=3 " + facts, "empty data folder"),
            ("format=5 " + facts, "newer needletail"),
        ] {
            do throws(StorageError) {
                _ = try PartFacts(record(extra))
                Issue.record("\(extra) was accepted")
            } catch {
                #expect(error.description.contains("format"), "\(error)")
                #expect(error.description.contains("0000000001.part"), "\(error)")
                #expect(error.description.contains(hint), "\(error)")
            }
        }
    }
}
