internal import FoundationEssentials
internal import Storage
import Synchronization
package import Telemetry

extension EmbeddedSeriesStore {
    /// Everything in memory goes to parts, then a tombstone stands beside each part that may hold what is meant. It is
    /// applied at every read, and to the files by the next merge or by ``cleanTombstones()``.
    package func delete(_ matcherSets: [[Matcher]], range: TimeRange) async throws {
        guard !isClosed.load(ordering: .acquiring) else { throw StorageError.closed }
        guard !range.isEmpty, !matcherSets.isEmpty else { return }
        let tombstone = try Tombstone(key: UUID().uuidString, range: range, matcherSets: matcherSets)
        try await flushEverything()
        await maintenance.enterAlone()
        defer { maintenance.leaveAlone() }
        let members = parts.withLock { $0.filter { $0.overlaps(range) } }
        guard !members.isEmpty else { return }
        let document = TombstoneDocument(tombstone, parts: members.map(\.record.id))
        try folder.catalog.putDocument(
            kind: TombstoneDocument.kind, key: tombstone.key, body: try document.encoded())
        for part in members { part.add(tombstone) }
    }

    /// Puts what the catalog remembers of deletions beside the open parts. Call once, when they are open.
    func readTombstones() throws {
        let open = parts.withLock { $0 }
        // Not only those that could be opened: a damaged one may be brought back.
        let known = Set(try folder.catalog.parts(of: EmbeddedSeriesStore.engine).map(\.id))
        for document in try folder.catalog.documents(kind: TombstoneDocument.kind) {
            let body = try TombstoneDocument(decoding: document.body)
            guard !known.isDisjoint(with: body.parts) else {
                // Of a rewrite that a crash came behind.
                try folder.catalog.deleteDocument(kind: TombstoneDocument.kind, key: document.key)
                continue
            }
            let tombstone = try body.tombstone(key: document.key)
            let ids = Set(body.parts)
            for part in open where ids.contains(part.record.id) { part.add(tombstone) }
        }
    }

    /// Rewrites every part of which something was deleted, so that the disk forgets it too.
    package func cleanTombstones() async throws {
        await maintenance.enterAlone()
        defer { maintenance.leaveAlone() }
        for part in parts.withLock({ $0 }) where part.hasTombstones {
            try rewrite([part], now: clock())
        }
    }

    /// After these parts went: a tombstone that no part is left of goes too.
    func forgetTombstones(of gone: [SeriesPart]) throws {
        let keys = Set(gone.flatMap { $0.tombstones.map(\.key) })
        guard !keys.isEmpty else { return }
        let ids = Set(gone.map(\.record.id))
        for key in keys.sorted() {
            guard let document = try folder.catalog.document(kind: TombstoneDocument.kind, key: key) else { continue }
            var body = try TombstoneDocument(decoding: document.body)
            body.parts.removeAll { ids.contains($0) }
            if body.parts.isEmpty {
                try folder.catalog.deleteDocument(kind: TombstoneDocument.kind, key: key)
            } else {
                try folder.catalog.putDocument(kind: TombstoneDocument.kind, key: key, body: try body.encoded())
            }
        }
    }
}
