import Codecs

/// A field of JSON or logfmt lines as the block's columns have it: no line is rebuilt or parsed.
struct TextField {
    enum Line: Equatable {
        /// The line has no such field.
        case absent
        /// Index into the values.
        case value(Int)
        /// The line has to be parsed: it was not taken apart into fields, or names the field twice.
        case unknown
    }

    /// One for each line.
    let lines: [Line]
    /// As they stand in the line: of a quoted one what is between the quotes, escapes and all.
    private let pool: TextPool
    private let values: TextPool.Values?
    /// By value; JSON tells `"1"` from `1` by it.
    let isQuoted: [Bool]

    init(lines: [Line], pool: TextPool, values: TextPool.Values?, isQuoted: [Bool]) {
        self.lines = lines
        self.pool = pool
        self.values = values
        self.isQuoted = isQuoted
    }

    func text(_ value: Int) -> ArraySlice<UInt8> {
        guard let values else { return [] }
        let entry = values.firstCode.map { Int(pool.codes[$0 + value]) } ?? (values.isConstant ? 0 : value)
        return pool.bytes[pool.range(values, entry: entry)]
    }
}

extension TextReader {
    /// The field with these keys, the outermost first, spelled as in the line. Reads one column.
    func field(_ path: [[UInt8]]) throws(CodecError) -> TextField {
        let node = directory.nodes[0]
        // By template: the hole of the field, none (-1) or unknown (-2).
        var holes: [Int] = []
        var quoted: [Bool] = []
        var column = -1
        for template in node.templates {
            let fields = TemplateFields(pieces: template.pieces.map { directory.strings[$0] }, mode: template.mode)
            let places = fields.holes.indices.filter { fields.holes[$0].path == path }
            var hole = places.first ?? -1
            // Another spelling of the key may be the same key, and objects within the path may be values.
            let isPlain = fields.holes.isEmpty && !template.columns.isEmpty || template.mode == .plain
            let hasEscapes = fields.holes.contains { $0.path.contains { $0.contains(0x5c) } }
            let isInside = fields.holes.contains { $0.path != path && path.starts(with: $0.path) }
            if isPlain || hasEscapes || isInside || places.count > 1 { hole = -2 }
            if hole >= 0 {
                if column < 0 { column = template.columns[hole] }
                // Columns are shared by key, so that this is not met but for a collision of hashes.
                if template.columns[hole] != column { hole = -2 }
            }
            holes.append(hole)
            quoted.append(hole >= 0 && fields.holes[hole].isQuoted)
        }
        let codes = try templates(of: node)
        var lines: [TextField.Line] = []
        lines.reserveCapacity(node.lineCount)
        var isQuoted: [Bool] = []
        var next = 0
        for line in 0..<node.lineCount {
            let t = codes.map { Int($0[line]) } ?? 0
            if holes[t] >= 0 {
                let before = node.templates[t].columns[..<holes[t]].count { $0 == column }
                lines.append(.value(next + before))
            } else {
                lines.append(holes[t] == -1 ? .absent : .unknown)
            }
            guard column >= 0 else { continue }
            for other in node.templates[t].columns where other == column {
                isQuoted.append(quoted[t])
                next += 1
            }
        }
        var pool = TextPool()
        var values: TextPool.Values?
        if column >= 0 { values = try read(node.columns[column], try rowsOfValues(column, in: node, rows), &pool) }
        return TextField(lines: lines, pool: pool, values: values, isQuoted: isQuoted)
    }
}
