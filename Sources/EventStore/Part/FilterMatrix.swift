import Codecs

/// The gram filters of one kind of many blocks of one column, turned on their side: a row of the matrix has one bit for
/// each block, and says for one place of the filter in which blocks it is set. A needle of twenty bytes then reads some
/// tens of rows for all blocks together instead of a filter for each.
struct FilterMatrix {
    /// More blocks begin another matrix: what a writer has to hold.
    static let maximumBlocks = 128
    /// Rows are packed and checked together in chunks of about this size. Words have small filters of many sizes.
    private var chunkBytes: Int { kind == .text ? 256 : 1024 }
    /// A filter's length in the file is no larger.
    private static let longestFilter = 1 << 24

    var column: String
    var kind: GramKind
    /// Bytes of each filter.
    var filterBytes: Int
    /// Numbers of the blocks, ascending; bit n of a row is block n of this list.
    var blocks: [UInt32]
    /// In the file.
    var offset: Int
    /// In the file: the lengths of the chunks, two bytes each, with their checksum; then the chunks, each with its own.
    var length: Int

    /// Of a row; rows follow one another without a gap.
    var rowBits: Int { blocks.count }
    /// A multiple of eight, so that chunks are whole bytes.
    var rowsPerChunk: Int { min(max(8, chunkBytes * 8 / rowBits & ~7), filterBytes * 8) }
    var chunkCount: Int { (filterBytes * 8 + rowsPerChunk - 1) / rowsPerChunk }
    /// Of the lengths, with their checksum.
    var indexSize: Int { chunkCount * 2 + 4 }

    /// Where the chunks begin in the file, and where the last one ends; from the checked lengths.
    func bounds(_ index: ArraySlice<UInt8>) -> [Int] {
        var out = [offset + indexSize]
        out.reserveCapacity(chunkCount + 1)
        var at = index.startIndex
        while at + 1 < index.endIndex {
            out.append(out[out.count - 1] + Int(index[at]) + Int(index[at + 1]) << 8 + 4)
            at += 2
        }
        return out
    }

    /// Of a chunk, once unpacked.
    func plainSize(ofChunk chunk: Int) -> Int {
        min(rowsPerChunk, filterBytes * 8 - chunk * rowsPerChunk) * rowBits / 8
    }

    /// The blocks of a row as a bitmap, from the chunk that it is in.
    func row(_ row: Int, in chunk: ArraySlice<UInt8>) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: (rowBits + 7) / 8)
        let first = row % rowsPerChunk * rowBits
        for i in out.indices {
            let at = first + 8 * i
            var byte = UInt16(chunk[chunk.startIndex + at >> 3])
            if at >> 3 + 1 < chunk.count { byte |= UInt16(chunk[chunk.startIndex + at >> 3 + 1]) << 8 }
            out[i] = UInt8(truncatingIfNeeded: byte >> UInt16(at & 7))
        }
        return out
    }

    /// The body. `filters` are those of ``blocks``, each of ``filterBytes``.
    static func encode(_ filters: [[UInt8]], kind: GramKind, filterBytes: Int) -> [UInt8] {
        let matrix = FilterMatrix(
            column: "", kind: kind, filterBytes: filterBytes, blocks: [UInt32](repeating: 0, count: filters.count),
            offset: 0, length: 0)
        let rowBits = matrix.rowBits
        var plain = [UInt8](repeating: 0, count: filterBytes * rowBits + 1)
        // Eight blocks by eight places at a time.
        for block in stride(from: 0, to: filters.count, by: 8) {
            let some = filters[block..<min(block + 8, filters.count)]
            for i in 0..<filterBytes {
                var square: UInt64 = 0
                var shift: UInt64 = 0
                for filter in some {
                    square |= UInt64(filter[i]) << shift
                    shift += 8
                }
                if square == 0 { continue }
                square = transposed(square)
                var at = i * 8 * rowBits + block
                for row: UInt64 in 0..<8 {
                    let bits = UInt16(truncatingIfNeeded: square >> (8 * row) & 0xff) << UInt16(at & 7)
                    plain[at >> 3] |= UInt8(truncatingIfNeeded: bits)
                    plain[at >> 3 + 1] |= UInt8(truncatingIfNeeded: bits >> 8)
                    at += rowBits
                }
            }
        }
        plain.removeLast()
        let step = matrix.rowsPerChunk * rowBits / 8
        var index = ByteWriter(reserving: matrix.indexSize)
        var chunks = ByteWriter(reserving: plain.count + matrix.chunkCount * 4)
        for start in stride(from: 0, to: plain.count, by: step) {
            let packed = DenseBits.pack(plain[start..<min(start + step, plain.count)])
            index.write(UInt8(truncatingIfNeeded: packed.count))
            index.write(UInt8(truncatingIfNeeded: packed.count >> 8))
            chunks.writeBytes(packed)
            chunks.writeFixed32(CRC32C.checksum(packed))
        }
        index.writeFixed32(CRC32C.checksum(index.bytes))
        return index.bytes + chunks.bytes
    }

    /// The filters again, from the checked chunks put together.
    func filters(plain chunks: [UInt8]) -> [[UInt8]] {
        let plain = chunks + [0]
        var out: [[UInt8]] = []
        out.reserveCapacity(blocks.count)
        for block in stride(from: 0, to: blocks.count, by: 8) {
            var squares = [UInt64](repeating: 0, count: filterBytes)
            for i in 0..<filterBytes {
                var at = i * 8 * rowBits + block
                var square: UInt64 = 0
                for row: UInt64 in 0..<8 {
                    let bits = UInt16(plain[at >> 3]) | UInt16(plain[at >> 3 + 1]) << 8
                    square |= UInt64(bits >> UInt16(at & 7) & 0xff) << (8 * row)
                    at += rowBits
                }
                squares[i] = FilterMatrix.transposed(square)
            }
            for number in 0..<min(8, blocks.count - block) {
                out.append(squares.map { UInt8(truncatingIfNeeded: $0 >> UInt64(8 * number)) })
            }
        }
        return out
    }

    /// Of eight bytes of eight bits each: bit n of byte m becomes bit m of byte n.
    private static func transposed(_ square: UInt64) -> UInt64 {
        var x = square
        var t = (x ^ (x >> 7)) & 0x00aa_00aa_00aa_00aa
        x ^= t ^ (t << 7)
        t = (x ^ (x >> 14)) & 0x0000_cccc_0000_cccc
        x ^= t ^ (t << 14)
        t = (x ^ (x >> 28)) & 0x0000_0000_f0f0_f0f0
        return x ^ t ^ (t << 28)
    }

    func write(to writer: inout ByteWriter) {
        writer.writeLengthPrefixed(column)
        writer.write(kind.rawValue)
        writer.writeVarint(filterBytes)
        writer.writeVarint(offset)
        writer.writeVarint(length)
        GroupRuns(blocks).write(to: &writer)
    }

    init(column: String, kind: GramKind, filterBytes: Int, blocks: [UInt32], offset: Int, length: Int) {
        self.column = column
        self.kind = kind
        self.filterBytes = filterBytes
        self.blocks = blocks
        self.offset = offset
        self.length = length
    }

    init(_ reader: inout ByteReader, fileSize: Int, blockCount: Int) throws(CodecError) {
        column = try reader.readString()
        let kindByte = try reader.readByte()
        guard let kind = GramKind(rawValue: kindByte) else { throw reader.failure("unknown filter \(kindByte)") }
        self.kind = kind
        filterBytes = max(1, try reader.readCount(limit: FilterMatrix.longestFilter))
        offset = try reader.readCount(limit: fileSize)
        length = try reader.readCount(limit: fileSize - offset)
        let runs = try GroupRuns(&reader, limit: blockCount)
        guard runs.count > 0, runs.count <= FilterMatrix.maximumBlocks else {
            throw reader.failure("a filter matrix of \(runs.count) blocks")
        }
        blocks = runs.numbers
        guard length >= indexSize else { throw reader.failure("a filter matrix of \(length) bytes") }
    }
}
