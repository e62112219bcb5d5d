import Codecs
import Storage
import Telemetry

/// What somebody asked to be deleted: rows that were stored before the question, in a range, of matching groups, that
/// pass a condition.
struct EventDeletion: Sendable {
    /// Grows with every deletion of the table.
    var number: Int
    var matchers: [Matcher]
    var predicate: EventPredicate
    var range: TimeRange
    /// Rows of this sequence or a later one came afterwards and stay.
    var before: UInt64
    /// Only these rows: what a condition on columns cannot say.
    var rows: SequenceSet?
}

/// A deletion, or a retention rule, made ready to run.
struct PreparedDeletion: Sendable {
    /// 0 of a rule, which no part has behind it.
    let number: Int
    let matchers: [CompiledMatcher]
    /// Groups that one of these matches are left alone: an earlier rule has them.
    let exceptions: [[CompiledMatcher]]
    let predicate: CompiledPredicate
    let range: TimeRange
    let before: UInt64
    /// Only these rows.
    let rows: SequenceSet?

    init(_ deletion: EventDeletion) throws {
        number = deletion.number
        matchers = try deletion.matchers.map { try CompiledMatcher($0) }
        exceptions = []
        predicate = try CompiledPredicate(deletion.predicate)
        range = deletion.range
        before = deletion.before
        rows = deletion.rows
    }

    init(rule matchers: [CompiledMatcher], exceptions: [[CompiledMatcher]], before time: Int64) throws {
        number = 0
        self.matchers = matchers
        self.exceptions = exceptions
        predicate = try CompiledPredicate(.everything)
        range = TimeRange(start: .min, end: time)
        before = .max
        rows = nil
    }

    /// Of a part that carried out deletions up to `done` and whose rows have these times and sequences.
    func concerns(deletionsDone done: Int, firstTime: Int64, lastTime: Int64, firstSequence: UInt64) -> Bool {
        (number == 0 || number > done) && firstSequence < before
            && range.overlaps(first: firstTime, last: lastTime)
    }
}

extension PreparedDeletion {
    /// False where all rows in memory are too young or too old: a rule for old rows is then not asked of a million
    /// streams.
    func mayConcern(_ memory: MemorySnapshot) -> Bool {
        memory.firstSequence < before
            && memory.chunks.contains { range.overlaps(first: $0.firstTime, last: $0.lastTime) }
    }
}

/// The deletions that concern a part, by block.
struct BlockDeletions {
    private let part: SealedPart
    private let footer: PartFooter
    private let deletions: [(deletion: PreparedDeletion, facts: GroupFacts)]

    init(_ deletions: [PreparedDeletion], part: SealedPart, footer: PartFooter) throws {
        self.part = part
        self.footer = footer
        self.deletions = try deletions.compactMap { deletion in
            let facts = try GroupFacts(part: part, footer: footer, deletion: deletion)
            return facts.matchesNone ? nil : (deletion, facts)
        }
    }

    var isEmpty: Bool { deletions.isEmpty }

    private func touches(_ one: (deletion: PreparedDeletion, facts: GroupFacts), _ entry: BlockEntry) -> Bool {
        one.deletion.range.overlaps(first: entry.firstTime, last: entry.lastTime)
            && entry.firstSequence < one.deletion.before && entry.groups.contains { one.facts.matches($0) }
    }

    /// Whether a row of the block may be deleted.
    func touch(_ block: Int) throws -> Bool {
        let entry = footer.blocks[block]
        return deletions.contains { touches($0, entry) }
    }

    /// nil where none is.
    func deletedRows(of block: Int) throws -> RowMask? {
        let entry = footer.blocks[block]
        var out: RowMask?
        for one in deletions where touches(one, entry) {
            let scanned = ScanBlock(part: part, entry: entry, block: block, facts: one.facts, context: QueryContext())
            guard let rows = try one.deletion.rows(of: scanned, facts: one.facts) else { continue }
            if var sum = out {
                sum.formUnion(rows)
                out = sum
            } else {
                out = rows
            }
        }
        return out
    }
}

extension PreparedDeletion {
    /// The rows of a block that are deleted; nil where none is. `facts` are those of this deletion.
    func rows(of block: ScanBlock, facts: GroupFacts) throws -> RowMask? {
        guard range.overlaps(first: block.firstTime, last: block.lastTime) else { return nil }
        let evaluation = BlockEvaluation(block: block, facts: facts, predicate: predicate, range: range)
        guard var mask = try evaluation.matchingRows() else { return nil }
        if block.lastSequence >= before {
            for (row, sequence) in try block.sequences.enumerated() where sequence >= before { mask[row] = false }
        }
        if let rows {
            for (row, sequence) in try block.sequences.enumerated() where mask[row] && !rows.contains(sequence) {
                mask[row] = false
            }
        }
        return mask.isEmpty ? nil : mask
    }
}
