import Codecs

/// The chunk files of a block, `chunks/000001` and on.
package struct BlockChunks: Sendable {
    private static let magic: UInt32 = 0x85BD_40DD
    private let segments: [any FolderFile]

    package init(_ segments: [any FolderFile]) throws(PrometheusFolderError) {
        self.segments = segments
        for file in segments {
            var head = try FolderCursor(file, from: 0, to: min(8, file.count))
            guard try head.fixed32() == BlockChunks.magic else {
                throw .corrupt(file: file.name, offset: 0, reason: "it does not begin as a file of chunks does")
            }
            let version = try head.byte()
            guard version == 1 else {
                throw .unsupported(file: file.name, offset: 4, reason: "chunk format \(version) is not known here")
            }
        }
    }

    /// Appends the chunk's samples. Answers how many bytes it takes in its file.
    @discardableResult
    package func read(
        _ chunk: BlockSeries.Chunk, into out: inout FolderSamples
    ) throws(PrometheusFolderError) -> Int {
        guard chunk.segment < segments.count else {
            throw .corrupt(
                file: segments.first?.name ?? "chunks", offset: 0,
                reason: "the index names chunk file \(chunk.segment + 1), there are \(segments.count)")
        }
        let file = segments[chunk.segment]
        // A chunk has 120 samples or so: one look for its length and its data.
        let guess = try file.bytes(at: chunk.offset, count: max(0, min(512, file.count - chunk.offset)))
        var head = FolderCursor(guess, of: file, at: chunk.offset)
        let length = try head.unsignedVarint()
        guard length <= UInt64(max(0, file.count - head.offset - 5)) else {
            throw head.failure("a chunk of \(length) bytes is not there")
        }
        let start = head.offset
        let size = Int(length) + 5
        let bytes = size <= head.remaining ? Array(try head.bytes(size)) : try file.bytes(at: start, count: size)
        try ChunkOnDisk.decode(bytes, at: start, of: file, into: &out)
        return start - chunk.offset + size
    }
}

enum ChunkOnDisk {
    /// Encoding, data and checksum of a block's chunk.
    static func decode(
        _ bytes: [UInt8], at offset: Int, of file: any FolderFile, into out: inout FolderSamples
    ) throws(PrometheusFolderError) {
        let sum = bytes.suffix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard bytes.count >= 5, sum == CRC32C.checksum(bytes[..<(bytes.count - 4)]) else {
            throw .corrupt(file: file.name, offset: offset, reason: "a chunk's checksum is wrong")
        }
        try decode(encoding: bytes[0], Array(bytes[1..<(bytes.count - 4)]), at: offset, of: file, into: &out)
    }

    static func decode(
        encoding: UInt8, _ data: [UInt8], at offset: Int, of file: any FolderFile, into out: inout FolderSamples
    ) throws(PrometheusFolderError) {
        do throws(ChunkDefect) {
            try PrometheusChunk.decode(encoding: encoding, data, into: &out)
        } catch {
            throw error.isUnsupported
                ? .unsupported(file: file.name, offset: offset, reason: error.reason)
                : .corrupt(file: file.name, offset: offset, reason: error.reason)
        }
    }
}

/// Ranges of deleted samples, milliseconds and both ends inclusive, by the reference of the series.
package struct FolderTombstones: Sendable {
    private static let magic: UInt32 = 0x0130_BA30
    private var ranges: [UInt64: [ClosedRange<Int64>]] = [:]

    package init() {}

    /// A block's file `tombstones`.
    package init(_ file: any FolderFile) throws(PrometheusFolderError) {
        guard file.count >= 9 else {
            throw .corrupt(file: file.name, offset: file.count, reason: "the file of tombstones is cut off")
        }
        var cursor = try FolderCursor(file, from: 0, to: file.count - 4)
        guard try cursor.fixed32() == FolderTombstones.magic else {
            throw .corrupt(file: file.name, offset: 0, reason: "it does not begin as a file of tombstones does")
        }
        var tail = try FolderCursor(file, from: file.count - 4, to: file.count)
        // The checksum is over what follows the version.
        guard try tail.fixed32() == (try FolderCursor.checksum(file, from: 5, to: file.count - 4)) else {
            throw .corrupt(file: file.name, offset: file.count - 4, reason: "the checksum is wrong")
        }
        let version = try cursor.byte()
        guard version == 1 else {
            throw .unsupported(file: file.name, offset: 4, reason: "tombstone format \(version) is not known here")
        }
        while !cursor.isAtEnd {
            let reference = try cursor.unsignedVarint()
            add(reference, try cursor.varint(), try cursor.varint())
        }
    }

    package var isEmpty: Bool { ranges.isEmpty }

    package func ranges(of reference: UInt64) -> [ClosedRange<Int64>] { ranges[reference] ?? [] }

    package mutating func add(_ reference: UInt64, _ minTime: Int64, _ maxTime: Int64) {
        if minTime <= maxTime { ranges[reference, default: []].append(minTime...maxTime) }
    }

    package func contains(_ reference: UInt64, _ time: Int64) -> Bool {
        guard !ranges.isEmpty, let list = ranges[reference] else { return false }
        return list.contains { $0.contains(time) }
    }

    /// Whether all of the span is deleted, so that nobody need read it.
    package func covers(_ reference: UInt64, _ minTime: Int64, _ maxTime: Int64) -> Bool {
        guard !ranges.isEmpty, minTime <= maxTime, let list = ranges[reference] else { return false }
        return list.contains { $0.lowerBound <= minTime && maxTime <= $0.upperBound }
    }

    /// Takes the deleted samples out. Answers how many.
    package func remove(from samples: inout FolderSamples, of reference: UInt64) -> Int {
        guard !ranges.isEmpty, let list = ranges[reference] else { return 0 }
        let before = samples.count
        func isKept(_ time: Int64) -> Bool { !list.contains { $0.contains(time) } }
        let kept = samples.timestamps.indices.filter { isKept(samples.timestamps[$0]) }
        if kept.count < samples.timestamps.count {
            samples.values = kept.map { samples.values[$0] }
            if !samples.startTimestamps.isEmpty { samples.startTimestamps = kept.map { samples.startTimestamps[$0] } }
            samples.timestamps = kept.map { samples.timestamps[$0] }
        }
        let histograms = samples.histogramTimestamps.indices.filter { isKept(samples.histogramTimestamps[$0]) }
        if histograms.count < samples.histogramTimestamps.count {
            samples.histograms = histograms.map { samples.histograms[$0] }
            samples.histogramTimestamps = histograms.map { samples.histogramTimestamps[$0] }
        }
        return before - samples.count
    }
}
