import Foundation
import SeriesStore
import Storage
import Synchronization
import Telemetry
import TestSupport
import Testing

/// What was promised and what was tried, beside the store.
private struct Model {
    var acknowledged: [LabelSet: [Int64: UInt64]] = [:]
    var tried: [LabelSet: [Int64: UInt64]] = [:]
    var newest: [LabelSet: Int64] = [:]
    /// Got another value later, which a head that has flushed the first cannot know to be wrong.
    var contradicted: [LabelSet: Set<Int64>] = [:]
}

private final class SimulatedClock: Sendable {
    private let time = Atomic<Int64>(1_800_000_000_000)
    var now: Int64 { time.load(ordering: .relaxed) }
    func advance(_ milliseconds: Int64) { time.add(milliseconds, ordering: .relaxed) }
}

private final class Simulation {
    let seed: UInt64
    var random: SeededGenerator
    let disk: SimulatedFileSystem
    let catalog: Catalog
    let clock = SimulatedClock()
    let series: [LabelSet]
    let losesUnsynced: Bool
    var options = SeriesStoreOptions()
    var model = Model()
    var store: EmbeddedSeriesStore
    var reopened = 0
    var refused = 0

    init(seed: UInt64) throws {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        disk = SimulatedFileSystem(seed: seed ^ 0xabcd)
        catalog = try Catalog()
        series = (0..<9).map {
            LabelSet(["__name__": "m\($0 % 3)", "host": "h\($0)", "kind": $0 == 8 ? "histogram" : "float"])
        }
        losesUnsynced = seed % 2 == 0
        options.shards = 2
        options.journal.segmentBytes = 2_000
        // A loss of power forgives nothing to `always`; the death of the process nothing to either.
        options.journal.sync = losesUnsynced ? .always : .interval(.seconds(3600))
        store = try Simulation.open(disk, catalog, options, clock)
    }

    private static func open(
        _ disk: SimulatedFileSystem, _ catalog: Catalog, _ options: SeriesStoreOptions, _ clock: SimulatedClock
    ) throws -> EmbeddedSeriesStore {
        try EmbeddedSeriesStore.open(
            folder: try DataFolder(simulated: "/data", fileSystem: disk, catalog: catalog), options: options,
            clock: { clock.now })
    }

    func open() throws -> EmbeddedSeriesStore { try Simulation.open(disk, catalog, options, clock) }

    var now: Int64 { clock.now }
    func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    static func value(_ labels: LabelSet, _ timestamp: Int64) -> Double {
        let bits = labels.stableHash ^ UInt64(bitPattern: timestamp)
        return bits % 17 == 0 ? SpecialValue.staleMarker : Double(bits % 1_000) / 8
    }

    static func histogram(_ labels: LabelSet, _ timestamp: Int64) -> NativeHistogram {
        var histogram = NativeHistogram()
        histogram.sum = value(labels, timestamp)
        histogram.count = 3
        histogram.positiveSpans = [.init(offset: 1, length: 2)]
        histogram.positiveBuckets = [1, 2]
        return histogram
    }

    func append() async throws {
        var batch = SeriesBatch()
        var added: [(LabelSet, Int64)] = []
        for labels in series.shuffled(using: &random).prefix(Int.random(in: 1...5, using: &random)) {
            let ref = batch.addSeries(labels)
            let isHistogram = labels["kind"] == "histogram"
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                // Inside of the out-of-order window, whatever was lost.
                let newest = model.newest[labels] ?? now
                let oldest = max(newest - 3_000_000, now - 30_000_000)
                let timestamp =
                    chance(70)
                    ? now - Int64.random(in: 0...50, using: &random) * 1_000
                    : max(oldest, min(now, newest) - Int64.random(in: 0...2_900, using: &random) * 1_000)
                guard timestamp >= newest - 3_000_000,
                    model.contradicted[labels]?.contains(timestamp) != true
                else { continue }
                if isHistogram {
                    batch.histograms.append(
                        .init(series: ref, timestamp: timestamp, histogram: Simulation.histogram(labels, timestamp)))
                } else {
                    batch.addSample(ref, timestamp: timestamp, value: Simulation.value(labels, timestamp))
                }
                added.append((labels, timestamp))
                model.newest[labels] = max(model.newest[labels] ?? .min, timestamp)
            }
        }
        for (labels, timestamp) in added {
            model.tried[labels, default: [:]][timestamp] = Simulation.value(labels, timestamp).bitPattern
        }
        let outcome = try await store.append(batch, id: BatchID(high: seed, low: random.next()))
        #expect(outcome.rejectedCount == 0, "seed \(seed): \(outcome.firstRejection ?? "")")
        for (labels, timestamp) in added {
            model.acknowledged[labels, default: [:]][timestamp] = Simulation.value(labels, timestamp).bitPattern
        }
    }

    /// Another value for a time that has one must not be seen, accepted or not.
    func contradict() async throws {
        guard let labels = series.randomElement(using: &random), labels["kind"] != "histogram",
            let newest = model.newest[labels],
            let timestamp = model.acknowledged[labels]?.keys.filter({ $0 >= newest - 3_000_000 }).min()
        else { return }
        var batch = SeriesBatch()
        batch.addSample(batch.addSeries(labels), timestamp: timestamp, value: -1)
        model.contradicted[labels, default: []].insert(timestamp)
        _ = try await store.append(batch, id: nil)
    }

    func crashAndReopen() throws {
        if !disk.isCrashed { disk.crash(losingUnsynced: losesUnsynced) }
        disk.restart()
        store = try open()
        reopened += 1
    }

    func verify() async throws {
        var seen: [LabelSet: [Int64: UInt64]] = [:]
        let trailer = try await store.scan(SeriesScanPlan(range: .all, matchers: []), context: QueryContext()) {
            batch in
            for columns in batch {
                #expect(seen[columns.labels] == nil, "seed \(seed): \(columns.labels) twice")
                var samples: [Int64: UInt64] = [:]
                for (timestamp, value) in zip(columns.timestamps, columns.values) {
                    samples[timestamp] = value.bitPattern
                }
                for (timestamp, histogram) in zip(columns.histogramTimestamps, columns.histograms) {
                    samples[timestamp] = histogram.sum.bitPattern
                    #expect(histogram.positiveBuckets == [1, 2], "seed \(seed)")
                }
                #expect(columns.timestamps == columns.timestamps.sorted(), "seed \(seed)")
                #expect(samples.count == columns.timestamps.count + columns.histogramTimestamps.count, "seed \(seed)")
                seen[columns.labels] = samples
            }
        }
        #expect(!trailer.partial, "seed \(seed): \(trailer.warnings)")
        for (labels, samples) in model.acknowledged {
            for (timestamp, bits) in samples where seen[labels]?[timestamp] != bits {
                Issue.record(
                    "seed \(seed): \(labels) at \(timestamp) is \(seen[labels]?[timestamp].map(String.init) ?? "lost")"
                )
                return
            }
        }
        for (labels, samples) in seen {
            for (timestamp, bits) in samples where model.tried[labels]?[timestamp] != bits {
                Issue.record("seed \(seed): \(labels) at \(timestamp) was never written with \(bits)")
                return
            }
        }
    }

    func step() async throws {
        switch Int.random(in: 0..<100, using: &random) {
        case ..<62: try await append()
        case ..<70: try await contradict()
        case ..<84: try await store.maintain(now: now)
        case ..<88:
            try await store.close()
            store = try open()
            reopened += 1
            try await verify()
        case ..<93: disk.crash(afterChanges: Int.random(in: 1...25, using: &random), losingUnsynced: losesUnsynced)
        case ..<96:
            disk.setCapacity(disk.used + Int.random(in: 0...400, using: &random))
        default:
            try crashAndReopen()
            try await verify()
        }
        if chance(30) { disk.setCapacity(.max) }
        clock.advance(Int64.random(in: 0...2_400, using: &random) * 1_000)
    }

    func run() async throws {
        for _ in 0..<70 {
            do {
                try await step()
            } catch let error as StorageError {
                if case .diskFull = error {
                    refused += 1
                    disk.setCapacity(.max)
                    if !disk.isCrashed { continue }
                } else if !disk.isCrashed {
                    throw error
                }
            }
            if disk.isCrashed {
                disk.setCapacity(.max)
                try crashAndReopen()
                try await verify()
            }
        }
        disk.setCapacity(.max)
        disk.restart()
        try await verify()
    }
}

@Test func noAcknowledgedSampleIsLostOrChangedByCrashesAndFullDisks() async throws {
    var reopened = 0
    var refused = 0
    let seeds = UInt64(TestSeeds.count(unlessTold: 75))
    for seed in TestSeeds.first...TestSeeds.first + seeds - 1 {
        let simulation = try Simulation(seed: seed)
        do {
            try await simulation.run()
        } catch {
            Issue.record("seed \(seed): \(error)")
        }
        reopened += simulation.reopened
        refused += simulation.refused
    }
    // A simulation in which nothing happens proves nothing.
    if seeds > 20 {
        #expect(reopened > seeds * 3)
        #expect(refused > seeds / 15)
    }
}
