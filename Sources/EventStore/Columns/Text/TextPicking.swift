import Codecs

/// Puts a few lines together. Of a column only the values that they have become text.
extension TextReader {
    /// Where at most this share of the lines is wanted, they are picked; else all are put together.
    static let pickedShare = 3

    /// The lines with these numbers, ascending, one after the other.
    func pick(
        _ number: Int, _ rowOfLine: [UInt32]?, lines: [Int]
    ) throws(CodecError) -> (bytes: [UInt8], bounds: [UInt32]) {
        let node = directory.nodes[number]
        let codes = try templates(of: node)
        let values = try valuesOf(lines, of: node, codes)
        var pool = TextPool()
        var columns = [TextPool.Values](repeating: pool.none, count: node.columns.count)
        var size = 0
        for (i, column) in node.columns.enumerated() where !values.indices[i].isEmpty {
            var rows: [UInt32]?
            if column.needsRows {
                rows = values.lines[i].map { line in rowOfLine.map { $0[line] } ?? UInt32(truncatingIfNeeded: line) }
            }
            columns[i] = try read(column, picking: values.indices[i], rows, &pool)
            size += columns[i].size
            guard size <= directory.totalBytes else { throw CodecError(0, "lines are longer than their sum") }
        }
        var out: [UInt8] = []
        var bounds: [UInt32] = [0]
        bounds.reserveCapacity(lines.count + 1)
        var next = [Int](repeating: 0, count: node.columns.count)
        for line in lines {
            let template = node.templates[codes.map { Int($0[line]) } ?? 0]
            for (i, piece) in template.pieces.enumerated() {
                out += directory.strings[piece]
                guard i < template.columns.count else { continue }
                let column = template.columns[i]
                let one = columns[column]
                let value = next[column]
                next[column] += 1
                let entry = one.firstCode.map { Int(pool.codes[$0 + value]) } ?? (one.isConstant ? 0 : value)
                out += pool.bytes[pool.range(one, entry: entry)]
            }
            bounds.append(UInt32(truncatingIfNeeded: out.count))
        }
        return (out, bounds)
    }

    /// By column: which of its values the lines have, and the line of each.
    private func valuesOf(
        _ lines: [Int], of node: TextNode, _ codes: [Int64]?
    ) throws(CodecError) -> (indices: [[Int]], lines: [[Int]]) {
        var isNeeded = [Bool](repeating: false, count: node.columns.count)
        for line in lines {
            guard line >= 0, line < node.lineCount else { throw CodecError(0, "line \(line) of \(node.lineCount)") }
            for column in node.templates[codes.map { Int($0[line]) } ?? 0].columns { isNeeded[column] = true }
        }
        let holes = HoleTable(node, isKept: isNeeded)
        let codes = codes ?? []
        var indices = [[Int]](repeating: [], count: node.columns.count)
        var linesOf = indices
        var next = [Int](repeating: 0, count: node.columns.count)
        var at = 0
        for line in 0..<node.lineCount {
            if at == lines.count { break }
            let template = codes.isEmpty ? 0 : Int(codes[line])
            guard lines[at] == line else {
                holes.skip(template, &next)
                continue
            }
            at += 1
            for hole in holes.first[template]..<holes.first[template + 1] {
                let column = holes.columns[hole]
                indices[column].append(next[column])
                linesOf[column].append(line)
                next[column] &+= 1
            }
        }
        guard at == lines.count else { throw CodecError(0, "lines are not in order") }
        return (indices, linesOf)
    }

    /// Some values of a column, ascending, as entries of their own; `rows` are theirs.
    private func read(
        _ column: TextVariable, picking wanted: [Int], _ rows: [UInt32]?, _ pool: inout TextPool
    ) throws(CodecError) -> TextPool.Values {
        let start = pool.bytes.count
        var out = TextPool.Values(
            count: wanted.count, firstBound: pool.bounds.count, firstCode: nil, isConstant: false, size: 0)
        switch column.encoding {
        case .constant:
            var one = column
            one.count = wanted.count
            return try read(one, nil, &pool)
        case .dictionary:
            out.firstCode = pool.codes.count
            for bound in column.bounds {
                pool.bounds.append(UInt32(truncatingIfNeeded: start + bound - column.strings.lowerBound))
            }
            pool.bytes.append(contentsOf: directory.strings[column.strings])
            let codes = try numbers(column.body, count: column.count)
            for value in wanted {
                let code = codes[value]
                guard code >= 0, code < Int64(column.bounds.count - 1) else {
                    throw CodecError(0, "code \(code) of \(column.bounds.count - 1)")
                }
                pool.codes.append(UInt32(truncatingIfNeeded: code))
                out.size &+= column.bounds[Int(code) + 1] - column.bounds[Int(code)]
            }
            return out
        case .integers:
            let all = try numbers(column.body, count: column.count)
            pool.append(wanted.map { all[$0] }, width: column.width)
        case .hexadecimal:
            let some = try hexadecimal(column, picking: wanted)
            pool.append(
                hexadecimal: some, digits: column.width, isUpperCase: column.isUpperCase, count: wanted.count)
        case .times:
            let all = try numbers(column.body, count: column.count)
            try append(times: wanted.map { all[$0] }, of: column, rows, &pool)
        case .plain:
            let content = try bytes(column.bytes)
            var ends: [Int] = []
            ends.reserveCapacity(column.count)
            var end = 0
            for length in try numbers(column.body, count: column.count) {
                guard length >= 0, length <= Int64(content.count - end) else {
                    throw CodecError(0, "value of \(length) bytes")
                }
                end += Int(length)
                ends.append(end)
            }
            pool.bounds.append(UInt32(truncatingIfNeeded: start))
            for value in wanted {
                pool.bytes += content[(value == 0 ? 0 : ends[value - 1])..<ends[value]]
                pool.bounds.append(UInt32(truncatingIfNeeded: pool.bytes.count))
            }
        case .nested:
            let (bytes, bounds) = try pick(column.node, TextReader.spread(rows, wanted, column.count), lines: wanted)
            for bound in bounds { pool.bounds.append(bound &+ UInt32(truncatingIfNeeded: start)) }
            pool.bytes += bytes
        case .multiline: try pickTexts(column, wanted, rows, &pool)
        }
        out.size = pool.bytes.count - start
        return out
    }

    private func pickTexts(
        _ column: TextVariable, _ wanted: [Int], _ rows: [UInt32]?, _ pool: inout TextPool
    ) throws(CodecError) {
        let counts = try parts(of: column)
        var lines: [Int] = []
        var rowsOfLines: [UInt32] = []
        var (value, first) = (0, 0)
        for (i, index) in wanted.enumerated() {
            while value < index {
                first += counts[value]
                value += 1
            }
            lines += first..<first + counts[index]
            if let rows { rowsOfLines += [UInt32](repeating: rows[i], count: counts[index]) }
        }
        let count = directory.nodes[column.node].lineCount
        let rowOfLine = rows == nil ? nil : TextReader.spread(rowsOfLines, lines, count)
        let (bytes, bounds) = try pick(column.node, rowOfLine, lines: lines)
        pool.bounds.append(UInt32(truncatingIfNeeded: pool.bytes.count))
        var part = 0
        for index in wanted {
            for i in 0..<counts[index] {
                if i > 0 { pool.bytes.append(0x0a) }
                pool.bytes += bytes[Int(bounds[part])..<Int(bounds[part + 1])]
                part += 1
            }
            pool.bounds.append(UInt32(truncatingIfNeeded: pool.bytes.count))
        }
    }

    /// Rows of some values as rows of all, 0 for the others.
    private static func spread(_ rows: [UInt32]?, _ wanted: [Int], _ count: Int) -> [UInt32]? {
        guard let rows else { return nil }
        var out = [UInt32](repeating: 0, count: count)
        for (i, index) in wanted.enumerated() { out[index] = rows[i] }
        return out
    }
}

extension TextVariable {
    /// Whether its values may be kept against the times of their rows.
    var needsRows: Bool {
        switch encoding {
        case .nested, .multiline: true
        case .times: isAgainstRowTime
        case .constant, .integers, .dictionary, .hexadecimal, .plain: false
        }
    }
}
