internal import Telemetry

/// Reads the rows of one batch into records: the line, the stream's labels, structured metadata with names as a query
/// spells them.
struct RowSource {
    private struct Metadata {
        let column: EventColumn
        let name: Int
        var cursor = 0
    }

    private struct Group {
        var fields: [Record.Field]
        var bytes: [UInt8]
    }

    private let batch: EventBatch
    private let lines: EventColumn?
    private var lineCursor = 0
    private var metadata: [Metadata] = []
    private var groups: [Group?]
    private var scratch: [UInt8] = []

    /// - Parameter wanted: the structured metadata that somebody will look at; nil for all.
    init(_ batch: EventBatch, names: inout ByteTable, wanted: NameSet? = nil) {
        self.batch = batch
        lines = batch.column(EventColumnName.line)
        groups = [Group?](repeating: nil, count: batch.groups.count)
        for column in batch.columns where column.name != EventColumnName.line {
            let name = names.id(LabelName.sanitised(column.name))
            if wanted?.contains(name) ?? true { metadata.append(Metadata(column: column, name: name)) }
        }
        // Of two columns that read alike (`a.b`, `a_b`) the later wins: the one spelled as the query spells it,
        // whatever the order in which a store hands them over.
        metadata.sort { a, b in
            let (aIsExact, bIsExact) = (RowSource.isExact(a.column.name), RowSource.isExact(b.column.name))
            return aIsExact == bIsExact ? a.column.name < b.column.name : bIsExact
        }
    }

    private static func isExact(_ name: String) -> Bool { name.utf8.allSatisfy(LabelName.isAllowed) }

    var count: Int { batch.rowCount }

    func timestamp(_ row: Int) -> Int64 { batch.timestamps[row] }
    func group(_ row: Int) -> Int { Int(batch.groupOfRow[row]) }

    /// Rows must be asked for in ascending order.
    mutating func line(_ row: Int) -> ArraySlice<UInt8> {
        guard let lines else { return [] }
        RowSource.advance(&lineCursor, lines, to: row)
        guard lineCursor < lines.count, Int(lines.rows[lineCursor]) == row else { return [] }
        return lines.bytes[lines.range(at: lineCursor)]
    }

    private static func advance(_ cursor: inout Int, _ column: EventColumn, to row: Int) {
        while cursor < column.count, Int(column.rows[cursor]) < row { cursor += 1 }
    }

    /// Adds the labels of the row to a record that has begun.
    mutating func load(_ row: Int, into record: inout Record) {
        let index = Int(batch.groupOfRow[row])
        guard index < groups.count else { return }
        if groups[index] == nil { groups[index] = RowSource.fields(of: batch.groups[index], &record) }
        if let group = groups[index] { record.load(group.fields, bytes: group.bytes) }
        for i in metadata.indices {
            RowSource.advance(&metadata[i].cursor, metadata[i].column, to: row)
            let cursor = metadata[i].cursor
            guard cursor < metadata[i].column.count, Int(metadata[i].column.rows[cursor]) == row else { continue }
            let column = metadata[i].column
            let payload = column.bytes[column.range(at: cursor)]
            if column.kinds[cursor] == .string {
                record.addMetadata(metadata[i].name, payload)
            } else {
                scratch.removeAll(keepingCapacity: true)
                FieldText.append(kind: column.kinds[cursor], payload, to: &scratch)
                record.addMetadata(metadata[i].name, scratch)
            }
        }
    }

    private static func fields(of group: EventGroup, _ record: inout Record) -> Group {
        var draft = Record()
        swap(&draft.names, &record.names)
        defer { swap(&draft.names, &record.names) }
        draft.begin(timestamp: 0, line: [])
        var fields: [Record.Field] = []
        group.labels.forEachRange { name, value in
            let id = draft.names.id(group.labels.bytes[name])
            fields.append(Record.Field(name: id, category: .stream, start: value.lowerBound, end: value.upperBound))
        }
        draft.load(fields, bytes: group.labels.bytes)
        var text: [UInt8] = []
        for attribute in group.shared {
            text.removeAll(keepingCapacity: true)
            FieldText.append(attribute.value, to: &text)
            draft.addMetadata(draft.names.id(LabelName.sanitised(attribute.key)), text)
        }
        return Group(fields: draft.fields, bytes: draft.arena)
    }
}
