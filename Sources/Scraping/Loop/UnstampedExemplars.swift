import Telemetry
import Wire

/// The exemplars of the last scrape that had no time of their own. Such a one is shown until the next takes its place,
/// and is stored once, as in Prometheus; each scrape would give it another time.
struct UnstampedExemplars {
    private struct Key: Hashable {
        var spelling: UInt32
        var labels: LabelSet
        var bits: UInt64
    }

    private var last: Set<Key> = []

    /// The exemplars of a scrape without those that the last one had already.
    ///
    /// - Parameter timestamp: what exemplars without a time were stamped with.
    mutating func fresh(_ columns: ExpositionColumns, timestamp: Int64) -> [(row: UInt32, exemplar: Exemplar)] {
        var current: Set<Key> = []
        let fresh = columns.exemplars.filter { row, exemplar in
            guard exemplar.timestamp == timestamp, Int(row) < columns.rows.count else { return true }
            let key = Key(
                spelling: columns.rows[Int(row)].spelling, labels: exemplar.labels, bits: exemplar.value.bitPattern)
            current.insert(key)
            return !last.contains(key)
        }
        last = current
        return fresh
    }
}
