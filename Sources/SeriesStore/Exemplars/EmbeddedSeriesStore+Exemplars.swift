import Codecs
package import Storage
import Synchronization
package import Telemetry

/// Exemplars in memory until a flush, then in a file for each flush; many small files become one.
extension EmbeddedSeriesStore {
    static let exemplarTable = "series.exemplars"
    /// More files than this are merged.
    private static let mostFiles = 48

    package func exemplars(
        _ plan: SeriesScanPlan, context: QueryContext
    ) async throws -> [(labels: LabelSet, exemplars: [Exemplar])] {
        let matchers = try plan.matchers.map { try CompiledMatcher($0) }
        var found: [LabelSet: Set<Exemplar>] = [:]
        func take(_ entry: ExemplarFile.Entry) throws {
            guard plan.range.contains(entry.exemplar.timestamp), matchers.matches(entry.labels) else { return }
            if found[entry.labels, default: []].insert(entry.exemplar).inserted {
                try context.charge(memory: 160 + entry.exemplar.labels.bytes.count)
            }
        }
        // Memory before files: what is written in between is seen twice, never not at all.
        for entry in exemplarMemory.withLock({ $0.all }) { try take(entry) }
        for record in exemplarFiles.withLock({ $0 })
        where plan.range.overlaps(first: record.minTime, last: record.maxTime) {
            try context.check()
            do {
                try ExemplarFile.read(folder.path + "/" + record.file, folder.fileSystem, take)
            } catch let error as StorageError {
                // Gone since the list was taken, or damaged: the others are served.
                if case .corrupt = error {
                    report(error.description)
                    context.warn(error.description)
                } else if folder.fileSystem.exists(folder.path + "/" + record.file) {
                    throw error
                }
            }
        }
        return found.sorted { $0.key < $1.key }.map { labels, exemplars in
            (labels, exemplars.sorted { ($0.timestamp, $0.value) < ($1.timestamp, $1.value) })
        }
    }

    func openExemplarFiles() throws {
        let records = try folder.catalog.parts(of: EmbeddedSeriesStore.exemplarTable)
        exemplarFiles.withLock { $0 = records }
        let known = Set(records.map { folder.path + "/" + $0.file })
        for name in try folder.fileSystem.list(partFolder) where name.hasSuffix(".exemplars") {
            if !known.contains(partFolder + "/" + name) { try folder.fileSystem.remove(partFolder + "/" + name) }
        }
    }

    /// A file of what ``ExemplarMemory/beginFlush()`` put aside; nil for none.
    func writeExemplars(_ sequence: UInt64, now: Int64) throws -> PartRecord? {
        let entries = exemplarMemory.withLock { $0.flushing }
        return entries.isEmpty ? nil : try writeExemplars(entries, "\(sequence).exemplars", now: now)
    }

    private func writeExemplars(_ entries: [ExemplarFile.Entry], _ name: String, now: Int64) throws -> PartRecord {
        try folder.recordCodec(BlockCodec.best)
        let bytes = ExemplarFile.encode(entries)
        try folder.fileSystem.writeAtomically(bytes, to: partFolder + "/" + name)
        return PartRecord(
            table: EmbeddedSeriesStore.exemplarTable, file: "series/" + name,
            minTime: entries.reduce(.max) { min($0, $1.exemplar.timestamp) },
            maxTime: entries.reduce(.min) { max($0, $1.exemplar.timestamp) }, rows: entries.count, bytes: bytes.count,
            created: now)
    }

    /// Drops files wholly before `time` and brings many small ones together. Call with ``maintenance`` held.
    func tidyExemplars(before time: Int64, now: Int64) throws {
        let files = exemplarFiles.withLock { $0 }
        let old = files.filter { $0.maxTime < time }
        if !old.isEmpty { try swapExemplars(removing: old, adding: nil) }
        let small = files.filter { $0.maxTime >= time && $0.bytes < 1 << 20 }
        guard small.count > EmbeddedSeriesStore.mostFiles else { return }
        var entries: [ExemplarFile.Entry] = []
        for file in small { try ExemplarFile.read(folder.path + "/" + file.file, folder.fileSystem) { entries.append($0) } }
        let last = small.reduce(0) { max($0, $1.id) }
        try swapExemplars(
            removing: small, adding: try writeExemplars(entries, "merged-\(last).exemplars", now: now))
    }

    private func swapExemplars(removing old: [PartRecord], adding record: PartRecord?) throws {
        let added = try folder.catalog.swap(remove: old.map(\.id), add: record.map { [$0] } ?? [])
        let gone = Set(old.map(\.id))
        exemplarFiles.withLock { files in
            files.removeAll { gone.contains($0.id) }
            files += added
        }
        for file in old { try folder.fileSystem.remove(folder.path + "/" + file.file) }
    }
}
