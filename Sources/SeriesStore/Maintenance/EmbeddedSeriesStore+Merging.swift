internal import Storage
import Synchronization
internal import Telemetry

extension EmbeddedSeriesStore {
    private static let day: Int64 = 86_400_000
    /// A merge that would read more than this waits for nothing: it is left as it is.
    private static let largestMerge = 8 << 30

    /// Drops the parts that lie wholly before `time`. Call with ``maintenance`` held.
    func dropParts(before time: Int64) throws {
        let old = parts.withLock { $0.filter { $0.directory.maxTime < time } }
        if !old.isEmpty { try swap(removing: old, adding: []) }
    }

    /// Brings the parts of each day that has ended together to one. Call with ``maintenance`` held.
    func mergeDays(now: Int64) throws {
        var days: [Int64: [SeriesPart]] = [:]
        for part in parts.withLock({ $0 }) {
            let day = floorDivide(part.directory.minTime, EmbeddedSeriesStore.day)
            guard floorDivide(part.directory.maxTime, EmbeddedSeriesStore.day) == day else { continue }
            days[day, default: []].append(part)
        }
        for (day, members) in days.sorted(by: { $0.key < $1.key }) where members.count > 1 {
            let hasEnded = (day + 1) * EmbeddedSeriesStore.day + 2 * Window.length <= now
            // A day that has not ended is merged only where late samples have made many small parts.
            guard hasEnded || members.count > 24 else { continue }
            guard members.reduce(0, { $0 + $1.record.bytes }) <= EmbeddedSeriesStore.largestMerge else { continue }
            try merge(members, now: now)
        }
    }

    private func floorDivide(_ time: Int64, _ length: Int64) -> Int64 {
        let quotient = time / length
        return time % length < 0 ? quotient - 1 : quotient
    }

    /// Of samples with one timestamp those of the older part stay, as in a query.
    private func merge(_ members: [SeriesPart], now: Int64) throws {
        let ordered = members.sorted { $0.record.id < $1.record.id }
        guard let first = ordered.first, let last = ordered.last else { return }
        let name = "merged-\(first.record.id)-\(last.record.id).part"
        var damaged = false
        let (directory, bytes): (PartDirectory, Int)
        do {
            (directory, bytes) = try writePart(name) { writer in
                var cursors = ordered.map { PartCursor($0) }
                while true {
                    var lowest: LabelSet?
                    for i in cursors.indices {
                        guard let labels = try cursors[i].current()?.labels else { continue }
                        if lowest.map({ labels < $0 }) ?? true { lowest = labels }
                    }
                    guard let labels = lowest else { return }
                    var merge = SampleMerge()
                    for i in cursors.indices {
                        guard let series = try cursors[i].current(), series.labels == labels else { continue }
                        for block in series.blocks { try merge.add(block, of: cursors[i].part, in: .all) }
                        cursors[i].advance()
                    }
                    try writer.add(merge.finished(labels))
                }
            }
        } catch let error as StorageError {
            guard case .corrupt = error else { throw error }
            // A merge would make the damage final: the members stay, and their good blocks are served.
            report(error.description)
            damaged = true
            return
        }
        guard !damaged, directory.seriesCount > 0 else { return }
        let record = PartRecord(
            table: EmbeddedSeriesStore.engine, file: "series/" + name, minTime: directory.minTime,
            maxTime: directory.maxTime, rows: directory.samples, bytes: bytes, created: now,
            level: (ordered.map(\.record.level).max() ?? 0) + 1)
        try swap(removing: ordered, adding: [record])
    }
}

/// Walks through the series of a part in order, one group in memory at a time.
private struct PartCursor {
    let part: SeriesPart
    private var group = 0
    private var place = 0
    private var series: [PartSeries]?

    init(_ part: SeriesPart) { self.part = part }

    mutating func current() throws -> PartSeries? {
        while group < part.directory.groups.count {
            let all = try series ?? part.series(inGroup: group)
            series = all
            if place < all.count { return all[place] }
            group += 1
            place = 0
            series = nil
        }
        return nil
    }

    mutating func advance() { place += 1 }
}

extension SampleMerge {
    mutating func add(_ block: PartBlock, of part: SeriesPart, in range: TimeRange) throws {
        try add(block, PartReader(part), in: range)
    }
}
