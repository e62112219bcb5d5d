import Codecs
import Storage
import Telemetry

/// The least `limit` values by their text; more than a few times as many are never held.
struct DistinctFieldValues: Sendable {
    private struct Key: Hashable, Sendable {
        var kind: UInt8
        var payload: [UInt8]
    }

    private struct Group: Hashable {
        var source: ObjectIdentifier
        var number: UInt32
    }

    private let limit: Int
    private var values: Set<Key> = []
    private var groupsDone: Set<Group> = []
    /// Text of the greatest value that may still be among the least; nil while there are few.
    private var ceiling: [UInt8]?

    init(limit: Int) { self.limit = limit }

    mutating func insert(_ name: String, of block: any EventBlock) throws {
        var isAbsent = block.passing
        if let column = try block.column(name) {
            var isUsed = [Bool](repeating: false, count: column.count)
            block.passing.forEach { row in
                let code = Int(column.codes[row])
                if code >= 0 {
                    isUsed[code] = true
                    isAbsent[row] = false
                }
            }
            for value in 0..<column.count where isUsed[value] {
                insert(column.kind(of: value), column.bytes[column.range(value)])
            }
        }
        if isAbsent.isEmpty { return }
        if let only = block.onlyGroup { return try insertShared(name, of: only, block) }
        let groups = try block.groupNumbers()
        var last: UInt32?
        try isAbsent.forEach { row in
            if groups[row] == last { return }
            last = groups[row]
            try insertShared(name, of: groups[row], block)
        }
    }

    private mutating func insertShared(_ name: String, of group: UInt32, _ block: any EventBlock) throws {
        guard groupsDone.insert(Group(source: block.source, number: group)).inserted,
            let value = try block.group(group).shared(name)
        else { return }
        var payload: [UInt8] = []
        value.encode(to: &payload)
        insert(value.kind, payload[...])
    }

    mutating func insert(_ kind: ValueKind, _ payload: ArraySlice<UInt8>) {
        if kind == .string, let ceiling, DistinctFieldValues.isAbove(payload, ceiling) { return }
        values.insert(Key(kind: kind.rawValue, payload: Array(payload)))
        if values.count > limit * 4 + 1000 { prune() }
    }

    /// Whether a string surely reads as more; where bytes that may not be UTF-8 decide, that is not said.
    private static func isAbove(_ text: ArraySlice<UInt8>, _ ceiling: [UInt8]) -> Bool {
        var i = 0
        for byte in text {
            guard i < ceiling.count else { return true }
            if byte != ceiling[i] { return byte < 0x80 && byte > ceiling[i] }
            i += 1
        }
        return false
    }

    mutating func formUnion(_ other: DistinctFieldValues) {
        values.formUnion(other.values)
        if values.count > limit * 4 + 1000 { prune() }
    }

    private mutating func prune() {
        let least = ordered.prefix(limit)
        values = Set(least.map(\.key))
        ceiling = least.last.map { Array($0.text.utf8) }
    }

    private var ordered: [(key: Key, value: AttributeValue, text: String)] {
        values.map { key in
            let value = AttributeValue(kind: ValueKind(rawValue: key.kind) ?? .empty, bytes: key.payload[...])
            return (key, value, DistinctFieldValues.text(value))
        }.sorted { a, b in
            a.text == b.text ? a.key.kind < b.key.kind : a.text.utf8.lexicographicallyPrecedes(b.text.utf8)
        }
    }

    var sorted: [AttributeValue] { ordered.prefix(limit).map(\.value) }

    private static func text(_ value: AttributeValue) -> String {
        switch value {
        case .string(let text): text
        case .bool(let flag): flag ? "true" : "false"
        case .int(let number): String(number)
        case .double(let number): "\(number)"
        case .bytes(let bytes): String(decoding: Hexadecimal.encode(bytes), as: UTF8.self)
        case .array(let elements): "[" + elements.map(text).joined(separator: ",") + "]"
        case .map(let fields): "{" + fields.map { "\($0.key):\(text($0.value))" }.joined(separator: ",") + "}"
        case .empty: ""
        }
    }
}
