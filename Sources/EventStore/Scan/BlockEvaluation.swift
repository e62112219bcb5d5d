import Storage
import Telemetry

/// Finds the rows of a block that pass.
struct BlockEvaluation {
    let block: ScanBlock
    let facts: GroupFacts
    let predicate: CompiledPredicate
    let range: TimeRange

    /// nil where none does.
    func matchingRows() throws -> RowMask? {
        var mask = RowMask(count: block.rows, all: true)
        if block.firstTime < range.start || block.lastTime >= range.end {
            for (row, time) in try block.times.enumerated() where !range.contains(time) { mask[row] = false }
            if mask.isEmpty { return nil }
        }
        if !facts.matchesAll {
            let groups = block.groups
            if groups == nil || groups?.contains(where: { !facts.matches($0) }) == true {
                for (row, group) in try block.groupOfRow.enumerated() where !facts.matches(group) {
                    mask[row] = false
                }
                if mask.isEmpty { return nil }
            }
        }
        if case .constant(true) = predicate.root { return mask }
        try restrict(&mask, predicate.root)
        return mask.isEmpty ? nil : mask
    }

    /// Clears the rows that fail.
    private func restrict(_ mask: inout RowMask, _ node: CompiledPredicate.Node) throws {
        switch node {
        case .constant(true): break
        case .constant(false): mask = RowMask(count: block.rows, all: false)
        case .and(let nodes):
            // The cheap conditions first: a text search over a block that has no row left is not started.
            for node in nodes.sorted(by: { cost($0) < cost($1) }) {
                try restrict(&mask, node)
                if mask.isEmpty { return }
            }
        case .or(let nodes):
            var passed = RowMask(count: block.rows, all: false)
            var left = mask
            for node in nodes {
                var some = left
                try restrict(&some, node)
                passed.formUnion(some)
                left.subtract(some)
                if left.isEmpty { break }
            }
            mask = passed
        case .not(let inner):
            var passing = mask
            try restrict(&passing, inner)
            mask.subtract(passing)
        case .test(let number): mask.formIntersection(try rows(passing: number, of: mask))
        }
    }

    private func cost(_ node: CompiledPredicate.Node) -> Int {
        switch node {
        case .constant: 0
        case .and(let nodes), .or(let nodes): nodes.reduce(1) { $0 + cost($1) }
        case .not(let inner): cost(inner) + 1
        case .test(let number):
            switch predicate.tests[number].test {
            case .exists: 1
            case .compare, .isAny: 2
            case .contains: 10
            case .matches: 50
            }
        }
    }

    private func rows(passing number: Int, of candidates: RowMask) throws -> RowMask {
        var out = RowMask(count: block.rows, all: false)
        let test = predicate.tests[number]
        if case .contains(let needle) = test.test,
            let (holding, presence) = try block.rows(containing: needle, in: test.column)
        {
            out.formUnion(holding)
            try addAbsentRows(number, presence, to: &out, among: candidates)
            return out
        }
        if case .matches(let pattern, anchored: false) = test.test,
            let (matches, unknown, presence) = try block.rows(
                matching: pattern, in: test.column, among: candidates)
        {
            out.formUnion(matches)
            var wanted = candidates
            wanted.formIntersection(unknown)
            if !wanted.isEmpty, let column = try block.column(test.column, wanted) {
                try ColumnTest(column: column, test: test).run(wanted, into: &out)
            }
            try addAbsentRows(number, presence, to: &out, among: candidates)
            return out
        }
        guard let column = try block.column(test.column) else {
            try addRowsByGroup(number, to: &out, among: candidates)
            return out
        }
        try addAbsentRows(number, column.presence, to: &out, among: candidates)
        try ColumnTest(column: column, test: test).run(candidates, into: &out)
        return out
    }

    private func addAbsentRows(
        _ number: Int, _ presence: DecodedColumn.Presence, to out: inout RowMask, among candidates: RowMask
    ) throws {
        guard case .rows(let present) = presence else { return }
        var absent = candidates
        for row in present { absent[Int(row)] = false }
        if !absent.isEmpty { try addRowsByGroup(number, to: &out, among: absent) }
    }

    /// Rows without the column have what their group has.
    private func addRowsByGroup(_ number: Int, to out: inout RowMask, among candidates: RowMask) throws {
        if facts.isAbsent(test: number) { return }
        if let only = block.groups?.only {
            if facts.answer(only, test: number) == .passes { out.formUnion(candidates) }
            return
        }
        let groupOfRow = try block.groupOfRow
        candidates.forEach { row in
            if facts.answer(groupOfRow[row], test: number) == .passes { out[row] = true }
        }
    }
}

/// Runs one test over a decoded column, once for each distinct value where the encoding knows them.
struct ColumnTest {
    let column: DecodedColumn
    let test: EventTest

    func run(_ candidates: RowMask, into out: inout RowMask) throws {
        switch column.values {
        case .constant(let kind, let bytes):
            guard test.passes(kind: kind, payload: bytes[...]) else { return }
            for i in 0..<column.count { out[column.row(at: i)] = true }
        case .dictionary(let kinds, let ends, let bytes, let codes):
            let passes = kinds.indices.map { test.passes(kind: kinds[$0], payload: bytes[column.range($0, ends)]) }
            guard passes.contains(true) else { return }
            for (i, code) in codes.enumerated() where passes[Int(code)] { out[column.row(at: i)] = true }
        case .integers(let numbers):
            for (i, number) in numbers.enumerated() where test.passes(integer: number) { out[column.row(at: i)] = true }
        case .plain(let uniform, let kinds, let ends, let bytes):
            if case .contains(let needle) = test.test, kinds.allSatisfy({ $0 == .string }),
                uniform == .string || !kinds.isEmpty
            {
                search(needle, bytes, ends, into: &out)
                return
            }
            for i in 0..<column.count {
                let row = column.row(at: i)
                guard candidates[row] else { continue }
                let kind = kinds.isEmpty ? uniform : kinds[i]
                if test.passes(kind: kind, payload: bytes[column.range(i, ends)]) { out[row] = true }
            }
        }
    }

    /// One search over all values; a find that lies across the end of a value is none.
    private func search(_ needle: [UInt8], _ bytes: [UInt8], _ ends: [UInt32], into out: inout RowMask) {
        if needle.isEmpty {
            for i in 0..<column.count { out[column.row(at: i)] = true }
            return
        }
        var from = 0
        var index = 0
        while let found = TextSearch.firstIndex(of: needle, in: bytes, from: from) {
            while index < ends.count, Int(ends[index]) <= found { index += 1 }
            guard index < ends.count else { return }
            if found + needle.count <= Int(ends[index]) {
                out[column.row(at: index)] = true
                from = Int(ends[index])
            } else {
                from = found + 1
            }
        }
    }
}
