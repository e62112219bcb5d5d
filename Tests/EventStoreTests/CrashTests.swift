import Storage
import Telemetry
import TestSupport
import Testing

@testable import EventStore

@Suite struct CrashTests {
    /// Random appends, seals and merges; a crash at a random change of the disk, with and without loss of what was not
    /// synced; then every acknowledged row is there once, and no row is there that was never sent.
    @Test func noAcknowledgedRowIsLostAndNoneIsThereTwice() async throws {
        for seed in 0..<UInt64(TestSeeds.count(unlessTold: 100)) {
            guard try await survives(seed) else { return }
        }
    }

    private func survives(_ seed: UInt64) async throws -> Bool {
        let table: EventTable = seed % 2 == 0 ? .logs : .spans
        var generator = RowGenerator(seed: seed, table: table)
        let losing = generator.chance(50)
        let files = SimulatedFileSystem(seed: seed)
        let catalog = try Catalog()
        var options = EventStoreOptions()
        options.mergeFanIn = 3
        options.journal = JournalOptions(segmentBytes: 1 << 14, sync: losing ? .always : .interval(.seconds(3600)))
        var acknowledged: [Int64: ModelRow] = [:]
        var sent: Set<Int64> = []
        var retry: (BatchID, [ModelRow])?
        var deleted: Set<Int64> = []
        var inDoubt: Set<Int64> = []
        for round in 0..<4 {
            files.restart()
            let store = try EmbeddedEventStore(
                opening: DataFolder(simulated: "/data", fileSystem: files, catalog: catalog), options: options)
            if let (id, rows) = retry {
                // The client sends again what was not answered, with the same id.
                _ = try await store.append(EventBatch(model: rows), to: table, id: id)
                for row in rows { acknowledged[number(of: row)] = row }
                retry = nil
            }
            let found = try await answer(store, EventScanPlan(table: table, range: TimeRange(start: .min, end: .max)))
            var seen: [Int64: Int] = [:]
            for row in found { seen[number(of: row), default: 0] += 1 }
            let lost = acknowledged.keys.filter { seen[$0] == nil && !inDoubt.contains($0) }.sorted()
            let twice = seen.filter { $0.value > 1 }.keys.sorted()
            let unknown = seen.keys.filter { !sent.contains($0) || deleted.contains($0) }
            // A deletion that was cut off happened or did not.
            for number in inDoubt where seen[number] == nil {
                acknowledged[number] = nil
                deleted.insert(number)
            }
            inDoubt = []
            guard lost.isEmpty, twice.isEmpty, unknown.isEmpty else {
                Issue.record(
                    "seed \(seed) round \(round): lost \(lost.prefix(5)), twice \(twice.prefix(5)), unknown \(unknown.prefix(5))"
                )
                return false
            }
            for row in found {
                guard let original = acknowledged[number(of: row)] else { continue }
                guard row.fields == original.fields, row.group == original.group, row.time == original.time else {
                    Issue.record("seed \(seed) round \(round): row \(number(of: row)) has changed")
                    return false
                }
            }
            files.crash(afterChanges: 1 + generator.number(60), losingUnsynced: losing)
            do {
                for _ in 0..<40 {
                    switch generator.number(9) {
                    case 0: try await store.seal()
                    case 2 where !acknowledged.isEmpty:
                        let low = Int64(generator.number(Int(generator.counter) + 1))
                        let high = low + Int64(generator.number(20))
                        let numbers = acknowledged.keys.filter { (low...high).contains($0) }
                        inDoubt = Set(numbers)
                        try await store.delete(
                            table, matchers: [],
                            predicate: .and([
                                .compare(column: "n", .greaterOrEqual, .int(low)),
                                .compare(column: "n", .lessOrEqual, .int(high)),
                            ]), range: .all)
                        inDoubt = []
                        for number in numbers { acknowledged[number] = nil }
                        deleted.formUnion(numbers)
                    case 1: try await store.maintain(now: Int64(round) * 1_000_000_000_000)
                    default:
                        let rows = generator.rows(1 + generator.number(30))
                        for row in rows { sent.insert(number(of: row)) }
                        let id = BatchID(high: seed, low: UInt64(bitPattern: generator.counter))
                        if generator.chance(50) { retry = (id, rows) }
                        _ = try await store.append(EventBatch(model: rows), to: table, id: id)
                        for row in rows { acknowledged[number(of: row)] = row }
                        retry = nil
                    }
                }
            } catch {
                guard files.isCrashed else {
                    Issue.record("seed \(seed) round \(round): \(error)")
                    return false
                }
            }
            files.crash(losingUnsynced: losing)
        }
        return true
    }

    private func number(of row: ModelRow) -> Int64 {
        if case .int(let number)? = row.fields["n"]?.value { return number }
        return -1
    }

    @Test func aFullDiskRefusesAppendsAndNothingElse() async throws {
        let files = SimulatedFileSystem(seed: 5)
        let folder = try DataFolder(simulated: "/data", fileSystem: files, catalog: Catalog())
        let store = try EmbeddedEventStore(opening: folder)
        var generator = RowGenerator(seed: 5, table: .logs)
        _ = try await store.append(EventBatch(model: generator.rows(500)), to: .logs, id: nil)
        files.setCapacity(files.used + 100)
        await #expect(throws: StorageError.self) { try await store.seal() }
        await #expect(throws: StorageError.self) {
            _ = try await store.append(EventBatch(model: generator.rows(500)), to: .logs, id: nil)
        }
        let plan = EventScanPlan(table: .logs, range: TimeRange(start: .min, end: .max))
        #expect(try await answer(store, plan).count == 500)
        files.setCapacity(.max)
        _ = try await store.append(EventBatch(model: generator.rows(300)), to: .logs, id: nil)
        try await store.seal()
        try await store.seal()
        #expect(try await answer(store, plan).count == 800)
        #expect(await store.health(of: .logs).problems == [])
    }

    @Test func damageIsNamedAndHidesNoNeighbours() async throws {
        for seed in UInt64(0)..<6 {
            let files = SimulatedFileSystem(seed: seed)
            let catalog = try Catalog()
            func open() throws -> EmbeddedEventStore {
                try EmbeddedEventStore(opening: DataFolder(simulated: "/data", fileSystem: files, catalog: catalog))
            }
            var random = SeededGenerator(seed: seed)
            do {
                let store = try open()
                for part in 0..<2 {
                    var batch = EventBatch()
                    let group = batch.addGroup(EventGroup(labels: LabelSet(["part": "\(part)"])))
                    let line = batch.columnIndex(EventColumnName.line)
                    for i in 0..<20_000 {
                        let row = batch.addRow(timestamp: Int64(i), group: group)
                        batch.set(line, row: row, .string("row \(i) \(UInt64.random(in: 0 ... .max, using: &random))"))
                    }
                    _ = try await store.append(batch, to: .logs, id: nil)
                    try await store.seal()
                }
                try await store.close()
            }
            let path = try #require(files.files.first { $0.hasSuffix(".part") })
            files.alter(path) { bytes in bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8(seed % 8)
            }
            let store = try open()
            var rows = 0
            let plan = EventScanPlan(table: .logs, range: TimeRange(start: .min, end: .max), order: .newestFirst)
            let trailer = try await store.scan(plan, context: QueryContext()) { batch in
                rows += batch.rowCount
                return .goOn
            }
            let problems = await store.health(of: .logs).problems
            // The header's magic is the one thing that no query needs.
            if rows == 40_000 { continue }
            #expect(trailer.partial && !trailer.warnings.isEmpty, "seed \(seed)")
            #expect(problems.contains { $0.contains(path) }, "seed \(seed): \(problems)")
            #expect(rows >= 20_000, "seed \(seed): \(rows)")
            if !problems.contains(where: { $0.contains("footer") || $0.contains("trailer") }) {
                #expect(rows >= 23_000)
            }
            // Nothing is merged away that could not be read.
            try await store.maintain(now: 0)
            #expect(files.files.contains(path))
        }
    }

    /// Whatever byte of a part is wrong: the answers are right, or the part is named.
    @Test func noFlippedByteGoesUnnoticed() async throws {
        let files = SimulatedFileSystem(seed: 77)
        let catalog = try Catalog()
        func open() throws -> EmbeddedEventStore {
            try EmbeddedEventStore(opening: DataFolder(simulated: "/data", fileSystem: files, catalog: catalog))
        }
        var generator = RowGenerator(seed: 77, table: .logs)
        let model = generator.rows(200)
        do {
            let store = try open()
            _ = try await store.append(EventBatch(model: model), to: .logs, id: BatchID(high: 1, low: 1))
            try await store.close()
        }
        let path = try #require(files.files.first { $0.hasSuffix(".part") })
        let size = try files.size(of: path)
        let plan = EventScanPlan(table: .logs, range: .all, order: .oldestFirst)
        let right = try await answer(try open(), plan)
        let values = try await open().labelValues("service", EventCatalogQuery(table: .logs), context: QueryContext())
        let step = max(1, size / (TestSeeds.count(unlessTold: 100) * 5))
        var silent: [Int] = []
        for at in stride(from: 0, to: size, by: step) {
            files.alter(path) { $0[at] ^= 0x10 }
            let store = try open()
            // nil: the store says itself that something is missing.
            let rows = try? await answer(store, plan)
            let names = try await store.labelValues("service", EventCatalogQuery(table: .logs), context: QueryContext())
            // A substring that is in no line, so that filters are read.
            let needle = EventScanPlan(
                table: .logs, range: .all, predicate: .contains(column: EventColumnName.line, Array("qzxqzx".utf8)))
            _ = try? await answer(store, needle)
            let named = await store.health(of: .logs).problems.contains { $0.contains(path) }
            if !named, rows != right || names != values { silent.append(at) }
            if let rows, !Set(rows).isSubset(of: Set(right)) { silent.append(at) }
            files.alter(path) { $0[at] ^= 0x10 }
        }
        #expect(silent.isEmpty, "bytes of \(size) that were wrong and nobody said so: \(silent.prefix(10))")
    }
}
