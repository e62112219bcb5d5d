import Telemetry

/// A MessagePack map as a record: maps inside are flattened, arrays become their JSON text, nil is no value.
package enum RecordMessagePack {
    static let maximumDepth = 64

    /// Reads one value, which must be a map.
    package static func read(
        _ reader: inout MessagePackReader, into record: inout FlatRecord, depth: Int = 0
    ) throws(WireError) {
        guard case .map(let count) = try reader.next() else { throw reader.failure("a record must be a map") }
        try pairs(&reader, count, &record, depth)
    }

    private static func pairs(
        _ reader: inout MessagePackReader, _ count: Int, _ record: inout FlatRecord, _ depth: Int
    ) throws(WireError) {
        guard depth < maximumDepth else { throw reader.failure("maps are nested more than \(maximumDepth) deep") }
        for _ in 0..<count {
            let key = try key(&reader)
            try value(&reader, key, &record, depth)
        }
    }

    private static func key(_ reader: inout MessagePackReader) throws(WireError) -> ArraySlice<UInt8> {
        switch try reader.next() {
        case .string(let range), .binary(let range):
            if UTF8Text.isValid(reader.bytes, range) { return reader.bytes[range] }
            return Array(UTF8Text.string(reader.bytes, range).utf8)[...]
        case .int(let number): return Array(String(number).utf8)[...]
        case .unsigned(let number): return Array(String(number).utf8)[...]
        case .bool(let flag): return Array((flag ? "true" : "false").utf8)[...]
        default: throw reader.failure("a key must be a string")
        }
    }

    private static func value(
        _ reader: inout MessagePackReader, _ key: ArraySlice<UInt8>, _ record: inout FlatRecord, _ depth: Int
    ) throws(WireError) {
        if record.isOverLimit { return try reader.skip() }
        let before = reader
        switch try reader.next() {
        case .null: break
        case .bool(let flag): record.bool(key, flag)
        case .int(let number): record.int(key, number)
        // Beyond 63 bits: every digit is kept.
        case .unsigned(let number):
            let digits = Array(String(number).utf8)
            record.text(key, digits, 0..<digits.count)
        case .double(let number): record.double(key, number)
        case .string(let range), .binary(let range): record.text(key, reader.bytes, range)
        case .map(let count):
            let mark = record.enter(key)
            try pairs(&reader, count, &record, depth + 1)
            record.leave(mark)
        case .array, .extended:
            reader = before
            var json = JSONWriter()
            try MessagePackJSON.append(&reader, to: &json, depth: depth + 1)
            let text = json.bytes
            record.text(key, text, 0..<text.count)
        }
    }
}

/// MessagePack as JSON text: binary as text, event times as RFC 3339.
package enum MessagePackJSON {
    package static func append(
        _ reader: inout MessagePackReader, to json: inout JSONWriter, depth: Int = 0
    ) throws(WireError) {
        guard depth < RecordMessagePack.maximumDepth else {
            throw reader.failure("values are nested more than \(RecordMessagePack.maximumDepth) deep")
        }
        switch try reader.next() {
        case .null: json.null()
        case .bool(let flag): json.bool(flag)
        case .int(let number): json.integer(number)
        case .unsigned(let number): json.integer(number)
        case .double(let number): json.double(number)
        case .string(let range), .binary(let range): json.string(reader.bytes[range])
        case .array(let count):
            json.beginArray()
            for _ in 0..<count { try append(&reader, to: &json, depth: depth + 1) }
            json.endArray()
        case .map(let count):
            json.beginObject()
            for _ in 0..<count {
                switch try reader.next() {
                case .string(let range), .binary(let range): json.key(reader.bytes[range])
                case .int(let number): json.key(String(number))
                default: throw reader.failure("a key must be a string")
                }
                try append(&reader, to: &json, depth: depth + 1)
            }
            json.endObject()
        case .extended(let type, let range):
            if type == 0, let time = ForwardTime.eventTime(reader.bytes, range) {
                json.string(RFC3339.format(nanoseconds: time))
            } else {
                json.base64(reader.bytes[range])
            }
        }
    }
}

/// Fluentd's times.
enum ForwardTime {
    /// Seconds and nanoseconds of an EventTime: four bytes each, big-endian.
    static func eventTime(_ bytes: [UInt8], _ range: Range<Int>) -> Int64? {
        guard range.count == 8 else { return nil }
        var seconds: Int64 = 0
        var nanoseconds: Int64 = 0
        for i in 0..<4 {
            seconds = seconds << 8 | Int64(bytes[range.lowerBound + i])
            nanoseconds = nanoseconds << 8 | Int64(bytes[range.lowerBound + 4 + i])
        }
        return TimestampText.seconds(seconds, nanoseconds: nanoseconds)
    }

    static func time(_ token: MessagePackToken, _ bytes: [UInt8]) -> Int64? {
        switch token {
        case .null: 0
        case .int(let seconds): TimestampText.seconds(seconds)
        case .double(let seconds): TimestampText.epoch(seconds)
        case .extended(0, let range): eventTime(bytes, range)
        default: nil
        }
    }
}
