import Storage
import Telemetry

/// Names and values that a table holds.
extension TableStore {
    /// Calls `body` with every group that matches and has rows in the range; of parts, where its first and last row
    /// allow it.
    private func forEachGroup(
        _ query: EventCatalogQuery, context: QueryContext, _ body: (EventGroup) throws -> Void
    ) throws {
        let matchers = try query.matchers.map { try CompiledMatcher($0) }
        let snapshot = try snapshot
        for memory in snapshot.memory {
            for (number, rows) in MemoryExtents.rows(of: memory, in: query.range).enumerated() where rows > 0 {
                if matchers.matches(memory.groups[number].labels) { try body(memory.groups[number]) }
            }
        }
        for part in snapshot.parts {
            try context.check()
            let footer = part.footer
            guard query.range.overlaps(first: footer.firstTime, last: footer.lastTime) else { continue }
            for (group, extent) in zip(footer.groups, footer.extents)
            where query.range.overlaps(first: extent.firstTime, last: extent.lastTime) && matchers.matches(group.labels)
            {
                try body(group)
            }
        }
    }

    func labelNames(_ query: EventCatalogQuery, context: QueryContext) throws -> [String] {
        var names: Set<String> = []
        try forEachGroup(query, context: context) { group in group.labels.forEach { name, _ in names.insert(name) } }
        return limited(names.sorted(by: Self.byBytes), query.limit)
    }

    func labelValues(_ name: String, _ query: EventCatalogQuery, context: QueryContext) throws -> [String] {
        var values: Set<String> = []
        try forEachGroup(query, context: context) { group in
            if let value = group.labels[name] { values.insert(value) }
        }
        return limited(values.sorted(by: Self.byBytes), query.limit)
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
        for part in snapshot.parts {
            try context.check()
            for (number, extent) in try extents(of: part, in: query.range, context).enumerated()
            where extent.rows > 0 && matchers.matches(part.footer.groups[number].labels) {
                add(part.footer.groups[number].labels, extent.rows, extent.bytes)
            }
        }
        let all = found.map { StreamSummary(labels: $0.key, rows: $0.value.rows, bytes: $0.value.bytes) }
        return limited(all.sorted { $0.labels < $1.labels }, query.limit)
    }

    /// Rows of each group of the part that lie in the range: from the footer where it says enough, else counted.
    private func extents(of part: SealedPart, in range: TimeRange, _ context: QueryContext) throws -> [GroupExtent] {
        let footer = part.footer
        guard range.overlaps(first: footer.firstTime, last: footer.lastTime) else { return [] }
        if range.start <= footer.firstTime, footer.lastTime < range.end { return footer.extents }
        var out = [GroupExtent](repeating: GroupExtent(), count: footer.groups.count)
        for (number, block) in footer.blocks.enumerated()
        where range.overlaps(first: block.firstTime, last: block.lastTime) {
            try context.check()
            do {
                try count(block: number, of: part, in: range, into: &out)
            } catch let error as StorageError {
                guard case .corrupt = error else { throw error }
                report(error, context)
            }
        }
        return out
    }

    private func count(
        block number: Int, of part: SealedPart, in range: TimeRange, into out: inout [GroupExtent]
    ) throws {
        let block = part.footer.blocks[number]
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
        var names: Set<String> = []
        try forEachGroup(query, context: context) { group in for field in group.shared { names.insert(field.key) } }
        let matchers = try query.matchers.map { try CompiledMatcher($0) }
        let snapshot = try snapshot
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
        for part in snapshot.parts where query.range.overlaps(first: part.footer.firstTime, last: part.footer.lastTime)
        {
            try context.check()
            addFieldNames(of: part, query, matchers, context, to: &names)
        }
        return limited(names.sorted(by: Self.byBytes), query.limit)
    }

    private func addFieldNames(
        of part: SealedPart, _ query: EventCatalogQuery, _ matchers: [CompiledMatcher], _ context: QueryContext,
        to names: inout Set<String>
    ) {
        let footer = part.footer
        if footer.columnNames.allSatisfy(names.contains) { return }
        if matchers.isEmpty, query.range.start <= footer.firstTime, footer.lastTime < query.range.end {
            names.formUnion(footer.columnNames)
            return
        }
        let matching = footer.groups.map { matchers.matches($0.labels) }
        for (number, block) in footer.blocks.enumerated()
        where query.range.overlaps(first: block.firstTime, last: block.lastTime)
            && block.groups.contains(where: { matching[Int($0)] })
        {
            do {
                for column in try part.directory(of: number).columns { names.insert(column.name) }
            } catch {
                report(error, context)
            }
        }
    }

    func fieldValues(_ name: String, _ query: EventCatalogQuery, context: QueryContext) throws -> [AttributeValue] {
        let limit = query.limit > 0 ? query.limit : 10_000
        var values = DistinctFieldValues(limit: limit)
        // A group's shared value is there without a row of its own being read.
        let plan = EventScanPlan(
            table: table, range: query.range, matchers: query.matchers, predicate: .exists(column: name),
            projection: .columns([name]))
        _ = try scan(plan, context: context) { batch in
            let column = batch.column(name)
            if let column {
                for i in 0..<column.count { values.insert(column.kinds[i], column.bytes[column.range(at: i)]) }
            }
            if (column?.count ?? 0) < batch.rowCount {
                for row in 0..<batch.rowCount where column?.index(ofRow: row) == nil {
                    values.insertShared(batch.groups, Int(batch.groupOfRow[row]), name)
                }
            }
            values.nextBatch()
            return .goOn
        }
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

/// The least `limit` values by their text; more than a few times as many are never held.
struct DistinctFieldValues {
    private struct Key: Hashable {
        var kind: UInt8
        var payload: [UInt8]
    }

    private let limit: Int
    private var values: Set<Key> = []
    private var last: Key?
    private var groupsDone: Set<Int> = []

    init(limit: Int) { self.limit = limit }

    mutating func insert(_ kind: ValueKind, _ payload: ArraySlice<UInt8>) {
        if let last, last.kind == kind.rawValue, last.payload.elementsEqual(payload) { return }
        let key = Key(kind: kind.rawValue, payload: Array(payload))
        last = key
        values.insert(key)
        if values.count > limit * 4 + 1000 { prune() }
    }

    mutating func insertShared(_ groups: [EventGroup], _ group: Int, _ name: String) {
        guard groupsDone.insert(group).inserted, let value = groups[group].shared(name) else { return }
        var payload: [UInt8] = []
        value.encode(to: &payload)
        insert(value.kind, payload[...])
    }

    /// Group numbers begin anew with every batch.
    mutating func nextBatch() { groupsDone.removeAll(keepingCapacity: true) }

    private mutating func prune() {
        values = Set(ordered.prefix(limit).map(\.key))
        last = nil
    }

    private var ordered: [(key: Key, value: AttributeValue, text: String)] {
        values.map { key in
            let value = AttributeValue(kind: ValueKind(rawValue: key.kind) ?? .empty, bytes: key.payload[...])
            return (key, value, DistinctFieldValues.text(value))
        }.sorted { a, b in
            a.text == b.text ? a.key.kind < b.key.kind : a.text.utf8.lexicographicallyPrecedes(b.text.utf8)
        }
    }

    var sorted: [AttributeValue] { ordered.prefix(limit).map(\.value) }

    private static func text(_ value: AttributeValue) -> String {
        switch value {
        case .string(let text): text
        case .bool(let flag): flag ? "true" : "false"
        case .int(let number): String(number)
        case .double(let number): "\(number)"
        case .bytes(let bytes): String(decoding: Hexadecimal.encode(bytes), as: UTF8.self)
        case .array(let elements): "[" + elements.map(text).joined(separator: ",") + "]"
        case .map(let fields): "{" + fields.map { "\($0.key):\(text($0.value))" }.joined(separator: ",") + "}"
        case .empty: ""
        }
    }
}
