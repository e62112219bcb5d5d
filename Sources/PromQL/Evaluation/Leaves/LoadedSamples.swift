internal import Storage
internal import Telemetry
internal import Vectors

/// The series of a query's leaves, each selection once.
struct FoundSeries: Sendable {
    private(set) var selections: [Leaf.Selection: any SeriesSelection] = [:]
    /// Nanoseconds that the leaves will take, roughly.
    private(set) var work = 0

    init(_ plan: SelectorPlan, reader: any SeriesReader, context: QueryContext) async throws {
        for leaf in plan.leaves where leaf.selection.last >= leaf.selection.first && selections[leaf.selection] == nil {
            try context.check()
            let selection = try await context.measure(.select) {
                try await reader.select(leaf.selection.plan, context: context)
            }
            for sentence in selection.warnings { context.warn(sentence) }
            selections[leaf.selection] = selection
        }
        for leaf in plan.leaves {
            let more = leaf.effort.multipliedReportingOverflow(by: selections[leaf.selection]?.count ?? 0)
            work = more.overflow ? .max : max(work, work &+ more.partialValue)
        }
    }
}

/// What the walk of the tree finds ready: leaves that are worked out, and samples for what is no leaf.
struct LoadedSamples: Sendable {
    private(set) var leaves: [Leaf.Place: LeafOutcome] = [:]
    private(set) var columns: [Int: [SeriesColumns]] = [:]
    /// Bytes charged for all of it.
    private(set) var held = 0

    init(
        _ plan: SelectorPlan, _ found: FoundSeries, _ runner: LeafRunner, reader: any SeriesReader,
        context: QueryContext
    ) async throws {
        do {
            try await load(plan, found, runner, reader, context)
        } catch {
            context.release(memory: held)
            throw error
        }
    }

    private mutating func load(
        _ plan: SelectorPlan, _ found: FoundSeries, _ runner: LeafRunner, _ reader: any SeriesReader,
        _ context: QueryContext
    ) async throws {
        var fetches = plan.fetches
        var outcomes = [LeafOutcome?](repeating: nil, count: plan.leaves.count)
        for (number, leaf) in plan.leaves.enumerated() {
            try context.check()
            guard let selection = found.selections[leaf.selection] else { continue }
            if let outcome = try await runner.run(leaf, over: selection) {
                let bytes = outcome.matrix.byteCount
                held += bytes
                try context.charge(memory: bytes)
                outcomes[number] = outcome
            } else {
                fetches += plan.alternatives[number]
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
