import Codecs

/// A template of a block: static text with holes.
struct TextTemplate {
    var mode: LineMode
    /// Lines of the block that have it, at least one, and the numbers of the first and last.
    var lines: Int
    var firstLine: Int
    var lastLine: Int
    /// Around the holes, in the column's strings: one more than there are holes.
    var pieces: [Range<Int>]
    /// The column of each hole.
    var columns: [Int]
}

/// A hole's column, not yet read.
struct TextVariable {
    var encoding: VariableEncoding
    /// ``ByteClass``es of all its bytes.
    var classes: UInt8
    var shortest: Int
    var longest: Int
    var count: Int
    /// Constant: the value. Dictionary: the entries one after the other.
    var strings: Range<Int> = 0..<0
    /// Of a dictionary: n + 1 places in the column's strings.
    var bounds: [Int] = []
    /// Integers: digits of each, 0 where written without leading zeros. Hexadecimal: digits of each.
    var width = 0
    var isUpperCase = false
    var form = LineTime(style: .iso, separator: 0, point: 0, digits: 0)
    var isAgainstRowTime = false
    /// Of hexadecimal: a body for each byte of the values; none: they lie in one, value by value.
    var planes: [TextBody] = []
    /// Codes, numbers or lengths; of hexadecimal the packed digits where there are no planes.
    var body = TextBody(chunk: nil, range: 0..<0)
    /// Of plain values their bytes.
    var bytes = TextBody(chunk: nil, range: 0..<0)
    /// Index into ``TextDirectory/nodes``.
    var node = -1
}

/// Lines or values as templates, their numbers and columns.
struct TextNode {
    var lineCount: Int
    var templates: [TextTemplate] = []
    /// Absent where there is one template only.
    var codes: TextBody?
    var columns: [TextVariable] = []
}

/// The head of a text column: all static text, dictionaries and small bodies, and where the rest is.
struct TextDirectory {
    /// Bytes of all lines.
    let totalBytes: Int
    let strings: [UInt8]
    let small: [UInt8]
    /// Nested ones come after the one that holds them; the first is of the lines.
    private(set) var nodes: [TextNode] = []

    private var stringsUsed = 0
    private var smallUsed = 0
    private var chunksUsed = 0
    private let bodySize: Int
    /// Values that all columns together may have: a hole has a byte of its own, or one of static text beside it.
    private var valuesLeft: Int

    /// `bodySize`: bytes of the chunks, which lie behind the head.
    init(_ head: ArraySlice<UInt8>, lineCount: Int, bodySize: Int) throws(CodecError) {
        var outer = ByteReader(head)
        let plain = try PackedBytes.read(&outer)
        var reader = ByteReader(plain)
        let version = try reader.readByte()
        guard version == TextFormat.version else { throw reader.failure("text column of version \(version)") }
        totalBytes = try reader.readCount(limit: maximumDecodedCount)
        let directorySize = try reader.readCount(limit: plain.count)
        let stringsSize = try reader.readCount(limit: plain.count)
        let directory = try reader.readBytes(directorySize)
        strings = Array(try reader.readBytes(stringsSize))
        small = Array(reader.rest)
        self.bodySize = bodySize
        valuesLeft = totalBytes + lineCount
        var inner = ByteReader(directory)
        _ = try readNode(&inner, lineCount: lineCount, depth: 1)
        guard inner.isAtEnd else { throw inner.failure("bytes behind the directory") }
    }

    private mutating func readNode(_ reader: inout ByteReader, lineCount: Int, depth: Int) throws(CodecError) -> Int {
        guard depth <= TextFormat.maximumDepth else { throw reader.failure("nested too deep") }
        let number = nodes.count
        nodes.append(TextNode(lineCount: lineCount))
        var node = TextNode(lineCount: lineCount)
        let templateCount = try reader.readCount(limit: min(reader.remaining, 1 << 16))
        var left = lineCount
        var counts: [Int] = []
        for _ in 0..<templateCount {
            let template = try readTemplate(&reader, lineCount: lineCount, counts: &counts)
            left -= template.lines
            guard left >= 0 else { throw reader.failure("templates have more lines than there are") }
            node.templates.append(template)
        }
        guard left == 0 else { throw reader.failure("\(left) lines have no template") }
        if templateCount > 1 { node.codes = try readBody(&reader) }
        let columnCount = try reader.readCount(limit: reader.remaining)
        guard counts.count <= columnCount else { throw reader.failure("a hole of a column that is not there") }
        for column in 0..<columnCount {
            let count = column < counts.count ? counts[column] : 0
            valuesLeft -= count
            guard valuesLeft >= 0 else { throw reader.failure("more values than the text has bytes") }
            node.columns.append(try readVariable(&reader, count: count, depth: depth))
        }
        nodes[number] = node
        return number
    }

    private mutating func readTemplate(
        _ reader: inout ByteReader, lineCount: Int, counts: inout [Int]
    ) throws(CodecError) -> TextTemplate {
        let byte = try reader.readByte()
        guard let mode = LineMode(rawValue: byte) else { throw reader.failure("unknown template mode \(byte)") }
        let lines = try reader.readCount(limit: lineCount)
        let first = try reader.readCount(limit: lineCount)
        let last = try reader.readCount(limit: lineCount - first) + first
        guard lines > 0, last < lineCount else { throw reader.failure("template without lines") }
        var template = TextTemplate(
            mode: mode, lines: lines, firstLine: first, lastLine: last, pieces: [], columns: [])
        let holes = try reader.readCount(limit: reader.remaining)
        for _ in 0..<holes {
            let column = try reader.readCount(limit: 1 << 20)
            // Columns are numbered as they appear.
            guard column <= counts.count else { throw reader.failure("column \(column) out of order") }
            if column == counts.count { counts.append(0) }
            counts[column] += lines
            guard counts[column] <= totalBytes + lineCount else { throw reader.failure("too many values") }
            template.columns.append(column)
        }
        for _ in 0...holes { template.pieces.append(try takeString(&reader)) }
        return template
    }

    private mutating func takeString(_ reader: inout ByteReader) throws(CodecError) -> Range<Int> {
        let length = try reader.readCount(limit: strings.count - stringsUsed)
        defer { stringsUsed += length }
        return stringsUsed..<stringsUsed + length
    }

    private mutating func readBody(_ reader: inout ByteReader) throws(CodecError) -> TextBody {
        let place = try reader.readByte()
        if place == 0 {
            let length = try reader.readCount(limit: small.count - smallUsed)
            defer { smallUsed += length }
            return TextBody(chunk: nil, range: smallUsed..<smallUsed + length)
        }
        guard let codec = BlockCodec(rawValue: place - 1) else { throw reader.failure("unknown codec \(place)") }
        let plainSize = try reader.readCount(limit: maximumDecodedCount)
        let packedSize = try reader.readCount(limit: bodySize - chunksUsed)
        let checksum = try reader.readFixed32()
        defer { chunksUsed += packedSize }
        return TextBody(
            chunk: TextChunk(
                codec: codec, plainSize: plainSize, range: chunksUsed..<chunksUsed + packedSize, checksum: checksum),
            range: 0..<plainSize)
    }

    private mutating func readVariable(
        _ reader: inout ByteReader, count: Int, depth: Int
    ) throws(CodecError) -> TextVariable {
        let byte = try reader.readByte()
        guard let encoding = VariableEncoding(rawValue: byte) else {
            throw reader.failure("unknown variable encoding \(byte)")
        }
        let classes = try reader.readByte()
        let shortest = try reader.readCount(limit: totalBytes)
        let longest = try reader.readCount(limit: totalBytes)
        var variable = TextVariable(
            encoding: encoding, classes: classes, shortest: shortest, longest: longest, count: count)
        switch encoding {
        case .constant:
            guard longest <= strings.count - stringsUsed else { throw reader.failure("a value beyond the strings") }
            variable.strings = stringsUsed..<stringsUsed + longest
            stringsUsed += longest
        case .integers:
            variable.width = try reader.readCount(limit: TextFormat.maximumDigits)
            variable.body = try readBody(&reader)
        case .dictionary:
            let entries = try reader.readCount(limit: reader.remaining)
            let start = stringsUsed
            variable.bounds.append(start)
            for _ in 0..<entries { variable.bounds.append(try takeString(&reader).upperBound) }
            variable.strings = start..<stringsUsed
            variable.body = try readBody(&reader)
        case .hexadecimal:
            variable.width = try reader.readCount(limit: totalBytes)
            variable.isUpperCase = try reader.readByte() != 0
            if try reader.readByte() == 0 {
                variable.body = try readBody(&reader)
            } else {
                let planes = (variable.width + 1) / 2
                guard planes <= TextFormat.mostPlanes else { throw reader.failure("\(planes) planes") }
                for _ in 0..<planes { variable.planes.append(try readBody(&reader)) }
            }
        case .times:
            let style = try reader.readByte()
            guard let known = LineTime.Style(rawValue: style) else { throw reader.failure("unknown time \(style)") }
            let separator = try reader.readByte()
            let point = try reader.readByte()
            let digits = try reader.readCount(limit: 9)
            variable.form = LineTime(style: known, separator: separator, point: point, digits: digits)
            variable.isAgainstRowTime = try reader.readByte() != 0
            variable.body = try readBody(&reader)
        case .plain:
            variable.body = try readBody(&reader)
            variable.bytes = try readBody(&reader)
        case .nested: variable.node = try readNode(&reader, lineCount: count, depth: depth + 1)
        case .multiline:
            variable.body = try readBody(&reader)
            let parts = try reader.readCount(limit: totalBytes + count)
            variable.node = try readNode(&reader, lineCount: parts, depth: depth + 1)
        }
        return variable
    }
}
