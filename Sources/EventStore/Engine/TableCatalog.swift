import Storage
import Synchronization
import Telemetry

/// Names and values that a table holds.
extension TableStore {
    /// Parts of the range, each with its footer; damage is reported and passed over.
    private func forEachPart(
        of snapshot: TableSnapshot, _ range: TimeRange, _ context: QueryContext,
        _ body: (OpenPart, PartFooter) throws -> Void
    ) throws {
        for open in snapshot.parts where range.overlaps(first: open.record.minTime, last: open.record.maxTime) {
            try context.check()
            do {
                try body(open, try open.part.footer)
            } catch let error as StorageError {
                guard case .corrupt = error else { throw error }
                report(error, context)
            }
        }
    }

    /// Which groups of each segment match and have rows in the range; of parts, where their first and last row allow
    /// it. nil of a segment: all of them.
    private func forEachSegment(
        of open: OpenPart, _ footer: PartFooter, _ range: TimeRange, _ matchers: [CompiledMatcher],
        _ body: (StreamSegment, [Bool]?) throws -> Void
    ) throws {
        let isWhole = range.start <= footer.firstTime && footer.lastTime < range.end
        for number in footer.segments.indices {
            let segment = try open.part.segment(number)
            if isWhole, matchers.isEmpty {
                try body(segment, nil)
                continue
            }
            var mask = [Bool](repeating: true, count: segment.count)
            segment.restrict(&mask, matchers)
            if !isWhole {
                for (i, extent) in try open.part.extents(number).enumerated()
                where extent.rows == 0 || !range.overlaps(first: extent.firstTime, last: extent.lastTime) {
                    mask[i] = false
                }
            }
            if mask.contains(true) { try body(segment, mask) }
        }
    }

    /// Groups in memory that match and have rows in the range.
    private func forEachMemoryGroup(
        of snapshot: TableSnapshot, _ range: TimeRange, _ matchers: [CompiledMatcher], _ body: (EventGroup) -> Void
    ) {
        for memory in snapshot.memory {
            for (number, rows) in MemoryExtents.rows(of: memory, in: range).enumerated() where rows > 0 {
                if matchers.matches(memory.groups[number].labels) { body(memory.groups[number]) }
            }
        }
    }

    func labelNames(_ query: EventCatalogQuery, context: QueryContext) throws -> [String] {
        let matchers = try query.matchers.map { try CompiledMatcher($0) }
        let snapshot = try snapshot
        var names: Set<String> = []
        forEachMemoryGroup(of: snapshot, query.range, matchers) { group in
            group.labels.forEach { name, _ in names.insert(name) }
        }
        try forEachPart(of: snapshot, query.range, context) { open, footer in
            if footer.labelNames.allSatisfy(names.contains) { return }
            try forEachSegment(of: open, footer, query.range, matchers) { segment, mask in
                for label in segment.labels {
                    let isUsed =
                        mask == nil
                        || label.codes.indices.contains { label.codes[$0] != 0 && mask?[$0] == true }
                    if isUsed { names.insert(String(decoding: label.name, as: UTF8.self)) }
                }
            }
        }
        return limited(names.sorted(by: Self.byBytes), query.limit)
    }

    func labelValues(_ name: String, _ query: EventCatalogQuery, context: QueryContext) throws -> [String] {
        let matchers = try query.matchers.map { try CompiledMatcher($0) }
        let snapshot = try snapshot
        var values = DistinctBytes()
        forEachMemoryGroup(of: snapshot, query.range, matchers) { group in
            if let range = group.labels.valueRange(of: name) { values.insert(group.labels.bytes[range]) }
        }
        try forEachPart(of: snapshot, query.range, context) { open, footer in
            guard footer.labelNames.contains(name) else { return }
            if matchers.isEmpty {
                for some in try labelValues(name, of: open.part, footer, query.range, context) {
                    values.formUnion(some)
                }
                return
            }
            try forEachSegment(of: open, footer, query.range, matchers) { segment, mask in
                guard let label = segment.column(name) else { return }
                guard let mask else {
                    for value in label.values.dropFirst() { values.insert(value) }
                    return
                }
                var isUsed = [Bool](repeating: false, count: label.values.count)
                for (i, code) in label.codes.enumerated() where mask[i] { isUsed[Int(code)] = true }
                for (i, value) in label.values.enumerated() where i > 0 && isUsed[i] { values.insert(value) }
            }
        }
        return limited(values.sorted, query.limit).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Without a selector: of each segment this label alone, on all cores.
    private func labelValues(
        _ name: String, of part: SealedPart, _ footer: PartFooter, _ range: TimeRange, _ context: QueryContext
    ) throws -> [DistinctBytes] {
        let isWhole = range.start <= footer.firstTime && footer.lastTime < range.end
        let queue = BlockQueue(count: footer.segments.count)
        let workers = min(Scanner.cores, footer.segments.count)
        let results = Mutex([Result<DistinctBytes, any Error>](repeating: .success(DistinctBytes()), count: workers))
        @Sendable func work(_ worker: Int) {
            let result = Result { () -> DistinctBytes in
                var values = DistinctBytes()
                while let number = queue.take() {
                    try context.check()
                    guard let label = try part.label(name, ofSegment: number) else { continue }
                    if isWhole {
                        for value in label.values.dropFirst() { values.insert(value) }
                        continue
                    }
                    var isUsed = [Bool](repeating: false, count: label.values.count)
                    for (i, extent) in try part.extents(number).enumerated()
                    where extent.rows > 0 && range.overlaps(first: extent.firstTime, last: extent.lastTime) {
                        isUsed[Int(label.codes[i])] = true
                    }
                    for (i, value) in label.values.enumerated() where i > 0 && isUsed[i] { values.insert(value) }
                }
                return values
            }
            results.withLock { $0[worker] = result }
        }
        if workers > 0 { ParallelWork.run(workers, context: context, work) }
        return try results.withLock { $0 }.map { try $0.get() }
    }

    private static func byBytes(_ a: String, _ b: String) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }

    private func limited<T>(_ list: [T], _ limit: Int) -> [T] { limit > 0 ? Array(list.prefix(limit)) : list }

    func streams(_ query: EventCatalogQuery, context: QueryContext) throws -> [StreamSummary] {
        let matchers = try query.matchers.map { try CompiledMatcher($0) }
        let snapshot = try snapshot
        var found: [LabelSet: (rows: Int, bytes: Int)] = [:]
        func add(_ labels: LabelSet, _ rows: Int, _ bytes: Int) {
            guard rows > 0 else { return }
            found[labels, default: (0, 0)].rows += rows
            found[labels, default: (0, 0)].bytes += bytes
        }
        for memory in snapshot.memory {
            let average = memory.rows > 0 ? memory.bytes / memory.rows : 0
            for (number, rows) in MemoryExtents.rows(of: memory, in: query.range).enumerated()
            where rows > 0 && matchers.matches(memory.groups[number].labels) {
                add(memory.groups[number].labels, rows, rows * average)
            }
        }
        try forEachPart(of: snapshot, query.range, context) { open, footer in
            guard footer.rows > 0 else { return }
            let counted = try extents(of: open.part, footer, in: query.range, context)
            for number in footer.segments.indices {
                let segment = try open.part.segment(number)
                var mask = [Bool](repeating: true, count: segment.count)
                segment.restrict(&mask, matchers)
                for i in 0..<segment.count where mask[i] {
                    let extent = counted[number * StreamSegment.capacity + i]
                    if extent.rows > 0 { add(segment.labelSet(i), extent.rows, extent.bytes) }
                }
            }
        }
        let all = found.map { StreamSummary(labels: $0.key, rows: $0.value.rows, bytes: $0.value.bytes) }
        return limited(all.sorted { $0.labels < $1.labels }, query.limit)
    }

    /// Rows of each group of the part that lie in the range, by segment and place: from what the part says of its
    /// groups where that is enough, else counted in the blocks that lie across an end of the range.
    private func extents(
        of part: SealedPart, _ footer: PartFooter, in range: TimeRange, _ context: QueryContext
    ) throws -> [GroupExtent] {
        if range.start <= footer.firstTime, footer.lastTime < range.end {
            var all: [GroupExtent] = []
            for number in footer.segments.indices { all += try part.extents(number) }
            return all
        }
        var out = [GroupExtent](repeating: GroupExtent(), count: footer.groupCount)
        for (number, block) in footer.blocks.enumerated()
        where range.overlaps(first: block.firstTime, last: block.lastTime) {
            try context.check()
            if let only = block.groups.only, range.start <= block.firstTime, block.lastTime < range.end {
                out[Int(only)].rows += block.rows
                out[Int(only)].bytes += block.rawBytes
                continue
            }
            do {
                try count(block: number, block, of: part, in: range, into: &out)
            } catch let error as StorageError {
                guard case .corrupt = error else { throw error }
                report(error, context)
            }
        }
        return out
    }

    private func count(
        block number: Int, _ block: BlockEntry, of part: SealedPart, in range: TimeRange,
        into out: inout [GroupExtent]
    ) throws {
        let directory = try part.directory(of: number)
        let times = try part.integers(directory.times, of: number)
        let groups = try part.groupNumbers(directory.groups, of: number)
        for (row, time) in times.enumerated() where range.contains(time) {
            out[Int(groups[row])].rows += 1
            out[Int(groups[row])].bytes += block.rawBytes / block.rows
        }
    }

    private func report(_ error: StorageError, _ context: QueryContext) {
        note([error.description])
        context.warn("rows were left out: \(error)")
    }

    func fieldNames(_ query: EventCatalogQuery, context: QueryContext) throws -> [String] {
        let matchers = try query.matchers.map { try CompiledMatcher($0) }
        let snapshot = try snapshot
        var names: Set<String> = []
        forEachMemoryGroup(of: snapshot, query.range, matchers) { group in
            for field in group.shared { names.insert(field.key) }
        }
        for memory in snapshot.memory {
            let matching = memory.groups.map { matchers.matches($0.labels) }
            for chunk in memory.chunks where query.range.overlaps(first: chunk.firstTime, last: chunk.lastTime) {
                for column in chunk.batch.columns where !names.contains(column.name) {
                    let hasRow = column.rows.contains { row in
                        query.range.contains(chunk.batch.timestamps[Int(row)])
                            && matching[Int(chunk.batch.groupOfRow[Int(row)])]
                    }
                    if hasRow { names.insert(column.name) }
                }
            }
        }
        try forEachPart(of: snapshot, query.range, context) { open, footer in
            try addFieldNames(of: open, footer, query, matchers, context, to: &names)
        }
        return limited(names.sorted(by: Self.byBytes), query.limit)
    }

    private func addFieldNames(
        of open: OpenPart, _ footer: PartFooter, _ query: EventCatalogQuery, _ matchers: [CompiledMatcher],
        _ context: QueryContext, to names: inout Set<String>
    ) throws {
        let isWhole = query.range.start <= footer.firstTime && footer.lastTime < query.range.end
        if matchers.isEmpty, isWhole {
            names.formUnion(footer.sharedNames)
            names.formUnion(footer.columnNames)
            return
        }
        if !footer.sharedNames.allSatisfy(names.contains) {
            try forEachSegment(of: open, footer, query.range, matchers) { segment, mask in
                var isUsed = [Bool](repeating: mask == nil, count: segment.shared.count)
                for (i, code) in segment.sharedCodes.enumerated() where mask?[i] == true { isUsed[Int(code)] = true }
                for (i, payload) in segment.shared.enumerated() where isUsed[i] {
                    for attribute in StreamSegment.attributes(payload) { names.insert(attribute.key) }
                }
            }
        }
        if footer.columnNames.allSatisfy(names.contains) { return }
        let facts = try GroupFacts(part: open.part, footer: footer, matchers: matchers, tests: [])
        for (number, block) in footer.blocks.enumerated()
        where query.range.overlaps(first: block.firstTime, last: block.lastTime)
            && block.groups.contains(where: { facts.matches($0) })
        {
            for column in try open.part.directory(of: number).columns { names.insert(column.name) }
        }
    }

    func fieldValues(_ name: String, _ query: EventCatalogQuery, context: QueryContext) throws -> [AttributeValue] {
        let limit = query.limit > 0 ? query.limit : 10_000
        var values = DistinctFieldValues(limit: limit)
        // A group's shared value is there without a row of its own being read.
        let plan = EventScanPlan(
            table: table, range: query.range, matchers: query.matchers, predicate: .exists(column: name))
        let fold = try fold(plan, context: context, from: { DistinctFieldValues(limit: limit) }) { values, block in
            try context.check()
            try values.insert(name, of: block)
        }
        for partial in fold.partials { values.formUnion(partial) }
        return values.sorted
    }
}

/// Counts rows in memory by group.
enum MemoryExtents {
    static func rows(of memory: MemorySnapshot, in range: TimeRange) -> [Int] {
        var out = [Int](repeating: 0, count: memory.groups.count)
        for chunk in memory.chunks where range.overlaps(first: chunk.firstTime, last: chunk.lastTime) {
            for (row, group) in chunk.batch.groupOfRow.enumerated() where range.contains(chunk.batch.timestamps[row]) {
                out[Int(group)] += 1
            }
        }
        return out
    }
}
