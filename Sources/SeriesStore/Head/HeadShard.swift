internal import Storage
import Synchronization
internal import Telemetry

/// The series of one shard with their inverted index.
struct HeadShard {
    var series: [HeadSeries] = []
    private var table = SeriesTable()
    /// Label name, then value, to slots.
    private(set) var index: [String: [String: [UInt32]]] = [:]

    func slot(of labels: LabelSet, hash: UInt64) -> Int? {
        table.find(hash) { series[$0].hash == hash && series[$0].labels == labels }
    }

    mutating func add(_ labels: LabelSet, hash: UInt64, id: UInt64) -> Int {
        add(HeadSeries(labels: labels, hash: hash, id: id))
    }

    @discardableResult
    private mutating func add(_ one: HeadSeries) -> Int {
        let slot = series.count
        series.append(one)
        table.insert(one.hash, slot: slot) { series[$0].hash }
        one.labels.forEach { name, value in
            index[name, default: [:]][value, default: []].append(UInt32(truncatingIfNeeded: slot))
        }
        return slot
    }

    /// Drops series that hold nothing and had no sample since `time`.
    mutating func dropIdle(before time: Int64) {
        guard series.contains(where: { $0.isEmpty && $0.newest < time }) else { return }
        let kept = series.filter { !($0.isEmpty && $0.newest < time) }
        self = HeadShard()
        series.reserveCapacity(kept.count)
        for one in kept { add(one) }
    }

    /// Slots of the series that match. Equality goes through the index; a lone regular expression runs once per value.
    func matching(_ matchers: [CompiledMatcher]) -> [Int] {
        guard let candidates = candidates(matchers) else {
            return series.indices.filter { matchers.matches(series[$0].labels) }
        }
        var slots: [Int] = []
        for slot in candidates where matchers.matches(series[Int(slot)].labels) { slots.append(Int(slot)) }
        return slots
    }

    /// A superset of the answer, nil where the index does not narrow it.
    private func candidates(_ matchers: [CompiledMatcher]) -> [UInt32]? {
        var best: [UInt32]?
        for matcher in matchers where !matcher.matchesEmpty {
            guard let literals = matcher.literals else { continue }
            guard let values = index[matcher.name] else { return [] }
            let found = literals.compactMap { values[$0] }
            let total = found.reduce(0) { $0 + $1.count }
            if total < best?.count ?? .max { best = found.count == 1 ? found[0] : found.flatMap { $0 } }
            if total == 0 { return [] }
        }
        if let best { return best }
        for matcher in matchers where !matcher.matchesEmpty {
            guard let values = index[matcher.name] else { return [] }
            return values.filter { matcher.matches(value: $0.key) }.flatMap(\.value)
        }
        return nil
    }
}

final class HeadShardBox: Sendable {
    let state = Mutex(HeadShard())
}
