import Codecs
import Storage
import Telemetry

/// Decides from a part's filters, and then from a block's directory, whether a row of the block can pass.
struct BlockPruning {
    let predicate: CompiledPredicate
    let scan: PartScan
    let block: Int
    let entry: BlockEntry
    /// nil: from what is in the footer and the filters alone.
    let directory: BlockDirectory?

    /// What a condition can come out as over the rows of the block.
    private struct Outcomes {
        var canPass: Bool
        var canFail: Bool
    }

    func mayPass() throws -> Bool { try outcomes(predicate.root).canPass }

    private func outcomes(_ node: CompiledPredicate.Node) throws -> Outcomes {
        switch node {
        case .constant(let value): return Outcomes(canPass: value, canFail: !value)
        case .not(let inner):
            let inner = try outcomes(inner)
            return Outcomes(canPass: inner.canFail, canFail: inner.canPass)
        case .and(let nodes):
            var all = Outcomes(canPass: true, canFail: false)
            for node in nodes {
                let one = try outcomes(node)
                all.canPass = all.canPass && one.canPass
                all.canFail = all.canFail || one.canFail
                if !all.canPass { return Outcomes(canPass: false, canFail: true) }
            }
            return all
        case .or(let nodes):
            var all = Outcomes(canPass: false, canFail: true)
            for node in nodes {
                let one = try outcomes(node)
                all.canPass = all.canPass || one.canPass
                all.canFail = all.canFail && one.canFail
            }
            return all
        case .test(let number): return try outcomes(test: number)
        }
    }

    private func outcomes(test number: Int) throws -> Outcomes {
        let test = predicate.tests[number]
        var out = Outcomes(canPass: false, canFail: false)
        let mayHold = try scan.mayHold(test: number, block: block)
        if let directory {
            if let column = directory.column(test.column) {
                out.canPass = try mayHold && mayPass(test, column)
                if case .exists = test.test { out.canFail = false } else { out.canFail = true }
                if column.count == directory.rows { return out }
            }
        } else {
            out = Outcomes(canPass: mayHold, canFail: true)
        }
        if scan.facts.isAbsent(test: number) {
            out.canFail = true
            return out
        }
        for run in entry.groups.runs {
            for i in 0..<run.count where scan.facts.matches(run.first + i) {
                switch scan.facts.answer(run.first + i, test: number) {
                case .passes: out.canPass = true
                case .fails, .absent: out.canFail = true
                }
                if out.canPass, out.canFail { return out }
            }
        }
        return out
    }

    private func mayPass(_ test: EventTest, _ column: ColumnEntry) throws -> Bool {
        // Elements of arrays are in no filter, and a column of mixed kinds may hold arrays.
        guard let kind = column.kind, kind != .array else { return true }
        switch test.test {
        case .contains, .matches:
            if kind != .string { return false }
        default: break
        }
        if kind == .int, let bounds = column.bounds { return test.mayPass(bounds: bounds) }
        guard column.filterKind == .exact, let wanted = test.wanted else { return true }
        let same = wanted.filter { $0.kind == kind }
        if same.isEmpty { return false }
        let bytes = try scan.part.chunk(column.filter, of: block)
        // A filter that cannot be read decides nothing: the column itself is checked.
        guard let filter = try? ExactFilter(bytes[...]) else { return true }
        return same.contains { filter.mayContain(Hash64.hash($0.payload)) }
    }
}
