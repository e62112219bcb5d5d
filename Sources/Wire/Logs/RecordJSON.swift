import Telemetry

/// A JSON object as a record: objects inside are flattened, arrays become their JSON text, null is no value.
package enum RecordJSON {
    package static func read(_ reader: inout JSONReader, into record: inout FlatRecord) throws(WireError) {
        var key: [UInt8] = []
        try reader.beginObject()
        while try reader.nextKey(&key) { try value(&reader, key[...], &record) }
    }

    private static func value(
        _ reader: inout JSONReader, _ key: ArraySlice<UInt8>, _ record: inout FlatRecord
    ) throws(WireError) {
        let kind = try reader.peek()
        if record.isOverLimit { return try reader.skipValue() }
        switch kind {
        case .object:
            let mark = record.enter(key)
            try read(&reader, into: &record)
            record.leave(mark)
        case .array:
            let start = reader.offset
            try reader.skipValue()
            record.text(key, reader.bytes, start..<reader.offset)
        case .string:
            let name = record.begin(key)
            try reader.readString(into: &record.bytes)
            record.end(name, .string)
        case .number:
            let range = try reader.readNumber()
            if let number = integer(reader.bytes, range) {
                record.int(key, number)
            } else if let number = FloatParser.parse(reader.bytes, range), number.isFinite {
                record.double(key, number)
            } else {
                record.text(key, reader.bytes, range)
            }
        case .bool: record.bool(key, try reader.readBool())
        case .null: try reader.readNull()
        }
    }

    private static func integer(_ bytes: [UInt8], _ range: Range<Int>) -> Int64? {
        var index = range.lowerBound
        let isNegative = bytes[index] == UInt8(ascii: "-")
        if isNegative { index += 1 }
        guard range.upperBound - index <= 18 else { return nil }
        var value: Int64 = 0
        while index < range.upperBound {
            let digit = bytes[index] &- 0x30
            guard digit < 10 else { return nil }
            value = value &* 10 &+ Int64(digit)
            index += 1
        }
        // -0 is kept as it was written.
        if isNegative, value == 0 { return nil }
        return isNegative ? -value : value
    }
}
