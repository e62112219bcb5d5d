import Storage
import Telemetry

/// What a query sees: parts and memory at one moment.
struct TableSnapshot {
    var memory: [MemorySnapshot]
    var parts: [SealedPart]
}

/// Runs one scan over a snapshot.
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

    private static let batchRows = 1000

    init(snapshot: TableSnapshot, plan: EventScanPlan, context: QueryContext) throws {
        self.snapshot = snapshot
        self.plan = plan
        self.context = context
        predicate = try CompiledPredicate(plan.predicate)
        matchers = try plan.matchers.map { try CompiledMatcher($0) }
    }

    mutating func run(_ body: (EventBatch) throws -> ScanDecision) throws -> ScanTrailer {
        guard !plan.range.isEmpty else { return trailer }
        var blocks = candidates()
        switch plan.order {
        case .any: try runUnordered(blocks, body)
        case .newestFirst, .oldestFirst: try runOrdered(&blocks, body)
        }
        return trailer
    }

    // MARK: Candidates

    private func candidates() -> [ScanBlock] {
        var out: [ScanBlock] = []
        for memory in snapshot.memory where !memory.chunks.isEmpty {
            let facts = GroupFacts(groups: memory.groups, matchers: matchers, tests: predicate.tests)
            for chunk in memory.chunks where plan.range.overlaps(first: chunk.firstTime, last: chunk.lastTime) {
                out.append(ScanBlock(chunk: chunk, facts: facts, context: context))
            }
        }
        var skipped = 0
        for part in snapshot.parts {
            let footer = part.footer
            guard plan.range.overlaps(first: footer.firstTime, last: footer.lastTime) else {
                skipped += footer.blocks.count
                continue
            }
            let facts = GroupFacts(groups: footer.groups, matchers: matchers, tests: predicate.tests)
            for (number, block) in footer.blocks.enumerated() {
                if isCandidate(block, facts) {
                    out.append(ScanBlock(part: part, block: number, facts: facts, context: context))
                } else {
                    skipped += 1
                }
            }
        }
        context.count { $0.blocksSkipped += skipped }
        return out
    }

    private func isCandidate(_ block: BlockEntry, _ facts: GroupFacts) -> Bool {
        guard plan.range.overlaps(first: block.firstTime, last: block.lastTime) else { return false }
        if let traces = predicate.traces, plan.table == .spans, block.firstTrace != .zero {
            var low = 0
            var high = traces.count
            while low < high {
                let middle = (low + high) / 2
                if traces[middle] < block.firstTrace { low = middle + 1 } else { high = middle }
            }
            guard low < traces.count, traces[low] <= block.lastTrace else { return false }
        }
        return facts.matchesAll || block.groups.contains { facts.matches($0) }
    }

    /// Runs `body`; damage is noted and answered with nil, everything else is thrown.
    private mutating func guarded<T>(_ body: () throws -> T?) throws -> T? {
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

    private mutating func matchingRows(_ block: ScanBlock) throws -> RowMask? {
        try context.check()
        let (context, predicate, range) = (context, predicate, plan.range)
        return try guarded {
            if case .sealed(let part, let number) = block.source, !predicate.tests.isEmpty {
                let directory = try block.loadDirectory(part, number)
                let pruning = BlockPruning(
                    predicate: predicate, part: part, block: number, facts: block.facts, directory: directory)
                guard try pruning.mayPass() else {
                    context.count { $0.blocksSkipped += 1 }
                    return nil
                }
            }
            context.count {
                $0.blocksRead += 1
                $0.rowsScanned += block.rows
            }
            return try BlockEvaluation(block: block, predicate: predicate, range: range).matchingRows()
        }
    }

    // MARK: No order

    private mutating func runUnordered(_ blocks: [ScanBlock], _ body: (EventBatch) throws -> ScanDecision) throws {
        var output = OutputBatch(projection: plan.projection)
        for block in blocks {
            guard let mask = try matchingRows(block) else {
                block.dropColumns()
                continue
            }
            guard var copier = try guarded({ try BlockCopier(block, output: output) }) else {
                block.dropColumns()
                continue
            }
            for row in mask.rows {
                copier.copy(row: Int(row), to: &output)
                if output.batch.rowCount >= Scanner.batchRows, try hand(&output, body) == .stop { return }
            }
            block.dropColumns()
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
        var target = 64
        while true {
            while next < blocks.count, heap.isReached(newest ? blocks[next].lastTime : blocks[next].firstTime) {
                let block = blocks[next]
                next += 1
                guard let mask = try matchingRows(block) else {
                    block.dropColumns()
                    continue
                }
                if let cursor = try guarded({ try BlockCursor(block, mask, newestFirst: newest, context: context) }) {
                    heap.push(cursor)
                }
                block.dropColumns()
            }
            guard let (cursor, row) = heap.pop() else { break }
            picked.append((cursor, row))
            if picked.count >= target {
                try materialise(picked, into: &output)
                picked.removeAll(keepingCapacity: true)
                if output.batch.rowCount > 0, try hand(&output, body) == .stop { return }
                target = min(target * 4, Scanner.batchRows)
            }
        }
        try materialise(picked, into: &output)
        if output.batch.rowCount > 0 { _ = try hand(&output, body) }
    }

    /// Copies picked rows to the output. Where they come from many blocks, each block is decoded once, its rows are set
    /// aside and it is let go, so that a thousand overlapping blocks are never held at once.
    private mutating func materialise(
        _ picked: [(cursor: BlockCursor, row: UInt32)], into output: inout OutputBatch
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
        if cursors.count <= 32 {
            try materialiseFew(picked, cursors.map(\.cursor), into: &output)
            return
        }
        var copiers: [RowCopier?] = []
        var facts: [(GroupFacts, EventBatch)] = []
        for (cursor, rows) in cursors {
            try context.check()
            var aside = OutputBatch(projection: plan.projection)
            if var copier = try guarded({ try BlockCopier(cursor.block, output: aside) }) {
                for row in rows { copier.copy(row: Int(row), to: &aside) }
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
            cursor.copier = try guarded { try BlockCopier(cursor.block, output: output) }
        }
        for (cursor, row) in picked { cursor.copier?.copy(row: Int(row), to: &output) }
        // Interleaved streams stay decoded for the next batch as long as together they are a small part of the budget.
        for cursor in cursors where !decoded.contains(where: { $0 === cursor }) { decoded.append(cursor) }
        let held = decoded.reduce(0) { $0 + $1.block.heldBytes }
        let isTooMuch = held > min(64 << 20, context.limits.memory / 4)
        for cursor in decoded where cursor.isExhausted || isTooMuch {
            cursor.copier = nil
            cursor.block.dropColumns()
        }
        decoded.removeAll { $0.copier == nil }
    }
}

extension RowCopier {
    mutating func copyRow(_ row: Int, to output: inout OutputBatch, group: UInt32) {
        output.copy(row: row, from: &self, group: group)
    }
}
