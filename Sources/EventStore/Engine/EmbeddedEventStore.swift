import Storage
import Synchronization
import Telemetry

/// The events engine: one columnar engine with two tables that differ in sort key and indexes only.
///
/// What `append` has returned for is in the table's journal and visible to queries. ``maintain(now:)`` moves rows to
/// sealed parts and merges those; the server calls it in the background.
package final class EmbeddedEventStore: EventStorage {
    let logs: TableStore
    private let spans: TableStore
    private let folder: DataFolder

    /// Opens both tables inside `folder`: reads the footers of parts and replays the journals after their checkpoints.
    package init(opening folder: DataFolder, options: EventStoreOptions = EventStoreOptions()) throws {
        self.folder = folder
        let held = Mutex<[EventTable: Int]>([:])
        let budget = options.budget
        let note: @Sendable (EventTable, Int) -> Void = { table, bytes in
            let total = held.withLock { held in
                held[table] = bytes
                return held.values.reduce(0, +)
            }
            budget?.set(.events, to: total)
        }
        logs = try TableStore(table: .logs, folder: folder, options: options, memoryChanged: note)
        spans = try TableStore(table: .spans, folder: folder, options: options, memoryChanged: note)
    }

    func store(of table: EventTable) -> TableStore {
        switch table {
        case .logs: logs
        case .spans: spans
        }
    }

    // MARK: Writing

    package func append(_ batch: EventBatch, to table: EventTable, id: BatchID?) async throws -> AppendOutcome {
        try await store(of: table).append(batch, id: id)
    }

    /// Seals what is large or old enough and merges small parts. To be called about every second, on a thread that may
    /// be busy for seconds; `now` is nanoseconds since 1970. Throws what kept it from sealing (a full disk): the rows
    /// stay in memory and journal, and the next call tries again.
    package func maintain(now: Int64) async throws {
        var failure: (any Error)?
        for store in [logs, spans] {
            do {
                try await store.maintain(now: now)
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
    }

    /// Seals everything in memory now.
    package func seal() async throws {
        for store in [logs, spans] { try await store.seal() }
    }

    package func retain(_ table: EventTable, after time: Int64) async throws {
        try await store(of: table).retain(after: time)
    }

    package func retain(_ table: EventTable, bytes: Int) async throws {
        try await store(of: table).retain(bytes: bytes)
    }

    package func retain(_ table: EventTable, rules: [EventRetentionRule]) async throws {
        try await store(of: table).retain(rules: rules)
    }

    package func delete(
        _ table: EventTable, matchers: [Matcher], predicate: EventPredicate, range: TimeRange
    ) async throws {
        try await store(of: table).delete(matchers: matchers, predicate: predicate, range: range)
    }

    /// Deletes these rows, known by their sequences, which lie in the range and whose groups all matchers match.
    package func delete(
        _ table: EventTable, rows: [UInt64], matchers: [Matcher], range: TimeRange
    ) async throws {
        let rows = SequenceSet(rows)
        guard !rows.isEmpty else { return }
        try await store(of: table).delete(matchers: matchers, predicate: .everything, range: range, rows: rows)
    }

    package func compact(_ table: EventTable) async throws {
        let store = store(of: table)
        try await store.seal()
        store.state.withLock { $0.lastAppend = .now - max(store.options.restTime, store.options.longRestTime) }
        while try await store.merge() > 0 {}
    }

    package func snapshot(to target: String) async throws {
        try folder.snapshot(to: target, journals: EventTable.allCases.map { "\($0.rawValue)/journal" })
    }

    package func health(of table: EventTable) async -> StoreHealth { store(of: table).health }

    package func close() async throws {
        var failure: (any Error)?
        for store in [logs, spans] {
            do {
                try await store.close()
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
    }

    // MARK: Reading

    package func scan(
        _ plan: EventScanPlan, context: QueryContext, _ body: (EventBatch) throws -> ScanDecision
    ) async throws -> ScanTrailer {
        try store(of: plan.table).scan(plan, context: context, body)
    }

    package func fold<Partial: Sendable>(
        _ plan: EventScanPlan, context: QueryContext, from make: @Sendable () throws -> Partial,
        _ body: @Sendable (inout Partial, any EventBlock) throws -> Void
    ) async throws -> EventFold<Partial>? {
        try store(of: plan.table).fold(plan, context: context, from: make, body)
    }

    package func labelNames(_ query: EventCatalogQuery, context: QueryContext) async throws -> [String] {
        try store(of: query.table).labelNames(query, context: context)
    }

    package func labelValues(
        _ name: String, _ query: EventCatalogQuery, context: QueryContext
    ) async throws -> [String] {
        try store(of: query.table).labelValues(name, query, context: context)
    }

    package func streams(_ query: EventCatalogQuery, context: QueryContext) async throws -> [StreamSummary] {
        try store(of: query.table).streams(query, context: context)
    }

    package func fieldNames(_ query: EventCatalogQuery, context: QueryContext) async throws -> [String] {
        try store(of: query.table).fieldNames(query, context: context)
    }

    package func fieldValues(
        _ name: String, _ query: EventCatalogQuery, context: QueryContext
    ) async throws -> [AttributeValue] {
        try store(of: query.table).fieldValues(name, query, context: context)
    }
}

extension TableStore {
    func maintain(now: Int64) async throws {
        let mustSeal = state.withLock { state -> Bool in
            if state.isClosed { return false }
            if state.frozen != nil || state.memory.bytes >= options.sealBytes { return true }
            guard state.memory.rows > 0 else { return false }
            let rest = state.lastAppend.duration(to: .now)
            if rest >= options.restTime, state.memory.bytes >= options.restBytes { return true }
            guard let since = state.unsealedSince else {
                state.unsealedSince = now
                return false
            }
            return now &- since >= options.sealNanoseconds
        }
        if mustSeal { try await seal() }
        if state.withLock({ $0.isClosed }) { return }
        try await merge()
    }

    var health: StoreHealth {
        var health = state.withLock { state in
            var health = StoreHealth()
            health.activeSeries = state.memory.groups.count
            health.parts = state.parts.count
            health.rows = state.memory.rows + (state.frozen?.snapshot.rows ?? 0)
            for part in state.parts {
                health.rows += part.record.rows
                health.bytesOnDisk += part.part.size
            }
            health.problems = state.problems
            return health
        }
        health.journalBytes = journal.bytes
        health.bytesOnDisk += journal.bytes
        health.problems += journal.problems
        return health
    }

    /// Seals twice where an earlier seal had failed; then no append is accepted any more.
    func close() async throws {
        if state.withLock({ $0.isClosed }) { return }
        var failure: (any Error)?
        do {
            if state.withLock({ $0.frozen != nil }) { try await seal() }
            try await seal()
        } catch {
            failure = error
        }
        await appendGate.enterAlone()
        state.withLock { $0.isClosed = true }
        appendGate.leaveAlone()
        try journal.close()
        state.withLock { state in
            state.parts = []
            state.frozen = nil
            state.memory = MemoryTable()
        }
        noteMemory()
        if let failure { throw failure }
    }

    func scan(
        _ plan: EventScanPlan, context: QueryContext, _ body: (EventBatch) throws -> ScanDecision
    ) throws -> ScanTrailer {
        var scanner = try Scanner(snapshot: try snapshot, plan: plan, context: context)
        var trailer = try scanner.run(body)
        note(scanner.problems)
        addLostParts(plan.range, to: &trailer)
        for warning in trailer.warnings { context.warn(warning) }
        return trailer
    }

    func fold<Partial: Sendable>(
        _ plan: EventScanPlan, context: QueryContext, from make: @Sendable () throws -> Partial,
        _ body: @Sendable (inout Partial, any EventBlock) throws -> Void
    ) throws -> EventFold<Partial> {
        var scanner = try Scanner(snapshot: try snapshot, plan: plan, context: context)
        var fold = try scanner.fold(make, body)
        note(scanner.problems)
        addLostParts(plan.range, to: &fold.trailer)
        for warning in fold.trailer.warnings { context.warn(warning) }
        return fold
    }

    func note(_ problems: [String]) {
        if problems.isEmpty { return }
        state.withLock { state in
            for problem in problems { state.note(problem) }
        }
    }

    private func addLostParts(_ range: TimeRange, to trailer: inout ScanTrailer) {
        for record in state.withLock({ $0.lost }) where range.overlaps(first: record.minTime, last: record.maxTime) {
            trailer.partial = true
            trailer.warnings.append("rows were left out: \(record.file) cannot be read")
        }
    }
}
