import Codecs
internal import Telemetry

/// Numbers of the part file that writer and reader share: see docs/formats/series-part.md.
enum PartFormat {
    static let magic: [UInt8] = Array("NTSERIES".utf8)
    static let version: UInt32 = 1
    static let headerSize = 16
    static let trailerSize = 32
    /// Series of one group table: what is read to learn where one series' blocks are.
    static let groupSize = 128
    /// Label values of one posting page.
    static let pageSize = 512
    /// Samples of one block, at most.
    static let blockSamples = 4096
    /// Histograms of one block, at most.
    static let blockHistograms = 256
}

enum BlockKind: UInt8 {
    case floats = 0
    case histograms = 1
}

/// Where a block of samples is, and what it says it holds.
struct PartBlock {
    var kind: BlockKind
    var offset: Int
    var length: Int
    var count: Int
    var first: Int64
    var last: Int64
}

struct PartSeries {
    var labels: LabelSet
    var blocks: [PartBlock]
}

/// What stays in memory of an open part.
struct PartDirectory {
    struct Group {
        var tableOffset: Int
        var tableLength: Int
        var dataOffset: Int
        var count: Int
    }
    struct Page {
        var firstValue: String
        var offset: Int
        var length: Int
    }

    var minTime: Int64 = .max
    var maxTime: Int64 = .min
    var samples = 0
    var seriesCount = 0
    var groups: [Group] = []
    var names: [(name: String, pages: [Page])] = []

    func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.writeZigzag(minTime)
        writer.writeZigzag(maxTime)
        writer.writeVarint(samples)
        writer.writeVarint(seriesCount)
        writer.writeVarint(groups.count)
        for group in groups {
            for number in [group.tableOffset, group.tableLength, group.dataOffset, group.count] {
                writer.writeVarint(number)
            }
        }
        writer.writeVarint(names.count)
        for (name, pages) in names {
            writer.writeLengthPrefixed(name)
            writer.writeVarint(pages.count)
            for page in pages {
                writer.writeLengthPrefixed(page.firstValue)
                writer.writeVarint(page.offset)
                writer.writeVarint(page.length)
            }
        }
        return writer.bytes
    }

    init() {}

    init(decoding bytes: [UInt8]) throws(CodecError) {
        var reader = ByteReader(bytes)
        minTime = try reader.readZigzag()
        maxTime = try reader.readZigzag()
        samples = try reader.readCount(limit: .max)
        seriesCount = try reader.readCount(limit: 1 << 40)
        for _ in 0..<(try reader.readCount(limit: reader.remaining)) {
            groups.append(
                Group(
                    tableOffset: try reader.readCount(limit: 1 << 48),
                    tableLength: try reader.readCount(limit: 1 << 32),
                    dataOffset: try reader.readCount(limit: 1 << 48),
                    count: try reader.readCount(limit: PartFormat.groupSize)))
        }
        for _ in 0..<(try reader.readCount(limit: reader.remaining)) {
            let name = try reader.readString()
            var pages: [Page] = []
            for _ in 0..<(try reader.readCount(limit: reader.remaining)) {
                pages.append(
                    Page(
                        firstValue: try reader.readString(), offset: try reader.readCount(limit: 1 << 48),
                        length: try reader.readCount(limit: 1 << 32)))
            }
            names.append((name, pages))
        }
    }
}
