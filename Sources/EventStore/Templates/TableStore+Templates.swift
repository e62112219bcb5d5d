import Codecs
import Storage
import Synchronization
import Telemetry

extension EmbeddedEventStore {
    /// What lines of logs say, by pattern, over the windows of the query.
    package func templates(_ query: LogTemplateQuery, context: QueryContext) async throws -> [LogTemplate] {
        try logs.templates(query, context: context)
    }

    /// Writes what the lines of parts say to files beside them, of parts that no merge has taken for a while. Answers
    /// how many were written.
    @discardableResult
    package func summariseTemplates(olderThan age: Duration) async throws -> Int {
        var written = 0
        while try logs.summariseTemplates(olderThan: age) { written += 1 }
        return written
    }
}

extension TableStore {
    func templates(_ query: LogTemplateQuery, context: QueryContext) throws -> [LogTemplate] {
        var scan = try TemplateScan(
            snapshot: try snapshot, query: query, context: context, cache: templateCache,
            storedSummary: { self.storedSummary(of: $0) })
        try scan.run()
        note(scan.problems)
        return scan.folding.templates
    }

    private var templatesFolder: String { folder.path + "/\(table.rawValue)/templates" }

    private func templatesPath(_ part: OpenPart) -> String { templatesFolder + "/" + part.part.name + ".templates" }

    /// nil where there is none, or none that can be read: then the part is asked itself.
    private func storedSummary(of part: OpenPart) -> TemplateSummary? {
        let key = TemplateCache.Key(part: part.part.name, block: -1)
        if let known = templateCache.summary(of: key) { return known }
        let path = templatesPath(part)
        guard folder.fileSystem.exists(path), let bytes = try? folder.fileSystem.readAll(path),
            let footer = try? part.part.footer
        else { return nil }
        guard
            let summary = try? PartTemplates.decode(
                bytes, of: PartTemplates.Identity(part), groupCount: footer.groupCount)
        else {
            try? folder.fileSystem.remove(path)
            return nil
        }
        templateCache.keep(summary, for: key)
        return summary
    }

    /// False where no part waits for it. To be called by one at a time.
    func summariseTemplates(olderThan age: Duration) throws -> Bool {
        guard options.budget?.pressure.level ?? .calm == .calm, !Task.isCancelled else { return false }
        let (parts, damaged) = state.withLock { ($0.parts, $0.damaged) }
        try removeSummaries(notOf: parts)
        let due = templateCache.due(parts.map(\.part.name), age: age)
        guard let part = parts.first(where: { due.contains($0.part.name) }) else { return false }
        templateCache.didSummarise(part.part.name)
        guard !damaged.contains(part.part.name), !folder.fileSystem.exists(templatesPath(part)) else { return true }
        let summaries = try TemplateScan.summaries(of: part.part, QueryContext())
        let merged = TemplateSummary(merging: summaries, bucketLength: PartTemplates.bucketLength)
        guard merged.series.count <= PartTemplates.mostSeries else { return true }
        let bytes = PartTemplates.encode(merged, of: PartTemplates.Identity(part), codec: options.codec)
        _ = try folder.folder("\(table.rawValue)/templates")
        try folder.fileSystem.writeAtomically(bytes, to: templatesPath(part))
        return true
    }

    private func removeSummaries(notOf parts: [OpenPart]) throws {
        guard templateCache.mayHaveStrays(parts.map(\.part.name)), folder.fileSystem.exists(templatesFolder) else {
            return
        }
        let names = Set(parts.map { $0.part.name + ".templates" })
        for name in try folder.fileSystem.list(templatesFolder) where !names.contains(name) {
            try folder.fileSystem.remove(templatesFolder + "/" + name)
        }
    }
}

/// Summaries of blocks, the ones that were asked for last, and which parts have theirs on disk. Blocks never change,
/// and while a process runs no name of a part is used twice.
final class TemplateCache: Sendable {
    struct Key: Hashable, Sendable {
        var part: String
        /// -1: the whole part.
        var block: Int
    }

    private struct Entry {
        var summary: TemplateSummary
        var size: Int
        var used: UInt64
    }

    private struct State {
        var entries: [Key: Entry] = [:]
        var bytes = 0
        var clock: UInt64 = 0
        /// Since when parts without a summary on disk are known.
        var waiting: [String: ContinuousClock.Instant] = [:]
        var done: Set<String> = []
        var lastParts: Set<String>?
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) { self.limit = limit }

    func summary(of key: Key) -> TemplateSummary? {
        state.withLock { state in
            guard let known = state.entries[key] else { return nil }
            state.clock += 1
            state.entries[key]?.used = state.clock
            return known.summary
        }
    }

    func keep(_ summary: TemplateSummary, for key: Key) {
        let size = summary.footprint
        guard size <= limit / 4 else { return }
        state.withLock { state in
            state.clock += 1
            let entry = Entry(summary: summary, size: size, used: state.clock)
            if let old = state.entries.updateValue(entry, forKey: key) { state.bytes -= old.size }
            state.bytes += size
            guard state.bytes > limit else { return }
            // The older half goes at once, so that this is not done for every block.
            for (key, entry) in state.entries.sorted(by: { $0.value.used < $1.value.used }) {
                guard state.bytes > limit / 2 else { break }
                state.entries[key] = nil
                state.bytes -= entry.size
            }
        }
    }

    // MARK: On disk

    /// Of the parts that there are, those that have been there for so long without a summary.
    func due(_ names: [String], age: Duration) -> Set<String> {
        state.withLock { state in
            let all = Set(names)
            state.done.formIntersection(all)
            state.waiting = state.waiting.filter { all.contains($0.key) }
            let now = ContinuousClock.now
            var due: Set<String> = []
            for name in names where !state.done.contains(name) {
                if let since = state.waiting[name] {
                    if since.duration(to: now) >= age { due.insert(name) }
                } else {
                    state.waiting[name] = now
                    if age <= .zero { due.insert(name) }
                }
            }
            return due
        }
    }

    func didSummarise(_ name: String) {
        state.withLock { state in
            state.done.insert(name)
            state.waiting[name] = nil
        }
    }

    /// Whether parts have gone since the last call, or it is the first.
    func mayHaveStrays(_ names: [String]) -> Bool {
        state.withLock { state in
            let all = Set(names)
            defer { state.lastParts = all }
            guard let last = state.lastParts else { return true }
            return !last.isSubset(of: all)
        }
    }
}
