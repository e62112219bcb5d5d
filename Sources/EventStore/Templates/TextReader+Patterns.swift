import Codecs

extension TextReader {
    /// The pattern of each line, from templates and the column of the message: no line is rebuilt.
    func linePatterns() throws(CodecError) -> LinePatterns { try patterns(of: 0, as: .line) }

    /// What a template's lines have for a pattern.
    private struct Plan {
        var pieces: [ArraySlice<UInt8>]
        var mode: LineMode
        /// The hole whose values are part of the pattern; -1: none.
        var hole = -1
        var column = -1
        /// Holes of the template before that one with the same column.
        var before = 0
        /// How many values a line takes of each column that matters.
        var steps: [(column: Int, count: Int)] = []
        /// The pattern where no value is part of it.
        var number: UInt32 = 0
    }

    private func patterns(of number: Int, as kind: PatternText.Kind) throws(CodecError) -> LinePatterns {
        let node = directory.nodes[number]
        let codes = try templates(of: node)
        var table = PatternTable()
        var values: [Int: LinePatterns] = [:]
        var plans: [Plan] = []
        for template in node.templates {
            var plan = Plan(pieces: template.pieces.map { directory.strings[$0] }, mode: template.mode)
            // Lines that are kept whole, since nothing else has their shape.
            let isWhole = plan.pieces.count == 2 && plan.pieces.allSatisfy(\.isEmpty)
            let hole = isWhole ? 0 : kind == .line ? PatternText.messageHole(plan.pieces, plan.mode) : nil
            if let hole, hole < template.columns.count {
                plan.hole = hole
                plan.column = template.columns[hole]
                plan.before = template.columns[..<hole].count { $0 == plan.column }
                if values[plan.column] == nil {
                    values[plan.column] = try patterns(
                        ofValues: node.columns[plan.column], as: isWhole ? kind : .value)
                }
            } else {
                plan.number = table.number(of: PatternText.join(plan.pieces, plan.mode))
            }
            plans.append(plan)
        }
        for (at, template) in node.templates.enumerated() {
            for column in Set(template.columns) where values[column] != nil {
                plans[at].steps.append((column, template.columns.count { $0 == column }))
            }
        }
        var next = [Int](repeating: 0, count: node.columns.count)
        var known: [UInt64: UInt32] = [:]
        var numbers: [UInt32] = []
        numbers.reserveCapacity(node.lineCount)
        for line in 0..<node.lineCount {
            let template = codes.map { Int($0[line]) } ?? 0
            let plan = plans[template]
            if plan.hole < 0 {
                numbers.append(plan.number)
            } else {
                let at = next[plan.column] + plan.before
                guard let column = values[plan.column], at < column.numbers.count else {
                    throw CodecError(0, "a value that is not there")
                }
                let value = column.numbers[at]
                let key = UInt64(template) << 32 | UInt64(value)
                if let number = known[key] {
                    numbers.append(number)
                } else {
                    let number = table.number(
                        of: PatternText.join(
                            plan.pieces, plan.mode, hole: plan.hole, message: column.patterns[Int(value)]))
                    known[key] = number
                    numbers.append(number)
                }
            }
            for step in plan.steps { next[step.column] += step.count }
        }
        return LinePatterns(patterns: table.patterns, numbers: numbers)
    }

    private func patterns(
        ofValues column: TextVariable, as kind: PatternText.Kind
    ) throws(CodecError) -> LinePatterns {
        switch column.encoding {
        case .constant:
            let text = Array(directory.strings[column.strings])
            var one = TextMiner.mine(text, ends: [UInt32(truncatingIfNeeded: text.count)], as: kind)
            one.numbers = [UInt32](repeating: 0, count: column.count)
            return one
        case .dictionary:
            let ends = column.bounds.dropFirst().map { UInt32(truncatingIfNeeded: $0 - column.strings.lowerBound) }
            var entries = TextMiner.mine(Array(directory.strings[column.strings]), ends: ends, as: kind)
            let ofEntry = entries.numbers
            entries.numbers = []
            for code in try numbers(column.body, count: column.count) {
                guard code >= 0, code < Int64(ofEntry.count) else {
                    throw CodecError(0, "code \(code) of \(ofEntry.count)")
                }
                entries.numbers.append(ofEntry[Int(code)])
            }
            return entries
        case .integers, .hexadecimal, .times:
            return LinePatterns(
                patterns: [PatternText.hole], numbers: [UInt32](repeating: 0, count: column.count))
        case .plain:
            var pool = TextPool()
            _ = try read(column, nil, &pool)
            return TextMiner.mine(pool.bytes, ends: pool.bounds.dropFirst(), as: kind)
        case .nested: return try patterns(of: column.node, as: kind)
        case .multiline:
            let inner = try patterns(of: column.node, as: kind)
            var table = PatternTable()
            var out: [UInt32] = []
            var part = 0
            for count in try parts(of: column) {
                let first = inner.patterns[Int(inner.numbers[part])]
                out.append(
                    table.number(of: count > 1 ? PatternText.finished(first + PatternText.hole) : first))
                part += count
            }
            return LinePatterns(patterns: table.patterns, numbers: out)
        }
    }
}
