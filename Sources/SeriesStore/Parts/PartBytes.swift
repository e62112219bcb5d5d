import Codecs
internal import Storage

/// Reads the checked pieces of a part's file, ahead where they are asked for in a row.
struct PartBytes {
    private static let readAhead = 64 << 10

    let part: SeriesPart
    private var window: [UInt8] = []
    private var windowOffset = 0
    private var lastEnd = -1

    init(_ part: SeriesPart) { self.part = part }

    /// What a block holds behind its checksum.
    mutating func block(_ offset: Int, _ length: Int) throws -> ArraySlice<UInt8> {
        if offset < windowOffset || offset + length > windowOffset + window.count {
            // Whoever reads on where it stopped will want what comes next.
            let isSequential = lastEnd >= 0 && offset >= lastEnd && offset - lastEnd <= PartBytes.readAhead
            window = try part.file.read(at: offset, count: isSequential ? max(length, PartBytes.readAhead) : length)
            windowOffset = offset
        }
        lastEnd = offset + length
        let start = offset - windowOffset
        return try checked(window[min(start, window.count)..<min(start + length, window.count)], offset, length)
    }

    /// Timestamps stand before the blocks of their group, and the blocks are what is read in a row: not through the
    /// window.
    func times(_ offset: Int, _ length: Int) throws -> ArraySlice<UInt8> {
        try checked(try part.file.read(at: offset, count: length)[...], offset, length)
    }

    private func checked(_ bytes: ArraySlice<UInt8>, _ offset: Int, _ length: Int) throws -> ArraySlice<UInt8> {
        var reader = ByteReader(bytes)
        guard bytes.count == length, let checksum = try? reader.readFixed32(),
            CRC32C.checksum(reader.rest) == checksum
        else { throw damage(offset, "the block's checksum does not match") }
        return reader.rest
    }

    func damage(_ offset: Int, _ reason: String) -> StorageError {
        .corrupt(path: part.path, offset: offset, reason: reason)
    }
}
