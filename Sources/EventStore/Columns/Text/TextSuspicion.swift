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
        let columns = node.templates.map { template in template.columns.filter { values[$0] != nil } }
        let codes = try templates(of: node)
        var next = [Int](repeating: 0, count: node.columns.count)
        var out = [Bool](repeating: false, count: node.lineCount)
        for line in 0..<node.lineCount {
            let t = codes.map { Int($0[line]) } ?? 0
            var found = isSuspect[t]
            for column in columns[t] {
                if values[column]?[next[column]] == true { found = true }
                next[column] &+= 1
            }
            out[line] = found
        }
        return out.contains(true) ? out : nil
    }

    /// Of the lines that are suspected, those that match and those that have to be read in one. The automaton is led
    /// over static text and values; where it is idle, what cannot excite it is passed over.
    func lines(
        matching scanner: borrowing IdleScanner, among suspects: [Bool]
    ) throws(CodecError) -> (matches: [Bool], unknown: [Bool]) {
        let node = directory.nodes[0]
        let codes = try templates(of: node)
        let isPassedOver = node.columns.map { !mayExcite($0, scanner) }
        let epoch = scanner.epoch
        var afterPiece: [[IdleScanner.Position]] = []
        for template in node.templates {
            afterPiece.append(template.pieces.map { scanner.advance(.idle, over: directory.strings[$0]) })
        }
        let none = [Bool](repeating: false, count: node.lineCount)
        guard scanner.epoch == epoch else { return (none, suspects) }
        var columns = [Int: (pool: TextPool, values: TextPool.Values)]()
        var next = [Int](repeating: 0, count: node.columns.count)
        var matches = none
        var unknown = none
        for line in 0..<node.lineCount {
            let t = codes.map { Int($0[line]) } ?? 0
            let template = node.templates[t]
            guard suspects[line] else {
                for column in template.columns { next[column] &+= 1 }
                continue
            }
            var position = IdleScanner.Position.idle
            for (i, piece) in template.pieces.enumerated() {
                if position == .idle, scanner.epoch == epoch {
                    position = afterPiece[t][i]
                } else {
                    position = scanner.advance(position, over: directory.strings[piece])
                }
                guard i < template.columns.count else { continue }
                let column = template.columns[i]
                let value = next[column]
                next[column] &+= 1
                switch position {
                case .found, .lost: continue
                case .idle: if isPassedOver[column] { continue }
                case .inside: break
                }
                if columns[column] == nil {
                    var pool = TextPool()
                    let values = try read(node.columns[column], try rowsOfValues(column, in: node, rows), &pool)
                    columns[column] = (pool, values)
                }
                let before = scanner.epoch
                if let (pool, values) = columns[column] {
                    let entry = values.firstCode.map { Int(pool.codes[$0 + value]) } ?? (values.isConstant ? 0 : value)
                    position = scanner.advance(position, over: pool.bytes[pool.range(values, entry: entry)])
                }
                if scanner.epoch != before, position != .found { position = .lost }
            }
            if scanner.epoch != epoch, position != .found { position = .lost }
            switch scanner.isMatch(atEndOf: position) {
            case true?: matches[line] = true
            case false?: break
            case nil: unknown[line] = true
            }
        }
        return (matches, unknown)
    }

    private func mayExcite(_ column: TextVariable, _ scanner: borrowing IdleScanner) -> Bool {
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
}
