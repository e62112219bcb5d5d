import Codecs
internal import Telemetry

/// Numbers of the part file that writer and reader share: see docs/formats/series-part.md.
enum PartFormat {
    static let magic: [UInt8] = Array("NTSERIES".utf8)
    static let version: UInt32 = 2
    static let headerSize = 16
    static let trailerSize = 32
    /// Series of one group table: what is read to learn where one series' blocks are.
    static let groupSize = 128
    /// Label values of one posting page.
    static let pageSize = 512
    /// Samples of one block, at most.
    static let blockSamples = 4096
    /// Histograms of one block, at most.
    static let blockHistograms = 512
    /// A block up to this size stands in the series table, which has a checksum of its own.
    static let inlineBytes = 16
    /// How many blocks have to be read, at most, for one that is written as the difference to another.
    static let chainLimit = 24

    static let header: [UInt8] = {
        var writer = ByteWriter()
        writer.writeBytes(magic)
        writer.writeFixed32(version)
        writer.writeFixed32(0)
        return writer.bytes
    }()

    /// The least number of blocks of about the same size.
    static func blockSizes(_ count: Int, limit: Int) -> [Range<Int>] {
        guard count > limit else { return count > 0 ? [0..<count] : [] }
        let blocks = (count + limit - 1) / limit
        let size = (count + blocks - 1) / blocks
        return stride(from: 0, to: count, by: size).map { $0..<min($0 + size, count) }
    }
}

enum BlockKind: UInt8 {
    case floats = 0
    case histograms = 1
}

/// Bits of a block's first byte in the series table, above its kind.
enum BlockFlag {
    static let inline: UInt8 = 4
    static let starts: UInt8 = 8
    static let difference: UInt8 = 16
    static let known: UInt8 = 31
}

/// A column of timestamps that many blocks share; at a regular interval it has no bytes.
final class PartTimes: Sendable {
    let offset: Int
    let length: Int
    let count: Int
    let first: Int64
    let last: Int64

    init(offset: Int, length: Int, count: Int, first: Int64, last: Int64) {
        self.offset = offset
        self.length = length
        self.count = count
        self.first = first
        self.last = last
    }
}

/// A block whose integers another block is the difference to.
final class PartReference: Sendable {
    let offset: Int
    let length: Int
    let inline: [UInt8]?
    let count: Int
    let before: PartReference?

    init(_ block: PartBlock) {
        offset = block.offset
        length = block.length
        inline = block.inline
        count = block.count
        before = block.reference
    }
}

/// Where a block of samples is, and what it says it holds.
struct PartBlock {
    var kind: BlockKind
    /// In the file, or of the table where the bytes are ``inline``.
    var offset: Int
    var length: Int
    var times: PartTimes
    var starts: PartTimes?
    var inline: [UInt8]?
    var reference: PartReference?
    /// Of the part's tombstones: samples in these ranges are not there. Not of the file.
    var deleted: [TimeRange]?

    /// Samples, the deleted ones too.
    var count: Int { times.count }
    var first: Int64 { times.first }
    var last: Int64 { times.last }
}

struct PartSeries {
    var labels: LabelSet
    var blocks: [PartBlock]
}
