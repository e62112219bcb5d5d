internal import Storage
internal import Telemetry

/// Brings several parts together in one, series by series: no more of them in memory than a group of each and one
/// series' samples. What tombstones cover is left out.
struct PartMerger {
    private var cursors: [PartCursor]

    /// In order of their ids: of samples with one timestamp that of the first part stays, as in a query.
    init(_ parts: [SeriesPart]) throws { cursors = try parts.map { try PartCursor($0) } }

    /// Throws ``StorageError/cancelled`` between two series once `isCancelled` says so, and
    /// ``StorageError/corrupt(path:offset:reason:)`` at the first damage: a merge would make it final.
    mutating func write(to writer: inout PartWriter, isCancelled: () -> Bool) throws {
        var members: [Int] = []
        while true {
            if isCancelled() { throw StorageError.cancelled }
            var lowest: PartOrder?
            members.removeAll(keepingCapacity: true)
            for place in cursors.indices {
                guard let order = cursors[place].order else { continue }
                if let least = lowest {
                    if order == least {
                        members.append(place)
                        continue
                    }
                    guard order < least else { continue }
                }
                lowest = order
                members = [place]
            }
            guard let lowest else { return }
            try write(lowest.labels, of: members, to: &writer)
        }
    }

    private mutating func write(_ labels: LabelSet, of members: [Int], to writer: inout PartWriter) throws {
        var floats: [PartReader.Floats] = []
        var histograms: [PartReader.Histograms] = []
        for place in members {
            if let series = cursors[place].living {
                for block in series.blocks {
                    switch block.kind {
                    case .floats: floats.append(try cursors[place].reader.floats(block))
                    case .histograms: histograms.append(try cursors[place].reader.histograms(block))
                    }
                }
            }
            try cursors[place].advance()
        }
        if floats.count == 1, histograms.isEmpty {
            let only = floats[0]
            return try writer.add(
                labels, timestamps: only.timestamps, values: only.values, startTimestamps: only.starts)
        }
        // By time where the runs follow one another, which the merge is quickest with; else as they were stored.
        let inTime = floats.indices.sorted {
            (floats[$0].timestamps.first ?? .min, $0) < (floats[$1].timestamps.first ?? .min, $1)
        }
        let isDisjoint = zip(inTime, inTime.dropFirst()).allSatisfy { one, next in
            floats[one].timestamps.last ?? .min < floats[next].timestamps.first ?? .max
        }
        var merge = SampleMerge()
        for place in isDisjoint ? inTime : Array(floats.indices) {
            let run = floats[place]
            merge.add(timestamps: run.timestamps[...], values: run.values[...], starts: run.starts, in: .all)
            floats[place] = PartReader.Floats(timestamps: [], values: [], starts: [])
        }
        for run in histograms {
            merge.add(timestamps: run.timestamps, histograms: run.histograms, starts: run.starts, in: .all)
        }
        try writer.add(merge.finished(labels))
    }
}

/// Walks through the series of a part in ``PartOrder``, a few groups in memory at a time.
private struct PartCursor {
    let reader: PartReader
    private(set) var order: PartOrder?
    private var series: PartSeries?
    private var next = 0
    /// Series numbers of a part that is not in order; empty for one that is.
    private let sorted: [UInt32]
    private var groups: [Int: [PartSeries]] = [:]
    private static let groupLimit = 64

    init(_ part: SeriesPart) throws {
        reader = PartReader(part)
        sorted = part.directory.isOrdered ? [] : try PartCursor.sort(part)
        try advance()
    }

    private static func sort(_ part: SeriesPart) throws -> [UInt32] {
        var keys: [PartOrder] = []
        for group in part.directory.groups.indices {
            keys += try part.series(inGroup: group).map { PartOrder($0.labels) }
        }
        return (0..<UInt32(truncatingIfNeeded: keys.count)).sorted { keys[Int($0)] < keys[Int($1)] }
    }

    /// The series, without what was deleted.
    var living: PartSeries? { series.flatMap { reader.part.living($0) } }

    mutating func advance() throws {
        let part = reader.part
        series = nil
        order = nil
        while next < part.directory.groups.count * PartFormat.groupSize {
            var number = next
            if !part.directory.isOrdered {
                guard next < sorted.count else { return }
                number = Int(sorted[next])
            }
            let group = number / PartFormat.groupSize
            let place = number % PartFormat.groupSize
            next += 1
            let all = try table(group)
            guard place < all.count else { continue }
            series = all[place]
            order = PartOrder(all[place].labels)
            return
        }
    }

    private mutating func table(_ group: Int) throws -> [PartSeries] {
        if let known = groups[group] { return known }
        if groups.count >= (sorted.isEmpty ? 1 : PartCursor.groupLimit) { groups = [:] }
        let all = try reader.part.series(inGroup: group)
        groups[group] = all
        return all
    }
}
