import Storage
import Synchronization
import Telemetry

/// A part as one query sees it: the facts of its groups, what its filters exclude and what was deleted in it.
final class PartScan: Sendable {
    let part: SealedPart
    let footer: PartFooter
    let facts: GroupFacts
    /// Deletions that no merge has carried out here.
    let deletions: [(deletion: PreparedDeletion, facts: GroupFacts)]
    private let predicate: CompiledPredicate
    private let context: QueryContext
    /// By test: whether a block may hold what the test looks for; nil where it has not been asked for yet.
    private let masks: Mutex<[[Bool]?]>
    /// Damage of filters that was met.
    let problems = Mutex<[String]>([])

    init(
        part: SealedPart, footer: PartFooter, facts: GroupFacts,
        deletions: [(deletion: PreparedDeletion, facts: GroupFacts)], predicate: CompiledPredicate,
        context: QueryContext
    ) {
        self.part = part
        self.footer = footer
        self.facts = facts
        self.deletions = deletions
        self.predicate = predicate
        self.context = context
        masks = Mutex([[Bool]?](repeating: nil, count: predicate.tests.count))
    }

    /// False where the filters know that no value of the test's column in this block passes.
    func mayHold(test: Int, block: Int) throws -> Bool {
        if let known = masks.withLock({ $0[test] }) { return known.isEmpty || known[block] }
        var mask: [Bool] = []
        do {
            mask = try excluded(test)
        } catch let error as StorageError {
            // Filters that cannot be read exclude nothing; the rows are all there.
            guard case .corrupt = error else { throw error }
            problems.withLock { $0.append(error.description) }
        }
        masks.withLock { $0[test] = mask }
        return mask.isEmpty || mask[block]
    }

    /// Empty where the filters say nothing.
    private func excluded(_ number: Int) throws -> [Bool] {
        let test = predicate.tests[number]
        guard let alternatives = test.neededTexts else { return [] }
        let matrices = footer.matrices.filter { $0.column == test.column }
        if matrices.isEmpty { return [] }
        var mask = [Bool](repeating: false, count: footer.blocks.count)
        // A block without filters of this column may hold anything, also values of other kinds.
        var isFiltered = [Bool](repeating: false, count: footer.blocks.count)
        for matrix in matrices { for block in matrix.blocks { isFiltered[Int(block)] = true } }
        for block in mask.indices where !isFiltered[block] { mask[block] = true }
        var read = 0
        for texts in alternatives {
            var may = [Bool](repeating: true, count: footer.blocks.count)
            for matrix in matrices {
                try context.check()
                let places = texts.flatMap { GramFilter.places(of: $0, kind: matrix.kind, bytes: matrix.filterBytes) }
                if places.isEmpty || !matrix.blocks.contains(where: { may[Int($0)] }) { continue }
                let found = try blocks(of: matrix, places, &read)
                for (bit, block) in matrix.blocks.enumerated() where found[bit >> 3] >> UInt8(bit & 7) & 1 == 0 {
                    may[Int(block)] = false
                }
            }
            for block in mask.indices where may[block] { mask[block] = true }
        }
        context.count { $0.bytesRead += read }
        return mask
    }

    /// The blocks of a matrix that have all the places set.
    private func blocks(of matrix: FilterMatrix, _ places: [UInt32], _ read: inout Int) throws -> [UInt8] {
        var found = [UInt8](repeating: 0xff, count: (matrix.rowBits + 7) / 8)
        // Bits behind the last block are of the next row.
        if matrix.rowBits & 7 != 0 { found[found.count - 1] = UInt8(truncatingIfNeeded: 1 << (matrix.rowBits & 7) - 1) }
        var chunks: [Int: ArraySlice<UInt8>] = [:]
        let bounds = try part.chunkBounds(of: matrix)
        read += matrix.indexSize
        for place in places {
            let row = Int(place)
            let number = row / matrix.rowsPerChunk
            let chunk: ArraySlice<UInt8>
            if let known = chunks[number] {
                chunk = known
            } else {
                chunk = try part.chunk(number, of: matrix, bounds)
                read += bounds[number + 1] - bounds[number]
                chunks[number] = chunk
            }
            let set = matrix.row(row, in: chunk)
            var isEmpty = true
            for i in found.indices {
                found[i] &= set[i]
                if found[i] != 0 { isEmpty = false }
            }
            if isEmpty { break }
        }
        return found
    }
}
