internal import FoundationEssentials
internal import Storage
internal import Telemetry

/// A tombstone as the catalog keeps it.
struct TombstoneDocument: Codable {
    static let kind = "series.tombstone"

    struct Condition: Codable {
        var name: String
        var operation: String
        var value: String
    }

    var start: Int64
    var end: Int64
    var sets: [[Condition]]
    /// Ids of the parts that it applies to; ids never come back.
    var parts: [Int64]

    init(_ tombstone: Tombstone, parts: [Int64]) {
        start = tombstone.range.start
        end = tombstone.range.end
        sets = tombstone.matcherSets.map { set in
            set.map { Condition(name: $0.name, operation: $0.operation.rawValue, value: $0.value) }
        }
        self.parts = parts
    }

    init(decoding text: String) throws {
        self = try JSONDecoder().decode(TombstoneDocument.self, from: Data(text.utf8))
    }

    func encoded() throws -> String { String(decoding: try JSONEncoder().encode(self), as: UTF8.self) }

    func tombstone(key: String) throws -> Tombstone {
        try Tombstone(
            key: key, range: TimeRange(start: start, end: end),
            matcherSets: sets.map { set in
                try set.map { condition in
                    guard let operation = Matcher.Operation(rawValue: condition.operation) else {
                        throw StorageError.unsupported("a deletion has the matcher operation \(condition.operation)")
                    }
                    return Matcher(condition.name, operation, condition.value)
                }
            })
    }
}
