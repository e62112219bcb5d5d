internal import Storage
internal import Telemetry

/// A deletion that stands beside its parts until they are rewritten: samples in the range, of series that one of the
/// matcher sets matches.
struct Tombstone: Sendable {
    /// Its key in the catalog.
    let key: String
    let range: TimeRange
    let matcherSets: [[Matcher]]
    private let compiled: [[CompiledMatcher]]

    /// Throws ``StorageError/badMatcher(_:)`` where an expression is not valid. No set at all matches nothing.
    init(key: String, range: TimeRange, matcherSets: [[Matcher]]) throws {
        self.key = key
        self.range = range
        self.matcherSets = matcherSets
        compiled = try matcherSets.map { try $0.map { try CompiledMatcher($0) } }
    }

    /// The range where the series is meant, else nothing.
    func covers(_ labels: LabelSet) -> [TimeRange] {
        compiled.contains { $0.matches(labels) } ? [range] : []
    }
}

extension SeriesPart {
    /// Ranges of the series that were deleted; nearly always none.
    func deleted(of labels: LabelSet) -> [TimeRange] {
        guard hasTombstones else { return [] }
        return tombstones.flatMap { $0.covers(labels) }
    }

    /// The series without what was deleted of it; nil where nothing is left.
    func living(_ series: PartSeries) -> PartSeries? {
        let ranges = deleted(of: series.labels)
        guard !ranges.isEmpty else { return series }
        var living = series
        living.blocks = series.blocks.compactMap { block in
            guard !ranges.contains(where: { $0.start <= block.first && $0.end > block.last }) else { return nil }
            var block = block
            let some = ranges.filter { $0.overlaps(first: block.first, last: block.last) }
            if !some.isEmpty { block.deleted = some }
            return block
        }
        return living.blocks.isEmpty ? nil : living
    }
}
