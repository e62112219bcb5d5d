import Telemetry

/// The columns of the batch that is being filled, found by number instead of by name for each value.
struct EventColumns {
    enum Known: Int, CaseIterable {
        case traceID, spanID, parentID, spanName, spanKind, statusCode, statusMessage, duration, traceState, flags
        case droppedAttributes, droppedEvents, droppedLinks, events, links
        case line, logTraceID, logSpanID, severityNumber, severityText, observedTimestamp, logFlags
        case logDroppedAttributes, eventName, detectedLevel

        var name: String {
            switch self {
            case .traceID: EventColumnName.traceID
            case .spanID: EventColumnName.spanID
            case .parentID: EventColumnName.parentID
            case .spanName: EventColumnName.spanName
            case .spanKind: EventColumnName.spanKind
            case .statusCode: EventColumnName.statusCode
            case .statusMessage: EventColumnName.statusMessage
            case .duration: EventColumnName.duration
            case .traceState: EventColumnName.traceState
            case .flags: EventColumnName.flags
            case .droppedAttributes: EventColumnName.droppedAttributes
            case .droppedEvents: EventColumnName.droppedEvents
            case .droppedLinks: EventColumnName.droppedLinks
            case .events: EventColumnName.events
            case .links: EventColumnName.links
            case .line: EventColumnName.line
            case .logTraceID: "trace_id"
            case .logSpanID: "span_id"
            case .severityNumber: "severity_number"
            case .severityText: "severity_text"
            case .observedTimestamp: "observed_timestamp"
            case .logFlags: "flags"
            case .logDroppedAttributes: "dropped_attributes_count"
            case .eventName: "event_name"
            case .detectedLevel: "detected_level"
            }
        }
    }

    private let prefix: String
    private var known: [Int] = Array(repeating: -1, count: Known.allCases.count)
    private var attributeNames = ByteInterner()
    private var attributeColumns: [Int] = []
    private var word: [UInt8] = Array(repeating: 0, count: 8)

    /// `prefix` stands before the names of attribute columns.
    init(prefix: String) { self.prefix = prefix }

    mutating func set(
        _ batch: inout EventBatch, _ column: Known, _ row: Int, _ kind: ValueKind, _ payload: ArraySlice<UInt8>
    ) {
        batch.set(index(column, &batch), row: row, kind: kind, payload: payload)
    }

    mutating func setInt(_ batch: inout EventBatch, _ column: Known, _ row: Int, _ value: Int64) {
        for i in 0..<8 { word[i] = UInt8(truncatingIfNeeded: value >> Int64(8 * i)) }
        batch.set(index(column, &batch), row: row, kind: .int, payload: word[...])
    }

    mutating func setAttribute(
        _ batch: inout EventBatch, _ bytes: [UInt8], _ key: Range<Int>, _ row: Int, _ kind: ValueKind,
        _ payload: ArraySlice<UInt8>
    ) {
        let (index, isNew) = attributeNames.intern(bytes, key)
        if isNew { attributeColumns.append(batch.columnIndex(prefix + UTF8Text.string(bytes, key))) }
        batch.set(attributeColumns[index], row: row, kind: kind, payload: payload)
    }

    private mutating func index(_ column: Known, _ batch: inout EventBatch) -> Int {
        let cached = known[column.rawValue]
        if cached >= 0 { return cached }
        let fresh = batch.columnIndex(column.name)
        known[column.rawValue] = fresh
        return fresh
    }
}
