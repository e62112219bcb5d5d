import Codecs
import Storage
import Synchronization
import Telemetry

/// An immutable file of rows, opened when it is first read. The open file outlives its name, so that a part may be
/// removed while it is read.
final class SealedPart: Sendable {
    /// Name inside the table's folder, as the catalog knows it.
    let name: String
    let path: String
    let size: Int
    private let files: any FileSystem
    private let state = Mutex(State())

    private struct State {
        var file: (any File)?
        var footer: PartFooter?
        /// Some segments of groups, the last used at the end.
        var segments: [(number: Int, segment: StreamSegment)] = []
    }

    /// Parts with few streams keep all of them decoded; of a million streams a query decodes what it needs.
    private static let segmentLimit = 8

    init(name: String, path: String, size: Int, files: any FileSystem) {
        self.name = name
        self.path = path
        self.size = size
        self.files = files
    }

    private var file: any File {
        get throws(StorageError) {
            if let open = state.withLock({ $0.file }) { return open }
            let opened = try files.open(path, .read)
            return state.withLock { state in
                if let other = state.file { return other }
                state.file = opened
                return opened
            }
        }
    }

    /// Opens the file while it has its name.
    func hold() throws(StorageError) { _ = try file }

    func bytes(at offset: Int, count: Int) throws(StorageError) -> [UInt8] {
        let bytes = try file.read(at: offset, count: count)
        guard bytes.count == count else {
            throw .corrupt(
                path: path, offset: max(offset, 0), reason: "\(count) bytes wanted, the file has \(bytes.count) there")
        }
        return bytes
    }

    // MARK: Footer

    var footer: PartFooter {
        get throws(StorageError) {
            if let known = state.withLock({ $0.footer }) { return known }
            let read = try readFooter()
            state.withLock { $0.footer = read }
            return read
        }
    }

    private func readFooter() throws(StorageError) -> PartFooter {
        let trailerSize = PartFooter.trailerSize
        guard size >= PartFooter.magic.count + trailerSize else {
            throw .corrupt(path: path, offset: 0, reason: "the file is too short for an event part")
        }
        guard try bytes(at: 0, count: PartFooter.magic.count) == PartFooter.magic else {
            throw .corrupt(path: path, offset: 0, reason: "it does not begin like an event part of this format")
        }
        let trailerAt = size - trailerSize
        let trailer = try bytes(at: trailerAt, count: trailerSize)
        do {
            var reader = ByteReader(trailer)
            let offset = try reader.readCount64(limit: trailerAt)
            let length = try reader.readCount64(limit: trailerAt - offset)
            let checksum = try reader.readFixed32()
            guard try reader.readFixed32() == CRC32C.checksum(trailer[..<20]),
                trailer.suffix(8).elementsEqual(PartFooter.magic)
            else { throw CodecError(0, "the trailer's checksum does not match") }
            let packed = try bytes(at: offset, count: length)
            guard CRC32C.checksum(packed) == checksum else {
                throw CodecError(0, "the footer's checksum does not match")
            }
            var footerReader = ByteReader(packed)
            return try PartFooter(try PackedBytes.read(&footerReader), fileSize: size)
        } catch let error as CodecError {
            throw .corrupt(path: path, offset: trailerAt, reason: error.reason)
        } catch let error as StorageError {
            throw error
        } catch {
            throw .corrupt(path: path, offset: trailerAt, reason: "\(error)")
        }
    }

    func block(_ number: Int) throws(StorageError) -> BlockEntry { try footer.blocks[number] }

    // MARK: Groups

    private func checked(_ offset: Int, _ length: Int, _ checksum: UInt32, _ what: String) throws(StorageError)
        -> [UInt8]
    {
        let bytes = try bytes(at: offset, count: length)
        guard CRC32C.checksum(bytes) == checksum else {
            throw .corrupt(path: path, offset: offset, reason: "the checksum of \(what) does not match")
        }
        return bytes
    }

    func segment(_ number: Int) throws(StorageError) -> StreamSegment {
        let known = state.withLock { state -> StreamSegment? in
            guard let at = state.segments.firstIndex(where: { $0.number == number }) else { return nil }
            let found = state.segments.remove(at: at)
            state.segments.append(found)
            return found.segment
        }
        if let known { return known }
        let reference = try footer.segments[number]
        let bytes = try identities(number)
        let segment: StreamSegment
        do throws(CodecError) {
            segment = try StreamSegment(bytes, count: reference.count)
        } catch {
            throw .corrupt(path: path, offset: reference.offset + error.offset, reason: error.reason)
        }
        state.withLock { state in
            if state.segments.count >= SealedPart.segmentLimit { state.segments.removeFirst() }
            state.segments.append((number, segment))
        }
        return segment
    }

    /// The labels of a segment's groups, unpacked.
    private func identities(_ number: Int) throws(StorageError) -> [UInt8] {
        let reference = try footer.segments[number]
        let packed = try checked(
            reference.offset, reference.identityLength, reference.identityChecksum, "labels \(number)")
        do throws(CodecError) {
            var reader = ByteReader(packed)
            return try PackedBytes.read(&reader)
        } catch {
            throw .corrupt(path: path, offset: reference.offset + error.offset, reason: error.reason)
        }
    }

    /// One label of a segment; nil where no group has it.
    func label(_ name: String, ofSegment number: Int) throws(StorageError) -> SegmentLabel? {
        let reference = try footer.segments[number]
        let bytes = try identities(number)
        do throws(CodecError) {
            return try SegmentLabel(name, bytes, count: reference.count)
        } catch {
            throw .corrupt(path: path, offset: reference.offset + error.offset, reason: error.reason)
        }
    }

    func extents(_ number: Int) throws(StorageError) -> [GroupExtent] {
        let reference = try footer.segments[number]
        let offset = reference.offset + reference.identityLength
        let bytes = try checked(offset, reference.extentLength, reference.extentChecksum, "extents \(number)")
        do throws(CodecError) {
            return try GroupExtent.decode(bytes, count: reference.count)
        } catch {
            throw .corrupt(path: path, offset: offset + error.offset, reason: error.reason)
        }
    }

    func group(_ number: UInt32) throws(StorageError) -> EventGroup {
        try segment(Int(number) / StreamSegment.capacity).group(Int(number) % StreamSegment.capacity)
    }

    // MARK: Blocks

    func directory(of block: Int) throws(StorageError) -> BlockDirectory {
        let entry = try self.block(block)
        let bytes = try bytes(at: entry.offset + entry.directoryOffset, count: entry.length - entry.directoryOffset)
        guard CRC32C.checksum(bytes) == entry.directoryChecksum else {
            throw corrupt(entry.offset + entry.directoryOffset, "the directory's checksum does not match", block)
        }
        do throws(CodecError) {
            let directory = try BlockDirectory(bytes)
            guard directory.rows == entry.rows else {
                throw CodecError(0, "\(directory.rows) rows, footer says \(entry.rows)")
            }
            return directory
        } catch {
            throw corrupt(entry.offset + entry.directoryOffset + error.offset, error.reason, block)
        }
    }

    /// The bytes of a chunk of the block, checked.
    func chunk(_ reference: ChunkReference, of block: Int) throws(StorageError) -> [UInt8] {
        let entry = try self.block(block)
        guard reference.offset <= entry.length, reference.length <= entry.length - reference.offset else {
            throw corrupt(entry.offset, "a chunk lies outside of its block", block)
        }
        let bytes = try bytes(at: entry.offset + reference.offset, count: reference.length)
        guard CRC32C.checksum(bytes) == reference.checksum else {
            throw corrupt(entry.offset + reference.offset, "the checksum does not match", block)
        }
        return bytes
    }

    func column(_ column: ColumnEntry, of block: Int) throws(StorageError) -> DecodedColumn {
        let bytes = try chunk(column.chunk, of: block)
        do throws(CodecError) {
            return try ColumnReader.decode(
                bytes, entry: column, rowCount: try self.rows(of: block),
                times: { () throws(CodecError) in try self.times(of: block) })
        } catch {
            let at = try self.block(block).offset + column.chunk.offset + error.offset
            throw corrupt(at, "column \(column.name): \(error.reason)", block)
        }
    }

    /// A text column to search in: its chunks are read when they are needed, and `note` is told of each.
    func text(
        _ column: ColumnEntry, of block: Int, note: @escaping (Int) -> Void
    ) throws(StorageError) -> TextColumn {
        let entry = try self.block(block)
        let chunk = column.chunk
        guard chunk.offset <= entry.length, chunk.length <= entry.length - chunk.offset else {
            throw corrupt(entry.offset, "a chunk lies outside of its block", block)
        }
        do throws(CodecError) {
            return try TextColumn(
                entry: column, rowCount: entry.rows, length: chunk.length,
                fetch: { (range: Range<Int>) throws(CodecError) in
                    note(range.count)
                    do throws(StorageError) {
                        return try self.bytes(
                            at: entry.offset + chunk.offset + range.lowerBound, count: range.count)[...]
                    } catch {
                        throw CodecError(range.lowerBound, error.description)
                    }
                }, times: { () throws(CodecError) in try self.times(of: block) })
        } catch {
            throw damage(error, of: column, block)
        }
    }

    /// What is wrong with a column's bytes, with its place in the file.
    func damage(_ error: CodecError, of column: ColumnEntry, _ block: Int) -> StorageError {
        let offset = (try? self.block(block).offset) ?? 0
        return corrupt(offset + column.chunk.offset + error.offset, "column \(column.name): \(error.reason)", block)
    }

    private func times(of block: Int) throws(CodecError) -> [Int64] {
        do {
            return try integers(try directory(of: block).times, of: block)
        } catch {
            throw CodecError(0, "times of the rows: \(error)")
        }
    }

    private func rows(of block: Int) throws(CodecError) -> Int {
        do { return try self.block(block).rows } catch { throw CodecError(0, "\(error)") }
    }

    func integers(_ reference: ChunkReference, of block: Int) throws(StorageError) -> [Int64] {
        let bytes = try chunk(reference, of: block)
        let entry = try self.block(block)
        do throws(CodecError) {
            return try EntropyColumn.decode(bytes, count: entry.rows)
        } catch {
            throw corrupt(entry.offset + reference.offset + error.offset, error.reason, block)
        }
    }

    func sequences(_ reference: ChunkReference, of block: Int) throws(StorageError) -> [UInt64] {
        let bytes = try chunk(reference, of: block)
        let entry = try self.block(block)
        do throws(CodecError) {
            return try SequenceColumn.decode(bytes, count: entry.rows)
        } catch {
            throw corrupt(entry.offset + reference.offset + error.offset, error.reason, block)
        }
    }

    /// The part's number of the group of each row.
    func groupNumbers(_ reference: ChunkReference, of block: Int) throws(StorageError) -> [UInt32] {
        let entry = try self.block(block)
        if let only = entry.groups.only { return [UInt32](repeating: only, count: entry.rows) }
        let numbers = entry.groups.numbers
        var out: [UInt32] = []
        out.reserveCapacity(entry.rows)
        for place in try integers(reference, of: block) {
            guard place >= 0, place < Int64(numbers.count) else {
                throw corrupt(entry.offset + reference.offset, "group \(place) of \(numbers.count)", block)
            }
            out.append(numbers[Int(place)])
        }
        return out
    }

    private func corrupt(_ offset: Int, _ reason: String, _ block: Int) -> StorageError {
        .corrupt(path: path, offset: offset, reason: "block \(block): \(reason)")
    }

    /// All rows of a block as a batch whose groups are the part's.
    func batch(of block: Int) throws(StorageError) -> EventBatch {
        let directory = try directory(of: block)
        var batch = EventBatch()
        batch.timestamps = try integers(directory.times, of: block)
        batch.sequences = try sequences(directory.sequences, of: block)
        batch.groupOfRow = try groupNumbers(directory.groups, of: block)
        for entry in directory.columns {
            guard let column = try column(entry, of: block).eventColumn else {
                throw corrupt(try self.block(block).offset, "column \(entry.name) does not fit together", block)
            }
            batch.addColumn(column)
        }
        return batch
    }

    /// A whole block as it is in the file.
    func raw(_ block: Int) throws(StorageError) -> [UInt8] {
        let entry = try self.block(block)
        return try bytes(at: entry.offset, count: entry.length)
    }

    // MARK: Filters

    /// Where the chunks of a filter matrix are in the file, each with its checksum.
    func chunkBounds(of matrix: FilterMatrix) throws(StorageError) -> [Int] {
        let bounds = matrix.bounds(try checked(matrix.offset, matrix.indexSize, of: matrix))
        guard bounds.last == matrix.offset + matrix.length else {
            throw .corrupt(
                path: path, offset: matrix.offset, reason: "the filters of \(matrix.column) do not fit together")
        }
        return bounds
    }

    /// A chunk of a filter matrix, checked and unpacked.
    func chunk(_ chunk: Int, of matrix: FilterMatrix, _ bounds: [Int]) throws(StorageError) -> ArraySlice<UInt8> {
        let packed = try checked(bounds[chunk], bounds[chunk + 1] - bounds[chunk], of: matrix)
        guard let plain = DenseBits.unpack(packed, count: matrix.plainSize(ofChunk: chunk)) else {
            throw .corrupt(
                path: path, offset: bounds[chunk], reason: "the filters of \(matrix.column) do not fit together")
        }
        return plain[...]
    }

    /// Bytes of a matrix without the checksum behind them.
    private func checked(
        _ offset: Int, _ length: Int, of matrix: FilterMatrix
    ) throws(StorageError) -> ArraySlice<UInt8> {
        let bytes = try bytes(at: offset, count: length)
        var expected: UInt32 = 0
        for i in 0..<4 { expected |= UInt32(bytes[length - 4 + i]) << UInt32(8 * i) }
        guard CRC32C.checksum(bytes[..<(length - 4)]) == expected else {
            throw .corrupt(
                path: path, offset: offset, reason: "the checksum of filters of \(matrix.column) does not match")
        }
        return bytes[..<(length - 4)]
    }
}

extension ByteReader {
    /// A fixed 64-bit number that must be in `0...limit`.
    mutating func readCount64(limit: Int) throws(CodecError) -> Int {
        let number = try readFixed64()
        guard number <= UInt64(max(limit, 0)) else { throw failure("\(number) is over the limit of \(limit)") }
        return Int(truncatingIfNeeded: number)
    }
}
