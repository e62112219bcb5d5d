import Codecs
import Patterns

/// Finds the lines that an expression may match without rebuilding lines: those with static text or a value in which a
/// match can begin. Values that have no byte a match begins with are not read.
extension TextReader {
    /// One answer for each line; nil where none may.
    func lines(suspectedBy scanner: borrowing IdleScanner) throws(CodecError) -> [Bool]? {
        try suspects(0, rows, scanner)
    }

    private func suspects(
        _ number: Int, _ rowOfLine: [UInt32]?, _ scanner: borrowing IdleScanner
    ) throws(CodecError) -> [Bool]? {
        let node = directory.nodes[number]
        var isSuspect: [Bool] = []
        for template in node.templates {
            isSuspect.append(template.pieces.contains { scanner.excites(directory.strings[$0]) })
        }
        // By value of a column; nil where none excites.
        var values = [[Bool]?](repeating: nil, count: node.columns.count)
        var isNeeded = [Bool](repeating: false, count: node.columns.count)
        for (t, template) in node.templates.enumerated() where !isSuspect[t] {
            for column in template.columns { isNeeded[column] = true }
        }
        for (i, column) in node.columns.enumerated() where isNeeded[i] && mayExcite(column, scanner) {
            values[i] = try excited(i, in: node, rowOfLine, scanner)
        }
        guard isSuspect.contains(true) || values.contains(where: { $0 != nil }) else { return nil }
        let holes = HoleTable(node, isKept: values.map { $0 != nil })
        let codes = try templates(of: node) ?? []
        var next = [Int](repeating: 0, count: node.columns.count)
        var out = [Bool](repeating: false, count: node.lineCount)
        for line in 0..<node.lineCount {
            let t = codes.isEmpty ? 0 : Int(codes[line])
            var found = isSuspect[t]
            for hole in holes.first[t]..<holes.first[t + 1] {
                let column = holes.columns[hole]
                if values[column]?[next[column]] == true { found = true }
                next[column] &+= 1
            }
            out[line] = found
        }
        return out.contains(true) ? out : nil
    }

    func mayExcite(_ column: TextVariable, _ scanner: borrowing IdleScanner) -> Bool {
        if column.encoding == .times { return timesMayExcite(column.form, scanner) }
        for byte in 0...255 where column.classes & ByteClass.table[byte] != 0 && scanner.begins(UInt8(byte)) {
            return true
        }
        return false
    }

    private func excited(
        _ number: Int, in node: TextNode, _ rowOfLine: [UInt32]?, _ scanner: borrowing IdleScanner
    ) throws(CodecError) -> [Bool]? {
        let column = node.columns[number]
        switch column.encoding {
        case .constant:
            guard scanner.excites(directory.strings[column.strings]) else { return nil }
            return [Bool](repeating: true, count: column.count)
        case .dictionary:
            var entries: [Bool] = []
            for i in 0..<column.bounds.count - 1 {
                entries.append(scanner.excites(directory.strings[column.bounds[i]..<column.bounds[i + 1]]))
            }
            guard entries.contains(true) else { return nil }
            var out: [Bool] = []
            out.reserveCapacity(column.count)
            for code in try numbers(column.body, count: column.count) {
                guard code >= 0, code < Int64(entries.count) else {
                    throw CodecError(0, "code \(code) of \(entries.count)")
                }
                out.append(entries[Int(code)])
            }
            return out
        case .nested: return try suspects(column.node, try rowsOfValues(number, in: node, rowOfLine), scanner)
        case .integers, .hexadecimal, .times, .plain, .multiline:
            var pool = TextPool()
            let values = try read(column, try rowsOfValues(number, in: node, rowOfLine), &pool)
            var out = [Bool](repeating: false, count: column.count)
            var hasAny = false
            for value in 0..<column.count where scanner.excites(pool.bytes[pool.range(values, entry: value)]) {
                out[value] = true
                hasAny = true
            }
            return hasAny ? out : nil
        }
    }

    /// Times have few letters, and digits behind each: whether any of these pairs wakes the automaton.
    private func timesMayExcite(_ form: LineTime, _ scanner: borrowing IdleScanner) -> Bool {
        let digits: ClosedRange<UInt8> = 0x30...0x39
        for digit in digits where scanner.begins(digit) { return true }
        var marks: [[UInt8]] = [[0x2d], [0x3a], [0x2f], [form.separator], [form.point]]
        if form.style != .iso { marks += LineTime.monthNames.map { [0x2f] + $0 + [0x2f] } }
        for mark in marks where mark.contains(where: { scanner.begins($0) }) {
            for digit in digits where scanner.excites((mark + [digit])[...]) { return true }
        }
        return false
    }
}
