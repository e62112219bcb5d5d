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

/// Walks through the series of a part in their order, one group in memory at a time.
private struct PartCursor {
    let reader: PartReader
    private(set) var order: PartOrder?
    private var series: [PartSeries] = []
    private var group = 0
    private var place = -1
    /// Of a part whose series do not ascend: all of them, sorted.
    private let isLoaded: Bool

    init(_ part: SeriesPart) throws {
        reader = PartReader(part)
        isLoaded = !part.directory.isOrdered
        if isLoaded {
            for group in part.directory.groups.indices { series += try part.series(inGroup: group) }
            let keys = series.map { PartOrder($0.labels) }
            series = series.indices.sorted { keys[$0] < keys[$1] }.map { series[$0] }
        }
        try advance()
    }

    /// The series, without what was deleted.
    var living: PartSeries? { series.indices.contains(place) ? reader.part.living(series[place]) : nil }

    mutating func advance() throws {
        place += 1
        while place >= series.count, !isLoaded, group < reader.part.directory.groups.count {
            series = try reader.part.series(inGroup: group)
            group += 1
            place = 0
        }
        order = place < series.count ? PartOrder(series[place].labels) : nil
    }
}
