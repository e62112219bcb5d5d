import Storage
import Telemetry

/// A store that also puts what it takes in the queue of `remote_write`. With no receiver it costs one load for each
/// batch.
///
/// First the store, then the queue, then the acknowledgement: what a sender was told is stored is in the queue too. Of
/// a batch that was stored in part all is queued but series with bad labels: what a sample was refused for (it is too
/// late, or a second value for one time) its receiver finds itself.
package struct ForwardingSeriesStorage: SeriesStorage {
    private let base: any SeriesStorage
    private let queues: RemoteWriteManager

    package init(base: any SeriesStorage, queues: RemoteWriteManager) {
        self.base = base
        self.queues = queues
    }

    package func append(_ batch: SeriesBatch, id: BatchID?) async throws -> AppendOutcome {
        let outcome = try await base.append(batch, id: id)
        if queues.isActive, outcome.accepted > 0 || outcome.acceptedExemplars > 0 { try queues.enqueue(batch) }
        return outcome
    }

    package func scan(
        _ plan: SeriesScanPlan, context: QueryContext, _ body: ([SeriesColumns]) throws -> Void
    ) async throws -> ScanTrailer {
        try await base.scan(plan, context: context, body)
    }

    package func select(_ plan: SeriesScanPlan, context: QueryContext) async throws -> any SeriesSelection {
        try await base.select(plan, context: context)
    }

    package func labelNames(_ query: SeriesCatalogQuery, context: QueryContext) async throws -> [String] {
        try await base.labelNames(query, context: context)
    }

    package func labelValues(
        _ name: String, _ query: SeriesCatalogQuery, context: QueryContext
    ) async throws -> [String] {
        try await base.labelValues(name, query, context: context)
    }

    package func series(_ query: SeriesCatalogQuery, context: QueryContext) async throws -> [LabelSet] {
        try await base.series(query, context: context)
    }

    package func metadata() async throws -> [String: [MetricMetadata]] { try await base.metadata() }

    package func exemplars(
        _ plan: SeriesScanPlan, context: QueryContext
    ) async throws -> [(labels: LabelSet, exemplars: [Exemplar])] {
        try await base.exemplars(plan, context: context)
    }

    package func retain(after time: Int64) async throws { try await base.retain(after: time) }
    package func delete(_ matcherSets: [[Matcher]], range: TimeRange) async throws {
        try await base.delete(matcherSets, range: range)
    }
    package func cardinality(limit: Int) async throws -> SeriesCardinality { try await base.cardinality(limit: limit) }
    package func health() async -> StoreHealth { await base.health() }
    package func close() async throws { try await base.close() }
}
