import Codecs
import Storage
import Telemetry
import TestSupport
import Testing

@testable import EventStore

@Suite struct DeletionTests {
    private static let cases = (1...max(2, TestSeeds.count(unlessTold: 4))).map { seed in
        (table: seed % 2 == 1 ? EventTable.logs : .spans, seed: UInt64(seed))
    }

    /// Deletions of random rows in memory, in parts, across merges and restarts: what is left is what the model has.
    @Test(arguments: cases)
    func whatIsDeletedIsGoneAtOnceAndForGoodAndNothingElse(table: EventTable, seed: UInt64) async throws {
        var generator = RowGenerator(seed: seed &+ 100, table: table)
        let files = SimulatedFileSystem(seed: seed)
        let catalog = try Catalog()
        var options = EventStoreOptions()
        options.mergeFanIn = 3
        options.logPartition = .seconds(86400 * 30)
        options.spanPartition = .seconds(86400 * 30)
        func open() throws -> EmbeddedEventStore {
            try EmbeddedEventStore(
                opening: DataFolder(simulated: "/data", fileSystem: files, catalog: catalog), options: options)
        }
        var store = try open()
        var model: [ModelRow] = []
        var sequence: UInt64 = 1
        for step in 0..<24 {
            switch step % 6 {
            case 0, 2:
                var rows = generator.rows(step == 0 ? 400 : 120)
                for i in rows.indices {
                    rows[i].sequence = sequence
                    sequence += 1
                }
                _ = try await store.append(EventBatch(model: rows), to: table, id: nil)
                model += rows
            case 1: try await store.seal()
            case 4: try await store.maintain(now: 0)
            case 5: store = try open()
            default:
                let plan = generator.plan(model)
                let gone = Set(try expected(model, plan).map(\.sequence))
                // By the condition, and by the numbers of the rows that it finds.
                if step % 12 < 6 {
                    try await store.delete(
                        table, matchers: plan.matchers, predicate: plan.predicate, range: plan.range)
                } else {
                    try await store.delete(table, rows: Array(gone), matchers: plan.matchers, range: plan.range)
                }
                model.removeAll { gone.contains($0.sequence) }
            }
            let left = try await answer(store, EventScanPlan(table: table, range: .all, order: .oldestFirst))
            let wanted = try expected(model, EventScanPlan(table: table, range: .all, order: .oldestFirst))
            guard left == wanted else {
                Issue.record("seed \(seed), step \(step): \(left.count) rows, \(wanted.count) expected")
                return
            }
        }
        try await store.compact(table)
        #expect(await store.health(of: table).rows == model.count, "seed \(seed): what is deleted leaves the disk")
        #expect(try catalog.documents(kind: "\(table.rawValue).deletion").isEmpty)
    }

    @Test func conditionsComeBackFromTheirBytes() throws {
        var generator = RowGenerator(seed: 5, table: .spans)
        let rows = generator.rows(50)
        for _ in 0..<200 {
            let predicate = generator.predicate(rows)
            let bytes = PredicateCodec.encode(predicate)
            #expect(PredicateCodec.encode(try PredicateCodec.decode(bytes)) == bytes)
            for length in 0..<min(bytes.count, 40) { _ = try? PredicateCodec.decode(Array(bytes[..<length])) }
        }
    }

    @Test func numbersOfRowsComeBackFromTheirBytes() throws {
        var random = SeededGenerator(seed: 8)
        for _ in 0..<100 {
            let most = UInt64.random(in: 1...300, using: &random)
            let numbers = (0..<Int.random(in: 0..<200, using: &random)).map { _ in
                UInt64.random(in: 0...most, using: &random)
            }
            let set = SequenceSet(numbers)
            for number in 0...most + 1 { #expect(set.contains(number) == numbers.contains(number)) }
            #expect(try SequenceSet(decoding: set.encoded) == set)
            for length in 0..<set.encoded.count { _ = try? SequenceSet(decoding: Array(set.encoded[..<length])) }
        }
        #expect(SequenceSet([.max, 0, .max - 1]).runs == [0...0, (.max - 1)...UInt64.max])
    }

    private func line(_ time: Int64, _ text: String, _ labels: [String: String]) -> EventBatch {
        var batch = EventBatch()
        let group = batch.addGroup(EventGroup(labels: LabelSet(labels)))
        let row = batch.addRow(timestamp: time, group: group)
        batch.set(EventColumnName.line, row: row, .string(text))
        return batch
    }

    @Test func rulesAndSizesDecideWhatIsKept() async throws {
        let files = SimulatedFileSystem(seed: 9)
        let catalog = try Catalog()
        let store = try EmbeddedEventStore(
            opening: DataFolder(simulated: "/data", fileSystem: files, catalog: catalog))
        for i in 0..<10 {
            for app in ["audit", "debug", "web"] {
                let text = String(repeating: "\(app) \(i) ", count: 20)
                _ = try await store.append(line(Int64(i), text, ["app": app]), to: .logs, id: nil)
            }
            if i == 4 { try await store.seal() }
        }
        // The first rule that matches decides: audit is kept for ever, debug goes early, the rest later.
        let rules = [
            EventRetentionRule(matchers: [Matcher("app", .equal, "audit")], after: .min),
            EventRetentionRule(matchers: [Matcher("app", .regex, "de.*")], after: 8),
            EventRetentionRule(after: 3),
        ]
        let plan = EventScanPlan(table: .logs, range: .all, order: .oldestFirst)
        for stage in ["memory and part", "compacted"] {
            try await store.retain(.logs, rules: rules)
            var left: [String: [Int64]] = [:]
            for row in try await answer(store, plan) {
                left[row.group.labels["app"] ?? "", default: []].append(row.time)
            }
            #expect(left == ["audit": Array(0..<10), "debug": [8, 9], "web": Array(3..<10)], "\(stage)")
            try await store.compact(.logs)
        }
        #expect(await store.health(of: .logs).rows < 30)
        try await store.retain(.logs, rules: [EventRetentionRule(after: 100)])
        #expect(await store.health(of: .logs).rows == 0)
        try await store.retain(.logs, rules: [])

        let day = RowGenerator.day
        for i in 0..<5 {
            for row in 0..<50 {
                _ = try await store.append(line(Int64(i) * day + Int64(row), "\(row * i)", [:]), to: .logs, id: nil)
            }
            try await store.seal()
        }
        let before = await store.health(of: .logs)
        #expect(before.parts == 5)
        try await store.retain(.logs, bytes: before.bytesOnDisk * 3 / 5)
        let times = try await answer(store, plan).map(\.time)
        #expect(times.count >= 100 && times.count <= 150 && times.allSatisfy { $0 >= 2 * day })
    }

    /// Twenty thousand streams of three rows in no order: few blocks, and names that are right after a restart.
    @Test func manyTinyStreamsShareBlocks() async throws {
        let files = SimulatedFileSystem(seed: 10)
        let catalog = try Catalog()
        var options = EventStoreOptions()
        options.mergeFanIn = 3
        func open() throws -> EmbeddedEventStore {
            try EmbeddedEventStore(
                opening: DataFolder(simulated: "/data", fileSystem: files, catalog: catalog), options: options)
        }
        var store = try open()
        let streams = 10_000
        for round in 0..<3 {
            for start in stride(from: 0, to: streams, by: 2000) {
                var batch = EventBatch()
                for i in start..<start + 2000 {
                    let labels = LabelSet(["job": "j\(i % 3)", "pod": "pod-\(i * 7919 % streams)"])
                    let row = batch.addRow(timestamp: Int64(round), group: batch.addGroup(EventGroup(labels: labels)))
                    batch.set(EventColumnName.line, row: row, .string("hello \(i) \(round)"))
                }
                _ = try await store.append(batch, to: .logs, id: nil)
            }
            try await store.seal()
        }
        try await store.compact(.logs)
        for stage in ["merged", "opened again"] {
            let context = QueryContext()
            let query = EventCatalogQuery(table: .logs)
            #expect(try await store.labelValues("pod", query, context: context).count == streams, "\(stage)")
            #expect(try await store.labelNames(query, context: context) == ["job", "pod"])
            let one = EventScanPlan(
                table: .logs, range: .all, matchers: [Matcher("pod", .equal, "pod-77")], order: .oldestFirst)
            let found = QueryContext()
            #expect(try await answer(store, one, context: found).count == 3)
            #expect(found.statistics.blocksRead <= 3)
            let some = EventCatalogQuery(table: .logs, matchers: [Matcher("pod", .regex, "pod-12.")])
            let summaries = try await store.streams(some, context: context)
            #expect(summaries.count == 10 && summaries.allSatisfy { $0.rows == 3 })
            store = try open()
        }
    }
}
