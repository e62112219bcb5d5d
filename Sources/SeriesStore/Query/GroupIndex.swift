import Codecs
internal import Storage
internal import Telemetry

/// A series table made ready for queries: numbers of the series, and where their blocks are. Never changed.
final class GroupIndex: Sendable {
    struct Column {
        var offset: Int
        var length: Int
        var count: Int
        var first: Int64
        var last: Int64
    }

    struct Block {
        /// In the file, or in ``inlineBytes``.
        var offset: Int
        var length: UInt32
        var column: UInt32
        /// The block of this group that it is the difference to, −1 for none.
        var reference: Int32
        var flags: UInt8

        var isInline: Bool { flags & BlockFlag.inline != 0 }
        var isHistogram: Bool { flags & 3 == BlockKind.histograms.rawValue }
    }

    let dictionary: SeriesDictionary
    /// For each series of the group its number.
    let series: [UInt32]
    /// Blocks of series `n` are `blocks[blockEnds[n - 1]..<blockEnds[n]]`.
    let blockEnds: [UInt32]
    let blocks: [Block]
    let columns: [Column]
    let inlineBytes: [UInt8]

    func blocks(of place: Int) -> Range<Int> {
        (place > 0 ? Int(blockEnds[place - 1]) : 0)..<Int(blockEnds[place])
    }

    func overlaps(_ range: TimeRange, block: Int) -> Bool {
        let column = columns[Int(blocks[block].column)]
        return range.overlaps(first: column.first, last: column.last)
    }

    var byteCount: Int {
        series.count * 8 + blocks.count * MemoryLayout<Block>.stride + columns.count * MemoryLayout<Column>.stride
            + inlineBytes.count + 200
    }

    init(_ part: SeriesPart, group index: Int, _ dictionary: SeriesDictionary) throws {
        let group = part.directory.groups[index]
        let table = try part.sealed(group.tableOffset, group.tableLength, "series table")
        var parse = Parse(offset: group.dataOffset, table: table)
        do {
            try parse.run(count: group.count)
        } catch {
            throw StorageError.corrupt(
                path: part.path, offset: group.tableOffset, reason: "series table: \(error.reason)")
        }
        self.dictionary = dictionary
        series = dictionary.numbers(of: parse.labelBytes, ends: parse.labelEnds)
        blockEnds = parse.blockEnds
        blocks = parse.blocks
        columns = parse.columns
        inlineBytes = parse.inlineBytes
    }

    private struct Parse {
        var offset: Int
        let table: [UInt8]
        var labelBytes: [UInt8] = []
        var labelEnds: [Int] = []
        var blockEnds: [UInt32] = []
        var blocks: [Block] = []
        var columns: [Column] = []
        var inlineBytes: [UInt8] = []

        init(offset: Int, table: [UInt8]) {
            self.offset = offset
            self.table = table
        }

        mutating func run(count: Int) throws(CodecError) {
            var reader = ByteReader(table)
            try readColumns(&reader)
            // Of the series before.
            var previous = 0..<0
            var labels: [UInt8] = []
            for _ in 0..<count {
                let shared = try reader.readCount(limit: labels.count)
                labels.removeSubrange(shared...)
                labels.append(contentsOf: try reader.readLengthPrefixed())
                labelBytes += labels
                labelEnds.append(labelBytes.count)
                let start = blocks.count
                for _ in 0..<(try reader.readCount(limit: reader.remaining)) { try readBlock(&reader, previous) }
                blockEnds.append(UInt32(truncatingIfNeeded: blocks.count))
                previous = start..<blocks.count
            }
            guard reader.isAtEnd else { throw reader.failure("bytes after the last series") }
        }

        private mutating func readColumns(_ reader: inout ByteReader) throws(CodecError) {
            let count = try reader.readCount(limit: reader.remaining)
            columns.reserveCapacity(count)
            var offset = 0
            for _ in 0..<count {
                let samples = try reader.readCount(limit: PartFormat.blockSamples)
                guard samples > 0 else { throw reader.failure("a column of no timestamps") }
                let first = try reader.readZigzag()
                let last = first &+ (try reader.readZigzag())
                let length = try reader.readCount(limit: 1 << 32)
                if length > 0 {
                    let (place, overflow) = Int64(offset).addingReportingOverflow(try reader.readZigzag())
                    guard !overflow, place >= 0, place <= 1 << 48 else {
                        throw reader.failure("timestamps at \(place)")
                    }
                    offset = Int(place)
                }
                columns.append(Column(offset: offset, length: length, count: samples, first: first, last: last))
            }
        }

        private mutating func readBlock(_ reader: inout ByteReader, _ previous: Range<Int>) throws(CodecError) {
            let flags = try reader.readByte()
            guard BlockKind(rawValue: flags & 3) != nil, flags & ~BlockFlag.known == 0 else {
                throw reader.failure("unknown block kind \(flags)")
            }
            let column = try readColumn(&reader)
            if flags & BlockFlag.starts != 0 {
                let starts = try readColumn(&reader)
                guard columns[starts].count == columns[column].count else {
                    throw reader.failure("\(columns[starts].count) start timestamps")
                }
            }
            var block = Block(
                offset: inlineBytes.count, length: 0, column: UInt32(truncatingIfNeeded: column), reference: -1,
                flags: flags)
            if flags & BlockFlag.inline != 0 {
                let bytes = try reader.readLengthPrefixed()
                inlineBytes += bytes
                block.length = UInt32(truncatingIfNeeded: bytes.count)
            } else {
                let length = try reader.readCount(limit: Int(UInt32.max))
                block.offset = offset
                block.length = UInt32(truncatingIfNeeded: length)
                offset += length
            }
            if flags & BlockFlag.difference != 0 {
                guard
                    let before = previous.first(where: { blocks[$0].column == block.column && !blocks[$0].isHistogram })
                else { throw reader.failure("the series before has no block to refer to") }
                block.reference = Int32(truncatingIfNeeded: before)
            }
            blocks.append(block)
        }

        private func readColumn(_ reader: inout ByteReader) throws(CodecError) -> Int {
            let number = try reader.readCount(limit: columns.count - 1)
            guard number < columns.count else { throw reader.failure("timestamps \(number) of \(columns.count)") }
            return number
        }
    }
}
