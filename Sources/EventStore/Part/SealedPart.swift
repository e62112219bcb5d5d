import Codecs
import Storage
import Telemetry

/// An immutable file of rows. Its mapping outlives the file's name, so that a part may be removed while it is read.
final class SealedPart: Sendable {
    /// Name inside the table's folder, as the catalog knows it.
    let name: String
    let footer: PartFooter
    let size: Int
    private let file: MappedFile

    /// Reads the footer only.
    init(name: String, path: String, files: any FileSystem) throws(StorageError) {
        self.name = name
        file = try files.map(path)
        size = file.count
        footer = try SealedPart.readFooter(file)
    }

    private static func readFooter(_ file: MappedFile) throws(StorageError) -> PartFooter {
        let trailerSize = PartFooter.trailerSize
        guard file.count >= PartFooter.magic.count + trailerSize else {
            throw .corrupt(path: file.path, offset: 0, reason: "the file is too short for an event part")
        }
        let trailerAt = file.count - trailerSize
        let trailer = try file.bytes(at: trailerAt, count: trailerSize)
        do {
            var reader = ByteReader(trailer)
            let offset = try reader.readCount64(limit: trailerAt)
            let length = try reader.readCount64(limit: trailerAt - offset)
            let checksum = try reader.readFixed32()
            guard try reader.readFixed32() == CRC32C.checksum(trailer[..<20]),
                trailer.suffix(8).elementsEqual(PartFooter.magic)
            else { throw CodecError(0, "the trailer's checksum does not match") }
            let packed = try file.bytes(at: offset, count: length)
            guard CRC32C.checksum(packed) == checksum else {
                throw CodecError(0, "the footer's checksum does not match")
            }
            var footerReader = ByteReader(packed)
            return try PartFooter(try PackedBytes.read(&footerReader), fileSize: file.count)
        } catch let error as CodecError {
            throw .corrupt(path: file.path, offset: trailerAt, reason: error.reason)
        } catch let error as StorageError {
            throw error
        } catch {
            throw .corrupt(path: file.path, offset: trailerAt, reason: "\(error)")
        }
    }

    func directory(of block: Int) throws(StorageError) -> BlockDirectory {
        let entry = footer.blocks[block]
        let bytes = try file.bytes(
            at: entry.offset + entry.directoryOffset, count: entry.length - entry.directoryOffset)
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
        let entry = footer.blocks[block]
        guard reference.offset <= entry.length, reference.length <= entry.length - reference.offset else {
            throw corrupt(entry.offset, "a chunk lies outside of its block", block)
        }
        let bytes = try file.bytes(at: entry.offset + reference.offset, count: reference.length)
        guard CRC32C.checksum(bytes) == reference.checksum else {
            throw corrupt(entry.offset + reference.offset, "the checksum does not match", block)
        }
        return bytes
    }

    func column(_ column: ColumnEntry, of block: Int) throws(StorageError) -> DecodedColumn {
        let bytes = try chunk(column.chunk, of: block)
        do throws(CodecError) {
            return try ColumnReader.decode(
                bytes, entry: column, rowCount: footer.blocks[block].rows,
                times: { () throws(CodecError) in try self.times(of: block) })
        } catch {
            let at = footer.blocks[block].offset + column.chunk.offset + error.offset
            throw corrupt(at, "column \(column.name): \(error.reason)", block)
        }
    }

    /// A text column to search in: its chunks are read when they are needed, and `note` is told of each.
    func text(
        _ column: ColumnEntry, of block: Int, note: @escaping (Int) -> Void
    ) throws(StorageError) -> TextColumn {
        let entry = footer.blocks[block]
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
                        return try self.file.bytes(
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
        let at = footer.blocks[block].offset + column.chunk.offset + error.offset
        return corrupt(at, "column \(column.name): \(error.reason)", block)
    }

    private func times(of block: Int) throws(CodecError) -> [Int64] {
        do {
            return try integers(try directory(of: block).times, of: block)
        } catch {
            throw CodecError(0, "times of the rows: \(error)")
        }
    }

    func integers(_ reference: ChunkReference, of block: Int) throws(StorageError) -> [Int64] {
        let bytes = try chunk(reference, of: block)
        do throws(CodecError) {
            return try IntegerColumn.decode(bytes, count: footer.blocks[block].rows)
        } catch {
            throw corrupt(footer.blocks[block].offset + reference.offset + error.offset, error.reason, block)
        }
    }

    func groupNumbers(_ reference: ChunkReference, of block: Int) throws(StorageError) -> [UInt32] {
        let count = Int64(footer.groups.count)
        var out: [UInt32] = []
        for number in try integers(reference, of: block) {
            guard number >= 0, number < count else {
                throw corrupt(footer.blocks[block].offset + reference.offset, "group \(number) of \(count)", block)
            }
            out.append(UInt32(truncatingIfNeeded: number))
        }
        return out
    }

    private func corrupt(_ offset: Int, _ reason: String, _ block: Int) -> StorageError {
        .corrupt(path: file.path, offset: offset, reason: "block \(block): \(reason)")
    }

    /// All rows of a block as a batch whose groups are the part's.
    func batch(of block: Int) throws(StorageError) -> EventBatch {
        let directory = try directory(of: block)
        var batch = EventBatch()
        batch.timestamps = try integers(directory.times, of: block)
        batch.sequences = try integers(directory.sequences, of: block).map { UInt64(bitPattern: $0) }
        batch.groupOfRow = try groupNumbers(directory.groups, of: block)
        for entry in directory.columns {
            let column = try column(entry, of: block)
            let target = batch.columnIndex(entry.name)
            for index in 0..<column.count { column.copy(index, to: &batch, column: target, row: column.row(at: index)) }
        }
        return batch
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
