import Codecs
import Storage
import Telemetry
import TestSupport
import Testing

@testable import EventStore

@Suite struct RoundTripTests {
    /// Logs and spans in turn.
    private static let cases = (1...max(2, TestSeeds.count(unlessTold: 2))).map { seed in
        (table: seed % 2 == 1 ? EventTable.logs : .spans, seed: UInt64(seed))
    }

    /// NaN is not equal to itself as a value, so groups hold none; rows are compared by their bytes.
    @Test(arguments: cases)
    func everyStageOfARowsLifeAnswersLikeTheModel(table: EventTable, seed: UInt64) async throws {
        var generator = RowGenerator(seed: seed, table: table)
        let files = SimulatedFileSystem(seed: seed)
        let catalog = try Catalog()
        var options = EventStoreOptions()
        options.logPartition = .seconds(86400 * 30)
        options.spanPartition = .seconds(86400 * 30)
        options.mergeFanIn = 3
        var store = try EmbeddedEventStore(
            opening: DataFolder(simulated: "/data", fileSystem: files, catalog: catalog), options: options)
        var model: [ModelRow] = []

        func add(_ count: Int) async throws {
            var rows = generator.rows(count)
            for i in rows.indices { rows[i].sequence = UInt64(model.count + i + 1) }
            let outcome = try await store.append(EventBatch(model: rows), to: table, id: nil)
            #expect(outcome.accepted == count)
            model += rows
        }
        func compare(_ stage: String, _ questions: Int) async throws {
            for question in 0..<questions {
                let plan = generator.plan(model, withPredicate: question > 2)
                let expected = try expected(model, plan)
                let found = try await answer(store, plan)
                guard found != expected else { continue }
                Issue.record(
                    "seed \(seed), \(stage), question \(question): \(found.count) rows, \(expected.count) expected, \(plan)"
                )
                let missing = Set(expected).subtracting(found).prefix(2)
                let extra = Set(found).subtracting(expected).prefix(2)
                Issue.record("missing \(missing) extra \(extra)")
                return
            }
        }

        for size in [1, 1, 7, 300, 2, 500] { try await add(size) }
        try await compare("in memory", 13)
        try await store.seal()
        try await compare("sealed", 20)
        for size in [2500, 3, 40] { try await add(size) }
        try await compare("sealed and in memory", 10)
        for size in [20, 200, 300] {
            try await store.seal()
            try await add(size)
        }
        try await store.seal()
        try await compare("in several parts", 10)
        let before = await store.health(of: table).parts
        try await store.maintain(now: 0)
        #expect(await store.health(of: table).parts < before)
        try await compare("merged", 13)
        try await add(50)
        try await compare("merged and in memory", 8)
        store = try EmbeddedEventStore(
            opening: DataFolder(simulated: "/data", fileSystem: files, catalog: catalog), options: options)
        try await compare("opened again", 10)
        try await add(10)
        try await store.close()
        store = try EmbeddedEventStore(
            opening: DataFolder(simulated: "/data", fileSystem: files, catalog: catalog), options: options)
        try await compare("closed and opened again", 8)
        try await compareNames(store, model, table)
        #expect(await store.health(of: table).problems == [])
        #expect(await store.health(of: table).rows == model.count)
    }

    private func compareNames(_ store: EmbeddedEventStore, _ model: [ModelRow], _ table: EventTable) async throws {
        let context = QueryContext()
        let ranges = [TimeRange.all, TimeRange(start: 1_700_000_000_000_000_000, end: 1_700_000_900_000_000_000)]
        let label = table == .logs ? "service" : "service_name"
        for range in ranges {
            for matchers in [[], [Matcher(label, .equal, "svc2")]] {
                let query = EventCatalogQuery(table: table, range: range, matchers: matchers)
                let rows = try expected(model, EventScanPlan(table: table, range: range, matchers: matchers))
                let streams = try await store.streams(query, context: context)
                #expect(streams.map(\.labels) == Set(rows.map(\.group.labels)).sorted())
                #expect(streams.map(\.rows).reduce(0, +) == rows.count)
                let values = try await store.labelValues(label, query, context: context)
                #expect(values == Set(rows.compactMap { $0.group.labels[label] }).sorted())
                let names = try await store.labelNames(query, context: context)
                #expect(Set(names) == Set(rows.flatMap { $0.group.labels.labels.map(\.name) }))
                let fields = Set(try await store.fieldNames(query, context: context))
                let held = Set(rows.flatMap { $0.fields.keys + $0.group.shared.map(\.key) })
                #expect(fields.isSuperset(of: held))
                for column in ["level", "region", "resource.pid", "b", "n"] {
                    var query = query
                    query.limit = column == "n" ? 100 : 0
                    let found = try await store.fieldValues(column, query, context: context)
                    let wanted = Set(
                        rows.compactMap { $0.fields[column] ?? $0.group.shared(column).map { ModelRow.Field($0) } })
                    if column == "n" {
                        let texts = wanted.map { field -> String in
                            if case .int(let n) = field.value { return String(n) }
                            return ""
                        }
                        #expect(found == texts.sorted().prefix(100).map { .int(Int64($0) ?? -1) })
                    } else {
                        #expect(Set(found.map { ModelRow.Field($0) }) == wanted)
                    }
                }
            }
        }
    }

    @Test func columnsOfEveryShapeComeBackAndTakeTheEncodingMeantForThem() throws {
        var generator = RowGenerator(seed: 11, table: .logs)
        let rowCount = 3000
        let times = [Int64](repeating: 0, count: rowCount)
        let noTimes = { () throws(CodecError) -> [Int64] in [] }
        typealias Maker = (Int) -> AttributeValue?
        let unique = (0..<rowCount).map { _ in generator.bytes(16) }
        let shapes: [(String, ColumnEncoding, Maker)] = [
            ("constant", .constant, { _ in .string("same") }),
            ("constant sparse", .constant, { $0 % 40 == 0 ? .int(7) : nil }),
            ("levels", .dictionary, { .string(["a", "bb", "", "dddd"][$0 % 4]) }),
            ("256 values", .dictionary, { .string("value \($0 % 256)") }),
            ("kinds", .dictionary, { $0 % 2 == 0 ? .int(1) : .string("1") }),
            ("numbers", .integers, { .int(Int64($0) &* 0x5851_f42d_4c95_7f2d) }),
            ("half the rows", .integers, { $0 % 2 == 0 ? .int(Int64($0)) : nil }),
            ("ids", .fixed, { .bytes(unique[$0]) }),
            ("hex", .hexadecimal, { .string(generator.hexadecimal(unique[$0])) }),
            ("upper hex", .text, { .string(generator.hexadecimal(unique[$0]).uppercased()) }),
            ("text", .text, { .string("line number \($0) \($0 * 7)") }),
            ("mixed", .plain, { $0 % 2 == 0 ? .int(Int64($0)) : .string("\($0)") }),
            ("doubles", .plain, { .double(Double($0) / 3) }),
            ("one row", .constant, { $0 == 2999 ? .map([Attribute("k", .empty)]) : nil }),
        ]
        for (name, encoding, make) in shapes {
            var column = EventColumn(name: name)
            for row in 0..<rowCount { if let value = make(row) { column.append(row: row, value) } }
            let encoded = ColumnWriter(codec: .best).encode(column, rowCount: rowCount, times: times, exactFilter: true)
            #expect(encoded.encoding == encoding, "\(name)")
            let entry = ColumnEntry(
                name: name, encoding: encoded.encoding, count: encoded.count, kind: encoded.kind,
                bounds: encoded.bounds,
                chunk: .none, filterKind: encoded.filterKind, filter: .none)
            let decoded = try ColumnReader.decode(encoded.body, entry: entry, rowCount: rowCount, times: noTimes)
            #expect(decoded.count == column.count)
            for i in 0..<column.count {
                guard decoded.row(at: i) == Int(column.rows[i]), decoded.value(at: i) == column.value(at: i) else {
                    Issue.record("\(name): value \(i)")
                    break
                }
            }
            // Whatever is wrong with the bytes, an error and no trap.
            for _ in 0..<200 {
                var damaged = encoded.body
                damaged[generator.number(damaged.count)] = UInt8(generator.number(256))
                if generator.chance(20) { damaged.removeLast(generator.number(damaged.count)) }
                _ = try? ColumnReader.decode(damaged, entry: entry, rowCount: rowCount, times: noTimes)
            }
        }
    }
}
