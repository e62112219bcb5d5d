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
            } else if isPlain(reader.bytes, range), let number = FloatParser.parse(reader.bytes, range) {
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
        // Ids of 19 digits may still fit.
        guard range.upperBound - index <= 19 else { return nil }
        var value: Int64 = 0
        while index < range.upperBound {
            let digit = bytes[index] &- 0x30
            guard digit < 10 else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carried) = product.addingReportingOverflow(Int64(digit))
            if overflow || carried { return nil }
            value = sum
            index += 1
        }
        // -0 is kept as it was written.
        if isNegative, value == 0 { return nil }
        return isNegative ? -value : value
    }

    /// A fraction that is spelled again as it came: few digits, no exponent, no zero at its end. Others stay text: `1.50`
    /// is a price, and an id of twenty digits has no last digits as a double.
    private static func isPlain(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        guard range.count <= 16, let point = bytes[range].firstIndex(of: UInt8(ascii: ".")),
            bytes[range.upperBound - 1] != UInt8(ascii: "0")
        else { return false }
        let isSmall = bytes[range.lowerBound..<point].allSatisfy { $0 == UInt8(ascii: "0") || $0 == UInt8(ascii: "-") }
        if isSmall, bytes[point + 1..<range.upperBound].starts(with: "000".utf8) { return false }
        return bytes[range].allSatisfy { $0 &- 0x30 < 10 || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }
    }
}
