import Codecs
import Patterns

/// Finds the lines that hold a needle without rebuilding lines: in static text, in dictionaries and in the columns
/// whose bytes the needle can be made of. Lines where it would lie over a border are rebuilt, and only they.
extension TextReader {
    /// One answer for each line.
    package func lines(containing needle: [UInt8]) throws(CodecError) -> [Bool] {
        try search(0, needle, rows)
    }

    /// Columns that were read, so that several conditions read them once.
    private struct ColumnCache {
        var columns: [Int: (TextPool, TextPool.Values)] = [:]
    }

    private struct Hit {
        var column: Int
        var isCertain: Bool
        /// By value of the column.
        var values: [Bool]
    }

    private func search(_ number: Int, _ needle: [UInt8], _ rowOfLine: [UInt32]?) throws(CodecError) -> [Bool] {
        let node = directory.nodes[number]
        guard !needle.isEmpty else { return [Bool](repeating: true, count: node.lineCount) }
        // By template: all lines, or by hole what was found in its column.
        var all: [Bool] = []
        var hits: [[(hole: Int, hit: Int)]] = []
        var found: [Hit] = []
        var known: [NeedlePlan.Condition: Int] = [:]
        var cache = ColumnCache()
        var isIdle = true
        var isSuspect = [Bool](repeating: false, count: node.templates.count)
        for (t, template) in node.templates.enumerated() {
            let plan = NeedlePlan(
                needle, pieces: template.pieces.map { directory.strings[$0] },
                longest: template.columns.map { node.columns[$0].longest })
            all.append(plan.matchesAll)
            isIdle = isIdle && !plan.matchesAll
            var own: [(hole: Int, hit: Int)] = []
            for condition in plan.conditions {
                guard condition.hole >= 0 else {
                    isSuspect[t] = true
                    isIdle = false
                    continue
                }
                var key = condition
                key.hole = template.columns[condition.hole]
                if let seen = known[key] {
                    if seen >= 0 { own.append((condition.hole, seen)) }
                } else if let values = try values(of: key, in: node, needle, rowOfLine, &cache) {
                    known[key] = found.count
                    own.append((condition.hole, found.count))
                    found.append(Hit(column: key.hole, isCertain: key.form == .contains, values: values))
                } else {
                    known[key] = -1
                }
            }
            isIdle = isIdle && own.isEmpty
            hits.append(own)
        }
        var out = [Bool](repeating: false, count: node.lineCount)
        if isIdle { return out }
        let codes = try templates(of: node) ?? []
        let holes = HoleTable(node)
        let hasHits = hits.map { !$0.isEmpty }
        var candidates = [Bool](repeating: false, count: node.lineCount)
        var hasCandidates = false
        var next = [Int](repeating: 0, count: node.columns.count)
        for line in 0..<node.lineCount {
            let t = codes.isEmpty ? 0 : Int(codes[line])
            if all[t] {
                out[line] = true
            } else if isSuspect[t] {
                candidates[line] = true
                hasCandidates = true
            } else if hasHits[t] {
                let mayHold = judge(node.templates[t], hits[t], found, next, &out[line])
                if mayHold, !out[line] {
                    candidates[line] = true
                    hasCandidates = true
                }
            }
            holes.skip(t, &next)
        }
        if hasCandidates {
            let (bytes, bounds) = try rebuild(number, rowOfLine, candidates)
            for line in 0..<node.lineCount where candidates[line] {
                let range = Int(bounds[line])..<Int(bounds[line + 1])
                out[line] = ByteSearch.find(needle, in: bytes[range]) != nil
            }
        }
        return out
    }

    /// Whether a line may hold the needle; `isCertain` is set where it does.
    private func judge(
        _ template: TextTemplate, _ hits: [(hole: Int, hit: Int)], _ found: [Hit], _ next: [Int],
        _ isCertain: inout Bool
    ) -> Bool {
        var isSuspect = false
        for (hole, number) in hits {
            let column = template.columns[hole]
            var index = next[column]
            // A column that the template has twice.
            for earlier in 0..<hole where template.columns[earlier] == column { index += 1 }
            guard found[number].values[index] else { continue }
            if found[number].isCertain {
                isCertain = true
                return true
            }
            isSuspect = true
        }
        return isSuspect
    }

    /// The values that meet a condition; nil where none does.
    private func values(
        of condition: NeedlePlan.Condition, in node: TextNode, _ needle: [UInt8], _ rowOfLine: [UInt32]?,
        _ cache: inout ColumnCache
    ) throws(CodecError) -> [Bool]? {
        let column = node.columns[condition.hole]
        let wanted = Array(needle[condition.range])
        guard column.count > 0, wanted.count <= column.longest else { return nil }
        if condition.form == .equals, wanted.count < column.shortest { return nil }
        var classes: UInt8 = 0
        for byte in wanted { classes |= ByteClass.of(byte) }
        guard classes & ~column.classes == 0 else { return nil }
        switch column.encoding {
        case .constant:
            let passes = TextReader.passes(directory.strings[column.strings], condition.form, wanted)
            return passes ? [Bool](repeating: true, count: column.count) : nil
        case .dictionary:
            let entries = column.bounds.count - 1
            let passing = (0..<entries).map {
                TextReader.passes(
                    directory.strings[column.bounds[$0]..<column.bounds[$0 + 1]], condition.form, wanted)
            }
            guard passing.contains(true) else { return nil }
            var out: [Bool] = []
            out.reserveCapacity(column.count)
            for code in try numbers(column.body, count: column.count) {
                guard code >= 0, code < Int64(entries) else { throw CodecError(0, "code \(code) of \(entries)") }
                out.append(passing[Int(code)])
            }
            return out.contains(true) ? out : nil
        case .nested where condition.form == .contains:
            let out = try search(column.node, wanted, try rowsOfValues(condition.hole, in: node, rowOfLine))
            return out.contains(true) ? out : nil
        case .multiline where condition.form == .contains && !wanted.contains(0x0a):
            let counts = try parts(of: column)
            let rows = TextReader.rows(try rowsOfValues(condition.hole, in: node, rowOfLine), counts)
            let lines = try search(column.node, wanted, rows)
            guard lines.contains(true) else { return nil }
            var start = 0
            return counts.map { count in
                defer { start += count }
                return lines[start..<start + count].contains(true)
            }
        case .integers, .hexadecimal, .times, .plain, .nested, .multiline:
            if let places = TextReader.places(condition.form, digits: wanted.count, in: column) {
                return try search(column, digits: wanted, places: places)
            }
            if cache.columns[condition.hole] == nil {
                var pool = TextPool()
                let values = try read(column, try rowsOfValues(condition.hole, in: node, rowOfLine), &pool)
                cache.columns[condition.hole] = (pool, values)
            }
            guard let (pool, values) = cache.columns[condition.hole] else { return nil }
            return TextReader.search(pool, values, condition.form, wanted)
        }
    }

    private static func search(
        _ pool: TextPool, _ values: TextPool.Values, _ form: NeedlePlan.Condition.Form, _ wanted: [UInt8]
    ) -> [Bool]? {
        var out = [Bool](repeating: false, count: values.count)
        var hasAny = false
        if form == .contains {
            var index = 0
            var from = 0
            while let at = ByteSearch.find(wanted, in: pool.bytes[from...]) {
                while index < values.count, pool.range(values, entry: index).upperBound <= at { index += 1 }
                guard index < values.count else { break }
                let end = pool.range(values, entry: index).upperBound
                if at + wanted.count <= end {
                    out[index] = true
                    hasAny = true
                    from = end
                } else {
                    from = at + 1
                }
            }
            return hasAny ? out : nil
        }
        for index in 0..<values.count
        where passes(pool.bytes[pool.range(values, entry: index)], form, wanted) {
            out[index] = true
            hasAny = true
        }
        return hasAny ? out : nil
    }

    private static func passes(
        _ value: ArraySlice<UInt8>, _ form: NeedlePlan.Condition.Form, _ wanted: [UInt8]
    ) -> Bool {
        switch form {
        case .contains: ByteSearch.find(wanted, in: value) != nil
        case .hasPrefix: value.count >= wanted.count && value.prefix(wanted.count).elementsEqual(wanted)
        case .hasSuffix: value.count >= wanted.count && value.suffix(wanted.count).elementsEqual(wanted)
        case .equals: value.elementsEqual(wanted)
        }
    }
}
