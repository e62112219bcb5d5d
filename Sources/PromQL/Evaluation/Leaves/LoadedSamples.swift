internal import Storage
internal import Telemetry
internal import Vectors

/// What the walk of the tree finds ready: leaves that are worked out, and samples for what is no leaf.
struct LoadedSamples: Sendable {
    private(set) var leaves: [Leaf.Place: LeafOutcome] = [:]
    private(set) var columns: [Int: [SeriesColumns]] = [:]
    /// Bytes charged for all of it.
    private(set) var held = 0

    init(
        _ plan: SelectorPlan, _ setting: QuerySetting, reader: any SeriesReader, context: QueryContext
    ) async throws {
        do {
            try await load(plan, setting, reader, context)
        } catch {
            context.release(memory: held)
            throw error
        }
    }

    private mutating func load(
        _ plan: SelectorPlan, _ setting: QuerySetting, _ reader: any SeriesReader, _ context: QueryContext
    ) async throws {
        var fetches = plan.fetches
        let runner = LeafRunner(setting: setting, reader: reader, context: context)
        var outcomes = [LeafOutcome?](repeating: nil, count: plan.leaves.count)
        // Leaves over the same series one after the other, so that these are looked up once and not longer held than
        // need be.
        var bySelection: [Leaf.Selection: [Int]] = [:]
        for (number, leaf) in plan.leaves.enumerated() { bySelection[leaf.selection, default: []].append(number) }
        for leaf in plan.leaves {
            guard let together = bySelection.removeValue(forKey: leaf.selection) else { continue }
            try context.check()
            guard leaf.selection.last >= leaf.selection.first else { continue }
            let selection = try await reader.select(leaf.selection.plan, context: context)
            for sentence in selection.warnings { context.warn(sentence) }
            for other in together {
                if let outcome = try await runner.run(plan.leaves[other], over: selection) {
                    let bytes = outcome.matrix.byteCount
                    held += bytes
                    try context.charge(memory: bytes)
                    outcomes[other] = outcome
                } else {
                    fetches += plan.alternatives[other]
                }
            }
        }
        for (place, number) in plan.places {
            if let outcome = outcomes[number] { leaves[place] = outcome }
        }
        for fetch in fetches where columns[fetch.key] == nil && fetch.selection.last >= fetch.selection.first {
            try context.check()
            columns[fetch.key] = try await read(fetch, reader, context)
        }
    }

    private mutating func read(
        _ fetch: SelectorPlan.Fetch, _ reader: any SeriesReader, _ context: QueryContext
    ) async throws -> [SeriesColumns] {
        var series: [SeriesColumns] = []
        var bytes = 0
        let trailer = try await reader.scan(fetch.selection.plan, context: context) { batch in
            var more = 0
            for columns in batch { more += columns.timestamps.count * 16 + columns.histograms.count * 256 + 128 }
            bytes += more
            try context.charge(memory: more)
            series.append(contentsOf: batch)
        }
        held += bytes
        for sentence in trailer.warnings { context.warn(sentence) }
        series.sort { $0.labels < $1.labels }
        return series
    }
}
