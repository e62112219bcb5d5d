import Storage
import Synchronization
import Telemetry

/// What a query sees: parts, memory and deletions at one moment.
struct TableSnapshot {
    var memory: [MemorySnapshot]
    var parts: [OpenPart]
    var deletions: [PreparedDeletion]
}

/// Runs one scan over a snapshot. Blocks are evaluated on all cores; what comes of it is put in order here.
struct Scanner {
    let snapshot: TableSnapshot
    let plan: EventScanPlan
    let context: QueryContext
    let predicate: CompiledPredicate
    private let matchers: [CompiledMatcher]
    private(set) var trailer = ScanTrailer()
    /// Damage that was met.
    private(set) var problems: [String] = []
    /// Cursors whose columns are held between batches.
    private var decoded: [BlockCursor] = []
    private var scans: [PartScan] = []
    /// The blocks that the last batch came from do not fit into memory together.
    private var decodesAnew = false

    private static let batchRows = 1000
    /// Blocks that are evaluated at once, where none has been found to hold a row yet.
    private static let widest = 32

    init(snapshot: TableSnapshot, plan: EventScanPlan, context: QueryContext) throws {
        self.snapshot = snapshot
        self.plan = plan
        self.context = context
        predicate = try CompiledPredicate(plan.predicate)
        matchers = try plan.matchers.map { try CompiledMatcher($0) }
    }

    mutating func run(_ body: (EventBatch) throws -> ScanDecision) throws -> ScanTrailer {
        guard !plan.range.isEmpty else { return trailer }
        var blocks = try candidates()
        switch plan.order {
        case .any: try runUnordered(blocks, body)
        case .newestFirst, .oldestFirst: try runOrdered(&blocks, body)
        }
        collectProblems()
        return trailer
    }

    mutating func collectProblems() {
        for scan in scans {
            for problem in scan.problems.withLock({ $0 }) where !problems.contains(problem) { problems.append(problem) }
        }
    }

    // MARK: Candidates

    mutating func candidates() throws -> [ScanBlock] {
        var out: [ScanBlock] = []
        for memory in snapshot.memory where !memory.chunks.isEmpty {
            let facts = GroupFacts(memory: memory.groups, matchers: matchers, tests: predicate.tests)
            if facts.matchesNone { continue }
            let deletions = snapshot.deletions.filter { $0.mayConcern(memory) }
                .map { ($0, GroupFacts(memory: memory.groups, deletion: $0)) }
                .filter { !$0.1.matchesNone }
            for chunk in memory.chunks where plan.range.overlaps(first: chunk.firstTime, last: chunk.lastTime) {
                out.append(ScanBlock(chunk: chunk, facts: facts, deletions: deletions, context: context))
            }
        }
        for open in snapshot.parts {
            guard plan.range.overlaps(first: open.record.minTime, last: open.record.maxTime) else {
                context.count { $0.partsSkipped.byTime += 1 }
                continue
            }
            try context.check()
            let scanner = self
            let found = try guarded { try scanner.scan(of: open) }
            guard let found else { continue }
            scans.append(found)
            var gathered = QueryStatistics()
            gathered.partsRead = 1
            for (number, entry) in found.footer.blocks.enumerated() {
                if !plan.range.overlaps(first: entry.firstTime, last: entry.lastTime) {
                    gathered.blocksSkippedBy.byTime += 1
                } else if !mayHaveTraces(entry) {
                    gathered.blocksSkippedBy.byFilter += 1
                } else if !found.facts.matchesAll, !entry.groups.contains(where: { found.facts.matches($0) }) {
                    gathered.blocksSkippedBy.byLabels += 1
                } else {
                    out.append(
                        ScanBlock(
                            part: found.part, entry: entry, block: number, facts: found.facts, scan: found,
                            context: context))
                }
            }
            gathered.blocksSkipped = gathered.blocksSkippedBy.total
            context.add(gathered)
        }
        return out
    }

    /// nil where no group of the part matches.
    private func scan(of open: OpenPart) throws -> PartScan? {
        let footer = try open.part.footer
        let facts = try GroupFacts(part: open.part, footer: footer, matchers: matchers, tests: predicate.tests)
        if facts.matchesNone {
            context.count {
                $0.partsSkipped.byLabels += 1
                $0.blocksSkipped += footer.blocks.count
                $0.blocksSkippedBy.byLabels += footer.blocks.count
            }
            return nil
        }
        let deletions = try snapshot.deletions.filter { open.isConcerned(by: $0) }
            .map { ($0, try GroupFacts(part: open.part, footer: footer, deletion: $0)) }
            .filter { !$0.1.matchesNone }
        return PartScan(
            part: open.part, footer: footer, facts: facts, deletions: deletions, predicate: predicate,
            context: context)
    }

    /// Whether one of the wanted traces lies between the block's first and last.
    private func mayHaveTraces(_ block: BlockEntry) -> Bool {
        guard let traces = predicate.traces, plan.table == .spans, block.firstTrace != .zero else { return true }
        var low = 0
        var high = traces.count
        while low < high {
            let middle = (low + high) / 2
            if traces[middle] < block.firstTrace { low = middle + 1 } else { high = middle }
        }
        return low < traces.count && traces[low] <= block.lastTrace
    }

    /// Runs `body`; damage is noted and answered with nil, everything else is thrown.
    mutating func guarded<T>(_ body: () throws -> T?) throws -> T? {
        do {
            return try body()
        } catch let error as StorageError {
            guard case .corrupt = error else { throw error }
            trailer.partial = true
            if !problems.contains(error.description) {
                problems.append(error.description)
                trailer.warnings.append("rows were left out: \(error.description)")
            }
            return nil
        }
    }

    /// The rows of each block that pass, worked out on all cores.
    private mutating func matchingRows(_ blocks: ArraySlice<ScanBlock>) throws -> [RowMask?] {
        try context.check()
        let (context, predicate, range, filter) = (context, predicate, plan.range, plan.rowFilter)
        let all = Array(blocks)
        let results = Mutex([Result<RowMask?, any Error>](repeating: .success(nil), count: all.count))
        @Sendable func evaluate(_ i: Int) {
            let result = Result { () -> RowMask? in
                let mask = try Scanner.restrict(
                    Scanner.matchingRows(all[i], predicate: predicate, range: range, context: context), of: all[i],
                    filter)
                if mask == nil { all[i].dropColumns() }
                return mask
            }
            results.withLock { $0[i] = result }
        }
        ParallelWork.run(all.count, context: context, evaluate)
        return try results.withLock { $0 }.map { result in try guarded { try result.get() } }
    }

    static func matchingRows(
        _ block: ScanBlock, predicate: CompiledPredicate, range: TimeRange, context: QueryContext
    ) throws -> RowMask? {
        try context.check()
        if let scan = block.scan, case .sealed(let part, let entry, let number) = block.source,
            !predicate.tests.isEmpty
        {
            func mayPass(_ directory: BlockDirectory?) throws -> Bool {
                try BlockPruning(
                    predicate: predicate, scan: scan, block: number, entry: entry, directory: directory
                ).mayPass()
            }
            guard try mayPass(nil), try mayPass(try block.loadDirectory(part, entry, number)) else {
                context.count {
                    $0.blocksSkipped += 1
                    $0.blocksSkippedBy.byFilter += 1
                }
                return nil
            }
        }
        context.count {
            $0.blocksRead += 1
            $0.rowsScanned += block.rows
        }
        let evaluation = BlockEvaluation(block: block, facts: block.facts, predicate: predicate, range: range)
        guard var mask = try evaluation.matchingRows() else { return nil }
        for (deletion, facts) in block.deletions {
            guard let deleted = try deletion.rows(of: block, facts: facts) else { continue }
            mask.subtract(deleted)
            if mask.isEmpty { return nil }
        }
        return mask
    }

    /// By columns, what the language knows of its rows beyond the predicate.
    private static func restrict(_ mask: RowMask?, of block: ScanBlock, _ filter: (any EventRowFilter)?) throws
        -> RowMask?
    {
        guard var rows = mask, let filter else { return mask }
        try filter.restrict(&rows, of: BlockView(block, passing: rows))
        return rows.isEmpty ? nil : rows
    }

    // MARK: No order

    private mutating func runUnordered(_ blocks: [ScanBlock], _ body: (EventBatch) throws -> ScanDecision) throws {
        var output = OutputBatch(projection: plan.projection)
        var next = 0
        while next < blocks.count {
            let some = blocks[next..<min(next + 8, blocks.count)]
            next = some.endIndex
            let masks = try matchingRows(some)
            for (block, mask) in zip(some, masks) {
                defer { block.dropColumns() }
                guard let mask, var copier = try guarded({ try BlockCopier(block, output: output, rows: mask) }) else {
                    continue
                }
                for row in mask.rows {
                    _ = try guarded { try copier.copy(row: Int(row), to: &output) }
                    if output.batch.rowCount >= Scanner.batchRows, try hand(&output, body) == .stop { return }
                }
            }
        }
        if output.batch.rowCount > 0 { _ = try hand(&output, body) }
    }

    private mutating func hand(_ output: inout OutputBatch, _ body: (EventBatch) throws -> ScanDecision) throws
        -> ScanDecision
    {
        let batch = output.take()
        trailer.rows += batch.rowCount
        try context.check()
        return try body(batch)
    }

    // MARK: By time

    /// Blocks are opened only when the next row could be in them, so that a query with a limit reads what it needs.
    private mutating func runOrdered(
        _ blocks: inout [ScanBlock], _ body: (EventBatch) throws -> ScanDecision
    ) throws {
        let newest = plan.order == .newestFirst
        let context = context
        blocks.sort { newest ? $0.lastTime > $1.lastTime : $0.firstTime < $1.firstTime }
        var heap = CursorHeap(newestFirst: newest)
        var next = 0
        var output = OutputBatch(projection: plan.projection)
        var picked: [(cursor: BlockCursor, row: UInt32)] = []
        var target = min(max(plan.expectedRows, 64), Scanner.batchRows)
        // Then nothing more will be asked of these blocks: only the rows of the batch are put together.
        var isMeantToBeAll = plan.expectedRows > 0 && plan.expectedRows <= target
        var width = 1
        while true {
            while next < blocks.count, heap.isReached(newest ? blocks[next].lastTime : blocks[next].firstTime) {
                // A needle is looked for in ever more blocks at once; rows that are wanted first come from the first.
                width = heap.isEmpty ? min(width * 2, Scanner.widest) : Scanner.widest
                var end = next + 1
                while end < blocks.count, end - next < width,
                    heap.isReached(newest ? blocks[end].lastTime : blocks[end].firstTime)
                {
                    end += 1
                }
                let some = blocks[next..<end]
                next = end
                for (block, mask) in zip(some, try matchingRows(some)) {
                    defer { block.dropColumns() }
                    guard let mask else { continue }
                    if let cursor = try guarded({
                        try BlockCursor(block, mask, newestFirst: newest, context: context)
                    }) {
                        heap.push(cursor)
                    }
                }
            }
            guard let (cursor, row) = heap.pop() else { break }
            picked.append((cursor, row))
            if picked.count >= target {
                try materialise(picked, into: &output, isMeantToBeAll: isMeantToBeAll)
                isMeantToBeAll = false
                picked.removeAll(keepingCapacity: true)
                if output.batch.rowCount > 0, try hand(&output, body) == .stop { return }
                // Where every batch decodes all blocks anew, a batch had better be large.
                target = min(target * 4, decodesAnew ? 16 * Scanner.batchRows : Scanner.batchRows)
            }
        }
        try materialise(picked, into: &output, isMeantToBeAll: true)
        if output.batch.rowCount > 0 { _ = try hand(&output, body) }
    }

    /// Copies picked rows to the output. Where they come from many blocks, or nothing more is expected of these, each
    /// block is decoded once, its rows are set aside and it is let go, so that a thousand overlapping blocks are never
    /// held at once.
    private mutating func materialise(
        _ picked: [(cursor: BlockCursor, row: UInt32)], into output: inout OutputBatch, isMeantToBeAll: Bool
    ) throws {
        var rowsOfCursor: [ObjectIdentifier: Int] = [:]
        var cursors: [(cursor: BlockCursor, rows: [UInt32])] = []
        for (cursor, row) in picked {
            if let at = rowsOfCursor[ObjectIdentifier(cursor)] {
                cursors[at].rows.append(row)
            } else {
                rowsOfCursor[ObjectIdentifier(cursor)] = cursors.count
                cursors.append((cursor, [row]))
            }
        }
        decodesAnew = cursors.reduce(0) { $0 &+ $1.cursor.block.decodedBytes } > context.limits.memory / 3
        if !decodesAnew, !isMeantToBeAll || cursors.contains(where: { $0.cursor.copier != nil }) {
            try materialiseFew(picked, cursors.map(\.cursor), into: &output)
            return
        }
        var copiers: [RowCopier?] = []
        var facts: [(GroupFacts, EventBatch)] = []
        for (cursor, rows) in cursors {
            try context.check()
            var aside = OutputBatch(projection: plan.projection)
            var wanted = RowMask(count: cursor.block.rows, all: false)
            for row in rows { wanted[Int(row)] = true }
            if var copier = try guarded({ try BlockCopier(cursor.block, output: aside, rows: wanted) }) {
                for row in rows { _ = try guarded { try copier.copy(row: Int(row), to: &aside) } }
                let batch = aside.take()
                copiers.append(RowCopier(batch))
                facts.append((cursor.block.facts, batch))
            } else {
                copiers.append(nil)
                facts.append((cursor.block.facts, EventBatch()))
            }
            cursor.block.dropColumns()
        }
        var position = [Int](repeating: 0, count: cursors.count)
        var groupKnown: [[UInt32: UInt32]] = [[UInt32: UInt32]](repeating: [:], count: cursors.count)
        for (cursor, _) in picked {
            guard let at = rowsOfCursor[ObjectIdentifier(cursor)], copiers[at] != nil else { continue }
            let row = position[at]
            position[at] += 1
            let local = facts[at].1.groupOfRow[row]
            let group: UInt32
            if let known = groupKnown[at][local] {
                group = known
            } else {
                group = output.add(facts[at].1.groups[Int(local)])
                groupKnown[at][local] = group
            }
            copiers[at]?.copyRow(row, to: &output, group: group)
        }
    }

    private mutating func materialiseFew(
        _ picked: [(cursor: BlockCursor, row: UInt32)], _ cursors: [BlockCursor], into output: inout OutputBatch
    ) throws {
        for cursor in cursors where cursor.copier == nil {
            cursor.copier = try guarded { try BlockCopier(cursor.block, output: output, rows: cursor.mask) }
        }
        for (cursor, row) in picked {
            // What may fail here is the group's labels.
            _ = try guarded { try cursor.copier?.copy(row: Int(row), to: &output) }
        }
        // Interleaved streams stay decoded for the next batch as long as together they are a small part of the budget.
        for cursor in cursors where !decoded.contains(where: { $0 === cursor }) { decoded.append(cursor) }
        // What does not fit goes, and not all: the next batch wants the others again.
        var held = 0
        for cursor in decoded {
            let bytes = cursor.block.heldBytes
            if cursor.isExhausted || held + bytes > context.limits.memory / 3 {
                cursor.copier = nil
                cursor.block.dropColumns()
            } else {
                held += bytes
            }
        }
        decoded.removeAll { $0.copier == nil }
    }
}

extension RowCopier {
    mutating func copyRow(_ row: Int, to output: inout OutputBatch, group: UInt32) {
        output.copy(row: row, from: &self, group: group)
    }
}
