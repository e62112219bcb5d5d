import Codecs
import Patterns
import Storage
import Telemetry

/// A block of rows that a query looks at: of a part or of memory. Columns are read when they are asked for.
///
/// `@unchecked Sendable`: what it caches is touched by one thread at a time. A scan hands a block to exactly one
/// iteration of its parallel evaluation, waits for all of them, and only then touches the block itself.
final class ScanBlock: @unchecked Sendable {
    enum Source {
        case memory(MemoryChunk)
        case sealed(SealedPart, BlockEntry, block: Int)
    }

    let source: Source
    let facts: GroupFacts
    let rows: Int
    let firstTime: Int64
    let lastTime: Int64
    let lastSequence: UInt64
    /// The groups with rows in it; nil where that is not known.
    let groups: GroupRuns?
    /// Of the part; nil in memory.
    let scan: PartScan?
    /// Of memory, whose rows carry no deletion out; those of a part are in ``scan``.
    let memoryDeletions: [(deletion: PreparedDeletion, facts: GroupFacts)]
    private let context: QueryContext
    private var directory: BlockDirectory?
    private var cachedTimes: [Int64]?
    private var cachedSequences: [UInt64]?
    private var cachedGroups: [UInt32]?
    private var columns: [String: DecodedColumn] = [:]
    /// Heads of texts; their chunks are read anew.
    private var texts: [String: TextColumn] = [:]
    private var charged = 0

    init(
        chunk: MemoryChunk, facts: GroupFacts, deletions: [(deletion: PreparedDeletion, facts: GroupFacts)],
        context: QueryContext
    ) {
        source = .memory(chunk)
        self.facts = facts
        self.context = context
        rows = chunk.batch.rowCount
        firstTime = chunk.firstTime
        lastTime = chunk.lastTime
        lastSequence = .max
        groups = nil
        scan = nil
        memoryDeletions = deletions
    }

    init(
        part: SealedPart, entry: BlockEntry, block: Int, facts: GroupFacts, scan: PartScan? = nil,
        context: QueryContext
    ) {
        source = .sealed(part, entry, block: block)
        self.facts = facts
        self.scan = scan
        self.context = context
        rows = entry.rows
        firstTime = entry.firstTime
        lastTime = entry.lastTime
        lastSequence = entry.lastSequence
        groups = entry.groups
        memoryDeletions = []
    }

    /// Roughly what its columns take in memory, 0 where they are there anyway.
    var decodedBytes: Int {
        if case .sealed(_, let entry, _) = source { return entry.rawBytes &+ entry.rows &* 16 }
        return 0
    }

    deinit { context.release(memory: charged) }

    var deletions: [(deletion: PreparedDeletion, facts: GroupFacts)] { scan?.deletions ?? memoryDeletions }

    private func charge(_ bytes: Int) throws {
        charged += bytes
        try context.charge(memory: bytes)
    }

    func loadDirectory(_ part: SealedPart, _ entry: BlockEntry, _ block: Int) throws -> BlockDirectory {
        if let directory { return directory }
        let loaded = try part.directory(of: block)
        context.count { $0.bytesRead += entry.length - entry.directoryOffset }
        directory = loaded
        return loaded
    }

    var times: [Int64] {
        get throws {
            switch source {
            case .memory(let chunk): return chunk.batch.timestamps
            case .sealed(let part, let entry, let block):
                if let cachedTimes { return cachedTimes }
                let reference = try loadDirectory(part, entry, block).times
                let loaded = try part.integers(reference, of: block)
                try note(reference.length, held: rows * 8)
                cachedTimes = loaded
                return loaded
            }
        }
    }

    var sequences: [UInt64] {
        get throws {
            switch source {
            case .memory(let chunk): return chunk.batch.sequences
            case .sealed(let part, let entry, let block):
                if let cachedSequences { return cachedSequences }
                let reference = try loadDirectory(part, entry, block).sequences
                let loaded = try part.sequences(reference, of: block)
                try note(reference.length, held: rows * 8)
                cachedSequences = loaded
                return loaded
            }
        }
    }

    var groupOfRow: [UInt32] {
        get throws {
            switch source {
            case .memory(let chunk): return chunk.batch.groupOfRow
            case .sealed(let part, let entry, let block):
                if let cachedGroups { return cachedGroups }
                if let only = entry.groups.only { return [UInt32](repeating: only, count: rows) }
                let reference = try loadDirectory(part, entry, block).groups
                let loaded = try part.groupNumbers(reference, of: block)
                try note(reference.length, held: rows * 4)
                cachedGroups = loaded
                return loaded
            }
        }
    }

    func column(_ name: String) throws -> DecodedColumn? {
        if let known = columns[name] { return known }
        switch source {
        case .memory(let chunk):
            guard let column = chunk.batch.column(name), column.count > 0 else { return nil }
            let decoded = DecodedColumn(column, rowCount: rows)
            columns[name] = decoded
            return decoded
        case .sealed(let part, let entry, let block):
            guard let column = try loadDirectory(part, entry, block).column(name) else { return nil }
            let decoded = try part.column(column, of: block)
            try note(column.chunk.length, held: decoded.footprint)
            columns[name] = decoded
            return decoded
        }
    }

    /// As ``column(_:)``; of a text, only the lines of the rows that are wanted are put together, if these are few.
    func column(_ name: String, _ wanted: RowMask?) throws -> DecodedColumn? {
        guard columns[name] == nil, let wanted, wanted.population &* 2 < rows, let text = try text(name) else {
            return try column(name)
        }
        let decoded: DecodedColumn
        do throws(CodecError) {
            decoded = try text.decoded(wanted)
        } catch { throw damage(error, of: name) }
        try charge(decoded.footprint)
        return decoded
    }

    /// A text column to look into; nil where the column is none, or is in memory.
    func text(_ name: String) throws -> TextColumn? {
        guard case .sealed(let part, let entry, let block) = source,
            let column = try loadDirectory(part, entry, block).column(name), column.encoding == .text
        else { return nil }
        if let known = texts[name] { return known }
        let opened = try part.text(column, of: block) { [context] read in context.count { $0.bytesRead += read } }
        try charge(opened.reader.footprint)
        texts[name] = opened
        return opened
    }

    func damage(_ error: CodecError, of name: String) -> any Error {
        guard case .sealed(let part, let entry, let block) = source,
            let column = try? loadDirectory(part, entry, block).column(name)
        else { return error }
        return part.damage(error, of: column, block)
    }

    /// The rows whose text holds the needle, and those that have one; nil where the column is no text of a part or
    /// is held already.
    func rows(containing needle: [UInt8], in name: String) throws -> (
        holding: RowMask, presence: DecodedColumn.Presence
    )? {
        guard columns[name] == nil, let text = try text(name) else { return nil }
        do throws(CodecError) {
            return (try text.rows(containing: needle), text.presence)
        } catch { throw damage(error, of: name) }
    }

    /// The patterns of the lines, of the rows that have one; nil where they are no text of a part or are held already.
    func minedLines() throws -> (patterns: LinePatterns, presence: DecodedColumn.Presence)? {
        guard columns[EventColumnName.line] == nil, case .sealed(let part, let entry, let block) = source,
            let column = try loadDirectory(part, entry, block).column(EventColumnName.line), column.encoding == .text
        else { return nil }
        let text = try part.text(column, of: block) { read in self.context.count { $0.bytesRead += read } }
        do throws(CodecError) {
            return (try text.reader.linePatterns(), text.presence)
        } catch {
            throw part.damage(error, of: column, block)
        }
    }

    /// The same for an expression, of some rows; those that it is unknown of have to be put together.
    func rows(matching pattern: Pattern, in name: String, among wanted: RowMask) throws -> (
        matches: RowMask, unknown: RowMask, presence: DecodedColumn.Presence
    )? {
        guard columns[name] == nil, let text = try text(name) else { return nil }
        do throws(CodecError) {
            return try text.rows(matching: pattern, among: wanted).map { ($0.matches, $0.unknown, text.presence) }
        } catch { throw damage(error, of: name) }
    }

    var columnNames: [String] {
        get throws {
            switch source {
            case .memory(let chunk): return chunk.batch.columns.map(\.name)
            case .sealed(let part, let entry, let block):
                return try loadDirectory(part, entry, block).columns.map(\.name)
            }
        }
    }

    private func note(_ read: Int, held: Int) throws {
        context.count { $0.bytesRead += read }
        try charge(held)
    }

    /// Bytes of decoded columns that ``dropColumns()`` would free.
    var heldBytes: Int { charged }

    /// Forgets what was decoded; it is read again when asked for.
    func dropColumns() {
        columns = [:]
        texts = [:]
        cachedTimes = nil
        cachedSequences = nil
        cachedGroups = nil
        context.release(memory: charged)
        charged = 0
    }
}
