import Storage
import Synchronization
import Telemetry

extension TableStore {
    /// Merges small parts into larger ones, and writes parts anew that hold deleted rows, until there are no more
    /// candidates. Answers how many parts it wrote.
    @discardableResult
    func merge(limit: Int = 8) async throws -> Int {
        await partsGate.enterAlone()
        defer { partsGate.leaveAlone() }
        var done = 0
        while done < limit, !Task.isCancelled, let inputs = mergeCandidates() ?? rewriteCandidate() ?? restCandidates()
        {
            guard try mergeOnce(inputs) else { break }
            done += 1
            await Task.yield()
        }
        try removeDeletionsCarriedOut()
        return done
    }

    private struct MergeClass: Hashable {
        var partition: Int64
        var tier: Int
    }

    /// Parts of one partition and about one size; of several such sets the one with the smallest parts.
    private func mergeCandidates() -> [OpenPart]? {
        let (parts, damaged) = state.withLock { ($0.parts, $0.damaged) }
        guard options.budget?.pressure.level ?? .calm == .calm else { return nil }
        var classes: [MergeClass: [OpenPart]] = [:]
        for part in parts where !damaged.contains(part.part.name) {
            let raw = part.facts.rawBytes
            guard raw < options.largestMerge / 2 else { continue }
            classes[MergeClass(partition: part.facts.partition, tier: tier(of: raw)), default: []].append(part)
        }
        let ready = classes.filter { $0.value.count >= max(2, options.mergeFanIn) }
        let first = ready.keys.min { ($0.tier, $0.partition) < ($1.tier, $1.partition) }
        guard let first, let inputs = ready[first] else { return nil }
        var total = 0
        var chosen: [OpenPart] = []
        for input in inputs.prefix(16) {
            total += input.facts.rawBytes
            if chosen.count >= 2, total > options.largestMerge { break }
            chosen.append(input)
        }
        return chosen
    }

    /// Where a table is at rest: the smallest parts of a partition, each not much larger than those before it together,
    /// so that a large part is not written again for every crumb. A part that was never merged is written anew at
    /// last, even alone: until then its rows are encoded quickly and have no filters.
    private func restCandidates() -> [OpenPart]? {
        let (parts, damaged, last) = state.withLock { ($0.parts, $0.damaged, $0.lastAppend) }
        let rest = last.duration(to: .now)
        guard rest >= options.restTime, options.budget?.pressure.level ?? .calm == .calm else { return nil }
        var partitions: [Int64: [OpenPart]] = [:]
        for part in parts where !damaged.contains(part.part.name) && part.facts.rawBytes < options.largestMerge / 2 {
            partitions[part.facts.partition, default: []].append(part)
        }
        for partition in partitions.keys.sorted() {
            var chosen: [OpenPart] = []
            var total = 0
            for part in (partitions[partition] ?? []).sorted(by: { $0.facts.rawBytes < $1.facts.rawBytes }).prefix(16) {
                let raw = part.facts.rawBytes
                if !chosen.isEmpty, raw > TableStore.restRatio * total + (1 << 20) || total + raw > options.largestMerge
                {
                    break
                }
                chosen.append(part)
                total += raw
            }
            func isDue(_ raw: Int) -> Bool { raw >= options.restBytes || rest >= options.longRestTime }
            if chosen.count > 1, isDue(total) { return chosen }
            if let quick = partitions[partition]?.first(where: { $0.record.level == 0 && isDue($0.facts.rawBytes) }) {
                return [quick]
            }
        }
        return nil
    }

    /// Most of a part that has been merged is copied by the next merge, at a small part of the cost of new rows.
    private static let restRatio = 16

    /// 0 up to 1 MiB, one more for every factor of the fan-in.
    private func tier(of bytes: Int) -> Int {
        var size = bytes >> 20
        var tier = 0
        while size > 0 {
            size /= max(2, options.mergeFanIn)
            tier += 1
        }
        return tier
    }

    /// False where the process has no memory for it now.
    private func mergeOnce(_ inputs: [OpenPart]) throws -> Bool {
        try folder.recordCodec(options.codec)
        let (deletions, last) = state.withLock { state in
            (state.preparedDeletions + state.retentionRules, state.lastDeletion)
        }
        let concerned = deletions.filter { deletion in inputs.contains { $0.isConcerned(by: deletion) } }
        let reserved = min(inputs.reduce(0) { $0 + $1.facts.rawBytes } / 4, 64 << 20)
        do throws(StorageError) { try options.budget?.reserve(reserved, for: .merges) } catch { return false }
        defer { options.budget?.release(reserved, of: .merges) }
        let merged: (part: SealedPart, footer: PartFooter)?
        do {
            merged = try PartMerger(store: self, deletions: concerned).merge(inputs.map(\.part), deletionNumber: last)
        } catch let error as StorageError {
            guard case .corrupt(let path, _, _) = error else { throw error }
            // A merge must not drop what it cannot read: the part stays as it is, and so do its readable blocks.
            state.withLock { state in
                state.note("\(error)")
                if let name = path.split(separator: "/").last { state.damaged.insert(String(name)) }
            }
            return true
        }
        let ids = Set(inputs.map(\.record.id))
        let level = (inputs.map(\.record.level).max() ?? 0) + 1
        var added: OpenPart?
        if let merged { added = opened(merged.part, merged.footer, level: level, deletions: last) }
        if let record = try swapSurely(remove: Array(ids), add: added?.record) { added?.record = record }
        state.withLock { state in
            state.parts.removeAll { ids.contains($0.record.id) }
            if let added { state.parts.append(added) }
        }
        remove(inputs)
        return true
    }

    /// Asks the catalog again where the answer was an error, so that no part is removed that is still named there.
    private func swapSurely(remove ids: [Int64], add record: PartRecord?) throws -> PartRecord? {
        do {
            return try folder.catalog.swap(remove: ids, add: record.map { [$0] } ?? []).first ?? record
        } catch {
            let named = try folder.catalog.parts(of: table.rawValue)
            guard let record else {
                if named.contains(where: { ids.contains($0.id) }) { throw error }
                return nil
            }
            if let committed = named.first(where: { $0.file == record.file }) { return committed }
            try? folder.fileSystem.remove(folder.path + "/" + record.file)
            throw error
        }
    }

    /// Queries that still read them hold the files; a file that cannot be removed goes at the next start.
    func remove(_ parts: [OpenPart]) {
        for part in parts {
            // A query that has the part in its snapshot may not have opened it yet.
            try? part.part.hold()
            try? folder.fileSystem.remove(part.part.path)
        }
    }

    // MARK: Deletions

    /// A part with rows that are deleted or whose rule's time is over, to be written anew.
    private func rewriteCandidate() -> [OpenPart]? {
        let (parts, damaged, deletions, rules) = state.withLock {
            ($0.parts, $0.damaged, $0.preparedDeletions, $0.retentionRules)
        }
        for part in parts where !damaged.contains(part.part.name) {
            let asked = deletions.filter { part.isConcerned(by: $0) }
            if !asked.isEmpty {
                if (try? touches(part, asked)) ?? true { return [part] }
                noteUntouched(part, asked.map(\.number).max() ?? 0)
            }
            // Rules move on with time: a part is written anew only when that gives a good part of it back.
            let concerned = rules.filter { part.isConcerned(by: $0) }
            if !concerned.isEmpty, let gone = try? expiredRows(of: part, concerned), gone > 0,
                gone * 4 >= part.record.rows
            {
                return [part]
            }
        }
        return nil
    }

    private func touches(_ part: OpenPart, _ deletions: [PreparedDeletion]) throws -> Bool {
        let footer = try part.part.footer
        let blocks = try BlockDeletions(deletions, part: part.part, footer: footer)
        return try !blocks.isEmpty && footer.blocks.indices.contains { try blocks.touch($0) }
    }

    /// Nothing to carry out in it. The catalog need not know: it is found out again as long as it matters.
    private func noteUntouched(_ part: OpenPart, _ number: Int) {
        state.withLock { state in
            guard let at = state.parts.firstIndex(where: { $0.record.id == part.record.id }) else { return }
            state.parts[at].facts.deletions = max(state.parts[at].facts.deletions, number)
        }
    }

    /// Rows of groups of which all rows are over.
    private func expiredRows(of part: OpenPart, _ rules: [PreparedDeletion]) throws -> Int {
        let footer = try part.part.footer
        let facts = try rules.map { ($0, try GroupFacts(part: part.part, footer: footer, deletion: $0)) }
        var rows = 0
        var group: UInt32 = 0
        for segment in footer.segments.indices {
            for extent in try part.part.extents(segment) {
                if extent.rows > 0,
                    facts.contains(where: { $0.1.matches(group) && extent.lastTime < $0.0.range.end })
                {
                    rows += extent.rows
                }
                group += 1
            }
        }
        return rows
    }

    /// Forgets deletions that no row in memory or in a part is left of.
    private func removeDeletionsCarriedOut() throws {
        let done = state.withLock { state -> [EventDeletion] in
            state.deletions.filter { deletion in
                guard let prepared = state.preparedDeletions.first(where: { $0.number == deletion.number }) else {
                    return true
                }
                let inMemory =
                    state.memory.firstSequence < deletion.before
                    || (state.frozen?.snapshot.firstSequence ?? .max) < deletion.before
                return !inMemory && !state.parts.contains { $0.isConcerned(by: prepared) }
            }
        }
        for deletion in done {
            try folder.catalog.deleteDocument(
                kind: DeletionDocument.kind(of: table), key: TableStore.deletionKey(deletion.number))
            state.withLock { state in
                state.deletions.removeAll { $0.number == deletion.number }
                state.preparedDeletions.removeAll { $0.number == deletion.number }
            }
        }
    }
}
