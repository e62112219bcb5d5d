import Telemetry

/// Which bytes of a table's parts are what: where compression and filters are judged by.
package struct PartLayout: Sendable {
    /// By what they hold.
    package private(set) var bytes: [String: Int] = [:]
    /// Blocks that a merge copies as they are, and others.
    package private(set) var finalBlocks = 0
    package private(set) var otherBlocks = 0
    /// Of the blocks that a merge makes anew.
    package private(set) var otherRaw = 0

    private mutating func add(_ what: String, _ count: Int) { bytes[what, default: 0] += count }

    mutating func add(_ part: SealedPart) throws {
        let footer = try part.footer
        var known = 0
        for matrix in footer.matrices {
            add("filters \(matrix.kind) of \(matrix.column)", matrix.length)
            known += matrix.length
        }
        for segment in footer.segments {
            add("labels", segment.identityLength + segment.extentLength)
            known += segment.identityLength + segment.extentLength
        }
        for (number, entry) in footer.blocks.enumerated() {
            known += entry.length
            if entry.isFinal {
                finalBlocks += 1
            } else {
                otherBlocks += 1
                otherRaw += entry.rawBytes
            }
            let directory = try part.directory(of: number)
            add("directories", entry.length - entry.directoryOffset)
            add("timestamps", directory.times.length)
            add("sequences", directory.sequences.length)
            add("groups", directory.groups.length)
            for column in directory.columns {
                if column.filterKind != .none { add("filters exact of \(column.name)", column.filter.length) }
                guard column.encoding == .text else {
                    add("\(column.name) \(column.encoding)", column.chunk.length)
                    continue
                }
                let text = try part.text(column, of: number) { _ in }
                try add(text, column)
            }
        }
        add("footers", part.size - known)
    }

    private mutating func add(_ text: TextColumn, _ column: ColumnEntry) throws {
        let directory = text.reader.directory
        var chunks = 0
        func length(_ body: TextBody) -> Int { body.chunk?.range.count ?? 0 }
        for node in directory.nodes {
            if let codes = node.codes {
                add("\(column.name) templates of lines", length(codes))
                chunks += length(codes)
            }
            for variable in node.columns {
                let count =
                    length(variable.body) + length(variable.bytes) + variable.planes.reduce(0) { $0 + length($1) }
                add("\(column.name) \(variable.encoding)", count)
                chunks += count
            }
        }
        add("\(column.name) heads", column.chunk.length - chunks)
    }
}

extension EmbeddedEventStore {
    /// Of the parts that there are now.
    package func layout(of table: EventTable) throws -> PartLayout {
        var layout = PartLayout()
        for part in try store(of: table).snapshot.parts { try layout.add(part.part) }
        return layout
    }
}
