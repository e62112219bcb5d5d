package import Storage
import Synchronization
internal import Telemetry

extension EmbeddedSeriesStore {
    package func cardinality(limit: Int) async throws -> SeriesCardinality {
        var answer = SeriesCardinality()
        answer.activeSeries = seriesCount.load(ordering: .relaxed)
        return answer
    }
}
