package import Telemetry

/// What a retried batch is recognised by.
package struct BatchID: Hashable, Sendable {
    package var high: UInt64
    package var low: UInt64
    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

/// Why a sample or a row was not stored.
package enum RejectionReason: String, Hashable, Sendable, CaseIterable {
    case outOfOrder = "out_of_order"
    case duplicate = "duplicate_timestamp"
    case tooOld = "too_old"
    case tooNew = "too_far_in_future"
    case invalid = "invalid"
    case limit = "limit"
}

/// What became of a batch. Rejected parts never fail the rest.
package struct AppendOutcome: Sendable {
    package var accepted = 0
    package var rejected: [RejectionReason: Int] = [:]
    /// One sentence about the first rejection.
    package var firstRejection: String?
    /// Series that the store did not know before.
    package var newSeries = 0
    /// Series whose labels the sender spelled wrongly; their samples are counted as ``RejectionReason/invalid``.
    package var invalidSeries = 0
    /// Of ``accepted``: native histograms.
    package var acceptedHistograms = 0
    package var acceptedExemplars = 0
    package init() {}

    package var rejectedCount: Int { rejected.values.reduce(0, +) }

    package mutating func reject(_ reason: RejectionReason, count: Int = 1, _ sentence: @autoclosure () -> String) {
        rejected[reason, default: 0] += count
        if firstRejection == nil { firstRejection = sentence() }
    }
}

package struct SeriesScanPlan: Sendable {
    /// Milliseconds, half-open.
    package var range: TimeRange
    package var matchers: [Matcher]
    package init(range: TimeRange, matchers: [Matcher]) {
        self.range = range
        self.matchers = matchers
    }
}

/// The samples of one series in a range, ascending in time, each timestamp once over floats and histograms together.
package struct SeriesColumns: Sendable {
    package var labels: LabelSet
    package var timestamps: [Int64]
    package var values: [Double]
    package var histogramTimestamps: [Int64]
    package var histograms: [NativeHistogram]
    /// When each sample's counting began, 0 where nobody said. Empty where nobody said it of any sample.
    package var startTimestamps: [Int64] = []
    package var histogramStartTimestamps: [Int64] = []

    package init(
        labels: LabelSet, timestamps: [Int64] = [], values: [Double] = [], histogramTimestamps: [Int64] = [],
        histograms: [NativeHistogram] = []
    ) {
        self.labels = labels
        self.timestamps = timestamps
        self.values = values
        self.histogramTimestamps = histogramTimestamps
        self.histograms = histograms
    }
}

/// What comes after the last batch of a scan.
package struct ScanTrailer: Sendable {
    package var rows: Int
    /// Some part of the range could not be read; `warnings` say which.
    package var partial: Bool
    package var warnings: [String]
    package init(rows: Int = 0, partial: Bool = false, warnings: [String] = []) {
        self.rows = rows
        self.partial = partial
        self.warnings = warnings
    }
}

/// A question about names. Sets of matchers are alternatives (`match[]`); no set at all means every series.
package struct SeriesCatalogQuery: Sendable {
    package var range: TimeRange
    package var matcherSets: [[Matcher]]
    /// 0 is no limit.
    package var limit: Int
    package init(range: TimeRange = .all, matcherSets: [[Matcher]] = [], limit: Int = 0) {
        self.range = range
        self.matcherSets = matcherSets
        self.limit = limit
    }
}

/// How the languages see metrics: a fixture, the embedded engine and a cluster look the same.
package protocol SeriesReader: Sendable {
    /// Hands over every matching series that has a sample in the range (stale markers count), in batches, in no order.
    func scan(
        _ plan: SeriesScanPlan, context: QueryContext, _ body: ([SeriesColumns]) throws -> Void
    ) async throws -> ScanTrailer
    /// Finds the matching series; their samples are read afterwards, by several tasks if need be.
    func select(_ plan: SeriesScanPlan, context: QueryContext) async throws -> any SeriesSelection
    /// Sorted lists; they may hold what has no sample in the range but lives in the same partition.
    func labelNames(_ query: SeriesCatalogQuery, context: QueryContext) async throws -> [String]
    func labelValues(_ name: String, _ query: SeriesCatalogQuery, context: QueryContext) async throws -> [String]
    func series(_ query: SeriesCatalogQuery, context: QueryContext) async throws -> [LabelSet]
    /// By metric family name.
    func metadata() async throws -> [String: [MetricMetadata]]
    func exemplars(_ plan: SeriesScanPlan, context: QueryContext) async throws -> [(
        labels: LabelSet, exemplars: [Exemplar]
    )]
}

/// A metrics engine.
package protocol SeriesStorage: SeriesReader {
    /// Returns when the batch is durable by the configured promise. A batch whose id was appended lately is not stored
    /// twice.
    func append(_ batch: SeriesBatch, id: BatchID?) async throws -> AppendOutcome
    /// Drops what lies wholly before `time` (milliseconds).
    func retain(after time: Int64) async throws
    /// Deletes the samples in the range of the series that one of the sets matches. What is appended afterwards stays.
    func delete(_ matcherSets: [[Matcher]], range: TimeRange) async throws
    /// What is in the store by label names and values, the most first.
    func cardinality(limit: Int) async throws -> SeriesCardinality
    func health() async -> StoreHealth
    /// Seals what is in memory and releases files.
    func close() async throws
}

/// Counts of active series by label, as `/api/v1/status/tsdb` shows them. Lists are ordered by falling count.
package struct SeriesCardinality: Sendable {
    package var activeSeries = 0
    package var labelPairs = 0
    package var chunks = 0
    package var minTime: Int64 = .max
    package var maxTime: Int64 = .min
    package var seriesCountByMetricName: [(name: String, count: Int)] = []
    package var labelValueCountByLabelName: [(name: String, count: Int)] = []
    package var memoryInBytesByLabelName: [(name: String, count: Int)] = []
    package var seriesCountByLabelValuePair: [(name: String, count: Int)] = []
    /// What the cardinality guard refuses at the moment: the target or metric, new series refused, the label to blame.
    package var limited: [(subject: String, refused: Int, label: String)] = []
    package init() {}
}

package struct StoreHealth: Sendable {
    package var activeSeries = 0
    package var parts = 0
    package var rows = 0
    package var bytesOnDisk = 0
    package var journalBytes = 0
    /// Sentences about damage or a full disk; empty when all is well.
    package var problems: [String] = []
    package init() {}
}
