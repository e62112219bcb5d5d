import Codecs
import Storage
import Telemetry

/// A block of rows that a query looks at: of a part or of memory. Columns are read when they are asked for.
final class ScanBlock {
    enum Source {
        case memory(MemoryChunk)
        case sealed(SealedPart, block: Int)
    }

    let source: Source
    let facts: GroupFacts
    let rows: Int
    let firstTime: Int64
    let lastTime: Int64
    /// The groups with rows in it; nil where that is not known.
    let groupNumbers: [UInt32]?
    private let context: QueryContext
    private var directory: BlockDirectory?
    private var cachedTimes: [Int64]?
    private var cachedSequences: [UInt64]?
    private var cachedGroups: [UInt32]?
    private var columns: [String: DecodedColumn] = [:]
    private var charged = 0

    init(chunk: MemoryChunk, facts: GroupFacts, context: QueryContext) {
        source = .memory(chunk)
        self.facts = facts
        self.context = context
        rows = chunk.batch.rowCount
        firstTime = chunk.firstTime
        lastTime = chunk.lastTime
        groupNumbers = nil
    }

    init(part: SealedPart, block: Int, facts: GroupFacts, context: QueryContext) {
        source = .sealed(part, block: block)
        self.facts = facts
        self.context = context
        let entry = part.footer.blocks[block]
        rows = entry.rows
        firstTime = entry.firstTime
        lastTime = entry.lastTime
        groupNumbers = entry.groups
    }

    deinit { context.release(memory: charged) }

    private func charge(_ bytes: Int) throws {
        charged += bytes
        try context.charge(memory: bytes)
    }

    func loadDirectory(_ part: SealedPart, _ block: Int) throws -> BlockDirectory {
        if let directory { return directory }
        let loaded = try part.directory(of: block)
        let entry = part.footer.blocks[block]
        context.count { $0.bytesRead += entry.length - entry.directoryOffset }
        directory = loaded
        return loaded
    }

    var times: [Int64] {
        get throws {
            switch source {
            case .memory(let chunk): return chunk.batch.timestamps
            case .sealed(let part, let block):
                if let cachedTimes { return cachedTimes }
                let reference = try loadDirectory(part, block).times
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
            case .sealed(let part, let block):
                if let cachedSequences { return cachedSequences }
                let reference = try loadDirectory(part, block).sequences
                let loaded = try part.integers(reference, of: block).map { UInt64(bitPattern: $0) }
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
            case .sealed(let part, let block):
                if let cachedGroups { return cachedGroups }
                if let only = groupNumbers, only.count == 1 { return [UInt32](repeating: only[0], count: rows) }
                let reference = try loadDirectory(part, block).groups
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
        case .sealed(let part, let block):
            guard let entry = try loadDirectory(part, block).column(name) else { return nil }
            let decoded = try part.column(entry, of: block)
            try note(entry.chunk.length, held: decoded.footprint)
            columns[name] = decoded
            return decoded
        }
    }

    /// The rows whose text holds the needle, and those that have one; nil where the column is no text of a part or
    /// is held already.
    func rows(containing needle: [UInt8], in name: String) throws -> (holding: RowMask, presence: DecodedColumn.Presence)? {
        guard columns[name] == nil, case .sealed(let part, let block) = source,
            let entry = try loadDirectory(part, block).column(name), entry.encoding == .text
        else { return nil }
        let text = try part.text(entry, of: block) { read in self.context.count { $0.bytesRead += read } }
        do throws(CodecError) {
            return (try text.rows(containing: needle), text.presence)
        } catch {
            throw part.damage(error, of: entry, block)
        }
    }

    var columnNames: [String] {
        get throws {
            switch source {
            case .memory(let chunk): return chunk.batch.columns.map(\.name)
            case .sealed(let part, let block): return try loadDirectory(part, block).columns.map(\.name)
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
        cachedTimes = nil
        cachedSequences = nil
        cachedGroups = nil
        context.release(memory: charged)
        charged = 0
    }
}
