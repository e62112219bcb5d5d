import Codecs
import Telemetry

/// A column of a block, encoded but not yet placed in a file.
struct EncodedColumn {
    var name: String
    var encoding: ColumnEncoding
    var count: Int
    var kind: ValueKind?
    var bounds: ClosedRange<Int64>?
    var body: [UInt8]
    var filterKind: ColumnFilterKind = .none
    var filter: [UInt8] = []
    /// For substrings; kept by the part for many blocks together.
    var gramFilters: [GramFilter] = []
}

/// Chooses the encoding of a column and writes it.
struct ColumnWriter {
    /// How much a block is worth: of small blocks a merge will soon make larger ones.
    enum Effort { case fast, best }

    let codec: BlockCodec
    var effort = Effort.best
    /// Of bytes that are read and written again within minutes: twice as fast as level 1, and no dearer than writing
    /// them as they are.
    private static let quickLevel = -5
    /// Fewer strings have too little in common for templates.
    private static let fewestTexts = 8

    /// `times` are those of the block's rows.
    func encode(_ column: EventColumn, rowCount: Int, times: [Int64], exactFilter: Bool) -> EncodedColumn {
        var writer = ByteWriter(reserving: column.bytes.count / 4 + 64)
        writePresence(column, rowCount: rowCount, to: &writer)
        let first = column.kinds.first ?? .empty
        let kind = column.kinds.allSatisfy { $0 == first } ? first : nil
        var out = EncodedColumn(
            name: column.name, encoding: .plain, count: column.count, kind: kind, bounds: nil, body: [])

        var grams: GramPieces?
        let distinct = DistinctValues(column)
        if let distinct, distinct.entries.count == 1, let kind {
            out.encoding = .constant
            writer.write(kind.rawValue)
            writer.writeBytes(column.bytes[column.range(at: 0)])
            if kind == .int { out.bounds = bounds(integers(column)) }
        } else if kind == .int, column.bytes.count == column.count * 8 {
            out.encoding = .integers
            let numbers = integers(column)
            out.bounds = bounds(numbers)
            IntegerColumn.encode(numbers, into: &writer)
        } else if let distinct {
            out.encoding = .dictionary
            writeDictionary(column, distinct, mixed: kind == nil, to: &writer)
        } else if let width = fixedWidth(column), kind == .bytes {
            out.encoding = .fixed
            writer.writeVarint(width)
            PackedBytes.write(column.bytes, codec: codec, to: &writer)
        } else if let width = fixedWidth(column), kind == .string, let binary = Hexadecimal.decode(column.bytes, width)
        {
            out.encoding = .hexadecimal
            writer.writeVarint(width / 2)
            PackedBytes.write(binary, codec: codec, to: &writer)
        } else if kind == .string, effort == .best, column.count >= ColumnWriter.fewestTexts {
            out.encoding = .text
            var encoder = TextEncoder(codec: codec, times: times)
            let rows = column.count == rowCount ? nil : column.rows
            let text = encoder.encode(bytes: column.bytes, ends: column.ends, rows: rows)
            writer = TextColumn.body(presence: writer.bytes, text)
            grams = encoder.grams
        } else {
            if kind == nil { PackedBytes.write(column.kinds.map(\.rawValue), codec: codec, to: &writer) }
            IntegerColumn.encode(column.ends.indices.map { Int64(column.range(at: $0).count) }, into: &writer)
            PackedBytes.write(
                column.bytes, codec: codec, level: effort == .best ? nil : ColumnWriter.quickLevel, to: &writer)
        }
        out.body = writer.bytes
        addFilter(to: &out, column, grams, exactFilter: exactFilter)
        return out
    }

    private func addFilter(
        to out: inout EncodedColumn, _ column: EventColumn, _ grams: GramPieces?, exactFilter: Bool
    ) {
        switch out.encoding {
        case .fixed, .hexadecimal:
            guard exactFilter else { return }
            let hashes = column.ends.indices.map { Hash64.hash(column.bytes[column.range(at: $0)]) }
            guard let filter = ExactFilter.build(hashes)?.serialised() else { return }
            out.filterKind = .exact
            out.filter = filter
        case .plain where out.kind == .string, .text:
            // Half of the work of a block: those that are made anew within minutes are searched without.
            guard effort == .best else { return }
            // Ids take most of it, a seventh of their own bytes.
            let budget = out.body.count / 6
            let pieces = grams ?? GramPieces(linesEndingAt: column.ends)
            out.gramFilters = GramCollector.filters(column.bytes, pieces, budget: budget)
        default: break
        }
    }

    /// Nothing where all rows have a value; else 1 and a bitmap or 2 and the rows, whichever is smaller.
    private func writePresence(_ column: EventColumn, rowCount: Int, to writer: inout ByteWriter) {
        if column.count == rowCount { return }
        if column.count * 12 < rowCount {
            writer.write(2)
            IntegerColumn.encode(column.rows.map { Int64($0) }, into: &writer)
        } else {
            writer.write(1)
            var bits = [UInt8](repeating: 0, count: (rowCount + 7) / 8)
            for row in column.rows { bits[Int(row >> 3)] |= 1 << UInt8(row & 7) }
            PackedBytes.write(bits, codec: codec, to: &writer)
        }
    }

    private func writeDictionary(
        _ column: EventColumn, _ distinct: DistinctValues, mixed: Bool, to writer: inout ByteWriter
    ) {
        writer.writeVarint(distinct.entries.count)
        var bytes: [UInt8] = []
        for index in distinct.entries {
            let range = column.range(at: index)
            if mixed { writer.write(column.kinds[index].rawValue) }
            writer.writeVarint(range.count)
            bytes.append(contentsOf: column.bytes[range])
        }
        PackedBytes.write(bytes, codec: codec, to: &writer)
        let width = UInt8.bitWidth - UInt8(truncatingIfNeeded: distinct.entries.count - 1).leadingZeroBitCount
        var bits = BitWriter(reserving: distinct.codes.count * width / 8 + 1)
        for code in distinct.codes { bits.write(UInt64(code), bits: width) }
        PackedBytes.write(bits.encoded(), codec: codec, to: &writer)
    }

    private func integers(_ column: EventColumn) -> [Int64] {
        var reader = ByteReader(column.bytes)
        var out: [Int64] = []
        out.reserveCapacity(column.count)
        while let word = try? reader.readFixed64() { out.append(Int64(bitPattern: word)) }
        return out
    }

    private func bounds(_ numbers: [Int64]) -> ClosedRange<Int64>? {
        guard let low = numbers.min(), let high = numbers.max() else { return nil }
        return low...high
    }

    /// 2...64 bytes, the same for all values.
    private func fixedWidth(_ column: EventColumn) -> Int? {
        guard let width = column.ends.first.map(Int.init), (2...64).contains(width),
            column.bytes.count == width * column.count
        else { return nil }
        for (i, end) in column.ends.enumerated() where Int(end) != (i + 1) * width { return nil }
        return width
    }
}

/// The distinct values of a column, where they are few enough for a dictionary.
struct DistinctValues {
    /// Index of the first value that is equal, for each code.
    private(set) var entries: [Int] = []
    private(set) var codes: [UInt8] = []

    private static let slotCount = 1024

    init?(_ column: EventColumn) {
        guard column.count > 0 else { return nil }
        codes.reserveCapacity(column.count)
        var slots = [Int16](repeating: -1, count: DistinctValues.slotCount)
        var hashes: [UInt64] = []
        let text = column.bytes.span
        let ends = column.ends.span
        let kinds = column.kinds.span
        var start = 0
        for index in ends.indices {
            let end = Int(ends[index])
            let hash = TextBytes.finish(
                TextBytes.hash(text, start, count: end &- start, UInt64(kinds[index].rawValue)))
            var slot = Int(truncatingIfNeeded: hash & 1023)
            while true {
                let code = Int(slots[slot])
                if code < 0 {
                    guard entries.count < 256 else { return nil }
                    slots[slot] = Int16(entries.count)
                    codes.append(UInt8(entries.count))
                    entries.append(index)
                    hashes.append(hash)
                    break
                }
                let other = entries[code]
                let otherStart = other == 0 ? 0 : Int(ends[other &- 1])
                if hashes[code] == hash, kinds[other] == kinds[index], Int(ends[other]) &- otherStart == end &- start,
                    TextBytes.isEqual(text, start, otherStart, count: end &- start)
                {
                    codes.append(UInt8(code))
                    break
                }
                slot = (slot + 1) & 1023
            }
            start = end
        }
        // A dictionary of values that hardly repeat costs more than the values.
        if entries.count > 8, entries.count * 2 > column.count { return nil }
    }
}

enum Hexadecimal {
    /// Half the bytes, nil where a digit is not lower-case hexadecimal or values have an odd width.
    static func decode(_ digits: [UInt8], _ width: Int) -> [UInt8]? {
        guard width % 2 == 0, width >= 8 else { return nil }
        var out: [UInt8] = []
        out.reserveCapacity(digits.count / 2)
        var high: UInt8 = 0
        for (i, digit) in digits.enumerated() {
            let value: UInt8
            switch digit {
            case 0x30...0x39: value = digit - 0x30
            case 0x61...0x66: value = digit - 0x61 + 10
            default: return nil
            }
            if i & 1 == 0 { high = value << 4 } else { out.append(high | value) }
        }
        return out
    }

    static func encode(_ bytes: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count * 2)
        for byte in bytes {
            out.append(digit(byte >> 4))
            out.append(digit(byte & 15))
        }
        return out
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
}
