import Codecs
import Storage
import Telemetry

/// A block as the reader of a fold sees it.
final class BlockView: EventBlock {
    private let block: ScanBlock
    let passing: RowMask
    let isWhole: Bool
    private var text: TextColumn??

    init(_ block: ScanBlock, passing: RowMask) {
        self.block = block
        self.passing = passing
        isWhole = passing.population == block.rows
    }

    var rowCount: Int { block.rows }
    var firstTime: Int64 { block.firstTime }
    var lastTime: Int64 { block.lastTime }
    func times() throws -> [Int64] { try block.times }
    func sequences() throws -> [UInt64] { try block.sequences }

    var source: ObjectIdentifier { ObjectIdentifier(block.facts) }
    var onlyGroup: UInt32? { block.groups?.only }
    func groupNumbers() throws -> [UInt32] { try block.groupOfRow }
    func group(_ number: UInt32) throws -> EventGroup { try block.facts.group(number) }

    func columnNames() throws -> [String] { try block.columnNames }

    func column(_ name: String) throws -> EventBlockColumn? { try block.column(name)?.blockColumn }

    // MARK: Lines

    private func lines() throws -> TextColumn? {
        if let text { return text }
        let opened = try block.text(EventColumnName.line)
        text = .some(opened)
        return opened
    }

    private func reading<T>(_ body: () throws(CodecError) -> T) throws -> T {
        do throws(CodecError) { return try body() } catch { throw block.damage(error, of: EventColumnName.line) }
    }

    func layout() throws -> EventTextLayout? {
        guard let text = try lines() else { return nil }
        let templates = try reading { () throws(CodecError) in try text.reader.templatesOfLines() }
        let codes = templates?.map { Int32(truncatingIfNeeded: $0) } ?? [Int32](repeating: 0, count: text.lineCount)
        return EventTextLayout(
            templates: text.reader.layoutTemplates, templateOfRow: byRow(codes, text.presence, absent: -1))
    }

    func values(ofHoles holes: [Int]) throws -> EventBlockColumn {
        guard let text = try lines() else { return EventBlockColumn(codes: [], kind: .string, ends: [], bytes: []) }
        var column = try reading { () throws(CodecError) in try text.reader.values(ofHoles: holes) }
        column.codes = byRow(column.codes, text.presence, absent: EventBlockColumn.absent)
        return column
    }

    func totalLineBytes() throws -> Int? { try lines()?.reader.directory.totalBytes }

    func lineLengths() throws -> [Int] {
        if let text = try lines() {
            let lengths = try reading { () throws(CodecError) in try text.reader.lineLengths() }
            return byRow(lengths, text.presence, absent: 0)
        }
        guard let column = try block.column(EventColumnName.line)?.blockColumn else {
            return [Int](repeating: 0, count: rowCount)
        }
        return column.codes.map { $0 < 0 ? 0 : column.range(Int($0)).count }
    }

    private func byRow<T>(_ byLine: [T], _ presence: DecodedColumn.Presence, absent: T) -> [T] {
        guard case .rows(let rows) = presence else { return byLine }
        var out = [T](repeating: absent, count: rowCount)
        for (line, row) in rows.enumerated() { out[Int(row)] = byLine[line] }
        return out
    }

    // MARK: Rows

    func batch(of rows: RowMask, projection: EventScanPlan.Projection) throws -> EventBatch {
        var output = OutputBatch(projection: projection)
        var copier = try BlockCopier(block, output: output, rows: rows)
        for row in rows.rows { try copier.copy(row: Int(row), to: &output) }
        return output.take()
    }
}

extension DecodedColumn {
    /// The same values by row.
    var blockColumn: EventBlockColumn {
        var column: EventBlockColumn
        switch values {
        case .constant(let kind, let bytes):
            column = EventBlockColumn(
                codes: [Int32](repeating: 0, count: count), kind: kind,
                ends: [UInt32(truncatingIfNeeded: bytes.count)], bytes: bytes)
        case .dictionary(let kinds, let ends, let bytes, let codes):
            let kind = kinds.allSatisfy { $0 == kinds[0] } ? kinds.first : nil
            column = EventBlockColumn(
                codes: codes.map { Int32($0) }, kind: kind, kinds: kind == nil ? kinds : [], ends: ends, bytes: bytes)
        case .integers(let numbers):
            var ends: [UInt32] = []
            var bytes: [UInt8] = []
            for number in numbers {
                AttributeValue.int(number).encode(to: &bytes)
                ends.append(UInt32(truncatingIfNeeded: bytes.count))
            }
            column = EventBlockColumn(codes: DecodedColumn.ascending(count), kind: .int, ends: ends, bytes: bytes)
        case .plain(let uniform, let kinds, let ends, let bytes):
            column = EventBlockColumn(
                codes: DecodedColumn.ascending(count), kind: kinds.isEmpty ? uniform : nil, kinds: kinds, ends: ends,
                bytes: bytes)
        }
        if case .rows(let rows) = presence {
            var codes = [Int32](repeating: EventBlockColumn.absent, count: rowCount)
            for (i, row) in rows.enumerated() { codes[Int(row)] = column.codes[i] }
            column.codes = codes
        }
        return column
    }

    private static func ascending(_ count: Int) -> [Int32] { (0..<count).map { Int32(truncatingIfNeeded: $0) } }
}
