import Telemetry

/// What owns the records of a message: its Resource (of ResourceSpans and the like) or its InstrumentationScope.
struct OTLPOwner {
    var name = ""
    var version = ""
    /// Attributes with the prefix put before their keys, then schema URL and dropped count where they are set.
    var fields: [Attribute] = []
    var droppedAttributes: Int64 = 0
    private var seen: Set<String> = []

    /// `message` is the one around the owner: field 1 is the owner, field 3 the schema URL. A resource keeps its
    /// attributes
    /// in field 1, a scope in field 3.
    init(
        _ bytes: [UInt8], _ message: ProtobufCursor, prefix: String, schemaURL: String?, dropped: String?,
        attributeField: Int
    ) throws(WireError) {
        var cursor = message
        var url = 0..<0
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1:
                if let inner = try cursor.message(bytes) { try owner(bytes, inner, prefix, attributeField) }
            case 3: url = try cursor.range(bytes) ?? url
            default: try cursor.skip(bytes)
            }
        }
        if let schemaURL, !url.isEmpty { fields.append(Attribute(schemaURL, .string(UTF8Text.string(bytes, url)))) }
        if let dropped, droppedAttributes != 0 { fields.append(Attribute(dropped, .int(droppedAttributes))) }
    }

    private mutating func owner(
        _ bytes: [UInt8], _ message: ProtobufCursor, _ prefix: String, _ attributeField: Int
    ) throws(WireError) {
        var cursor = message
        while try cursor.next(bytes) {
            if cursor.field == attributeField {
                guard let inner = try cursor.message(bytes) else { continue }
                var attribute = try OTLPValue.attribute(bytes, inner)
                attribute.key = prefix + attribute.key
                if seen.insert(attribute.key).inserted { fields.append(attribute) }
            } else if cursor.field == attributeField + 1 {
                if let count = try cursor.varint(bytes) { droppedAttributes = Int64(UInt32(truncatingIfNeeded: count)) }
            } else if cursor.field == 1, let range = try cursor.range(bytes) {
                name = UTF8Text.string(bytes, range)
            } else if cursor.field == 2, let range = try cursor.range(bytes) {
                version = UTF8Text.string(bytes, range)
            } else if cursor.field > 2 {
                try cursor.skip(bytes)
            }
        }
    }
}
