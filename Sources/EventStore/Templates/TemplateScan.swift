import Codecs
import Storage
import Synchronization
import Telemetry

/// Counts the templates of a table's rows. What a block says is worked out from its columns once and remembered; rows
/// in memory, blocks across the end of a window and blocks with deleted rows are looked at row by row.
struct TemplateScan {
    let snapshot: TableSnapshot
    let query: LogTemplateQuery
    let context: QueryContext
    let cache: TemplateCache
    /// Of a whole part, where it is on disk.
    private let storedSummary: (OpenPart) -> TemplateSummary?
    private let matchers: [CompiledMatcher]
    private(set) var folding: TemplateFolding
    private(set) var problems: [String] = []
    private var charged = 0

    init(
        snapshot: TableSnapshot, query: LogTemplateQuery, context: QueryContext, cache: TemplateCache,
        storedSummary: @escaping (OpenPart) -> TemplateSummary?
    ) throws {
        self.storedSummary = storedSummary
        self.snapshot = snapshot
        self.query = query
        self.context = context
        self.cache = cache
        matchers = try query.matchers.map { try CompiledMatcher($0) }
        folding = TemplateFolding(query)
    }

    /// A block and a window that it has rows in.
    private struct Job {
        var block: ScanBlock
        var window: Int
        /// The whole block counts, and its part's name says where it is remembered.
        var key: TemplateCache.Key?
    }

    mutating func run() throws {
        defer { context.release(memory: charged) }
        var jobs: [Job] = []
        for memory in snapshot.memory where !memory.chunks.isEmpty {
            let facts = GroupFacts(memory: memory.groups, matchers: matchers, tests: [])
            if facts.matchesNone { continue }
            let deletions = snapshot.deletions.filter { $0.mayConcern(memory) }
                .map { ($0, GroupFacts(memory: memory.groups, deletion: $0)) }
                .filter { !$0.1.matchesNone }
            for chunk in memory.chunks {
                for (window, range) in query.windows.enumerated()
                where range.overlaps(first: chunk.firstTime, last: chunk.lastTime) {
                    let block = ScanBlock(chunk: chunk, facts: facts, deletions: deletions, context: context)
                    jobs.append(Job(block: block, window: window, key: nil))
                }
            }
        }
        try fold(jobs)
        for open in snapshot.parts {
            try context.check()
            guard query.windows.contains(where: { $0.overlaps(first: open.record.minTime, last: open.record.maxTime) })
            else {
                context.count { $0.partsSkipped.byTime += 1 }
                continue
            }
            do {
                if try !foldWhole(open) { try fold(try self.jobs(of: open)) }
            } catch let error as StorageError {
                try note(error)
            }
        }
    }

    private mutating func note(_ error: StorageError) throws {
        guard case .corrupt = error else { throw error }
        if !problems.contains(error.description) { problems.append(error.description) }
        context.warn("rows were left out: \(error.description)")
    }

    /// True where the part lies in one window, nothing in it was deleted, and its summary is on disk and fine enough.
    private mutating func foldWhole(_ open: OpenPart) throws -> Bool {
        let record = open.record
        guard
            let window = query.windows.firstIndex(where: { $0.start <= record.minTime && record.maxTime < $0.end }),
            window < query.windows.count - 1 || query.step % PartTemplates.bucketLength == 0,
            !snapshot.deletions.contains(where: { open.isConcerned(by: $0) }), let summary = storedSummary(open)
        else { return false }
        let facts = try GroupFacts(part: open.part, footer: try open.part.footer, matchers: matchers, tests: [])
        context.count { $0.partsRead += 1 }
        if !facts.matchesNone { try add(summary, window, facts) }
        return true
    }

    private mutating func add(_ summary: TemplateSummary, _ window: Int, _ facts: GroupFacts) throws {
        let names = query.labels
        try folding.add(
            summary, window: window, isWanted: { facts.matches($0) },
            labels: { group in
                let all = try facts.group(group).labels
                return LabelSet(all.labels.filter { names.contains($0.name) })
            })
        let held = folding.footprint
        if held > charged { try context.charge(memory: held - charged) }
        charged = max(charged, held)
    }

    /// Of all blocks of a part.
    static func summaries(of part: SealedPart, _ context: QueryContext) throws -> [TemplateSummary] {
        let footer = try part.footer
        let facts = try GroupFacts(part: part, footer: footer, matchers: [], tests: [])
        var out: [TemplateSummary] = []
        for first in stride(from: 0, to: footer.blocks.count, by: 8) {
            try context.check()
            let some = first..<min(first + 8, footer.blocks.count)
            let results = Mutex([Result<TemplateSummary, any Error>?](repeating: nil, count: some.count))
            ParallelWork.run(some.count, context: context) { i in
                let block = ScanBlock(
                    part: part, entry: footer.blocks[first + i], block: first + i, facts: facts, context: context)
                let result = Result { try block.templateSummary(wanted: nil) }
                results.withLock { $0[i] = result }
            }
            for result in results.withLock({ $0 }) { if let result { out.append(try result.get()) } }
        }
        return out
    }

    private func jobs(of open: OpenPart) throws -> [Job] {
        let footer = try open.part.footer
        let facts = try GroupFacts(part: open.part, footer: footer, matchers: matchers, tests: [])
        if facts.matchesNone {
            context.count { $0.partsSkipped.byLabels += 1 }
            return []
        }
        context.count { $0.partsRead += 1 }
        let deletions = try snapshot.deletions.filter { open.isConcerned(by: $0) }
            .map { ($0, try GroupFacts(part: open.part, footer: footer, deletion: $0)) }
            .filter { !$0.1.matchesNone }
        let scan = PartScan(
            part: open.part, footer: footer, facts: facts, deletions: deletions,
            predicate: try CompiledPredicate(.everything), context: context)
        var jobs: [Job] = []
        for (number, entry) in footer.blocks.enumerated() {
            guard facts.matchesAll || entry.groups.contains(where: { facts.matches($0) }) else { continue }
            for (window, range) in query.windows.enumerated()
            where range.overlaps(first: entry.firstTime, last: entry.lastTime) {
                let block = ScanBlock(
                    part: open.part, entry: entry, block: number, facts: facts, scan: scan, context: context)
                let isWhole = range.start <= entry.firstTime && entry.lastTime < range.end
                let isTouched = deletions.contains { deletion, _ in
                    deletion.range.overlaps(first: entry.firstTime, last: entry.lastTime)
                        && entry.firstSequence < deletion.before
                }
                let key = TemplateCache.Key(part: open.part.name, block: number)
                jobs.append(Job(block: block, window: window, key: isWhole && !isTouched ? key : nil))
            }
        }
        return jobs
    }

    /// Blocks are worked out on all cores, some at a time: their columns are not in memory together.
    private mutating func fold(_ jobs: [Job]) throws {
        var next = 0
        while next < jobs.count {
            try context.check()
            let some = Array(jobs[next..<min(next + 8, jobs.count)])
            next += some.count
            let results = Mutex([Result<TemplateSummary, any Error>?](repeating: nil, count: some.count))
            let (query, context, cache) = (query, context, cache)
            ParallelWork.run(some.count, context: context) { i in
                let result = Result { try TemplateScan.summary(of: some[i], query, context, cache) }
                some[i].block.dropColumns()
                results.withLock { $0[i] = result }
            }
            for (job, result) in zip(some, results.withLock { $0 }) {
                do {
                    guard let summary = try result?.get() else { continue }
                    try add(summary, job.window, job.block.facts)
                } catch let error as StorageError {
                    try note(error)
                }
            }
        }
    }

    private static func summary(
        of job: Job, _ query: LogTemplateQuery, _ context: QueryContext, _ cache: TemplateCache
    ) throws -> TemplateSummary {
        if let key = job.key {
            if let known = cache.summary(of: key) { return known }
            let made = try job.block.templateSummary(wanted: nil)
            cache.keep(made, for: key)
            return made
        }
        let block = job.block
        let everything = try CompiledPredicate(.everything)
        let evaluation = BlockEvaluation(
            block: block, facts: block.facts, predicate: everything, range: query.windows[job.window])
        guard var mask = try evaluation.matchingRows() else { return TemplateSummary() }
        for (deletion, facts) in block.deletions {
            guard let deleted = try deletion.rows(of: block, facts: facts) else { continue }
            mask.subtract(deleted)
        }
        if mask.isEmpty { return TemplateSummary() }
        return try block.templateSummary(wanted: mask)
    }
}

extension ScanBlock {
    /// - Parameter wanted: rows that count; nil for all.
    func templateSummary(wanted: RowMask?) throws -> TemplateSummary {
        var presentRows: [UInt32]?
        let patterns: LinePatterns
        if let mined = try minedLines() {
            patterns = mined.patterns
            if case .rows(let some) = mined.presence { presentRows = some }
        } else {
            guard let column = try column(EventColumnName.line) else { return TemplateSummary() }
            if case .rows(let some) = column.presence { presentRows = some }
            patterns = ScanBlock.mine(column)
        }
        return TemplateSummary(
            patterns, rows: presentRows, times: try times, groups: try groupOfRow,
            levels: RowLevels(try column(RowLevels.column), rows: rows), wanted: wanted)
    }

    private static func mine(_ column: DecodedColumn) -> LinePatterns {
        switch column.values {
        case .plain(_, _, let ends, let bytes): return TextMiner.mine(bytes, ends: ends, as: .line)
        case .constant(_, let bytes):
            var one = TextMiner.mine(bytes, ends: [UInt32(truncatingIfNeeded: bytes.count)], as: .line)
            one.numbers = [UInt32](repeating: 0, count: column.count)
            return one
        case .dictionary(_, let ends, let bytes, let codes):
            let entries = TextMiner.mine(bytes, ends: ends, as: .line)
            return LinePatterns(patterns: entries.patterns, numbers: codes.map { entries.numbers[Int($0)] })
        case .integers(let numbers):
            return LinePatterns(
                patterns: [PatternText.hole], numbers: [UInt32](repeating: 0, count: numbers.count))
        }
    }
}
