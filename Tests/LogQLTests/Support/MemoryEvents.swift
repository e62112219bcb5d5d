import Patterns
import Storage
import Synchronization
import Telemetry

/// An event store of a few rows, which takes every plan at its word: what the predicate does not let through is held
/// back, and of the columns only the projected ones come out.
struct MemoryEvents: EventReader {
    struct Row: Sendable {
        var timestamp: Int64
        var group: EventGroup
        var line: [UInt8]
        var fields: [Attribute] = []
    }

    var rows: [Row]
    /// Rows in one batch of a scan.
    var batchSize = 3

    init(_ rows: [Row]) { self.rows = rows }

    private static func value(_ row: Row, _ column: String) -> AttributeValue? {
        if column == EventColumnName.line { return .bytes(row.line) }
        return row.fields.first { $0.key == column }?.value ?? row.group.shared(column)
            ?? row.group.labels[column].map { .string($0) }
    }

    private static func text(_ value: AttributeValue?) -> [UInt8]? {
        switch value {
        case .string(let text)?: Array(text.utf8)
        case .bytes(let bytes)?: bytes
        default: nil
        }
    }

    private static let expressions = Mutex<[String: Pattern]>([:])

    private static func expression(_ text: String) throws -> Pattern {
        if let known = expressions.withLock({ $0[text] }) { return known }
        let new = try Pattern(text)
        expressions.withLock { $0[text] = new }
        return new
    }

    static func holds(_ predicate: EventPredicate, _ row: Row) throws -> Bool {
        switch predicate {
        case .everything: return true
        case .and(let parts): return try parts.allSatisfy { try holds($0, row) }
        case .or(let parts): return try parts.contains { try holds($0, row) }
        case .not(let part): return try !holds(part, row)
        case .exists(let column): return value(row, column) != nil
        case .compare(let column, .equal, let wanted): return value(row, column) == wanted
        case .compare: return false
        case .isAny(let column, let wanted): return value(row, column).map(wanted.contains) ?? false
        case .contains(let column, let bytes):
            return text(value(row, column)).map { ByteSearch.find(bytes, in: $0) != nil } ?? false
        case .matches(let column, let pattern, let anchored):
            let expression = try expression(pattern)
            return text(value(row, column)).map { anchored ? expression.matchesWhole($0) : expression.isFound(in: $0) }
                ?? false
        }
    }

    func scan(
        _ plan: EventScanPlan, context: QueryContext, _ body: (EventBatch) throws -> ScanDecision
    ) async throws -> ScanTrailer {
        let matchers = try plan.matchers.map { try CompiledMatcher($0) }
        var found: [(sequence: Int, row: Row)] = []
        for (sequence, row) in rows.enumerated()
        where plan.range.contains(row.timestamp) && matchers.matches(row.group.labels) {
            if try MemoryEvents.holds(plan.predicate, row) { found.append((sequence, row)) }
        }
        found.sort { ($0.row.timestamp, $0.sequence) < ($1.row.timestamp, $1.sequence) }
        if plan.order == .newestFirst { found.reverse() }
        var next = 0
        while next < found.count {
            var batch = EventBatch()
            var groups: [EventGroup: UInt32] = [:]
            for (sequence, row) in found[next..<min(found.count, next + batchSize)] {
                let group = groups[row.group] ?? batch.addGroup(row.group)
                groups[row.group] = group
                let at = batch.addRow(timestamp: row.timestamp, group: group, sequence: UInt64(sequence))
                batch.set(batch.columnIndex(EventColumnName.line), row: at, kind: .string, payload: row.line)
                for field in row.fields {
                    if case .columns(let wanted) = plan.projection, !wanted.contains(field.key) { continue }
                    batch.set(field.key, row: at, field.value)
                }
            }
            next += batchSize
            if try body(batch) == .stop { break }
        }
        return ScanTrailer(rows: found.count)
    }

    private func selected(_ query: EventCatalogQuery) throws -> [Row] {
        let matchers = try query.matchers.map { try CompiledMatcher($0) }
        return rows.filter { query.range.contains($0.timestamp) && matchers.matches($0.group.labels) }
    }

    func labelNames(_ query: EventCatalogQuery, context: QueryContext) async throws -> [String] {
        Set(try selected(query).flatMap { $0.group.labels.labels.map(\.name) }).sorted()
    }

    func labelValues(_ name: String, _ query: EventCatalogQuery, context: QueryContext) async throws -> [String] {
        Set(try selected(query).compactMap { $0.group.labels[name] }).sorted()
    }

    func streams(_ query: EventCatalogQuery, context: QueryContext) async throws -> [StreamSummary] { [] }

    func fieldNames(_ query: EventCatalogQuery, context: QueryContext) async throws -> [String] {
        Set(try selected(query).flatMap { ($0.fields + $0.group.shared).map(\.key) }).sorted()
    }

    func fieldValues(_ name: String, _ query: EventCatalogQuery, context: QueryContext) async throws -> [AttributeValue]
    { [] }
}

extension MemoryEvents.Row {
    /// `seconds` since 1970.
    init(_ seconds: Double, _ labels: [String: String], _ line: String, _ fields: [String: AttributeValue] = [:]) {
        self.init(
            timestamp: Int64(seconds * 1e9), group: EventGroup(labels: LabelSet(labels)), line: Array(line.utf8),
            fields: fields.sorted { $0.key < $1.key }.map { Attribute($0.key, $0.value) })
    }
}
