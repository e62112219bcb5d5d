import Storage
import Telemetry
import Wire

/// Recognises entries of systemd's journal that are stored already. `systemd-journal-upload` begins again behind the
/// last entry whose upload was answered, so after a broken connection entries come a second time.
///
/// What is stored is the memory: entries carry the journal's own numbers, and those of an upload that may be there are
/// looked up before they are appended. Entries that are younger than all of their journal's are new without a look.
actor JournalResends {
    private static let mostJournals = 10_000

    private let reader: any EventReader
    /// By journal the newest time that is stored or was being stored; of the others it is not known yet.
    private var newest: [String: Int64] = [:]
    private var busy: Set<String> = []
    private var waiting: [String: [CheckedContinuation<Void, Never>]] = [:]

    init(reader: any EventReader) { self.reader = reader }

    /// Hands the entries that are new to `store`. Answers also how many were not.
    func append(
        _ entries: LogEntries, context: QueryContext,
        _ store: @Sendable (LogEntries) async throws -> IngestGateway.Outcome
    ) async throws -> (outcome: IngestGateway.Outcome, repeated: Int) {
        let numbers = JournalNumbers(entries.batch)
        let journals = numbers.journals.sorted()
        guard !journals.isEmpty else { return (try await store(entries), 0) }
        // Two uploads of one journal, of which one is a broken one's rest, go one after the other.
        for journal in journals { await enter(journal) }
        defer { for journal in journals { leave(journal) } }
        var kept = [Bool](repeating: true, count: entries.batch.rowCount)
        for journal in journals { try await exclude(&kept, of: journal, numbers, entries.batch, context) }
        let repeated = kept.count { !$0 }
        var fresh = entries
        if repeated > 0 { fresh.batch = entries.batch.keeping(kept) }
        do {
            return (fresh.isEmpty ? IngestGateway.Outcome() : try await store(fresh), repeated)
        } catch {
            // Whether a part of it was stored is not known: the store is asked the next time.
            for journal in journals { newest[journal] = nil }
            throw error
        }
    }

    /// Clears the rows of a journal that are stored.
    private func exclude(
        _ kept: inout [Bool], of journal: String, _ numbers: JournalNumbers, _ batch: EventBatch,
        _ context: QueryContext
    ) async throws {
        let rows = numbers.rows.indices.filter { numbers.rows[$0]?.journal == journal }
        let times = rows.map { batch.timestamps[$0] }
        guard let first = times.min(), let last = times.max() else { return }
        let machines = Set(rows.compactMap { batch.groups[Int(batch.groupOfRow[$0])].labels["_MACHINE_ID"] })
        let lookup = JournalLookup(reader: reader, journal: journal, machines: machines, context: context)
        let stored: Int64
        if let known = newest[journal] { stored = known } else { stored = try await lookup.newest(since: first) }
        if newest.count >= JournalResends.mostJournals { newest.removeAll() }
        newest[journal] = max(stored, last)
        let old = rows.filter { batch.timestamps[$0] <= stored }
        guard let from = old.map({ batch.timestamps[$0] }).min(), let to = old.map({ batch.timestamps[$0] }).max()
        else { return }
        let known = try await lookup.numbers(from: from, to: to)
        for row in old { if let number = numbers.rows[row]?.number, known.contains(number) { kept[row] = false } }
    }

    // MARK: One at a time

    private func enter(_ journal: String) async {
        guard !busy.insert(journal).inserted else { return }
        await withCheckedContinuation { waiting[journal, default: []].append($0) }
    }

    private func leave(_ journal: String) {
        if let next = waiting[journal]?.first {
            waiting[journal]?.removeFirst()
            next.resume()
        } else {
            waiting[journal] = nil
            busy.remove(journal)
        }
    }
}

/// What a batch says of its rows' places in their journals.
private struct JournalNumbers {
    /// By row; nil where the entry came without.
    var rows: [(journal: String, number: Int64)?] = []
    var journals: Set<String> = []

    init(_ batch: EventBatch) {
        guard let ids = batch.column(JournalExport.journalField),
            let sequences = batch.column(JournalExport.numberField)
        else { return }
        for row in 0..<batch.rowCount {
            guard case .string(let journal)? = ids.value(ofRow: row),
                case .int(let number)? = sequences.value(ofRow: row)
            else {
                rows.append(nil)
                continue
            }
            rows.append((journal, number))
            journals.insert(journal)
        }
    }
}

/// Questions about the stored entries of one journal.
private struct JournalLookup {
    let reader: any EventReader
    let journal: String
    let machines: Set<String>
    let context: QueryContext

    private func plan(_ range: TimeRange, _ order: EventScanPlan.Order) -> EventScanPlan {
        EventScanPlan(
            table: .logs, range: range,
            matchers: machines.count == 1 ? machines.map { Matcher("_MACHINE_ID", .equal, $0) } : [],
            predicate: .compare(column: JournalExport.journalField, .equal, .string(journal)),
            projection: .columns([JournalExport.journalField, JournalExport.numberField]), order: order)
    }

    /// The time of the newest entry that is not older than `time`; `.min` where there is none.
    func newest(since time: Int64) async throws -> Int64 {
        var found = Int64.min
        let range = TimeRange(start: time, end: .max)
        _ = try await reader.scan(plan(range, .newestFirst), context: context) { batch in
            for row in 0..<batch.rowCount where isOurs(batch, row) { found = max(found, batch.timestamps[row]) }
            return found == .min ? .goOn : .stop
        }
        return found
    }

    /// The numbers of the entries between two times.
    func numbers(from first: Int64, to last: Int64) async throws -> Set<Int64> {
        // Equal lines of one microsecond were moved apart by nanoseconds.
        let end = last.addingReportingOverflow(1_000).partialValue
        var found: Set<Int64> = []
        _ = try await reader.scan(plan(TimeRange(start: first, end: max(first, end)), .any), context: context) {
            batch in
            for row in 0..<batch.rowCount where isOurs(batch, row) {
                if case .int(let number)? = batch.value(JournalExport.numberField, row: row) { found.insert(number) }
            }
            return .goOn
        }
        return found
    }

    private func isOurs(_ batch: EventBatch, _ row: Int) -> Bool {
        batch.value(JournalExport.journalField, row: row) == .string(journal)
    }
}

extension EventBatch {
    /// The rows that are to be kept, in their order.
    fileprivate func keeping(_ kept: [Bool]) -> EventBatch {
        var out = EventBatch()
        out.groups = groups
        var place = [Int](repeating: -1, count: rowCount)
        for row in 0..<rowCount where kept[row] {
            place[row] = out.addRow(timestamp: timestamps[row], group: groupOfRow[row])
        }
        for column in columns {
            var one = EventColumn(name: column.name)
            for index in 0..<column.count where place[Int(column.rows[index])] >= 0 {
                one.append(
                    row: place[Int(column.rows[index])], kind: column.kinds[index],
                    payload: column.bytes[column.range(at: index)])
            }
            if one.count > 0 { out.addColumn(one) }
        }
        return out
    }
}
