import Codecs
internal import Telemetry

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
    /// Whether the series ascend in ``PartOrder``; only a merge asks.
    var isOrdered = true
    var groups: [Group] = []
    var names: [(name: String, pages: [Page])] = []

    func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.write(isOrdered ? 1 : 0)
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
        isOrdered = try reader.readByte() & 1 != 0
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
