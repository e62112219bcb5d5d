import Telemetry

package struct OTLPTracesResult: Sendable {
    /// For the table `spans`.
    package var batch = EventBatch()
    /// Spans left out because an id is not valid; the others are in ``batch``.
    package var rejected = 0
    /// English, for the sender's log; nil where nothing was rejected.
    package var rejectionMessage: String?
}

/// ExportTraceServiceRequest to columns.
package enum OTLPTraces {
    package static func decode(protobuf bytes: [UInt8]) throws(WireError) -> OTLPTracesResult {
        var decoder = TraceDecoder()
        try decoder.request(bytes)
        return decoder.result
    }

    package static func decode(json: [UInt8]) throws(WireError) -> OTLPTracesResult {
        try decode(protobuf: try OTLPSchemas.traces(json))
    }
}

private struct TraceDecoder {
    var result = OTLPTracesResult()
    private var columns = EventColumns(prefix: EventColumnName.spanAttributePrefix)
    private var payload = ValuePayloadWriter()

    mutating func request(_ bytes: [UInt8]) throws(WireError) {
        var cursor = ProtobufCursor(bytes)
        while try cursor.next(bytes) {
            if cursor.field == 1 {
                if let inner = try cursor.message(bytes) { try resourceSpans(bytes, inner) }
            } else {
                try cursor.skip(bytes)
            }
        }
    }

    private mutating func resourceSpans(_ bytes: [UInt8], _ message: ProtobufCursor) throws(WireError) {
        let resource = try OTLPOwner(
            bytes, message, prefix: EventColumnName.resourceAttributePrefix,
            schemaURL: EventColumnName.resourceSchemaURL,
            dropped: EventColumnName.resourceDroppedAttributes, attributeField: 1)
        let service = resource.fields.first { $0.key == "resource.service.name" }?.value.text ?? ""
        let labels = LabelSet([Label("service_name", service.isEmpty ? "unknown_service" : service)])
        var cursor = message
        while try cursor.next(bytes) {
            guard cursor.field == 2 else {
                try cursor.skip(bytes)
                continue
            }
            guard let inner = try cursor.message(bytes) else { continue }
            let scope = try OTLPOwner(
                bytes, inner, prefix: EventColumnName.scopeAttributePrefix, schemaURL: EventColumnName.scopeSchemaURL,
                dropped: EventColumnName.scopeDroppedAttributes, attributeField: 3)
            var shared = resource.fields
            if !scope.name.isEmpty { shared.append(Attribute(EventColumnName.scopeName, .string(scope.name))) }
            if !scope.version.isEmpty { shared.append(Attribute(EventColumnName.scopeVersion, .string(scope.version))) }
            shared.append(contentsOf: scope.fields)
            try spans(bytes, inner, EventGroup(labels: labels, shared: shared))
        }
    }

    private mutating func spans(_ bytes: [UInt8], _ message: ProtobufCursor, _ group: EventGroup) throws(WireError) {
        var cursor = message
        var index: UInt32?
        while try cursor.next(bytes) {
            guard cursor.field == 2 else {
                try cursor.skip(bytes)
                continue
            }
            guard let inner = try cursor.message(bytes) else { continue }
            let head = try SpanHead(bytes, inner)
            if let reason = head.defect(bytes) {
                result.rejected += 1
                if result.rejectionMessage == nil { result.rejectionMessage = reason }
                continue
            }
            // The group is made with its first good span, so that none is empty.
            let groupIndex = index ?? result.batch.addGroup(group)
            index = groupIndex
            try span(bytes, inner, head, groupIndex)
        }
    }

    private mutating func span(
        _ bytes: [UInt8], _ message: ProtobufCursor, _ head: SpanHead, _ group: UInt32
    ) throws(WireError) {
        let row = result.batch.addRow(timestamp: Int64(clamping: head.start), group: group)
        columns.set(&result.batch, .traceID, row, .bytes, bytes[head.traceID])
        columns.set(&result.batch, .spanID, row, .bytes, bytes[head.spanID])
        if head.hasParent(bytes) { columns.set(&result.batch, .parentID, row, .bytes, bytes[head.parentID]) }
        text(bytes, .spanName, row, head.name)
        columns.setInt(&result.batch, .spanKind, row, head.kind)
        columns.setInt(&result.batch, .statusCode, row, head.statusCode)
        columns.setInt(&result.batch, .duration, row, head.duration)
        if !head.statusMessage.isEmpty { text(bytes, .statusMessage, row, head.statusMessage) }
        if !head.traceState.isEmpty { text(bytes, .traceState, row, head.traceState) }
        if head.flags != 0 { columns.setInt(&result.batch, .flags, row, Int64(head.flags)) }
        if head.droppedAttributes != 0 {
            columns.setInt(&result.batch, .droppedAttributes, row, head.droppedAttributes)
        }
        if head.droppedEvents != 0 { columns.setInt(&result.batch, .droppedEvents, row, head.droppedEvents) }
        if head.droppedLinks != 0 { columns.setInt(&result.batch, .droppedLinks, row, head.droppedLinks) }
        var cursor = message
        while try cursor.next(bytes) {
            guard cursor.field == 9, let inner = try cursor.message(bytes) else {
                if cursor.field != 9 { try cursor.skip(bytes) }
                continue
            }
            let pair = try OTLPValue.keyValue(bytes, inner)
            payload.removeAll()
            let kind = try OTLPValue.encode(bytes, pair.value, to: &payload)
            columns.setAttribute(&result.batch, bytes, pair.key, row, kind, payload.bytes[...])
        }
        if head.hasEvents { try nested(bytes, message, field: 11, .events, row) }
        if head.hasLinks { try nested(bytes, message, field: 13, .links, row) }
    }

    private mutating func text(_ bytes: [UInt8], _ column: EventColumns.Known, _ row: Int, _ range: Range<Int>) {
        if UTF8Text.isValid(bytes, range) {
            columns.set(&result.batch, column, row, .string, bytes[range])
        } else {
            columns.set(&result.batch, column, row, .string, Array(UTF8Text.string(bytes, range).utf8)[...])
        }
    }

    private mutating func nested(
        _ bytes: [UInt8], _ message: ProtobufCursor, field: Int, _ column: EventColumns.Known, _ row: Int
    ) throws(WireError) {
        payload.removeAll()
        var cursor = message
        while try cursor.next(bytes) {
            guard cursor.field == field else {
                try cursor.skip(bytes)
                continue
            }
            guard let inner = try cursor.message(bytes) else { continue }
            let start = payload.begin(.map)
            if field == 11 { try event(bytes, inner) } else { try link(bytes, inner) }
            payload.end(start)
        }
        columns.set(&result.batch, column, row, .array, payload.bytes[...])
    }

    private mutating func event(_ bytes: [UInt8], _ message: ProtobufCursor) throws(WireError) {
        var cursor = message
        var time: UInt64 = 0
        var name = 0..<0
        var dropped: UInt64 = 0
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1: time = try cursor.fixed64(bytes) ?? time
            case 2: name = try cursor.range(bytes) ?? name
            case 4: dropped = try cursor.varint(bytes) ?? dropped
            default: try cursor.skip(bytes)
            }
        }
        payload.textField("name", bytes, name)
        payload.intField("time", Int64(clamping: time))
        try attributes(bytes, message, field: 3)
        let count = Int64(UInt32(truncatingIfNeeded: dropped))
        if count != 0 { payload.intField("dropped", count) }
    }

    private mutating func link(_ bytes: [UInt8], _ message: ProtobufCursor) throws(WireError) {
        var cursor = message
        var traceID = 0..<0
        var spanID = 0..<0
        var state = 0..<0
        var dropped: UInt64 = 0
        var flags: UInt32 = 0
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1: traceID = try cursor.range(bytes) ?? traceID
            case 2: spanID = try cursor.range(bytes) ?? spanID
            case 3: state = try cursor.range(bytes) ?? state
            case 5: dropped = try cursor.varint(bytes) ?? dropped
            case 6: flags = try cursor.fixed32(bytes) ?? flags
            default: try cursor.skip(bytes)
            }
        }
        payload.dataField("traceID", bytes, traceID)
        payload.dataField("spanID", bytes, spanID)
        if !state.isEmpty { payload.textField("traceState", bytes, state) }
        try attributes(bytes, message, field: 4)
        let count = Int64(UInt32(truncatingIfNeeded: dropped))
        if count != 0 { payload.intField("dropped", count) }
        if flags != 0 { payload.intField("flags", Int64(flags)) }
    }

    private mutating func attributes(_ bytes: [UInt8], _ message: ProtobufCursor, field: Int) throws(WireError) {
        payload.key("attributes")
        let start = payload.begin(.map)
        try OTLPValue.encodeMap(bytes, message, field: field, to: &payload)
        payload.end(start)
    }
}
