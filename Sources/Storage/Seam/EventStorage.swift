package import Telemetry

/// A condition on the columns of a row. A column is looked up in the row first, then in its group's shared fields, then
/// in its stream labels. A row without the column fails every comparison and passes its negation. Of an array a
/// condition holds where it holds for any element.
package indirect enum EventPredicate: Hashable, Sendable {
    package enum Comparison: Hashable, Sendable { case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual }

    case everything
    case and([EventPredicate])
    case or([EventPredicate])
    case not(EventPredicate)
    case exists(column: String)
    /// Values of different kinds are unequal and unordered, but int and double compare as numbers.
    case compare(column: String, Comparison, AttributeValue)
    case isAny(column: String, [AttributeValue])
    /// The bytes occur anywhere in a string column.
    case contains(column: String, [UInt8])
    /// An RE2 expression found anywhere, or over the whole value where `anchored`.
    case matches(column: String, pattern: String, anchored: Bool)
}

package struct EventScanPlan: Sendable {
    package enum Order: Hashable, Sendable { case newestFirst, oldestFirst, any }
    package enum Projection: Hashable, Sendable {
        case all
        /// These columns (row or shared); labels and shared fields of the group always come along.
        case columns(Set<String>)
    }

    package var table: EventTable
    /// Nanoseconds, half-open, of the row's timestamp.
    package var range: TimeRange
    /// Over the group's labels; all must hold.
    package var matchers: [Matcher]
    /// The store may use it to skip, and may hand over rows that fail it: the evaluator checks again. It must never
    /// hold back a row that passes.
    package var predicate: EventPredicate
    package var projection: Projection
    package var order: Order
    /// A further test of the rows that pass the predicate, by columns: it may clear bits of rows that nobody wants. A
    /// store may pass over it.
    package var rowFilter: (any EventRowFilter)?
    /// After about so many rows the reader will have enough; 0 where nothing is known of that. The store may prepare
    /// for it and hands over all rows all the same.
    package var expectedRows = 0

    package init(
        table: EventTable, range: TimeRange, matchers: [Matcher] = [], predicate: EventPredicate = .everything,
        projection: Projection = .all, order: Order = .any, rowFilter: (any EventRowFilter)? = nil
    ) {
        self.table = table
        self.range = range
        self.matchers = matchers
        self.predicate = predicate
        self.projection = projection
        self.order = order
        self.rowFilter = rowFilter
    }
}

/// What a language knows of its rows beyond predicates. It is asked on several cores at once.
package protocol EventRowFilter: Sendable {
    /// Clears the rows of ``EventBlock/passing`` that the query drops.
    func restrict(_ rows: inout RowMask, of block: any EventBlock) throws
}

package enum ScanDecision: Sendable { case goOn, stop }

package struct EventCatalogQuery: Sendable {
    package var table: EventTable
    package var range: TimeRange
    package var matchers: [Matcher]
    package var limit: Int
    package init(table: EventTable, range: TimeRange = .all, matchers: [Matcher] = [], limit: Int = 0) {
        self.table = table
        self.range = range
        self.matchers = matchers
        self.limit = limit
    }
}

package struct StreamSummary: Sendable {
    package var labels: LabelSet
    package var rows: Int
    package var bytes: Int
    package init(labels: LabelSet, rows: Int, bytes: Int) {
        self.labels = labels
        self.rows = rows
        self.bytes = bytes
    }
}

/// How the languages see logs and spans.
package protocol EventReader: Sendable {
    /// Hands over rows in batches until there are no more or `body` says stop. With an order, rows come in that order
    /// of (timestamp, sequence) over the whole scan; every row has its sequence, which never changes between scans.
    func scan(
        _ plan: EventScanPlan, context: QueryContext, _ body: (EventBatch) throws -> ScanDecision
    ) async throws -> ScanTrailer
    /// Hands over the blocks that have rows for the plan, on several cores at once, in no order: each core begins with
    /// what `make` gives and adds to it. The plan's predicate holds for the rows of ``EventBlock/passing``; its order
    /// and projection are not looked at. nil where the reader does not know of blocks: ask ``scan(_:context:_:)``.
    func fold<Partial: Sendable>(
        _ plan: EventScanPlan, context: QueryContext, from make: @Sendable () throws -> Partial,
        _ body: @Sendable (inout Partial, any EventBlock) throws -> Void
    ) async throws -> EventFold<Partial>?
    /// Names of the groups' labels, sorted.
    func labelNames(_ query: EventCatalogQuery, context: QueryContext) async throws -> [String]
    func labelValues(_ name: String, _ query: EventCatalogQuery, context: QueryContext) async throws -> [String]
    /// The distinct label sets with rows in the range, sorted.
    func streams(_ query: EventCatalogQuery, context: QueryContext) async throws -> [StreamSummary]
    /// Names of columns and shared fields, sorted.
    func fieldNames(_ query: EventCatalogQuery, context: QueryContext) async throws -> [String]
    /// Distinct values of a column or shared field, sorted by their text, at most `limit` (0: 10,000).
    func fieldValues(_ name: String, _ query: EventCatalogQuery, context: QueryContext) async throws -> [AttributeValue]
}

/// How long rows of some groups are kept. Of several rules the first whose matchers all match a group decides.
package struct EventRetentionRule: Hashable, Sendable {
    /// None: every group.
    package var matchers: [Matcher]
    /// Nanoseconds: earlier rows are over.
    package var after: Int64
    package init(matchers: [Matcher] = [], after: Int64) {
        self.matchers = matchers
        self.after = after
    }
}

/// The events engine.
package protocol EventStorage: EventReader {
    func append(_ batch: EventBatch, to table: EventTable, id: BatchID?) async throws -> AppendOutcome
    /// Drops what lies wholly before `time` (nanoseconds).
    func retain(_ table: EventTable, after time: Int64) async throws
    /// Drops the oldest parts of the table until it takes no more than `bytes` on disk.
    func retain(_ table: EventTable, bytes: Int) async throws
    /// Rows whose rule's time is over are not seen from now on, and leave the disk with merges. The rules replace those
    /// of the last call and are not stored: call it again at every start, and as time goes on.
    func retain(_ table: EventTable, rules: [EventRetentionRule]) async throws
    /// Deletes the rows stored so far that lie in the range, whose group all matchers match and that pass the
    /// condition. Durable when it returns, and no later query sees them; they leave the disk with merges.
    func delete(_ table: EventTable, matchers: [Matcher], predicate: EventPredicate, range: TimeRange) async throws
    /// Moves what is in memory to parts, and merges until there is nothing left to merge.
    func compact(_ table: EventTable) async throws
    /// A copy of both tables at this moment inside the new folder `target` on the same file system, by hard links: it
    /// opens like any data folder.
    func snapshot(to target: String) async throws
    func health(of table: EventTable) async -> StoreHealth
    func close() async throws
}
