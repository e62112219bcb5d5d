package import Storage
import Synchronization
internal import Telemetry

extension EmbeddedSeriesStore {
    package func cardinality(limit: Int) async throws -> SeriesCardinality {
        var answer = registry.withLock { $0.cardinality(limit: limit) }
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

extension SeriesRegistry {
    /// Counts of the series in memory.
    func cardinality(limit: Int) -> SeriesCardinality {
        var answer = SeriesCardinality()
        answer.activeSeries = count
        answer.labelPairs = pairs.pairs.count
        var byName: [(name: String, count: Int)] = []
        var memory: [(name: String, count: Int)] = []
        var byPair: [(pair: UInt32, count: Int)] = []
        for (name, numbers) in pairs.names {
            byName.append((name, numbers.count))
            memory.append((name, numbers.reduce(0) { $0 + pairs.value($1).count * pairs.pairs[Int($1)].postings.count }))
            byPair += numbers.map { ($0, pairs.pairs[Int($0)].postings.count) }
        }
        answer.seriesCountByMetricName = SeriesRegistry.top(
            (pairs.names["__name__"] ?? []).map { (pairs.text($0), pairs.pairs[Int($0)].postings.count) }, limit)
        answer.labelValueCountByLabelName = SeriesRegistry.top(byName, limit)
        answer.memoryInBytesByLabelName = SeriesRegistry.top(memory, limit)
        byPair.sort { ($0.count, $1.pair) > ($1.count, $0.pair) }
        answer.seriesCountByLabelValuePair = byPair.prefix(limit).map { pair, count in
            let name = String(decoding: pairs.name(pair), as: UTF8.self)
            return ("\(name)=\(pairs.text(pair))", count)
        }
        return answer
    }

    private static func top(_ counts: [(name: String, count: Int)], _ limit: Int) -> [(name: String, count: Int)] {
        Array(counts.sorted { ($0.count, $1.name) > ($1.count, $0.name) }.prefix(limit))
    }
}
