internal import Storage
import Synchronization
internal import Telemetry

extension EmbeddedSeriesStore {
    /// Merges what is due, in the caller's thread, until `isCancelled` says so or the store is closed. Call with
    /// ``maintenance`` held.
    func mergeDays(now: Int64, isCancelled: () -> Bool = { Task.isCancelled }) throws {
        let plan = MergePlan(retention: options.retention)
        let open = parts.withLock { $0 }
        let known = Dictionary(open.map { ($0.record.id, $0) }) { first, _ in first }
        let candidates = open.map { part in
            MergePlan.Part(
                id: part.record.id, minTime: part.directory.minTime, maxTime: part.directory.maxTime,
                bytes: part.record.bytes, created: part.record.created, level: part.record.level)
        }
        for set in plan.due(candidates, now: now) {
            guard !isCancelled(), !isClosed.load(ordering: .acquiring) else { return }
            let members = set.compactMap { known[$0] }
            guard EmbeddedSeriesStore.isRunOfAges(members, among: open) else { continue }
            try rewrite(members, now: now, isCancelled: isCancelled)
        }
    }

    /// Of two samples with one timestamp that of the older part is seen. So no part that overlaps with a merge may be
    /// younger than one of its members and older than another: the merged part could stand on one side of it only.
    static func isRunOfAges(_ members: [SeriesPart], among all: [SeriesPart]) -> Bool {
        guard let oldest = members.map(\.origin).min(), let youngest = members.map(\.origin).max(),
            let first = members.map(\.directory.minTime).min(), let last = members.map(\.directory.maxTime).max()
        else { return false }
        let ids = Set(members.map(\.record.id))
        return !all.contains { part in
            !ids.contains(part.record.id) && part.origin > oldest && part.origin < youngest
                && part.directory.minTime <= last && part.directory.maxTime >= first
        }
    }

    /// Replaces the parts by one with all that was not deleted of them. Where the disk has no room, or one of them is
    /// damaged, they stay and the reason is reported. Call with ``maintenance`` held.
    func rewrite(
        _ members: [SeriesPart], now: Int64, isCancelled: () -> Bool = { Task.isCancelled }
    ) throws {
        let ordered = members.sorted { $0.age < $1.age }
        guard let first = ordered.first, let last = ordered.last else { return }
        let bytes = ordered.reduce(0) { $0 + $1.record.bytes }
        // What is written is no larger than what is read, but other writers want to live too.
        if let free = try? folder.fileSystem.freeSpace(at: partFolder), free < bytes + bytes / 8 {
            report(
                "\(ordered.count) parts of \(bytes >> 20) MiB are not merged: only \(free >> 20) MiB are free at \(partFolder)")
            return
        }
        let name = "merged-\(first.record.id)-\(last.record.id)-\(now).part"
        do {
            let written = try writePart(name) { writer in
                var merger = try PartMerger(ordered)
                try merger.write(to: &writer) { isCancelled() || isClosed.load(ordering: .acquiring) }
            }
            try replace(ordered, by: name, written, now: now)
        } catch let error as StorageError {
            switch error {
            case .cancelled: return
            // A merge would make the damage final: the members stay, and their good blocks are served.
            case .corrupt: report(error.description)
            // No damage: it is merged when there is room.
            case .diskFull: return
            default: throw error
            }
        }
    }

    private func replace(
        _ members: [SeriesPart], by name: String, _ written: (directory: PartDirectory, bytes: Int), now: Int64
    ) throws {
        let directory = written.directory
        let record = PartRecord(
            table: EmbeddedSeriesStore.engine, file: "series/" + name, minTime: directory.minTime,
            maxTime: directory.maxTime, rows: directory.samples, bytes: written.bytes, created: now,
            level: (members.map(\.record.level).max() ?? 0) + 1,
            extra: SeriesPart.note(origin: members.map(\.origin).min() ?? 0))
        if directory.seriesCount > 0 {
            try swap(removing: members, adding: [record])
        } else {
            // All of it was deleted.
            try folder.fileSystem.remove(partFolder + "/" + name)
            try swap(removing: members, adding: [])
        }
        try forgetTombstones(of: members)
    }

    // MARK: Retention

    /// Drops the parts that lie wholly before `time`. Call with ``maintenance`` held.
    func dropParts(before time: Int64) throws {
        try drop(parts.withLock { $0.filter { $0.directory.maxTime < time } })
    }

    /// Drops the oldest parts until all of them and the journal take at most so many bytes.
    package func retain(bytes limit: Int) async throws {
        await maintenance.enterAlone()
        defer { maintenance.leaveAlone() }
        let open = parts.withLock { $0 }
        var size = journal.bytes + open.reduce(0) { $0 + $1.record.bytes }
        var old: [SeriesPart] = []
        for part in open.sorted(by: { ($0.directory.maxTime, $0.record.id) < ($1.directory.maxTime, $1.record.id) }) {
            guard size > limit else { break }
            size -= part.record.bytes
            old.append(part)
        }
        try drop(old)
    }

    private func drop(_ old: [SeriesPart]) throws {
        guard !old.isEmpty else { return }
        try swap(removing: old, adding: [])
        try forgetTombstones(of: old)
    }
}
