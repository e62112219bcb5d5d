import Foundation
import SeriesStore
import Storage
import Telemetry

/// Where an export reads from. Matcher sets are alternatives; none at all means every series.
protocol ExportSource: Sendable {
    func metricNames(_ matcherSets: [[Matcher]], range: TimeRange) async throws -> [String]
    func metadata() async throws -> [String: MetricMetadata]
    func series(_ matcherSets: [[Matcher]], range: TimeRange) async throws -> [LabelSet]
    /// Samples in the range, of all series together.
    func count(_ matchers: [Matcher], range: TimeRange) async throws -> Int
    func load(_ matchers: [Matcher], range: TimeRange) async throws -> [SeriesColumns]
    func exemplars(_ matchers: [Matcher], range: TimeRange) async throws -> [(labels: LabelSet, exemplars: [Exemplar])]
    func close() async throws
}

/// A data folder that no server has open.
struct StoreSource: ExportSource {
    private let folder: DataFolder
    private let store: EmbeddedSeriesStore

    init(dataFolder path: String) throws {
        guard FileManager.default.fileExists(atPath: path + "/FORMAT") else {
            throw CommandFailure("\(path) is not a needletail data folder")
        }
        do { folder = try DataFolder(opening: path) } catch let error as StorageError {
            if case .unsupported(let sentence) = error, sentence.contains("in use by another") {
                throw CommandFailure("\(sentence), or ask the running server with --url")
            }
            throw error
        }
        var options = SeriesStoreOptions()
        options.retention = .max / 4
        do { store = try EmbeddedSeriesStore.open(folder: folder, options: options) } catch {
            try? folder.close()
            throw error
        }
    }

    private var context: QueryContext { QueryContext(limits: .init(memory: 1 << 30, samples: .max)) }

    func metricNames(_ matcherSets: [[Matcher]], range: TimeRange) async throws -> [String] {
        try await store.labelValues(
            "__name__", SeriesCatalogQuery(range: range, matcherSets: matcherSets), context: context)
    }

    func metadata() async throws -> [String: MetricMetadata] {
        try await store.metadata().compactMapValues(\.first)
    }

    func series(_ matcherSets: [[Matcher]], range: TimeRange) async throws -> [LabelSet] {
        try await store.series(SeriesCatalogQuery(range: range, matcherSets: matcherSets), context: context)
    }

    func count(_ matchers: [Matcher], range: TimeRange) async throws -> Int {
        var count = 0
        _ = try await store.scan(SeriesScanPlan(range: range, matchers: matchers), context: context) { batch in
            for series in batch { count += series.timestamps.count + 16 * series.histograms.count }
        }
        return count
    }

    func load(_ matchers: [Matcher], range: TimeRange) async throws -> [SeriesColumns] {
        var found: [SeriesColumns] = []
        let trailer = try await store.scan(
            SeriesScanPlan(range: range, matchers: matchers), context: context
        ) { found += $0 }
        if trailer.partial {
            throw CommandFailure(
                "a part of the data cannot be read: \(trailer.warnings.first ?? "the reason is not known")")
        }
        return found
    }

    func exemplars(
        _ matchers: [Matcher], range: TimeRange
    ) async throws -> [(labels: LabelSet, exemplars: [Exemplar])] {
        try await store.exemplars(SeriesScanPlan(range: range, matchers: matchers), context: context)
    }

    func close() async throws {
        try await store.close()
        try folder.close()
    }
}
