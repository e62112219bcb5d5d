import Codecs

/// The gram filters of one kind of many blocks of one column, turned on their side: a row of the matrix has one bit for each
/// block, and says for one place of the filter in which blocks it is set. A needle of twenty bytes then reads some tens
/// of rows for all blocks together instead of a filter for each.
struct FilterMatrix {
    /// More blocks begin another matrix: what a writer has to hold.
    static let maximumBlocks = 128
    /// Rows are checked together in chunks of about this size.
    static let chunkBytes = 512

    var column: String
    var kind: GramKind
    /// Bytes of each filter, a power of two.
    var filterBytes: Int
    /// Numbers of the blocks, ascending; bit n of a row is block n of this list.
    var blocks: [UInt32]
    /// In the file.
    var offset: Int

    var rowBytes: Int { (blocks.count + 7) / 8 }
    var rowsPerChunk: Int { max(1, min(FilterMatrix.chunkBytes / rowBytes, filterBytes * 8)) }
    var chunkCount: Int { (filterBytes * 8 + rowsPerChunk - 1) / rowsPerChunk }
    /// In the file, with a checksum after each chunk.
    var length: Int { filterBytes * 8 * rowBytes + chunkCount * 4 }

    func chunk(ofPlace place: UInt32) -> Int { Int(place) & (filterBytes * 8 - 1) / rowsPerChunk }

    /// Where a chunk is in the file, with its checksum.
    func extent(ofChunk chunk: Int) -> (offset: Int, length: Int) {
        let first = chunk * rowsPerChunk
        let rows = min(rowsPerChunk, filterBytes * 8 - first)
        return (offset + chunk * (rowsPerChunk * rowBytes + 4), rows * rowBytes + 4)
    }

    /// The body. `filters` are those of ``blocks``, each of ``filterBytes``.
    static func encode(_ filters: [[UInt8]], filterBytes: Int) -> [UInt8] {
        let matrix = FilterMatrix(
            column: "", kind: .text, filterBytes: filterBytes, blocks: [UInt32](repeating: 0, count: filters.count),
            offset: 0)
        let rowBytes = matrix.rowBytes
        var plain = [UInt8](repeating: 0, count: filterBytes * 8 * rowBytes)
        for (number, filter) in filters.enumerated() {
            let byte = number >> 3
            let bit: UInt8 = 1 << UInt8(number & 7)
            for (i, word) in filter.enumerated() where word != 0 {
                var left = word
                while left != 0 {
                    plain[(i << 3 + left.trailingZeroBitCount) * rowBytes + byte] |= bit
                    left &= left &- 1
                }
            }
        }
        var writer = ByteWriter(reserving: matrix.length)
        var start = 0
        while start < plain.count {
            let end = min(start + matrix.rowsPerChunk * rowBytes, plain.count)
            writer.writeBytes(plain[start..<end])
            writer.writeFixed32(CRC32C.checksum(plain[start..<end]))
            start = end
        }
        return writer.bytes
    }

    /// The filters again, from the checked chunks put together.
    func filters(plain: [UInt8]) -> [[UInt8]] {
        var out = [[UInt8]](repeating: [UInt8](repeating: 0, count: filterBytes), count: blocks.count)
        let rowBytes = rowBytes
        for place in 0..<filterBytes * 8 {
            for byte in 0..<rowBytes {
                var left = plain[place * rowBytes + byte]
                while left != 0 {
                    out[byte << 3 + left.trailingZeroBitCount][place >> 3] |= 1 << UInt8(place & 7)
                    left &= left &- 1
                }
            }
        }
        return out
    }

    func write(to writer: inout ByteWriter) {
        writer.writeLengthPrefixed(column)
        writer.write(kind.rawValue)
        writer.writeVarint(filterBytes.trailingZeroBitCount)
        writer.writeVarint(offset)
        GroupRuns(blocks).write(to: &writer)
    }

    init(column: String, kind: GramKind, filterBytes: Int, blocks: [UInt32], offset: Int) {
        self.column = column
        self.kind = kind
        self.filterBytes = filterBytes
        self.blocks = blocks
        self.offset = offset
    }

    init(_ reader: inout ByteReader, fileSize: Int, blockCount: Int) throws(CodecError) {
        column = try reader.readString()
        let kindByte = try reader.readByte()
        guard let kind = GramKind(rawValue: kindByte) else { throw reader.failure("unknown filter \(kindByte)") }
        self.kind = kind
        filterBytes = 1 << (try reader.readCount(limit: 24))
        offset = try reader.readCount(limit: fileSize)
        let runs = try GroupRuns(&reader, limit: blockCount)
        guard runs.count > 0, runs.count <= FilterMatrix.maximumBlocks else {
            throw reader.failure("a filter matrix of \(runs.count) blocks")
        }
        blocks = runs.numbers
        guard length <= fileSize - offset else { throw reader.failure("a filter matrix outside of the file") }
    }
}
