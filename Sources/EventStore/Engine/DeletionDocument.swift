import Codecs
import FoundationEssentials
import Storage
import Telemetry

/// A deletion as the catalog keeps it.
struct DeletionDocument: Codable {
    struct Condition: Codable {
        var name: String
        var operation: String
        var value: String
    }

    var number: Int
    var start: Int64
    var end: Int64
    /// Decimal: JSON's numbers are not of 64 bits everywhere.
    var before: String
    var matchers: [Condition]
    /// Hexadecimal of ``PredicateCodec``.
    var predicate: String
    /// ``SequenceSet``; absent: no condition.
    var rows: Data?

    static func kind(of table: EventTable) -> String { "\(table.rawValue).deletion" }

    init(_ deletion: EventDeletion) {
        number = deletion.number
        start = deletion.range.start
        end = deletion.range.end
        before = String(deletion.before)
        matchers = deletion.matchers.map {
            Condition(name: $0.name, operation: $0.operation.rawValue, value: $0.value)
        }
        rows = deletion.rows.map { Data($0.encoded) }
        predicate = String(decoding: Hexadecimal.encode(PredicateCodec.encode(deletion.predicate)), as: UTF8.self)
    }

    init(decoding text: String) throws {
        self = try JSONDecoder().decode(DeletionDocument.self, from: Data(text.utf8))
    }

    func encoded() throws -> String { String(decoding: try JSONEncoder().encode(self), as: UTF8.self) }

    func deletion() throws -> EventDeletion {
        let digits = Array(predicate.utf8)
        var bytes: [UInt8] = []
        for i in stride(from: 0, to: digits.count - 1, by: 2) {
            guard let byte = UInt8(String(decoding: digits[i..<i + 2], as: UTF8.self), radix: 16) else {
                throw StorageError.unsupported("deletion \(number) has a condition that is not hexadecimal")
            }
            bytes.append(byte)
        }
        guard let before = UInt64(before) else {
            throw StorageError.unsupported("deletion \(number) does not say what it came after")
        }
        return EventDeletion(
            number: number,
            matchers: try matchers.map { condition in
                guard let operation = Matcher.Operation(rawValue: condition.operation) else {
                    throw StorageError.unsupported(
                        "deletion \(number) has the matcher operation \(condition.operation)")
                }
                return Matcher(condition.name, operation, condition.value)
            }, predicate: try PredicateCodec.decode(bytes), range: TimeRange(start: start, end: end), before: before,
            rows: try rows.map { try SequenceSet(decoding: Array($0)) })
    }
}
