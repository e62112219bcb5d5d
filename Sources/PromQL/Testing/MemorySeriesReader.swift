package import Storage
package import Telemetry

/// Series in memory behind the same protocol as the engines: for scripts and for tests of evaluators.
package struct MemorySeriesReader: SeriesReader {
    private var series: [LabelSet: SeriesColumns] = [:]

    package init() {}

    /// Samples may come in any order of time; of two at one time the later call wins.
    /// - Parameter start: when the sample's counting began, 0 where nobody says.
    package mutating func add(_ labels: LabelSet, _ timestamp: Int64, _ value: Double, start: Int64 = 0) {
        var columns = series[labels] ?? SeriesColumns(labels: labels)
        series[labels] = nil
        let at = MemorySeriesReader.place(timestamp, in: columns.timestamps)
        if at < columns.timestamps.count, columns.timestamps[at] == timestamp {
            columns.values[at] = value
            columns.startTimestamps[at] = start
        } else {
            columns.timestamps.insert(timestamp, at: at)
            columns.values.insert(value, at: at)
            columns.startTimestamps.insert(start, at: at)
        }
        series[labels] = columns
    }

    package mutating func add(
        _ labels: LabelSet, _ timestamp: Int64, _ histogram: NativeHistogram, start: Int64 = 0
    ) {
        var columns = series[labels] ?? SeriesColumns(labels: labels)
        series[labels] = nil
        let at = MemorySeriesReader.place(timestamp, in: columns.histogramTimestamps)
        if at < columns.histogramTimestamps.count, columns.histogramTimestamps[at] == timestamp {
            columns.histograms[at] = histogram
            columns.histogramStartTimestamps[at] = start
        } else {
            columns.histogramTimestamps.insert(timestamp, at: at)
            columns.histograms.insert(histogram, at: at)
            columns.histogramStartTimestamps.insert(start, at: at)
        }
        series[labels] = columns
    }

    private static func place(_ timestamp: Int64, in times: [Int64]) -> Int {
        if let last = times.last, last < timestamp { return times.count }
        return times.firstIndex { $0 >= timestamp } ?? times.count
    }

    package func scan(
        _ plan: SeriesScanPlan, context: QueryContext, _ body: ([SeriesColumns]) throws -> Void
    ) async throws -> ScanTrailer {
        let tests = try plan.matchers.map { try CompiledMatcher($0) }
        var batch: [SeriesColumns] = []
        for (labels, columns) in series where tests.matches(labels) {
            let floats = columns.timestamps.indices.filter { plan.range.contains(columns.timestamps[$0]) }
            let histograms = columns.histogramTimestamps.indices.filter {
                plan.range.contains(columns.histogramTimestamps[$0])
            }
            if floats.isEmpty, histograms.isEmpty { continue }
            var slice = SeriesColumns(
                labels: labels, timestamps: floats.map { columns.timestamps[$0] },
                values: floats.map { columns.values[$0] },
                histogramTimestamps: histograms.map { columns.histogramTimestamps[$0] },
                histograms: histograms.map { columns.histograms[$0] })
            // As stores do: no column where nobody said when counting began.
            if floats.contains(where: { columns.startTimestamps[$0] != 0 }) {
                slice.startTimestamps = floats.map { columns.startTimestamps[$0] }
            }
            if histograms.contains(where: { columns.histogramStartTimestamps[$0] != 0 }) {
                slice.histogramStartTimestamps = histograms.map { columns.histogramStartTimestamps[$0] }
            }
            batch.append(slice)
        }
        try body(batch)
        return ScanTrailer(rows: batch.count)
    }

    package func series(_ query: SeriesCatalogQuery, context: QueryContext) async throws -> [LabelSet] {
        let sets = try query.matcherSets.map { try $0.map { try CompiledMatcher($0) } }
        let found = series.keys.filter { labels in sets.isEmpty || sets.contains { $0.matches(labels) } }.sorted()
        return query.limit > 0 ? Array(found.prefix(query.limit)) : found
    }

    package func labelNames(_ query: SeriesCatalogQuery, context: QueryContext) async throws -> [String] {
        var names: Set<String> = []
        for labels in try await series(query, context: context) { labels.forEach { name, _ in names.insert(name) } }
        return names.sorted()
    }

    package func labelValues(
        _ name: String, _ query: SeriesCatalogQuery, context: QueryContext
    ) async throws -> [String] {
        Set(try await series(query, context: context).compactMap { $0[name] }).sorted()
    }

    package func metadata() async throws -> [String: [MetricMetadata]] { [:] }

    package func exemplars(
        _ plan: SeriesScanPlan, context: QueryContext
    ) async throws -> [(labels: LabelSet, exemplars: [Exemplar])] { [] }
}
