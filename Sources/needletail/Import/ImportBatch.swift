import Telemetry
import Wire

/// Gathers samples of several series for one write.
struct ImportBatch {
    private var batch = SeriesBatch()
    private var known: [LabelSet: UInt32] = [:]
    private(set) var size = 0

    var isEmpty: Bool { batch.isEmpty }

    mutating func take() -> SeriesBatch {
        let taken = batch
        self = ImportBatch()
        return taken
    }

    mutating func series(_ labels: LabelSet) -> UInt32 {
        if let index = known[labels] { return index }
        let index = batch.addSeries(labels)
        known[labels] = index
        return index
    }

    mutating func add(_ labels: LabelSet, _ samples: FolderSamples) {
        guard samples.count > 0 else { return }
        let index = series(labels)
        for i in samples.timestamps.indices {
            add(index, samples.timestamps[i], samples.values[i], start: samples.startTimestamps[safe: i] ?? 0)
        }
        for (time, histogram) in zip(samples.histogramTimestamps, samples.histograms) {
            add(index, time, histogram, start: 0)
        }
    }

    mutating func add(_ series: UInt32, _ time: Int64, _ value: Double, start: Int64) {
        if start != 0, batch.startTimestamps.count < batch.refs.count {
            batch.startTimestamps += Array(repeating: 0, count: batch.refs.count - batch.startTimestamps.count)
        }
        batch.addSample(series, timestamp: time, value: value)
        if start != 0 || !batch.startTimestamps.isEmpty { batch.startTimestamps.append(start) }
        size += 1
    }

    mutating func add(_ series: UInt32, _ time: Int64, _ histogram: NativeHistogram, start: Int64) {
        batch.histograms.append(
            SeriesBatch.HistogramSample(series: series, timestamp: time, histogram: histogram, startTimestamp: start))
        // A histogram takes the room of many numbers.
        size += 8 + histogram.positiveBuckets.count + histogram.negativeBuckets.count
    }

    mutating func add(_ series: UInt32, _ exemplar: Exemplar) {
        batch.exemplars.append(SeriesBatch.ExemplarSample(series: series, exemplar: exemplar))
        size += 4
    }

    mutating func add(_ metadata: MetricMetadata) {
        batch.metadata.append(metadata)
        size += 4
    }
}

extension Array {
    fileprivate subscript(safe index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
