import Codecs

/// The files of `chunks_head/`: full chunks of the head, mapped into memory by Prometheus.
package struct HeadChunkFile: Sendable {
    private static let magic: UInt32 = 0x0130_BC91
    /// Set in the encoding of a chunk of samples that came out of order.
    private static let outOfOrder: UInt8 = 0x80

    package struct Chunk: Sendable {
        /// As the log's records of series name it.
        package var reference: UInt64
        package var isOutOfOrder: Bool
        package var samples: FolderSamples
    }

    private let file: any FolderFile
    private var offset = 8
    /// The last file of a Prometheus that was killed ends in a torn chunk; what it held is in the log.
    package private(set) var tornAt: Int?

    package init(_ file: any FolderFile) throws(PrometheusFolderError) {
        self.file = file
        guard file.count > 0 else { return }
        var head = try FolderCursor(file, from: 0, to: min(8, file.count))
        let magic = try head.fixed32()
        // A file that was only just made has nothing but zeros.
        guard magic == HeadChunkFile.magic || magic == 0 else {
            throw .corrupt(file: file.name, offset: 0, reason: "it does not begin as a file of head chunks does")
        }
        let version = try head.byte()
        guard version == 1 || magic == 0 else {
            throw .unsupported(file: file.name, offset: 4, reason: "head chunk format \(version) is not known here")
        }
        if magic == 0 { offset = file.count }
    }

    /// How far it was read.
    package var position: Int { offset }

    /// Nil at the end.
    package mutating func next(isLastFile: Bool) throws(PrometheusFolderError) -> Chunk? {
        // Prometheus writes the file's length in advance; zeros mean that nothing more was written.
        guard file.count - offset >= 25 else { return nil }
        do throws(PrometheusFolderError) {
            return try read()
        } catch {
            guard isLastFile, case .corrupt = error else { throw error }
            tornAt = offset
            offset = file.count
            return nil
        }
    }

    private mutating func read() throws(PrometheusFolderError) -> Chunk? {
        let start = offset
        var cursor = try FolderCursor(
            file.bytes(at: start, count: min(512, file.count - start)), of: file, at: start)
        let reference = try cursor.fixed64()
        let minTime = try cursor.fixed64()
        let maxTime = try cursor.fixed64()
        let encoding = try cursor.byte()
        if reference == 0, minTime == 0, maxTime == 0, encoding == 0 {
            offset = file.count
            return nil
        }
        let length = try cursor.unsignedVarint()
        guard length <= UInt64(max(0, file.count - cursor.offset - 4)) else {
            throw cursor.failure("a chunk of \(length) bytes is not there")
        }
        let size = Int(length)
        let dataStart = cursor.offset
        let data =
            size <= cursor.remaining
            ? Array(try cursor.bytes(size)) : try file.bytes(at: dataStart, count: size)
        var tail = try FolderCursor(file, from: dataStart + size, to: dataStart + size + 4)
        guard try tail.fixed32() == (try FolderCursor.checksum(file, from: start, to: dataStart + size)) else {
            throw .corrupt(file: file.name, offset: start, reason: "a head chunk's checksum is wrong")
        }
        var samples = FolderSamples()
        try ChunkOnDisk.decode(
            encoding: encoding & ~HeadChunkFile.outOfOrder, data, at: start, of: file, into: &samples)
        offset = dataStart + size + 4
        return Chunk(
            reference: reference, isOutOfOrder: encoding & HeadChunkFile.outOfOrder != 0, samples: samples)
    }
}
