internal import Storage
internal import Telemetry
internal import Vectors

/// Evaluates leaves, each by all cores.
struct LeafRunner {
    let setting: QuerySetting
    let reader: any SeriesReader
    let context: QueryContext
    /// In the task that asked, on its thread.
    let isInline: Bool
    /// Tasks that a leaf is spread over, whoever runs them: sums come out the same however these are scheduled.
    private static let tasks = 4
    /// Nanoseconds of work for which no other thread is woken.
    static let inlineWork = 500_000

    /// Nil where the selection has native histograms, which the evaluator itself goes through.
    func run(_ leaf: Leaf, over selection: any SeriesSelection) async throws -> LeafOutcome? {
        if selection.holdsHistograms { return nil }
        guard selection.count > 0, leaf.grid.count > 0 else {
            return LeafOutcome(matrix: StepMatrix(grid: leaf.grid), annotations: Annotations())
        }
        var leaf = leaf
        if leaf.fused != nil, !canFuse(leaf, selection) {
            guard let aggregated = try await runApart(&leaf, over: selection) else { return nil }
            return aggregated
        }
        let groups = leaf.fused.map { selection.groups(rule($0.grouping, leaf)) } ?? SeriesGroups()
        let names = names(leaf, selection)
        var products = try await products(leaf, selection, groups, names)
        var held = products.reduce(0) { $0 + $1.held }
        defer { context.release(memory: held) }
        var outcome = LeafOutcome(matrix: StepMatrix(grid: leaf.grid), annotations: Annotations())
        for (number, labels) in names.labels.enumerated() where products.contains(where: { $0.names[number] }) {
            setting.complainOfNonCounter(labels, &outcome.annotations)
        }
        if leaf.fused != nil {
            guard var total = products.first?.groups else { return outcome }
            for product in products.dropFirst() { if let more = product.groups { total.merge(more) } }
            guard let matrix = total.finished(groups.labels, leaf.grid) else {
                products = []
                context.release(memory: held)
                held = 0
                return try await runApart(&leaf, over: selection)
            }
            outcome.matrix = matrix
            return outcome
        }
        try assemble(leaf, selection, products, &outcome.matrix)
        return outcome
    }

    /// The elements one by one, and the aggregation over them.
    private func runApart(_ leaf: inout Leaf, over selection: any SeriesSelection) async throws -> LeafOutcome? {
        guard let fused = leaf.fused else { return nil }
        leaf.fused = nil
        guard var outcome = try await run(leaf, over: selection) else { return nil }
        let bytes = outcome.matrix.byteCount
        try context.charge(memory: bytes)
        defer { context.release(memory: bytes) }
        outcome.matrix = try aggregate(
            fused.operation, grouping: fused.grouping, outcome.matrix, annotations: &outcome.annotations)
        return outcome
    }

    private func products(
        _ leaf: Leaf, _ selection: any SeriesSelection, _ groups: SeriesGroups, _ names: SeriesGroups
    ) async throws -> [LeafWorker.Product] {
        let count = selection.count
        let (setting, context) = (setting, context)
        // A row and a table of windows, before a task has them.
        let (bytes, overflow) = leaf.grid.count.multipliedReportingOverflow(by: 50)
        guard !overflow else { throw StorageError.memoryBudgetExceeded(limit: context.limits.memory) }
        defer { context.release(memory: bytes) }
        try context.charge(memory: bytes)
        let run = { @Sendable (range: Range<Int>) throws -> LeafWorker.Product in
            var worker = LeafWorker(leaf, setting, selection, context)
            return try worker.run(
                range, groups: groups.numbers, groupCount: groups.labels.count, names: names.numbers,
                nameCount: names.labels.count)
        }
        // Less than so many series, or than 200 µs of work, is no task of its own.
        let work = leaf.effort.multipliedReportingOverflow(by: count)
        let tasks = min(LeafRunner.tasks, count / 16, work.overflow ? .max : work.partialValue / 200_000)
        guard tasks > 1, !isInline else {
            return [try run(0..<count)]
        }
        return try await withThrowingTaskGroup(of: (Int, LeafWorker.Product).self) { group in
            for task in 0..<tasks {
                group.addTask { (task, try run(count * task / tasks..<count * (task + 1) / tasks)) }
            }
            var products = [LeafWorker.Product?](repeating: nil, count: tasks)
            do {
                for try await (task, product) in group { products[task] = product }
            } catch {
                // What the others hold is given back when they have ended.
                group.cancelAll()
                while let result = await group.nextResult() {
                    if case .success(let (_, product)) = result { context.release(memory: product.held) }
                }
                for product in products { context.release(memory: product?.held ?? 0) }
                throw error
            }
            return products.compactMap { $0 }
        }
    }

    private func assemble(
        _ leaf: Leaf, _ selection: any SeriesSelection, _ products: [LeafWorker.Product], _ matrix: inout StepMatrix
    ) throws {
        var keepsName = true
        if case .window(let function) = leaf.kernel { keepsName = function.keepsName }
        let labels: [LabelSet]
        var mayMeet = false
        if keepsName || setting.names == .delayed {
            labels = selection.labels(of: 0..<selection.count)
        } else {
            let groups = selection.groups(.dropping(LeafRunner.identity))
            labels = groups.numbers.map { groups.labels[Int($0)] }
            mayMeet = groups.labels.count < labels.count
        }
        matrix.series.reserveCapacity(products.reduce(0) { $0 + $1.rows.count })
        for product in products {
            for row in product.rows {
                matrix.series.append(
                    StepSeries(
                        labels: labels[row.series], values: row.values, present: row.present,
                        dropsName: !keepsName && setting.names == .delayed))
            }
        }
        if mayMeet { try matrix.mergeEqualLabels() }
    }

    // MARK: Names

    private static let identity = ["__name__", "__type__", "__unit__"]

    /// Of the series that a complaint could be about; none where nobody would complain.
    private func names(_ leaf: Leaf, _ selection: any SeriesSelection) -> SeriesGroups {
        guard case .window(let function) = leaf.kernel, function.isCounterFunction else { return SeriesGroups() }
        if !setting.typeLabels, let name = leaf.selection.oneName {
            return SeriesGroups(
                numbers: [UInt32](repeating: 0, count: selection.count), labels: [LabelSet([Label("__name__", name)])])
        }
        return selection.groups(.keeping(["__name__", "__type__"]))
    }

    /// Whether the function takes names away before the aggregation looks at them.
    private func dropsNames(_ leaf: Leaf) -> Bool {
        if case .window(let function) = leaf.kernel { return !function.keepsName }
        return false
    }

    private func canFuse(_ leaf: Leaf, _ selection: any SeriesSelection) -> Bool {
        guard let fused = leaf.fused, dropsNames(leaf) else { return true }
        if setting.names == .delayed {
            if case .by(let names) = fused.grouping { return !names.contains("__name__") }
            return true
        }
        // Series of one name can only meet where they differ in type or unit alone.
        return selection.groups(.keeping(["__type__", "__unit__"])).labels.count <= 1
    }

    private func rule(_ grouping: Grouping, _ leaf: Leaf) -> SeriesGroupRule {
        let drops = dropsNames(leaf) && setting.names == .eager
        switch grouping {
        case .none: return .keeping([])
        case .by(let names): return .keeping(drops ? names.filter { !LeafRunner.identity.contains($0) } : names)
        case .without(let names): return .dropping(names + (drops ? LeafRunner.identity : ["__name__"]))
        }
    }
}

extension QuerySetting {
    /// What Prometheus says where `rate` or `increase` meets a name that is not one of a counter.
    func complainOfNonCounter(_ labels: LabelSet, _ found: inout Annotations) {
        guard let name = labels.metricName else { return }
        if typeLabels {
            let type = labels["__type__"] ?? ""
            if type != "counter", type != "histogram" {
                found.inform(
                    "PromQL info: metric might not be a counter, __type__ label is not set to \"counter\" or \"histogram\""
                        + ", got \(quoteGo(type)): \(quoteGo(name))")
            }
            return
        }
        if name.hasSuffix("_total") || name.hasSuffix("_sum") || name.hasSuffix("_count") || name.hasSuffix("_bucket") {
            return
        }
        found.inform(
            "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \(quoteGo(name))"
        )
    }
}
