package import Storage
import Synchronization
package import Telemetry

extension EmbeddedSeriesStore {
    package func labelNames(_ query: SeriesCatalogQuery, context: QueryContext) async throws -> [String] {
        var names: Set<String> = []
        if query.matcherSets.isEmpty {
            if memoryMayHold(query.range) { names.formUnion(registry.withLock { Array($0.pairs.names.keys) }) }
            for part in parts.withLock({ $0 }) where part.overlaps(query.range) {
                names.formUnion(part.directory.names.map(\.name))
            }
        } else {
            try forEachSeries(query, context) { labels in labels.forEach { name, _ in names.insert(name) } }
        }
        return limited(names, query.limit)
    }

    package func labelValues(_ name: String, _ query: SeriesCatalogQuery, context: QueryContext) async throws
        -> [String]
    {
        var values: Set<String> = []
        if query.matcherSets.isEmpty {
            if memoryMayHold(query.range) {
                registry.withLock { registry in
                    for pair in registry.pairs.names[name] ?? [] { values.insert(registry.pairs.text(pair)) }
                }
            }
            for part in parts.withLock({ $0 }) where part.overlaps(query.range) {
                try context.check()
                do {
                    values.formUnion(try part.values(of: name, queryIndex))
                } catch let error as StorageError {
                    guard case .corrupt = error else { throw error }
                    report(error.description)
                    context.warn(error.description)
                }
            }
        } else {
            // By numbers: each value is spelled once, however many series have it.
            for set in query.matcherSets {
                let selection = try await select(SeriesScanPlan(range: query.range, matchers: set), context: context)
                for labels in selection.groups(.keeping([name])).labels {
                    if let value = labels[name] { values.insert(value) }
                }
            }
        }
        return limited(values, query.limit)
    }

    package func series(_ query: SeriesCatalogQuery, context: QueryContext) async throws -> [LabelSet] {
        var all: Set<LabelSet> = []
        try forEachSeries(query, context) { labels in
            if all.insert(labels).inserted { try context.charge(memory: labels.bytes.count + 64) }
        }
        context.release(memory: all.reduce(0) { $0 + $1.bytes.count + 64 })
        let sorted = all.sorted()
        return query.limit > 0 ? Array(sorted.prefix(query.limit)) : sorted
    }

    /// A question about yesterday is answered without what runs today.
    private func memoryMayHold(_ range: TimeRange) -> Bool {
        shards.contains { $0.state.withLock { $0.mayHold(range) } }
    }

    private func limited(_ texts: Set<String>, _ limit: Int) -> [String] {
        let sorted = texts.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        return limit > 0 ? Array(sorted.prefix(limit)) : sorted
    }

    /// Every series that one of the sets matches and that has samples in the range; some of them more than once.
    private func forEachSeries(
        _ query: SeriesCatalogQuery, _ context: QueryContext, _ body: (LabelSet) throws -> Void
    ) throws {
        let sets = query.matcherSets.isEmpty ? [[]] : query.matcherSets
        for set in sets {
            let matchers = try set.map { try CompiledMatcher($0) }
            try forEachHeadSeries(matchers, query.range, context, isCatalog: true) { labels, _ in try body(labels) }
            for part in parts.withLock({ $0 }) where part.overlaps(query.range) {
                let report = { (sentence: String) in
                    self.report(sentence)
                    context.warn(sentence)
                }
                try part.forEachMatch(matchers, context: context, report: report) { series in
                    if series.blocks.contains(where: { query.range.overlaps(first: $0.first, last: $0.last) }) {
                        try body(series.labels)
                    }
                }
            }
        }
    }

    package func metadata() async throws -> [String: [MetricMetadata]] { families.withLock { $0 } }
}
