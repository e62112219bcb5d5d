import Codecs
import Patterns
import Storage
import Telemetry

/// A column of encoding ``ColumnEncoding/text``: u32 length and u32 checksum of the head, the head (presence, then that
/// of the text), the chunks. Head and chunks are checked by themselves, so that a few of them can be read
/// without the rest.
struct TextColumn {
    let presence: DecodedColumn.Presence
    let reader: TextReader
    let lineCount: Int
    private let name: String
    private let rowCount: Int

    static let prefix = 8
    /// Shorter ones are in too many lines.
    private static let shortestLiteral = 3

    /// What ``ColumnEntry/chunk`` refers to.
    static func body(presence: [UInt8], _ text: EncodedText) -> ByteWriter {
        var writer = ByteWriter(reserving: prefix + presence.count + text.head.count + text.chunks.count)
        let head = presence + text.head
        writer.writeFixed32(UInt32(truncatingIfNeeded: head.count))
        writer.writeFixed32(CRC32C.checksum(head))
        writer.writeBytes(head)
        writer.writeBytes(text.chunks)
        return writer
    }

    init(
        _ body: [UInt8], entry: ColumnEntry, rowCount: Int, times: @escaping () throws(CodecError) -> [Int64]
    ) throws(CodecError) {
        try self.init(
            entry: entry, rowCount: rowCount, length: body.count,
            fetch: { (range: Range<Int>) throws(CodecError) in
                guard range.upperBound <= body.count else { throw CodecError(range.lowerBound, "cut off") }
                return body[range]
            }, times: times)
    }

    /// `fetch` answers bytes of the column's body, counted from its start, that nobody has checked.
    init(
        entry: ColumnEntry, rowCount: Int, length: Int,
        fetch: @escaping (Range<Int>) throws(CodecError) -> ArraySlice<UInt8>,
        times: @escaping () throws(CodecError) -> [Int64]
    ) throws(CodecError) {
        guard length >= TextColumn.prefix else { throw CodecError(0, "text column of \(length) bytes") }
        var prefix = ByteReader(try fetch(0..<TextColumn.prefix))
        let headLength = Int(try prefix.readFixed32())
        let checksum = try prefix.readFixed32()
        guard headLength <= length - TextColumn.prefix else { throw CodecError(0, "head of \(headLength) bytes") }
        let chunks = TextColumn.prefix + headLength
        let head = try fetch(TextColumn.prefix..<chunks)
        guard CRC32C.checksum(head) == checksum else { throw CodecError(0, "the head's checksum does not match") }
        var reader = ByteReader(head)
        presence = try ColumnReader.readPresence(&reader, entry: entry, rowCount: rowCount)
        var rows: [UInt32]?
        if case .rows(let some) = presence { rows = some }
        self.reader = try TextReader(
            head: reader.rest, lineCount: entry.count, rows: rows, bodySize: length - chunks,
            fetch: { (range: Range<Int>) throws(CodecError) in
                try fetch(range.lowerBound + chunks..<range.upperBound + chunks)
            }, times: times)
        name = entry.name
        lineCount = entry.count
        self.rowCount = rowCount
    }

    /// The rows whose line holds the needle.
    func rows(containing needle: [UInt8]) throws(CodecError) -> RowMask {
        var mask = RowMask(count: rowCount, all: false)
        for (line, holds) in try reader.lines(containing: needle).enumerated() where holds {
            switch presence {
            case .all: mask[line] = true
            case .rows(let rows): mask[Int(rows[line])] = true
            }
        }
        return mask
    }

    /// Of the rows that are asked for, those whose line the expression matches, and those of which this cannot be told
    /// but from the line; nil where that is so of all.
    func rows(matching pattern: Pattern, among wanted: RowMask) throws(CodecError) -> (
        matches: RowMask, unknown: RowMask
    )? {
        var matches = RowMask(count: rowCount, all: false)
        var unknown = matches
        guard let scanner = IdleScanner(pattern) else {
            let literals = TextSearch.requiredLiterals(pattern).filter { $0.count >= TextColumn.shortestLiteral }
            guard let longest = literals.max(by: { $0.count < $1.count }) else { return nil }
            unknown = try rows(containing: longest)
            return (matches, unknown)
        }
        let literals = TextSearch.requiredLiterals(pattern).filter { $0.count >= TextColumn.shortestLiteral }
        var suspects: [Bool]
        if let longest = literals.max(by: { $0.count < $1.count }) {
            suspects = try reader.lines(containing: longest)
        } else {
            guard let lines = try reader.lines(suspectedBy: scanner) else { return (matches, unknown) }
            suspects = lines
        }
        var hasAny = false
        for line in suspects.indices where suspects[line] {
            suspects[line] = wanted[row(of: line)]
            hasAny = hasAny || suspects[line]
        }
        guard hasAny else { return (matches, unknown) }
        let told = try reader.lines(matching: scanner, among: suspects)
        for line in suspects.indices where suspects[line] {
            if told.matches[line] { matches[row(of: line)] = true }
            if told.unknown[line] { unknown[row(of: line)] = true }
        }
        return (matches, unknown)
    }

    private func row(of line: Int) -> Int {
        switch presence {
        case .all: line
        case .rows(let rows): Int(rows[line])
        }
    }

    /// With the lines rebuilt; those of rows that nobody wants are empty.
    func decoded(_ wanted: RowMask? = nil) throws(CodecError) -> DecodedColumn {
        var isWanted: [Bool]?
        if let wanted {
            switch presence {
            case .all: isWanted = (0..<rowCount).map { wanted[$0] }
            case .rows(let rows): isWanted = rows.map { wanted[Int($0)] }
            }
        }
        let (bytes, ends) = try reader.lines(isWanted)
        return DecodedColumn(
            name: name, rowCount: rowCount, presence: presence,
            values: .plain(uniform: .string, kinds: [], ends: ends, bytes: bytes))
    }
}
