import Telemetry

/// A column of one block in memory, in the form that its encoding gives for free: a predicate is then decided once for
/// a dictionary entry instead of once for a row.
struct DecodedColumn {
    enum Presence {
        case all
        /// Ascending.
        case rows([UInt32])
    }

    enum Values {
        /// One value for every present row.
        case constant(ValueKind, [UInt8])
        /// Entry i is `bytes[ends[i - 1]..<ends[i]]`; one code for each present row.
        case dictionary(kinds: [ValueKind], ends: [UInt32], bytes: [UInt8], codes: [UInt8])
        case integers([Int64])
        /// Value i is `bytes[ends[i - 1]..<ends[i]]`. `kinds` is empty where every value is of kind `uniform`.
        case plain(uniform: ValueKind, kinds: [ValueKind], ends: [UInt32], bytes: [UInt8])
    }

    let name: String
    /// Rows of the block.
    let rowCount: Int
    let presence: Presence
    /// Rows that have a value.
    let count: Int
    let values: Values

    init(name: String, rowCount: Int, presence: Presence, values: Values) {
        self.name = name
        self.rowCount = rowCount
        self.presence = presence
        switch presence {
        case .all: count = rowCount
        case .rows(let rows): count = rows.count
        }
        self.values = values
    }

    init(_ column: EventColumn, rowCount: Int) {
        self.init(
            name: column.name, rowCount: rowCount,
            presence: column.count == rowCount ? .all : .rows(column.rows),
            values: .plain(uniform: .empty, kinds: column.kinds, ends: column.ends, bytes: column.bytes))
    }

    /// Bytes that holding it costs, for the budget of a query.
    var footprint: Int {
        var total = 64
        if case .rows(let rows) = presence { total += rows.count * 4 }
        switch values {
        case .constant(_, let bytes): total += bytes.count
        case .dictionary(_, let ends, let bytes, let codes): total += ends.count * 5 + bytes.count + codes.count
        case .integers(let numbers): total += numbers.count * 8
        case .plain(_, let kinds, let ends, let bytes): total += kinds.count + ends.count * 4 + bytes.count
        }
        return total
    }

    /// Position of `row` among the present values.
    func index(ofRow row: Int) -> Int? {
        switch presence {
        case .all: return row
        case .rows(let rows):
            var low = 0
            var high = rows.count
            while low < high {
                let middle = (low + high) / 2
                if Int(rows[middle]) < row { low = middle + 1 } else { high = middle }
            }
            return low < rows.count && Int(rows[low]) == row ? low : nil
        }
    }

    func row(at index: Int) -> Int {
        switch presence {
        case .all: index
        case .rows(let rows): Int(rows[index])
        }
    }

    /// Puts value `index` into a row of a batch.
    func copy(_ index: Int, to batch: inout EventBatch, column: Int, row: Int) {
        switch values {
        case .constant(let kind, let bytes): batch.set(column, row: row, kind: kind, payload: bytes)
        case .dictionary(let kinds, let ends, let bytes, let codes):
            let code = Int(codes[index])
            batch.set(column, row: row, kind: kinds[code], payload: bytes[range(code, ends)])
        case .integers(let numbers): batch.set(column, row: row, .int(numbers[index]))
        case .plain(let uniform, let kinds, let ends, let bytes):
            batch.set(
                column, row: row, kind: kinds.isEmpty ? uniform : kinds[index], payload: bytes[range(index, ends)])
        }
    }

    func value(at index: Int) -> AttributeValue {
        switch values {
        case .constant(let kind, let bytes): AttributeValue(kind: kind, bytes: bytes[...])
        case .dictionary(let kinds, let ends, let bytes, let codes):
            AttributeValue(kind: kinds[Int(codes[index])], bytes: bytes[range(Int(codes[index]), ends)])
        case .integers(let numbers): .int(numbers[index])
        case .plain(let uniform, let kinds, let ends, let bytes):
            AttributeValue(kind: kinds.isEmpty ? uniform : kinds[index], bytes: bytes[range(index, ends)])
        }
    }

    /// The same values as a column of a batch; nil where they do not fit together.
    var eventColumn: EventColumn? {
        let rows: [UInt32]
        switch presence {
        case .all: rows = (0..<rowCount).map { UInt32(truncatingIfNeeded: $0) }
        case .rows(let present): rows = present
        }
        var kinds: [ValueKind] = []
        var allEnds: [UInt32] = []
        var allBytes: [UInt8] = []
        switch values {
        case .plain(let uniform, let each, let ends, let bytes):
            return EventColumn(
                name: name, rows: rows, kinds: each.isEmpty ? [ValueKind](repeating: uniform, count: count) : each,
                ends: ends, bytes: bytes)
        case .constant(let kind, let bytes):
            kinds = [ValueKind](repeating: kind, count: count)
            for _ in 0..<count {
                allBytes += bytes
                allEnds.append(UInt32(truncatingIfNeeded: allBytes.count))
            }
        case .dictionary(let entryKinds, let ends, let bytes, let codes):
            for code in codes {
                kinds.append(entryKinds[Int(code)])
                allBytes += bytes[range(Int(code), ends)]
                allEnds.append(UInt32(truncatingIfNeeded: allBytes.count))
            }
        case .integers(let numbers):
            kinds = [ValueKind](repeating: .int, count: count)
            for number in numbers {
                AttributeValue.int(number).encode(to: &allBytes)
                allEnds.append(UInt32(truncatingIfNeeded: allBytes.count))
            }
        }
        return EventColumn(name: name, rows: rows, kinds: kinds, ends: allEnds, bytes: allBytes)
    }

    func range(_ index: Int, _ ends: [UInt32]) -> Range<Int> {
        (index == 0 ? 0 : Int(ends[index - 1]))..<Int(ends[index])
    }
}
