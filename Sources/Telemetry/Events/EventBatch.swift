/// The two tables of the event engine.
package enum EventTable: String, Hashable, Sendable, CaseIterable { case logs, spans }

/// Names of the columns that are not attributes. A colon cannot begin an attribute's prefix of ours, so none collides.
///
/// Rows of `logs` have ``line`` and one column for each structured-metadata name, spelled as received (`http.method`).
/// Rows of `spans` have the intrinsics below and one column for each attribute: `span.` + key.
package enum EventColumnName {
    /// Log: the exact bytes of the line (kind string; may be invalid UTF-8).
    package static let line = "log:line"

    /// 16 bytes.
    package static let traceID = "trace:id"
    /// 8 bytes.
    package static let spanID = "span:id"
    /// 8 bytes; absent at a root.
    package static let parentID = "span:parentID"
    package static let spanName = "span:name"
    /// Int, OTLP's 0...5.
    package static let spanKind = "span:kind"
    /// Int, 0 unset, 1 ok, 2 error.
    package static let statusCode = "span:status"
    package static let statusMessage = "span:statusMessage"
    /// Int, nanoseconds, never negative.
    package static let duration = "span:duration"
    package static let traceState = "span:traceState"
    /// Int, OTLP's fixed32.
    package static let flags = "span:flags"
    package static let droppedAttributes = "span:droppedAttributes"
    package static let droppedEvents = "span:droppedEvents"
    package static let droppedLinks = "span:droppedLinks"
    /// Array of maps {name: string, time: int ns, attributes: map, dropped: int}.
    package static let events = "span:events"
    /// Array of maps {traceID: bytes, spanID: bytes, traceState: string, attributes: map, dropped: int, flags: int}.
    package static let links = "span:links"

    package static let spanAttributePrefix = "span."
    /// Shared fields of a span's group.
    package static let resourceAttributePrefix = "resource."
    package static let scopeAttributePrefix = "instrumentation."
    package static let scopeName = "instrumentation:name"
    package static let scopeVersion = "instrumentation:version"
    package static let resourceSchemaURL = "resource:schemaURL"
    package static let scopeSchemaURL = "instrumentation:schemaURL"
    package static let resourceDroppedAttributes = "resource:droppedAttributes"
    package static let scopeDroppedAttributes = "instrumentation:droppedAttributes"
}

/// What many rows have in common: the stream of a log line, the resource and scope of a span.
///
/// `labels` is the identity that selectors see (a log's stream labels; of spans just `service_name`), `shared` are
/// typed fields stored once for all rows of the group (structured metadata that came from resource and scope; `resource.*`
/// and `instrumentation.*` of spans).
package struct EventGroup: Hashable, Sendable {
    package var labels: LabelSet
    package var shared: [Attribute]

    package init(labels: LabelSet, shared: [Attribute] = []) {
        self.labels = labels
        self.shared = shared
    }

    package func shared(_ name: String) -> AttributeValue? { shared.first { $0.key == name }?.value }
}

/// One named column of a batch: values of any kind, present in some rows.
package struct EventColumn: Sendable {
    package let name: String
    /// The rows that have a value, ascending.
    package private(set) var rows: [UInt32] = []
    package private(set) var kinds: [ValueKind] = []
    /// Value i is `bytes[ends[i - 1]..<ends[i]]`.
    package private(set) var ends: [UInt32] = []
    package private(set) var bytes: [UInt8] = []

    package init(name: String) { self.name = name }

    /// Takes columns over as they are; nil where they do not fit together. `rows` must ascend.
    package init?(name: String, rows: [UInt32], kinds: [ValueKind], ends: [UInt32], bytes: [UInt8]) {
        guard rows.count == kinds.count, rows.count == ends.count, Int(ends.last ?? 0) == bytes.count else {
            return nil
        }
        self.name = name
        self.rows = rows
        self.kinds = kinds
        self.ends = ends
        self.bytes = bytes
    }

    package var count: Int { rows.count }

    /// Rows must come in ascending order, each at most once.
    package mutating func append(row: Int, _ value: AttributeValue) {
        rows.append(UInt32(truncatingIfNeeded: row))
        kinds.append(value.kind)
        value.encode(to: &bytes)
        ends.append(UInt32(truncatingIfNeeded: bytes.count))
    }

    package mutating func append(row: Int, kind: ValueKind, payload: some Collection<UInt8>) {
        rows.append(UInt32(truncatingIfNeeded: row))
        kinds.append(kind)
        bytes.append(contentsOf: payload)
        ends.append(UInt32(truncatingIfNeeded: bytes.count))
    }

    /// As the generic one, without its cost: what the wire readers call for each value.
    package mutating func append(row: Int, kind: ValueKind, payload: ArraySlice<UInt8>) {
        rows.append(UInt32(truncatingIfNeeded: row))
        kinds.append(kind)
        bytes.append(contentsOf: payload)
        ends.append(UInt32(truncatingIfNeeded: bytes.count))
    }

    /// Position of `row` among the present values, nil where the row has none.
    package func index(ofRow row: Int) -> Int? {
        if row < rows.count, rows[row] == UInt32(truncatingIfNeeded: row) { return row }
        var low = 0
        var high = rows.count
        while low < high {
            let middle = (low + high) / 2
            if Int(rows[middle]) < row { low = middle + 1 } else { high = middle }
        }
        return low < rows.count && Int(rows[low]) == row ? low : nil
    }

    package func range(at index: Int) -> Range<Int> {
        (index == 0 ? 0 : Int(ends[index - 1]))..<Int(ends[index])
    }

    package func value(at index: Int) -> AttributeValue {
        AttributeValue(kind: kinds[index], bytes: bytes[range(at: index)])
    }

    package func value(ofRow row: Int) -> AttributeValue? { index(ofRow: row).map { value(at: $0) } }

    /// The payload of a row, whatever its kind.
    package func payload(ofRow row: Int) -> ArraySlice<UInt8>? { index(ofRow: row).map { bytes[range(at: $0)] } }
}

/// A unit of event ingestion, and of what a scan yields: rows in columns.
package struct EventBatch: Sendable {
    package var groups: [EventGroup] = []
    /// Per row: nanoseconds since 1970 (a span's start).
    package var timestamps: [Int64] = []
    /// Per row: index into ``groups``.
    package var groupOfRow: [UInt32] = []
    /// Per row: arrival order inside the store, which breaks ties between equal timestamps. Empty on the way in.
    package var sequences: [UInt64] = []
    package private(set) var columns: [EventColumn] = []
    private var columnIndex: [String: Int] = [:]

    package init() {}

    package var rowCount: Int { timestamps.count }

    package mutating func addGroup(_ group: EventGroup) -> UInt32 {
        groups.append(group)
        return UInt32(truncatingIfNeeded: groups.count - 1)
    }

    /// Starts a row and answers its index; set its values before the next row is started.
    package mutating func addRow(timestamp: Int64, group: UInt32, sequence: UInt64? = nil) -> Int {
        timestamps.append(timestamp)
        groupOfRow.append(group)
        if let sequence { sequences.append(sequence) }
        return timestamps.count - 1
    }

    /// Index of the column, made when it is new. Keep it while filling many rows.
    package mutating func columnIndex(_ name: String) -> Int {
        if let i = columnIndex[name] { return i }
        columns.append(EventColumn(name: name))
        columnIndex[name] = columns.count - 1
        return columns.count - 1
    }

    package mutating func set(_ column: Int, row: Int, _ value: AttributeValue) {
        guard columns[column].rows.last != UInt32(truncatingIfNeeded: row) else { return }
        columns[column].append(row: row, value)
    }

    package mutating func set(_ column: Int, row: Int, kind: ValueKind, payload: some Collection<UInt8>) {
        guard columns[column].rows.last != UInt32(truncatingIfNeeded: row) else { return }
        columns[column].append(row: row, kind: kind, payload: payload)
    }

    package mutating func set(_ column: Int, row: Int, kind: ValueKind, payload: ArraySlice<UInt8>) {
        guard columns[column].rows.last != UInt32(truncatingIfNeeded: row) else { return }
        columns[column].append(row: row, kind: kind, payload: payload)
    }

    package mutating func set(_ name: String, row: Int, _ value: AttributeValue) {
        set(columnIndex(name), row: row, value)
    }

    package mutating func addColumn(_ column: EventColumn) {
        columnIndex[column.name] = columns.count
        columns.append(column)
    }

    package func column(_ name: String) -> EventColumn? { columnIndex[name].map { columns[$0] } }

    package func value(_ name: String, row: Int) -> AttributeValue? { column(name)?.value(ofRow: row) }
}
