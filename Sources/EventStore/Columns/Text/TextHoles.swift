import Codecs
import Storage
import Telemetry

/// The lines of a block for a reader that works on templates and columns instead of lines.
extension TextReader {
    /// The template of each line; nil where there is one template only.
    func templatesOfLines() throws(CodecError) -> [Int64]? { try templates(of: directory.nodes[0]) }

    var layoutTemplates: [EventTextLayout.Template] {
        let node = directory.nodes[0]
        let facts = node.columns.map { hole($0) }
        return node.templates.map { template in
            EventTextLayout.Template(
                mode: EventTextLayout.Mode(rawValue: template.mode.rawValue) ?? .plain,
                pieces: template.pieces.map { Array(directory.strings[$0]) }, holes: template.columns.map { facts[$0] })
        }
    }

    private func hole(_ column: TextVariable) -> EventTextLayout.Hole {
        EventTextLayout.Hole(
            isWord: column.classes & ByteClass.delimiter == 0, shortest: column.shortest, forms: forms(column))
    }

    /// What stands for all values of a column: a digit for digits, a letter for words.
    private func forms(_ column: TextVariable) -> [[UInt8]]? {
        guard column.shortest > 0 else { return nil }
        if column.classes & ~ByteClass.digit == 0 { return [[0x31]] }
        switch column.encoding {
        case .integers: return [[0x31], Array("-1".utf8)]
        case .constant: return [Array(directory.strings[column.strings])]
        case .dictionary where column.bounds.count <= 257:
            return (0..<column.bounds.count - 1).map {
                Array(directory.strings[column.bounds[$0]..<column.bounds[$0 + 1]])
            }
        case .nested:
            var out: [[UInt8]] = []
            let node = directory.nodes[column.node]
            for template in node.templates {
                var form: [UInt8] = []
                for (i, piece) in template.pieces.enumerated() {
                    form += directory.strings[piece]
                    guard i < template.columns.count else { continue }
                    let inner = node.columns[template.columns[i]]
                    guard inner.shortest > 0, inner.classes & ByteClass.delimiter == 0 else { return nil }
                    form.append(inner.classes & ~ByteClass.digit == 0 ? 0x31 : 0x78)
                }
                out.append(form)
            }
            return out
        default: return column.classes & ByteClass.delimiter == 0 ? [[0x78]] : nil
        }
    }

    /// Values of one hole for each template (-1: none), as they stand in the lines. Codes are by line.
    func values(ofHoles holes: [Int]) throws(CodecError) -> EventBlockColumn {
        let node = directory.nodes[0]
        guard holes.count == node.templates.count else { throw CodecError(0, "holes of other templates") }
        // The columns that are read, and where the entries of each begin.
        var slots: [Int: Int] = [:]
        var columns: [Int] = []
        for (t, hole) in holes.enumerated() where hole >= 0 {
            guard hole < node.templates[t].columns.count else { throw CodecError(0, "hole \(hole) of a template") }
            let column = node.templates[t].columns[hole]
            if slots[column] == nil {
                slots[column] = columns.count
                columns.append(column)
            }
        }
        var pool = TextPool()
        var values: [TextPool.Values] = []
        var firstEntry: [Int] = []
        var ends: [UInt32] = []
        for column in columns {
            let one = try read(node.columns[column], try rowsOfValues(column, in: node, rows), &pool)
            firstEntry.append(ends.count)
            ends += pool.bounds[(one.firstBound + 1)...]
            values.append(one)
        }
        let picks = node.templates.enumerated().map { t, template -> (slot: Int, before: Int) in
            guard holes[t] >= 0, let slot = slots[template.columns[holes[t]]] else { return (-1, 0) }
            return (slot, template.columns[..<holes[t]].count { slots[$0] == slot })
        }
        let templates = try templatesOfLines() ?? []
        let table = HoleTable(node, isKept: node.columns.indices.map { slots[$0] != nil })
        let slotOfHole = table.columns.map { slots[$0] ?? 0 }
        var codes = [Int32](repeating: EventBlockColumn.absent, count: node.lineCount)
        var next = [Int](repeating: 0, count: columns.count)
        for line in 0..<node.lineCount {
            let t = templates.isEmpty ? 0 : Int(templates[line])
            let (slot, before) = picks[t]
            if slot >= 0 {
                let value = next[slot] &+ before
                var entry = value
                if let first = values[slot].firstCode {
                    entry = Int(pool.codes[first &+ value])
                } else if values[slot].isConstant {
                    entry = 0
                }
                codes[line] = Int32(truncatingIfNeeded: firstEntry[slot] &+ entry)
            }
            for hole in table.first[t]..<table.first[t + 1] { next[slotOfHole[hole]] &+= 1 }
        }
        return EventBlockColumn(codes: codes, kind: .string, ends: ends, bytes: pool.bytes)
    }

    // MARK: Lengths

    /// Bytes of each line, without putting one together.
    func lineLengths() throws(CodecError) -> [Int] { try lengths(ofLines: 0) }

    private func lengths(ofLines number: Int) throws(CodecError) -> [Int] {
        let node = directory.nodes[number]
        let templates = try templates(of: node) ?? []
        var fixed = node.templates.map { template in template.pieces.reduce(0) { $0 + $1.count } }
        var varying: [[UInt32]?] = []
        for column in node.columns {
            varying.append(column.shortest == column.longest ? nil : try lengths(ofValues: column))
        }
        for (t, template) in node.templates.enumerated() {
            for column in template.columns where varying[column] == nil { fixed[t] += node.columns[column].longest }
        }
        let holes = HoleTable(node, isKept: varying.map { $0 != nil })
        var next = [Int](repeating: 0, count: node.columns.count)
        var out = [Int](repeating: 0, count: node.lineCount)
        for line in 0..<node.lineCount {
            let t = templates.isEmpty ? 0 : Int(templates[line])
            var length = fixed[t]
            for hole in holes.first[t]..<holes.first[t + 1] {
                let column = holes.columns[hole]
                length &+= Int(varying[column]?[next[column]] ?? 0)
                next[column] &+= 1
            }
            out[line] = length
        }
        return out
    }

    private func lengths(ofValues column: TextVariable) throws(CodecError) -> [UInt32] {
        switch column.encoding {
        case .dictionary:
            let entries = column.bounds.count - 1
            var out: [UInt32] = []
            out.reserveCapacity(column.count)
            for code in try numbers(column.body, count: column.count) {
                guard code >= 0, code < Int64(entries) else { throw CodecError(0, "code \(code) of \(entries)") }
                out.append(UInt32(truncatingIfNeeded: column.bounds[Int(code) + 1] - column.bounds[Int(code)]))
            }
            return out
        case .integers where column.width == 0:
            return try numbers(column.body, count: column.count).map { number in
                var length: UInt32 = number < 0 ? 2 : 1
                var rest = number.magnitude / 10
                while rest > 0 {
                    length += 1
                    rest /= 10
                }
                return length
            }
        case .plain:
            return try numbers(column.body, count: column.count).map { UInt32(truncatingIfNeeded: $0) }
        case .nested: return try lengths(ofLines: column.node).map { UInt32(truncatingIfNeeded: $0) }
        case .multiline:
            let lengths = try lengths(ofLines: column.node)
            var part = 0
            return try parts(of: column).map { count in
                defer { part += count }
                return UInt32(truncatingIfNeeded: lengths[part..<part + count].reduce(count - 1, +))
            }
        case .constant, .integers, .hexadecimal, .times:
            return [UInt32](repeating: UInt32(truncatingIfNeeded: column.longest), count: column.count)
        }
    }
}
