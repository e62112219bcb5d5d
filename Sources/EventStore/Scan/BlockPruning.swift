import Codecs
import Storage
import Telemetry

/// Decides from a block's directory and filters alone whether a row of it can pass.
struct BlockPruning {
    let predicate: CompiledPredicate
    let part: SealedPart
    let block: Int
    let facts: GroupFacts
    let directory: BlockDirectory

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
        let entry = directory.column(test.column)
        var out = Outcomes(canPass: false, canFail: false)
        if let entry {
            out.canPass = try mayPass(test, entry)
            if case .exists = test.test { out.canFail = false } else { out.canFail = true }
            if entry.count == directory.rows { return out }
        }
        for group in part.footer.blocks[block].groups where facts.matches(group) {
            switch facts.answer(group, test: number) {
            case .passes: out.canPass = true
            case .fails, .absent: out.canFail = true
            }
            if out.canPass, out.canFail { break }
        }
        return out
    }

    private func mayPass(_ test: EventTest, _ entry: ColumnEntry) throws -> Bool {
        // Elements of arrays are in no filter, and a column of mixed kinds may hold arrays.
        guard let kind = entry.kind, kind != .array else { return true }
        switch test.test {
        case .contains, .matches:
            if kind != .string { return false }
        default: break
        }
        if kind == .int, let bounds = entry.bounds { return test.mayPass(bounds: bounds) }
        switch entry.filterKind {
        case .none: return true
        case .trigrams:
            if case .exists = test.test { return true }
            return test.mayPass(trigrams: try part.chunk(entry.filter, of: block))
        case .exact:
            guard let wanted = test.wanted else { return true }
            let same = wanted.filter { $0.kind == kind }
            if same.isEmpty { return false }
            let bytes = try part.chunk(entry.filter, of: block)
            // A filter that cannot be read decides nothing: the column itself is checked.
            guard let filter = try? ExactFilter(bytes[...]) else { return true }
            return same.contains { filter.mayContain(Hash64.hash($0.payload)) }
        }
    }
}
