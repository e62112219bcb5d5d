package import Storage
import Synchronization
internal import Telemetry

extension EmbeddedSeriesStore {
    package func cardinality(limit: Int) async throws -> SeriesCardinality {
        var answer = SeriesCardinality()
        let counts = registry.withLock { registry in
            answer.activeSeries = registry.count
            answer.labelPairs = registry.pairs.pairs.count
            return registry.pairs.counts(atLeast: limit)
        }
        answer.fill(counts, limit: limit)
        for box in shards {
            box.state.withLock { head in
                answer.chunks += head.runs.count
                for record in head.records where record.id != 0 && record.newest != .min {
                    answer.maxTime = max(answer.maxTime, record.newest)
                }
                for run in head.runs { answer.minTime = min(answer.minTime, run.minTime) }
            }
        }
        for part in parts.withLock({ $0 }) {
            answer.minTime = min(answer.minTime, part.directory.minTime)
            answer.maxTime = max(answer.maxTime, part.directory.maxTime)
        }
        answer.limited = seriesGuard.limited(top: limit).map { ($0.subject, $0.refusedSeries, $0.label) }
        return answer
    }
}

/// Copies of counts, made under the lock of the registry and sorted without it.
struct LabelCounts {
    var names: [(name: String, values: Int, bytes: Int)] = []
    var metrics: [(name: String, count: Int)] = []
    var pairs: [(name: String, count: Int)] = []
}

extension LabelPairTable {
    /// Pairs of one series are left out where there are enough others: a million distinct values are of no interest
    /// one by one.
    func counts(atLeast limit: Int) -> LabelCounts {
        var answer = LabelCounts()
        var singles: [UInt32] = []
        for (name, numbers) in names {
            var bytes = 0
            for number in numbers {
                let series = pairs[Int(number)].postings.count
                bytes += value(number).count * series
                if series == 1, numbers.count > limit {
                    if singles.count < limit { singles.append(number) }
                    continue
                }
                answer.pairs.append(("\(name)=\(text(number))", series))
                if name == "__name__" { answer.metrics.append((text(number), series)) }
            }
            answer.names.append((name, numbers.count, bytes))
        }
        for number in singles {
            let name = String(decoding: name(number), as: UTF8.self)
            answer.pairs.append(("\(name)=\(text(number))", 1))
            if name == "__name__" { answer.metrics.append((text(number), 1)) }
        }
        return answer
    }
}

extension SeriesCardinality {
    fileprivate mutating func fill(_ counts: LabelCounts, limit: Int) {
        func top(_ all: [(name: String, count: Int)]) -> [(name: String, count: Int)] {
            Array(all.sorted { ($0.count, $1.name) > ($1.count, $0.name) }.prefix(limit))
        }
        seriesCountByMetricName = top(counts.metrics)
        labelValueCountByLabelName = top(counts.names.map { ($0.name, $0.values) })
        memoryInBytesByLabelName = top(counts.names.map { ($0.name, $0.bytes) })
        seriesCountByLabelValuePair = top(counts.pairs)
    }
}
