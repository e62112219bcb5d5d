import Storage
import Synchronization
import Telemetry

extension TableStore {
    // MARK: Deletion

    static func deletionKey(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 12 - digits.count)) + digits
    }

    /// Rows that are stored so far. Answers when the deletion is on disk; from then on no query sees the rows.
    func delete(
        matchers: [Matcher], predicate: EventPredicate, range: TimeRange, rows: SequenceSet? = nil
    ) async throws {
        // Nothing that is acknowledged before may have a later sequence.
        await appendGate.enterAlone()
        defer { appendGate.leaveAlone() }
        let (number, before) = try state.withLock { state in
            if state.isClosed { throw StorageError.closed }
            state.lastDeletion += 1
            return (state.lastDeletion, state.nextSequence)
        }
        let deletion = EventDeletion(
            number: number, matchers: matchers, predicate: predicate, range: range, before: before, rows: rows)
        let prepared = try PreparedDeletion(deletion)
        // The number first: parts remember the numbers that were carried out in them, so none may come again.
        try folder.catalog.setSetting(TableStore.deletionSetting(table), String(number))
        try folder.catalog.putDocument(
            kind: DeletionDocument.kind(of: table), key: TableStore.deletionKey(number),
            body: try DeletionDocument(deletion).encoded())
        state.withLock { state in
            state.deletions.append(deletion)
            state.preparedDeletions.append(prepared)
        }
    }

    static func deletionSetting(_ table: EventTable) -> String { "\(table.rawValue).deletions" }

    // MARK: Retention

    private func drop(_ choose: (State) -> (parts: [OpenPart], lost: [PartRecord])) async throws {
        await partsGate.enterAlone()
        defer { partsGate.leaveAlone() }
        let (old, lost) = state.withLock { choose($0) }
        guard !old.isEmpty || !lost.isEmpty else { return }
        let ids = Set(old.map(\.record.id) + lost.map(\.id))
        try folder.catalog.swap(remove: Array(ids), add: [])
        state.withLock { state in
            state.parts.removeAll { ids.contains($0.record.id) }
            state.lost.removeAll { ids.contains($0.id) }
        }
        remove(old)
        for record in lost { try? folder.fileSystem.remove(folder.path + "/" + record.file) }
    }

    func retain(after time: Int64) async throws {
        try await drop { state in
            (state.parts.filter { $0.record.maxTime < time }, state.lost.filter { $0.maxTime < time })
        }
    }

    /// Drops the oldest parts until what is left is not larger than `bytes`; the newest part stays.
    func retain(bytes: Int) async throws {
        try await drop { state in
            var left = state.parts.reduce(0) { $0 + $1.record.bytes }
            var old: [OpenPart] = []
            for part in state.parts.sorted(by: { $0.record.maxTime < $1.record.maxTime }).dropLast() where left > bytes
            {
                old.append(part)
                left -= part.record.bytes
            }
            return (old, [])
        }
    }

    /// From now on rows that are over by their group's rule are not seen, and go with the next merges; parts of which
    /// nothing would be left go at once.
    func retain(rules: [EventRetentionRule]) async throws {
        var prepared: [PreparedDeletion] = []
        var earlier: [[CompiledMatcher]] = []
        for rule in rules {
            let matchers = try rule.matchers.map { try CompiledMatcher($0) }
            prepared.append(try PreparedDeletion(rule: matchers, exceptions: earlier, before: rule.after))
            earlier.append(matchers)
        }
        state.withLock { $0.retentionRules = prepared }
        try await drop { state in
            let over = state.parts.filter { part in
                guard !state.damaged.contains(part.part.name), !prepared.isEmpty else { return false }
                return (try? isOver(part, prepared)) ?? false
            }
            return (over, [])
        }
    }

    /// Whether every group of the part has ended before the time of its rule.
    private func isOver(_ part: OpenPart, _ rules: [PreparedDeletion]) throws -> Bool {
        // The usual case costs nothing: the part is younger than every rule.
        guard rules.contains(where: { part.record.maxTime < $0.range.end }) else { return false }
        let footer = try part.part.footer
        let facts = try rules.map { ($0, try GroupFacts(part: part.part, footer: footer, deletion: $0)) }
        var group: UInt32 = 0
        for segment in footer.segments.indices {
            for extent in try part.part.extents(segment) {
                let isOver =
                    extent.rows == 0
                    || facts.contains { $0.1.matches(group) && extent.lastTime < $0.0.range.end }
                if !isOver { return false }
                group += 1
            }
        }
        return true
    }
}
