import Codecs
internal import Storage
internal import Telemetry

/// The series table of one group, as read from its file.
struct PartGroupTable {
    private let part: SeriesPart
    private let group: PartDirectory.Group
    private let bytes: [UInt8]

    init(_ part: SeriesPart, group index: Int) throws {
        self.part = part
        group = part.directory.groups[index]
        bytes = try part.sealed(group.tableOffset, group.tableLength, "series table")
    }

    /// Those of the group's series, by their number in it, that are wanted.
    func series(where isWanted: (Int) -> Bool) throws -> [PartSeries] {
        do {
            var reader = ByteReader(bytes)
            let columns = try readColumns(&reader)
            var all: [PartSeries] = []
            var labels: [UInt8] = []
            var offset = group.dataOffset
            // Of the series before.
            var previous: [PartBlock] = []
            for number in 0..<group.count {
                let shared = try reader.readCount(limit: labels.count)
                labels.removeSubrange(shared...)
                labels.append(contentsOf: try reader.readLengthPrefixed())
                let count = try reader.readCount(limit: reader.remaining)
                var blocks: [PartBlock] = []
                blocks.reserveCapacity(count)
                for _ in 0..<count { blocks.append(try readBlock(&reader, columns, previous, &offset)) }
                // The table's checksum held, so these are the canonical bytes that were written.
                if isWanted(number) { all.append(PartSeries(labels: LabelSet(canonical: labels), blocks: blocks)) }
                previous = blocks
            }
            guard reader.isAtEnd else { throw reader.failure("bytes after the last series") }
            return all
        } catch {
            throw StorageError.corrupt(
                path: part.path, offset: group.tableOffset,
                reason: "series table: \((error as? CodecError)?.reason ?? "\(error)")")
        }
    }

    private func readColumns(_ reader: inout ByteReader) throws(CodecError) -> [PartTimes] {
        let count = try reader.readCount(limit: reader.remaining)
        var columns: [PartTimes] = []
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
                guard !overflow, place >= 0, place <= 1 << 48 else { throw reader.failure("timestamps at \(place)") }
                offset = Int(place)
            }
            columns.append(PartTimes(offset: offset, length: length, count: samples, first: first, last: last))
        }
        return columns
    }

    private func readBlock(
        _ reader: inout ByteReader, _ columns: [PartTimes], _ previous: [PartBlock], _ offset: inout Int
    ) throws(CodecError) -> PartBlock {
        let flags = try reader.readByte()
        guard let kind = BlockKind(rawValue: flags & 3), flags & ~BlockFlag.known == 0 else {
            throw reader.failure("unknown block kind \(flags)")
        }
        let times = try column(&reader, columns)
        var starts: PartTimes?
        if flags & BlockFlag.starts != 0 {
            let column = try column(&reader, columns)
            guard column.count == times.count else { throw reader.failure("\(column.count) start timestamps") }
            starts = column
        }
        var block = PartBlock(kind: kind, offset: group.tableOffset, length: 0, times: times, starts: starts)
        if flags & BlockFlag.inline != 0 {
            block.inline = Array(try reader.readLengthPrefixed())
        } else {
            block.offset = offset
            block.length = try reader.readCount(limit: 1 << 32)
            offset += block.length
        }
        if flags & BlockFlag.difference != 0 {
            guard let before = previous.first(where: { $0.kind == .floats && $0.times === times }) else {
                throw reader.failure("the series before has no block to refer to")
            }
            block.reference = PartReference(before)
        }
        return block
    }

    private func column(_ reader: inout ByteReader, _ columns: [PartTimes]) throws(CodecError) -> PartTimes {
        let number = try reader.readCount(limit: columns.count - 1)
        guard number < columns.count else { throw reader.failure("timestamps \(number) of \(columns.count)") }
        return columns[number]
    }
}
