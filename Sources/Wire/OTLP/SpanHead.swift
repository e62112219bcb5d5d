/// The scalar fields of a span, found in one pass before any column is touched: a bad span must leave no trace.
struct SpanHead {
    var traceID = 0..<0
    var spanID = 0..<0
    var parentID = 0..<0
    var traceState = 0..<0
    var name = 0..<0
    var kind: Int64 = 0
    var start: UInt64 = 0
    var end: UInt64 = 0
    var flags: UInt32 = 0
    var droppedAttributes: Int64 = 0
    var droppedEvents: Int64 = 0
    var droppedLinks: Int64 = 0
    var statusCode: Int64 = 0
    var statusMessage = 0..<0
    var hasEvents = false
    var hasLinks = false

    init(_ bytes: [UInt8], _ message: ProtobufCursor) throws(WireError) {
        var cursor = message
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1: traceID = try cursor.range(bytes) ?? traceID
            case 2: spanID = try cursor.range(bytes) ?? spanID
            case 3: traceState = try cursor.range(bytes) ?? traceState
            case 4: parentID = try cursor.range(bytes) ?? parentID
            case 5: name = try cursor.range(bytes) ?? name
            case 6: kind = try SpanHead.signed(&cursor, bytes) ?? kind
            case 7: start = try cursor.fixed64(bytes) ?? start
            case 8: end = try cursor.fixed64(bytes) ?? end
            case 10: droppedAttributes = try SpanHead.count(&cursor, bytes) ?? droppedAttributes
            case 11:
                if try cursor.range(bytes) != nil { hasEvents = true }
            case 12: droppedEvents = try SpanHead.count(&cursor, bytes) ?? droppedEvents
            case 13:
                if try cursor.range(bytes) != nil { hasLinks = true }
            case 14: droppedLinks = try SpanHead.count(&cursor, bytes) ?? droppedLinks
            case 15: if let inner = try cursor.message(bytes) { try status(bytes, inner) }
            case 16: flags = try cursor.fixed32(bytes) ?? flags
            default: try cursor.skip(bytes)
            }
        }
    }

    /// Ends before starts occur in practice: such a span lasts 0.
    var duration: Int64 { end > start ? Int64(clamping: end - start) : 0 }

    /// An all-zero parent is no parent: some senders fill the field.
    func hasParent(_ bytes: [UInt8]) -> Bool { bytes[parentID].contains { $0 != 0 } }

    /// Why the span cannot be kept, nil where it can.
    func defect(_ bytes: [UInt8]) -> String? {
        if traceID.count != 16 { return "trace_id has \(traceID.count) bytes, 16 are needed" }
        if spanID.count != 8 { return "span_id has \(spanID.count) bytes, 8 are needed" }
        if !bytes[traceID].contains(where: { $0 != 0 }) { return "trace_id is all zero" }
        if !bytes[spanID].contains(where: { $0 != 0 }) { return "span_id is all zero" }
        if !parentID.isEmpty, parentID.count != 8 {
            return "parent_span_id has \(parentID.count) bytes, 0 or 8 are needed"
        }
        return nil
    }

    private mutating func status(_ bytes: [UInt8], _ message: ProtobufCursor) throws(WireError) {
        var cursor = message
        while try cursor.next(bytes) {
            switch cursor.field {
            case 2: statusMessage = try cursor.range(bytes) ?? statusMessage
            case 3: statusCode = try SpanHead.signed(&cursor, bytes) ?? statusCode
            default: try cursor.skip(bytes)
            }
        }
    }

    private static func signed(_ cursor: inout ProtobufCursor, _ bytes: [UInt8]) throws(WireError) -> Int64? {
        try cursor.varint(bytes).map { Int64(Int32(truncatingIfNeeded: $0)) }
    }

    private static func count(_ cursor: inout ProtobufCursor, _ bytes: [UInt8]) throws(WireError) -> Int64? {
        try cursor.varint(bytes).map { Int64(UInt32(truncatingIfNeeded: $0)) }
    }
}
