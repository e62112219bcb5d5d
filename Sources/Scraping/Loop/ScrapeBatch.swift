import Telemetry
import Wire

/// The batch of one scrape while it is made. Series of the answer come first, then those that vanished, then those whose labels
/// are at hand: the order that ``ScrapedSeries`` answers by.
struct ScrapeBatch {
    private(set) var batch = SeriesBatch()
    private var source: ScrapedSeries
    private var freshByRow: [(row: UInt32, labels: LabelSet)] = []
    private var nextFresh = 0

    init(labeler: SeriesLabeler, columns: ExpositionColumns, previous: ExpositionColumns) {
        source = ScrapedSeries(labeler: labeler, columns: columns, previous: previous)
    }

    mutating func reserve(_ count: Int) {
        batch.keys.reserveCapacity(count)
        batch.refs.reserveCapacity(count)
        batch.timestamps.reserveCapacity(count)
        batch.values.reserveCapacity(count)
        source.rows.reserveCapacity(count)
    }

    /// Labels of a row that is new, so that the store need not have them read once more. Rows come in order.
    mutating func keepFresh(_ row: UInt32, _ labels: LabelSet) {
        if freshByRow.count < ScrapedSeries.mostFresh { freshByRow.append((row, labels)) }
    }

    @inline(__always)
    mutating func addSeries(_ key: SeriesKey, row: UInt32) -> UInt32 {
        let index = UInt32(truncatingIfNeeded: batch.keys.count)
        batch.keys.append(key)
        source.rows.append(row)
        if nextFresh < freshByRow.count { keepIfFresh(row, index) }
        return index
    }

    private mutating func keepIfFresh(_ row: UInt32, _ index: UInt32) {
        while nextFresh < freshByRow.count, freshByRow[nextFresh].row < row { nextFresh += 1 }
        guard nextFresh < freshByRow.count, freshByRow[nextFresh].row == row else { return }
        source.fresh.append((index, freshByRow[nextFresh].labels))
        nextFresh += 1
    }

    @inline(__always)
    mutating func addSample(_ series: UInt32, timestamp: Int64, value: Double) {
        batch.refs.append(series)
        batch.timestamps.append(timestamp)
        batch.values.append(value)
        if !batch.startTimestamps.isEmpty { batch.startTimestamps.append(0) }
    }

    /// Of the sample added last.
    mutating func setStart(_ start: Int64) {
        guard !batch.refs.isEmpty else { return }
        if batch.startTimestamps.isEmpty { batch.startTimestamps = Array(repeating: 0, count: batch.refs.count) }
        batch.startTimestamps[batch.startTimestamps.count - 1] = start
    }

    /// Start timestamps that are known only at the end, by row.
    mutating func setStarts(_ start: (_ row: UInt32) -> Int64) {
        for sample in batch.refs.indices {
            let series = Int(batch.refs[sample])
            guard series < source.rows.count else { continue }
            let time = start(source.rows[series])
            guard time != 0 else { continue }
            if batch.startTimestamps.isEmpty { batch.startTimestamps = Array(repeating: 0, count: batch.refs.count) }
            batch.startTimestamps[sample] = time
        }
    }

    mutating func addHistogram(_ sample: SeriesBatch.HistogramSample) { batch.histograms.append(sample) }

    /// Exemplars of rows; of rows that are not stored they are left out.
    mutating func addExemplars(_ exemplars: [(row: UInt32, exemplar: Exemplar)]) {
        var series = 0
        for (row, exemplar) in exemplars {
            while series < source.rows.count, source.rows[series] < row { series += 1 }
            guard series < source.rows.count, source.rows[series] == row else { continue }
            batch.exemplars.append(.init(series: UInt32(truncatingIfNeeded: series), exemplar: exemplar))
        }
    }

    /// Exemplars of several rows that became one series.
    mutating func moveExemplars(
        _ exemplars: [(row: UInt32, exemplar: Exemplar)], ofRows rows: [UInt32], to series: UInt32
    ) {
        for row in rows {
            var (low, high) = (0, exemplars.count)
            while low < high {
                let middle = (low + high) / 2
                if exemplars[middle].row < row { low = middle + 1 } else { high = middle }
            }
            while low < exemplars.count, exemplars[low].row == row {
                batch.exemplars.append(.init(series: series, exemplar: exemplars[low].exemplar))
                low += 1
            }
        }
    }

    mutating func addMetadata(_ metadata: [MetricMetadata]) { batch.metadata = metadata }

    mutating func addVanished(_ key: SeriesKey, row: UInt32, timestamp: Int64) {
        let index = UInt32(truncatingIfNeeded: batch.keys.count)
        batch.keys.append(key)
        source.vanished.append(row)
        addSample(index, timestamp: timestamp, value: SpecialValue.staleMarker)
    }

    mutating func addSeries(_ key: SeriesKey, labels: LabelSet) -> UInt32 {
        let index = UInt32(truncatingIfNeeded: batch.keys.count)
        batch.keys.append(key)
        source.others.append(labels)
        return index
    }

    mutating func add(_ key: SeriesKey, labels: LabelSet, _ value: Double, timestamp: Int64) {
        addSample(addSeries(key, labels: labels), timestamp: timestamp, value: value)
    }

    mutating func add(
        _ reports: ReportSeries, _ report: ScrapeAssembly.Report, duration: Double, timestamp: Int64
    ) {
        let values = reports.values(report, duration: duration)
        for index in values.indices {
            add(reports.keys[index], labels: reports.labels[index], values[index], timestamp: timestamp)
        }
    }

    consuming func finished() -> SeriesBatch {
        batch.source = source
        return batch
    }
}
