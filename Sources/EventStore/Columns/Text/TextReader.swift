import Codecs

/// Reads a text column: chunks as they are needed, values as text, lines in whole or some of them.
package struct TextReader {
    let directory: TextDirectory
    /// Bytes of a chunk's range; their checksum is checked here.
    private let fetch: (Range<Int>) throws(CodecError) -> ArraySlice<UInt8>
    /// Times of the block's rows; asked for where a line's time is kept against them.
    private let times: () throws(CodecError) -> [Int64]
    /// Rows of the lines where not every row has one.
    let rows: [UInt32]?

    package init(
        head: ArraySlice<UInt8>, lineCount: Int, rows: [UInt32]?, bodySize: Int,
        fetch: @escaping (Range<Int>) throws(CodecError) -> ArraySlice<UInt8>,
        times: @escaping () throws(CodecError) -> [Int64]
    ) throws(CodecError) {
        directory = try TextDirectory(head, lineCount: lineCount, bodySize: bodySize)
        self.rows = rows
        self.fetch = fetch
        self.times = times
    }

    /// Bytes that the head takes in memory, more or less.
    var footprint: Int { directory.strings.count &+ directory.small.count &+ directory.nodes.count &* 1024 }

    // MARK: Lines

    /// All lines; those that `wanted` leaves out are empty.
    package func lines(_ wanted: [Bool]? = nil) throws(CodecError) -> (bytes: [UInt8], ends: [UInt32]) {
        if let wanted {
            let (bytes, bounds) = try rebuild(0, rows, wanted)
            return (bytes, Array(bounds.dropFirst()))
        }
        var pool = TextPool()
        let (bytes, bounds) = try assemble(0, rows, nil, &pool)
        if bytes.count != directory.totalBytes {
            throw CodecError(0, "lines have \(bytes.count) bytes of \(directory.totalBytes)")
        }
        return (bytes, Array(bounds.dropFirst()))
    }

    /// Templates of a node's lines.
    func templates(of node: TextNode) throws(CodecError) -> [Int64]? {
        guard let body = node.codes else { return nil }
        let codes = try numbers(body, count: node.lineCount)
        var left = node.templates.map(\.lines)
        for code in codes {
            guard code >= 0, code < Int64(left.count) else { throw CodecError(0, "template \(code) of \(left.count)") }
            left[Int(code)] -= 1
        }
        guard left.allSatisfy({ $0 == 0 }) else { throw CodecError(0, "templates of lines do not add up") }
        return codes
    }

    /// Some lines of a node; of columns that none of them has nothing is read.
    func rebuild(
        _ number: Int, _ rowOfLine: [UInt32]?, _ wanted: [Bool]
    ) throws(CodecError) -> (bytes: [UInt8], bounds: [UInt32]) {
        let count = wanted.count { $0 }
        guard count &* TextReader.pickedShare <= wanted.count else {
            var pool = TextPool()
            return try assemble(number, rowOfLine, wanted, &pool)
        }
        var lines: [Int] = []
        lines.reserveCapacity(count)
        for line in wanted.indices where wanted[line] { lines.append(line) }
        let (bytes, picked) = try pick(number, rowOfLine, lines: lines)
        var bounds: [UInt32] = [0]
        bounds.reserveCapacity(wanted.count + 1)
        var next = 0
        for isWanted in wanted {
            if isWanted { next += 1 }
            bounds.append(picked[next])
        }
        return (bytes, bounds)
    }

    private func assemble(
        _ number: Int, _ rowOfLine: [UInt32]?, _ wanted: [Bool]?, _ pool: inout TextPool
    ) throws(CodecError) -> (bytes: [UInt8], bounds: [UInt32]) {
        let node = directory.nodes[number]
        let codes = try templates(of: node)
        let rowsOfColumns = try rowsOfTimes(node, codes, rowOfLine)
        let needed = columns(of: node, codes, wanted)
        var values: [TextPool.Values] = []
        var size = 0
        for template in node.templates {
            size += template.pieces.reduce(0) { $0 + $1.count } * template.lines
        }
        for (i, column) in node.columns.enumerated() {
            guard needed?[i] != false else {
                values.append(pool.none)
                continue
            }
            let one = try read(column, rowsOfColumns[i], &pool)
            size += one.size
            values.append(one)
            guard size <= directory.totalBytes else { throw CodecError(0, "lines are longer than their sum") }
        }
        return LineAssembly(
            templates: node.templates, lineCount: node.lineCount, codes: codes, strings: directory.strings,
            values: values, pool: pool
        ).run(wanted, size: size)
    }

    /// nil: all.
    private func columns(of node: TextNode, _ codes: [Int64]?, _ wanted: [Bool]?) -> [Bool]? {
        guard let wanted else { return nil }
        var isNeeded = [Bool](repeating: false, count: node.templates.count)
        for line in 0..<node.lineCount where wanted[line] { isNeeded[codes.map { Int($0[line]) } ?? 0] = true }
        var out = [Bool](repeating: false, count: node.columns.count)
        for (t, template) in node.templates.enumerated() where isNeeded[t] {
            for column in template.columns { out[column] = true }
        }
        return out
    }

    /// Rows of a column's values, where its encoding needs them.
    func rowsOfValues(
        _ column: Int, in node: TextNode, _ rowOfLine: [UInt32]?
    ) throws(CodecError) -> [UInt32]? {
        switch node.columns[column].encoding {
        case .nested, .multiline, .times: try rowsOfTimes(node, try templates(of: node), rowOfLine)[column]
        default: nil
        }
    }

    /// For the columns that need them, the row of each value: of times, and of nested values that may hold times.
    private func rowsOfTimes(
        _ node: TextNode, _ codes: [Int64]?, _ rowOfLine: [UInt32]?
    ) throws(CodecError) -> [[UInt32]?] {
        var out = [[UInt32]?](repeating: nil, count: node.columns.count)
        var needed = false
        for (i, column) in node.columns.enumerated()
        where column.needsRows {
            out[i] = []
            out[i]?.reserveCapacity(column.count)
            needed = true
        }
        guard needed else { return out }
        let holes = node.templates.map { template in template.columns.filter { out[$0] != nil } }
        for line in 0..<node.lineCount {
            let row = rowOfLine.map { $0[line] } ?? UInt32(truncatingIfNeeded: line)
            for column in holes[codes.map { Int($0[line]) } ?? 0] { out[column]?.append(row) }
        }
        return out
    }

    // MARK: Values

    /// Reads a column's values into the pool.
    func read(
        _ column: TextVariable, _ rowOfValue: [UInt32]?, _ pool: inout TextPool
    ) throws(CodecError) -> TextPool.Values {
        let start = pool.bytes.count
        var out = TextPool.Values(
            count: column.count, firstBound: pool.bounds.count, firstCode: nil, isConstant: false, size: 0)
        switch column.encoding {
        case .constant:
            pool.bounds.append(UInt32(truncatingIfNeeded: start))
            pool.bytes.append(contentsOf: directory.strings[column.strings])
            pool.bounds.append(UInt32(truncatingIfNeeded: pool.bytes.count))
            out.isConstant = true
            let (size, overflow) = column.strings.count.multipliedReportingOverflow(by: column.count)
            out.size = overflow ? .max / 2 : size
            return out
        case .dictionary:
            out.firstCode = pool.codes.count
            for bound in column.bounds {
                pool.bounds.append(UInt32(truncatingIfNeeded: start + bound - column.strings.lowerBound))
            }
            pool.bytes.append(contentsOf: directory.strings[column.strings])
            let entries = Int64(column.bounds.count - 1)
            for code in try numbers(column.body, count: column.count) {
                guard code >= 0, code < entries else { throw CodecError(0, "code \(code) of \(entries)") }
                pool.codes.append(UInt32(truncatingIfNeeded: code))
                out.size &+= column.bounds[Int(code) + 1] - column.bounds[Int(code)]
            }
            return out
        case .integers:
            pool.append(try numbers(column.body, count: column.count), width: column.width)
        case .hexadecimal:
            let packed = try hexadecimal(column)
            pool.append(
                hexadecimal: packed, digits: column.width, isUpperCase: column.isUpperCase, count: column.count)
        case .times: try readTimes(column, rowOfValue, &pool)
        case .plain:
            var end = start
            pool.bounds.append(UInt32(truncatingIfNeeded: end))
            let content = try bytes(column.bytes)
            for length in try numbers(column.body, count: column.count) {
                guard length >= 0, length <= Int64(start + content.count - end) else {
                    throw CodecError(0, "value of \(length) bytes")
                }
                end += Int(length)
                pool.bounds.append(UInt32(truncatingIfNeeded: end))
            }
            guard end - start == content.count else { throw CodecError(0, "values are shorter than their bytes") }
            pool.bytes.append(contentsOf: content)
        case .nested:
            var inner = TextPool()
            let (bytes, bounds) = try assemble(column.node, rowOfValue, nil, &inner)
            for bound in bounds { pool.bounds.append(bound &+ UInt32(truncatingIfNeeded: start)) }
            pool.bytes.append(contentsOf: bytes)
        case .multiline:
            let counts = try parts(of: column)
            var inner = TextPool()
            let (bytes, bounds) = try assemble(column.node, TextReader.rows(rowOfValue, counts), nil, &inner)
            var part = 0
            pool.bytes.reserveCapacity(start + bytes.count + bounds.count)
            pool.bounds.append(UInt32(truncatingIfNeeded: start))
            for count in counts {
                for i in 0..<count {
                    if i > 0 { pool.bytes.append(0x0a) }
                    pool.bytes.append(contentsOf: bytes[Int(bounds[part])..<Int(bounds[part + 1])])
                    part += 1
                }
                pool.bounds.append(UInt32(truncatingIfNeeded: pool.bytes.count))
            }
        }
        out.size = pool.bytes.count - start
        return out
    }

    /// How many lines each value of several lines has.
    func parts(of column: TextVariable) throws(CodecError) -> [Int] {
        var left = directory.nodes[column.node].lineCount
        var out: [Int] = []
        out.reserveCapacity(column.count)
        for count in try numbers(column.body, count: column.count) {
            guard count >= 1, count <= Int64(left) else { throw CodecError(0, "text of \(count) lines") }
            left -= Int(count)
            out.append(Int(count))
        }
        guard left == 0 else { throw CodecError(0, "\(left) lines of no text") }
        return out
    }

    static func rows(_ rowOfValue: [UInt32]?, _ counts: [Int]) -> [UInt32]? {
        guard let rowOfValue, rowOfValue.count == counts.count else { return nil }
        return zip(rowOfValue, counts).flatMap { [UInt32](repeating: $0, count: $1) }
    }

    private func readTimes(
        _ column: TextVariable, _ rowOfValue: [UInt32]?, _ pool: inout TextPool
    ) throws(CodecError) {
        try append(times: try numbers(column.body, count: column.count), of: column, rowOfValue, &pool)
    }

    /// `rowOfValue` is of these times.
    func append(
        times kept: [Int64], of column: TextVariable, _ rowOfValue: [UInt32]?, _ pool: inout TextPool
    ) throws(CodecError) {
        var parsed = kept
        if column.isAgainstRowTime {
            let times = try self.times()
            let unit = column.form.unit
            guard let rowOfValue, rowOfValue.count == parsed.count else { throw CodecError(0, "times without rows") }
            for i in parsed.indices {
                let row = Int(rowOfValue[i])
                guard row < times.count else { throw CodecError(0, "row \(row) of \(times.count)") }
                parsed[i] = parsed[i] &+ TextEncoder.floor(times[row], unit)
            }
        }
        pool.bytes.reserveCapacity(pool.bytes.count + parsed.count * column.form.length)
        pool.bounds.append(UInt32(truncatingIfNeeded: pool.bytes.count))
        var date = LineTime.DateText()
        for time in parsed {
            column.form.write(time, to: &pool.bytes, &date)
            pool.bounds.append(UInt32(truncatingIfNeeded: pool.bytes.count))
        }
    }

    // MARK: Bodies

    func bytes(_ body: TextBody) throws(CodecError) -> [UInt8] {
        guard let chunk = body.chunk else { return Array(directory.small[body.range]) }
        let packed = try fetch(chunk.range)
        guard CRC32C.checksum(packed) == chunk.checksum else {
            throw CodecError(chunk.range.lowerBound, "the checksum of a text chunk does not match")
        }
        return try BlockCodec.decompress(packed, codec: chunk.codec, expectedSize: chunk.plainSize)
    }

    func numbers(_ body: TextBody, count: Int) throws(CodecError) -> [Int64] {
        if count == 0 { return [] }
        let content = try bytes(body)
        var reader = ByteReader(content)
        switch try reader.readByte() {
        case 0: return try EntropyColumn.decode(&reader, count: count)
        case 1:
            guard reader.remaining == count else { throw reader.failure("\(reader.remaining) codes of \(count)") }
            return reader.rest.map { Int64($0) }
        case 2:
            guard reader.remaining == count * 2 else { throw reader.failure("\(reader.remaining) bytes of codes") }
            return (0..<count).map { Int64(content[1 + $0]) | Int64(content[1 + count + $0]) << 8 }
        case let form: throw reader.failure("unknown form of numbers \(form)")
        }
    }
}
