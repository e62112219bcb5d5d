import Foundation
import Storage
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import SeriesStore

private final class Asked: SeriesLabelSource {
    let labels: [LabelSet?]
    private let calls = Mutex(0)
    init(_ labels: [LabelSet?]) { self.labels = labels }
    var count: Int { calls.withLock { $0 } }
    func labels(ofSeries index: Int) throws(InvalidSeries) -> LabelSet {
        calls.withLock { $0 += 1 }
        guard let labels = labels[index] else { throw InvalidSeries("a label name stands twice") }
        return labels
    }
}

private func named(_ number: Int) -> LabelSet { LabelSet(["__name__": "m\(number % 7)", "number": "\(number)"]) }
private func key(_ number: Int) -> SeriesKey { SeriesKey(high: 1, low: UInt64(number) &* 0x9e37_79b9_7f4a_7c15) }

private func keyed(_ numbers: [Int], at time: Int64, _ value: Double, invalid: Set<Int> = []) -> (SeriesBatch, Asked) {
    let asked = Asked(numbers.map { invalid.contains($0) ? nil : named($0) })
    var batch = SeriesBatch()
    batch.keys = numbers.map(key)
    batch.source = asked
    for index in numbers.indices { batch.addSample(UInt32(index), timestamp: time, value: value) }
    return (batch, asked)
}

private func all(_ store: EmbeddedSeriesStore, _ matchers: [Matcher] = []) async throws -> [LabelSet: SeriesColumns] {
    var found: [LabelSet: SeriesColumns] = [:]
    _ = try await store.scan(SeriesScanPlan(range: .all, matchers: matchers), context: QueryContext()) { batch in
        for columns in batch { found[columns.labels] = columns }
    }
    return found
}

private let begin: Int64 = 1_800_000_000_000

@Test func aKnownSeriesIsFoundByItsKeyAndAnInvalidOneHurtsNobody() async throws {
    try await withTemporaryFolder { path in
        let folder = try DataFolder(opening: path.path)
        let store = try EmbeddedSeriesStore.open(folder: folder, clock: { begin })
        let (first, asked) = keyed(Array(0..<500), at: begin - 2_000, 1, invalid: [3, 77])
        let outcome = try await store.append(first, id: nil)
        #expect(outcome.accepted == 498)
        #expect(outcome.invalidSeries == 2)
        #expect(outcome.rejected == [.invalid: 2])
        #expect(outcome.firstRejection == "a label name stands twice")
        #expect(asked.count == 500)
        let (second, askedAgain) = keyed(Array(0..<500).reversed(), at: begin - 1_000, 2, invalid: [3, 77])
        #expect(try await store.append(second, id: nil).accepted == 498)
        #expect(askedAgain.count == 2, "only what is not known is asked for")
        // The same series by labels, by another key, and by key again are one.
        var plain = SeriesBatch()
        plain.addSample(plain.addSeries(named(5)), timestamp: begin, value: 3)
        #expect(try await store.append(plain, id: nil).newSeries == 0)
        let columns = try #require(try await all(store)[named(5)])
        #expect(columns.values == [1, 2, 3])
        #expect(try await all(store).count == 498)
        try await store.close()
    }
}

@Test func seriesThatStoppedLeaveMemoryAndTheirSlotsServeOthers() async throws {
    try await withTemporaryFolder { path in
        let clock = TestClock()
        let now = { clock.time.load(ordering: .relaxed) }
        let folder = try DataFolder(opening: path.path)
        let store = try EmbeddedSeriesStore.open(folder: folder, clock: { clock.time.load(ordering: .relaxed) })
        var model: [LabelSet: [Double]] = [:]
        var random = SeededGenerator(seed: 5)
        for round in 0..<8 {
            // Half of the series are those of the round before, and half are new.
            let numbers = (round * 200..<round * 200 + 400).shuffled(using: &random)
            let (batch, _) = keyed(numbers, at: now(), Double(round))
            #expect(try await store.append(batch, id: nil).accepted == 400)
            for number in numbers { model[named(number), default: []].append(Double(round)) }
            clock.time.add(200_000, ordering: .relaxed)
            try await store.maintain(now: now())
            let health = await store.health()
            #expect(health.activeSeries <= 800, "round \(round)")
            #expect(health.rows == (round + 1) * 400)
            let seen = try await all(store)
            #expect(seen.mapValues(\.values) == model, "round \(round)")
            let one = try await all(store, [Matcher("number", .equal, "\(round * 200 + 7)")])
            #expect(one.keys.map(\.description) == [named(round * 200 + 7).description])
        }
        clock.time.add(1_000_000, ordering: .relaxed)
        try await store.maintain(now: now())
        #expect(await store.health().activeSeries == 0)
        #expect(try await all(store).mapValues(\.values) == model)
        let values = try await store.labelValues("number", SeriesCatalogQuery(), context: QueryContext())
        #expect(values.count == model.count)
        try await store.close()
    }
}

private final class TestClock: Sendable {
    let time = Atomic<Int64>(begin)
}

@Test func startTimestampsAndExemplarsAreKept() async throws {
    try await withTemporaryFolder { path in
        var folder = try DataFolder(opening: path.path)
        var options = SeriesStoreOptions()
        options.sealsAtClose = false
        var store = try EmbeddedSeriesStore.open(folder: folder, options: options, clock: { begin })
        let labels = LabelSet(["__name__": "orders_total"])
        let times = (0..<9).map { begin - 90_000 + Int64($0) * 10_000 }
        let starts = times.map { $0 < begin - 50_000 ? begin - 500_000 : $0 < begin - 20_000 ? begin - 50_000 : 0 }
        var batch = SeriesBatch()
        let ref = batch.addSeries(labels)
        for time in times { batch.addSample(ref, timestamp: time, value: Double(time - begin)) }
        batch.startTimestamps = starts
        let histograms = batch.addSeries(LabelSet(["__name__": "seconds"]))
        var histogram = NativeHistogram()
        histogram.count = 2
        histogram.zeroCount = 2
        for time in times {
            batch.histograms.append(
                .init(series: histograms, timestamp: time, histogram: histogram, startTimestamp: time - 7))
        }
        let exemplar = Exemplar(labels: LabelSet(["trace_id": "abc"]), value: 3, timestamp: begin - 60_000)
        batch.exemplars.append(.init(series: ref, exemplar: exemplar))
        #expect(try await store.append(batch, id: nil).accepted == 18)
        func check(_ place: String) async throws {
            let found = try await all(store)
            #expect(found[labels]?.startTimestamps == starts, "\(place)")
            #expect(
                found[LabelSet(["__name__": "seconds"])]?.histogramStartTimestamps == times.map { $0 - 7 }, "\(place)")
            let exemplars = try await store.exemplars(
                SeriesScanPlan(range: .all, matchers: []), context: QueryContext())
            #expect(exemplars.map(\.labels) == [labels], "\(place)")
            #expect(exemplars.first?.exemplars == [exemplar], "\(place)")
        }
        func reopen() async throws {
            try await store.close()
            try folder.close()
            folder = try DataFolder(opening: path.path)
            store = try EmbeddedSeriesStore.open(folder: folder, options: options, clock: { begin })
        }
        try await check("in memory")
        try await reopen()
        try await check("from the journal")
        try await store.flushEverything()
        try await check("from a part")
        try await reopen()
        try await check("from a part after a restart")
        #expect(await store.health().journalBytes < 1_000)
        try await store.close()
    }
}

@Test func theRegistryAgreesWithADictionary() throws {
    for seed in UInt64(1)...20 {
        var random = SeededGenerator(seed: seed)
        var registry = SeriesRegistry()
        var model: [LabelSet: UInt32] = [:]
        for _ in 0..<600 {
            let labels = LabelSet([
                "__name__": "metric\(Int.random(in: 0..<5, using: &random))",
                "job": Int.random(in: 0..<3, using: &random) == 0 ? "" : "j",
                "n": "\(Int.random(in: 0..<300, using: &random))",
                "le": ["", "0.5", "10", "2", "+Inf"][Int.random(in: 0..<5, using: &random)],
            ])
            let hash = UInt64(labels.stableHash % 64)
            #expect(registry.slot(of: labels, hash: hash) == model[labels], "seed \(seed)")
            if model[labels] == nil { model[labels] = registry.add(labels, hash: hash) }
            if Int.random(in: 0..<100, using: &random) == 0 {
                var isAlive = [Bool](repeating: false, count: registry.slotCount)
                for (labels, slot) in model {
                    isAlive[Int(slot)] = Bool.random(using: &random)
                    if !isAlive[Int(slot)] { model[labels] = nil }
                }
                registry.keep(isAlive)
            }
        }
        #expect(registry.count == model.count, "seed \(seed)")
        for (labels, slot) in model { #expect(registry.labels(of: slot) == labels, "seed \(seed)") }
        var order = FlushOrder()
        order.update(registry)
        #expect(
            order.slots.map { registry.labels(of: $0) } == model.keys.sorted { PartOrder.precedes($0, $1) },
            "seed \(seed)")
        for matcher in [
            Matcher("__name__", .equal, "metric1"), Matcher("job", .equal, ""), Matcher("job", .notEqual, "j"),
            Matcher("n", .regex, "1.*"), Matcher("n", .notRegex, "1.*|2.*"), Matcher("n", .regex, "17|18|500"),
            Matcher("absent", .notEqual, "x"), Matcher("nn", .equal, "1"),
        ] {
            let compiled = try CompiledMatcher(matcher)
            let found = registry.matching([compiled]).map { registry.labels(of: $0) }.sorted()
            #expect(found == model.keys.filter { [compiled].matches($0) }.sorted(), "seed \(seed) \(matcher)")
        }
    }
}

@Test(arguments: [1, 2, 3] as [UInt64])
func keysAreFoundInAnyOrderAsInADictionary(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var table = SeriesKeyTable()
    var model: [SeriesKey: UInt32] = [:]
    var known: [SeriesKey] = []
    for round in 0..<6 {
        for _ in 0..<Int.random(in: 1...700, using: &random) {
            // Many keys share their lower half's last bits, some all of it.
            let low = UInt64.random(in: 0..<64, using: &random) << (Bool.random(using: &random) ? 0 : 20)
            let key = SeriesKey(high: UInt64.random(in: 0..<1_000, using: &random), low: low)
            guard model[key] == nil else { continue }
            let slot = UInt32.random(in: 0..<50, using: &random)
            table.insert(key, slot: slot)
            model[key] = slot
            known.append(key)
        }
        if round % 2 == 1 {
            let isAlive = (0..<50).map { _ in Bool.random(using: &random) }
            table.keep(isAlive)
            model = model.filter { isAlive[Int($0.value)] }
        }
        let start = Int.random(in: 0..<known.count, using: &random)
        for asked in [known, known.reversed(), known.shuffled(using: &random), Array(known[start...]), known + known] {
            var slots: [UInt32] = [7]
            table.find(asked, into: &slots)
            #expect(slots == asked.map { model[$0] ?? SeriesKeyTable.none }, "seed \(seed), round \(round)")
            #expect(asked.allSatisfy { table.find($0) == model[$0] ?? SeriesKeyTable.none }, "seed \(seed)")
        }
        #expect(table.count == model.count)
    }
}
