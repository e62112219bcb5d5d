package import Telemetry

/// Turns rows of the `spans` table into spans. What a column of a batch means is found out once for the batch.
package struct SpanDecoder {
    private enum Role {
        case traceID, spanID, parentID, name, kind, status, statusMessage, duration, traceState, flags
        case droppedAttributes, droppedEvents, droppedLinks, events, links
        case attribute(String)
    }

    private let batch: EventBatch
    private var roles: [(role: Role, column: Int)] = []
    private var traceIDs: Int?
    private var spanIDs: Int?
    private var origins: [SpanOrigin]

    /// With `columns` only those are read: a store may hand over more than was asked for.
    package init(_ batch: EventBatch, columns: Set<String>? = nil) {
        self.batch = batch
        origins = batch.groups.map { SpanOrigin(group: $0) }
        for (index, column) in batch.columns.enumerated() {
            guard columns?.contains(column.name) ?? true, let role = SpanDecoder.role(of: column.name) else { continue }
            switch role {
            case .traceID: traceIDs = index
            case .spanID: spanIDs = index
            default: roles.append((role, index))
            }
        }
    }

    package var rowCount: Int { batch.rowCount }

    package func traceID(row: Int) -> TraceID? {
        guard let traceIDs, let payload = batch.columns[traceIDs].payload(ofRow: row) else { return nil }
        return TraceID(bytes: payload)
    }

    package func spanID(row: Int) -> SpanID? {
        guard let spanIDs, let payload = batch.columns[spanIDs].payload(ofRow: row) else { return nil }
        return SpanID(bytes: payload)
    }

    /// Nil for a row without ids, which no reader can place.
    package func span(row: Int) -> TraceSpan? {
        guard row < batch.rowCount, let traceID = traceID(row: row), let spanID = spanID(row: row) else { return nil }
        let group = Int(batch.groupOfRow[row])
        guard group < origins.count else { return nil }
        var span = TraceSpan(traceID: traceID, spanID: spanID, start: batch.timestamps[row], origin: origins[group])
        if row < batch.sequences.count { span.sequence = batch.sequences[row] }
        for (role, index) in roles {
            let column = batch.columns[index]
            guard let position = column.index(ofRow: row) else { continue }
            if column.kinds[position] == .int {
                SpanDecoder.fill(&span, role, .int(integer(column.bytes, column.range(at: position))))
            } else {
                SpanDecoder.fill(&span, role, column.value(at: position))
            }
        }
        return span
    }

    private func integer(_ bytes: [UInt8], _ range: Range<Int>) -> Int64 {
        guard range.count == 8 else { return 0 }
        var word: UInt64 = 0
        for offset in 0..<8 { word |= UInt64(bytes[range.lowerBound + offset]) << UInt64(8 * offset) }
        return Int64(bitPattern: word)
    }

    private static func role(of column: String) -> Role? {
        if column.hasPrefix(EventColumnName.spanAttributePrefix) {
            return .attribute(String(column.dropFirst(EventColumnName.spanAttributePrefix.count)))
        }
        switch column {
        case EventColumnName.traceID: return .traceID
        case EventColumnName.spanID: return .spanID
        case EventColumnName.parentID: return .parentID
        case EventColumnName.spanName: return .name
        case EventColumnName.spanKind: return .kind
        case EventColumnName.statusCode: return .status
        case EventColumnName.statusMessage: return .statusMessage
        case EventColumnName.duration: return .duration
        case EventColumnName.traceState: return .traceState
        case EventColumnName.flags: return .flags
        case EventColumnName.droppedAttributes: return .droppedAttributes
        case EventColumnName.droppedEvents: return .droppedEvents
        case EventColumnName.droppedLinks: return .droppedLinks
        case EventColumnName.events: return .events
        case EventColumnName.links: return .links
        default: return nil
        }
    }

    private static func fill(_ span: inout TraceSpan, _ role: Role, _ value: AttributeValue) {
        switch role {
        case .traceID, .spanID: break
        case .parentID:
            if case .bytes(let bytes) = value, let id = SpanID(bytes: bytes), id.value != 0 { span.parentID = id }
        case .name: span.name = value.text
        case .kind: span.kind = TraceSpan.Kind(rawValue: value.number) ?? .unspecified
        case .status: span.status = TraceSpan.Status(rawValue: value.number) ?? .unset
        case .statusMessage: span.statusMessage = value.text
        case .duration: span.duration = max(0, value.number)
        case .traceState: span.traceState = value.text
        case .flags: span.flags = value.number
        case .droppedAttributes: span.droppedAttributes = value.number
        case .droppedEvents: span.droppedEvents = value.number
        case .droppedLinks: span.droppedLinks = value.number
        case .events: span.events = value.elements.compactMap { TraceSpan.Event($0) }
        case .links: span.links = value.elements.compactMap { TraceSpan.Link($0) }
        case .attribute(let key): span.attributes.append(Attribute(key, value))
        }
    }
}

extension AttributeValue {
    var text: String {
        if case .string(let text) = self { text } else { "" }
    }
    var number: Int64 {
        if case .int(let number) = self { number } else { 0 }
    }
    var elements: [AttributeValue] {
        if case .array(let elements) = self { elements } else { [] }
    }
    var pairs: [Attribute] {
        if case .map(let pairs) = self { pairs } else { [] }
    }
}

extension TraceSpan.Event {
    init?(_ value: AttributeValue) {
        guard case .map(let fields) = value else { return nil }
        for field in fields {
            switch field.key {
            case "name": name = field.value.text
            case "time": time = field.value.number
            case "attributes": attributes = field.value.pairs
            case "dropped": droppedAttributes = field.value.number
            default: break
            }
        }
    }
}

extension TraceSpan.Link {
    init?(_ value: AttributeValue) {
        guard case .map(let fields) = value else { return nil }
        self.init(traceID: TraceID(low: 0), spanID: SpanID(0))
        for field in fields {
            switch (field.key, field.value) {
            case ("traceID", .bytes(let bytes)): traceID = TraceID(bytes: bytes) ?? traceID
            case ("spanID", .bytes(let bytes)): spanID = SpanID(bytes: bytes) ?? spanID
            case ("traceState", let state): traceState = state.text
            case ("attributes", let value): attributes = value.pairs
            case ("dropped", let value): droppedAttributes = value.number
            case ("flags", let value): flags = value.number
            default: break
            }
        }
    }
}
