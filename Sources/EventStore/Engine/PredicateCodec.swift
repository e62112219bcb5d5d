import Codecs
import Storage
import Telemetry

/// A condition as bytes, for a deletion in the catalog: a tag, then what belongs to it.
enum PredicateCodec {
    private static let deepest = 200

    static func encode(_ predicate: EventPredicate) -> [UInt8] {
        var writer = ByteWriter()
        write(predicate, to: &writer)
        return writer.bytes
    }

    private static func write(_ predicate: EventPredicate, to writer: inout ByteWriter) {
        switch predicate {
        case .everything: writer.write(0)
        case .and(let parts), .or(let parts):
            if case .and = predicate { writer.write(1) } else { writer.write(2) }
            writer.writeVarint(parts.count)
            for part in parts { write(part, to: &writer) }
        case .not(let part):
            writer.write(3)
            write(part, to: &writer)
        case .exists(let column):
            writer.write(4)
            writer.writeLengthPrefixed(column)
        case .compare(let column, let comparison, let value):
            writer.write(5)
            writer.writeLengthPrefixed(column)
            writer.write(UInt8(comparisons.firstIndex(of: comparison) ?? 0))
            write(value, to: &writer)
        case .isAny(let column, let values):
            writer.write(6)
            writer.writeLengthPrefixed(column)
            writer.writeVarint(values.count)
            for value in values { write(value, to: &writer) }
        case .contains(let column, let needle):
            writer.write(7)
            writer.writeLengthPrefixed(column)
            writer.writeLengthPrefixed(needle)
        case .matches(let column, let pattern, let anchored):
            writer.write(8)
            writer.writeLengthPrefixed(column)
            writer.writeLengthPrefixed(pattern)
            writer.write(anchored ? 1 : 0)
        }
    }

    private static let comparisons: [EventPredicate.Comparison] = [
        .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual,
    ]

    private static func write(_ value: AttributeValue, to writer: inout ByteWriter) {
        var payload: [UInt8] = []
        value.encode(to: &payload)
        writer.write(value.kind.rawValue)
        writer.writeLengthPrefixed(payload)
    }

    static func decode(_ bytes: [UInt8]) throws(CodecError) -> EventPredicate {
        var reader = ByteReader(bytes)
        return try read(&reader, depth: 0)
    }

    private static func read(_ reader: inout ByteReader, depth: Int) throws(CodecError) -> EventPredicate {
        guard depth < deepest else { throw reader.failure("a condition nested deeper than \(deepest) levels") }
        let tag = try reader.readByte()
        switch tag {
        case 0: return .everything
        case 1, 2:
            var parts: [EventPredicate] = []
            for _ in 0..<(try reader.readCount(limit: reader.remaining)) {
                parts.append(try read(&reader, depth: depth + 1))
            }
            return tag == 1 ? .and(parts) : .or(parts)
        case 3: return .not(try read(&reader, depth: depth + 1))
        case 4: return .exists(column: try reader.readString())
        case 5:
            let column = try reader.readString()
            let number = Int(try reader.readByte())
            guard number < comparisons.count else { throw reader.failure("comparison \(number)") }
            return .compare(column: column, comparisons[number], try value(&reader))
        case 6:
            let column = try reader.readString()
            var values: [AttributeValue] = []
            for _ in 0..<(try reader.readCount(limit: reader.remaining)) { values.append(try value(&reader)) }
            return .isAny(column: column, values)
        case 7: return .contains(column: try reader.readString(), Array(try reader.readLengthPrefixed()))
        case 8:
            let column = try reader.readString()
            let pattern = try reader.readString()
            return .matches(column: column, pattern: pattern, anchored: try reader.readByte() == 1)
        default: throw reader.failure("unknown condition \(tag)")
        }
    }

    private static func value(_ reader: inout ByteReader) throws(CodecError) -> AttributeValue {
        let byte = try reader.readByte()
        guard let kind = ValueKind(rawValue: byte) else { throw reader.failure("unknown kind \(byte)") }
        return AttributeValue(kind: kind, bytes: try reader.readLengthPrefixed())
    }
}
