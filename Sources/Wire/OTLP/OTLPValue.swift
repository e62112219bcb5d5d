import Telemetry

/// OTLP's AnyValue and KeyValue, from protobuf bytes.
enum OTLPValue {
    struct KeyValue {
        var key: Range<Int>
        /// The AnyValue, nil where the field is missing.
        var value: ProtobufCursor?
    }

    static func keyValue(_ bytes: [UInt8], _ message: ProtobufCursor) throws(WireError) -> KeyValue {
        var cursor = message
        var found = KeyValue(key: 0..<0, value: nil)
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1: if let range = try cursor.range(bytes) { found.key = range }
            case 2: if let value = try cursor.message(bytes) { found.value = value }
            default: try cursor.skip(bytes)
            }
        }
        return found
    }

    /// Appends the value's payload and answers its kind. Of several members of the union the last one counts.
    static func encode(
        _ bytes: [UInt8], _ message: ProtobufCursor?, to out: inout ValuePayloadWriter
    ) throws(WireError) -> ValueKind {
        guard var cursor = message else { return .empty }
        let start = out.bytes.count
        var kind = ValueKind.empty
        while try cursor.next(bytes) {
            switch cursor.field {
            case 1:
                guard let range = try cursor.range(bytes) else { continue }
                out.truncate(to: start)
                out.text(bytes, range)
                kind = .string
            case 2:
                guard let number = try cursor.varint(bytes) else { continue }
                out.truncate(to: start)
                out.bool(number != 0)
                kind = .bool
            case 3:
                guard let number = try cursor.varint(bytes) else { continue }
                out.truncate(to: start)
                out.int(Int64(bitPattern: number))
                kind = .int
            case 4:
                guard let number = try cursor.fixed64(bytes) else { continue }
                out.truncate(to: start)
                out.double(number)
                kind = .double
            case 5:
                guard let array = try cursor.message(bytes) else { continue }
                if kind != .array { out.truncate(to: start) }
                try encodeArray(bytes, array, to: &out)
                kind = .array
            case 6:
                guard let map = try cursor.message(bytes) else { continue }
                if kind != .map { out.truncate(to: start) }
                try encodeMap(bytes, map, field: 1, to: &out)
                kind = .map
            case 7:
                guard let range = try cursor.range(bytes) else { continue }
                out.truncate(to: start)
                out.data(bytes, range)
                kind = .bytes
            default: try cursor.skip(bytes)
            }
        }
        return kind
    }

    /// Appends the pairs of all KeyValues in `field` of the message.
    static func encodeMap(
        _ bytes: [UInt8], _ message: ProtobufCursor, field: Int, to out: inout ValuePayloadWriter
    ) throws(WireError) {
        var cursor = message
        while try cursor.next(bytes) {
            guard cursor.field == field else {
                try cursor.skip(bytes)
                continue
            }
            guard let inner = try cursor.message(bytes) else { continue }
            let pair = try keyValue(bytes, inner)
            out.key(bytes, pair.key)
            let start = out.begin(.empty)
            let kind = try encode(bytes, pair.value, to: &out)
            out.end(start, kind: kind)
        }
    }

    private static func encodeArray(
        _ bytes: [UInt8], _ message: ProtobufCursor, to out: inout ValuePayloadWriter
    ) throws(WireError) {
        var cursor = message
        while try cursor.next(bytes) {
            guard cursor.field == 1 else {
                try cursor.skip(bytes)
                continue
            }
            guard let element = try cursor.message(bytes) else { continue }
            let start = out.begin(.empty)
            let kind = try encode(bytes, element, to: &out)
            out.end(start, kind: kind)
        }
    }

    static func value(_ bytes: [UInt8], _ message: ProtobufCursor?) throws(WireError) -> AttributeValue {
        var payload = ValuePayloadWriter()
        let kind = try encode(bytes, message, to: &payload)
        return AttributeValue(kind: kind, bytes: payload.bytes[...])
    }

    /// One attribute with a name and a value, for what is kept once for many rows.
    static func attribute(_ bytes: [UInt8], _ message: ProtobufCursor) throws(WireError) -> Attribute {
        let pair = try keyValue(bytes, message)
        return Attribute(UTF8Text.string(bytes, pair.key), try value(bytes, pair.value))
    }
}
