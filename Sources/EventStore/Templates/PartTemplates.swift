import Codecs
import Storage
import Telemetry

/// The templates of a whole part, in a file of its own (docs/formats/event-templates.md): what days of logs say is then
/// read in some hundred kilobytes. It can be made from the part at any time, so that nothing depends on it.
enum PartTemplates {
    static let magic: [UInt8] = Array("NTTMPL01".utf8)
    static let bucketLength: Int64 = 60_000_000_000
    /// Parts with more are asked block by block.
    static let mostSeries = 200_000

    /// Names of parts are used again after a restart; the file says which one it is of.
    struct Identity: Equatable {
        var size: Int
        var rows: Int
        var firstSequence: UInt64
        var lastSequence: UInt64

        init(_ part: OpenPart) {
            size = part.part.size
            rows = part.record.rows
            firstSequence = part.facts.firstSequence
            lastSequence = part.facts.lastSequence
        }

        init(_ reader: inout ByteReader) throws(CodecError) {
            size = try reader.readCount(limit: .max)
            rows = try reader.readCount(limit: .max)
            firstSequence = try reader.readVarint()
            lastSequence = try reader.readVarint()
        }

        func write(to writer: inout ByteWriter) {
            writer.writeVarint(size)
            writer.writeVarint(rows)
            writer.writeVarint(firstSequence)
            writer.writeVarint(lastSequence)
        }
    }

    static func encode(_ summary: TemplateSummary, of identity: Identity, codec: BlockCodec) -> [UInt8] {
        var plain = ByteWriter(reserving: summary.footprint)
        identity.write(to: &plain)
        for texts in [summary.patterns, summary.levels] {
            plain.writeVarint(texts.count)
            for text in texts { plain.writeLengthPrefixed(text) }
        }
        plain.writeVarint(summary.series.count)
        for series in summary.series {
            plain.writeVarint(UInt64(series.pattern))
            plain.writeVarint(UInt64(series.group))
            plain.writeVarint(UInt64(series.level))
            plain.writeVarint(series.rows)
            plain.writeZigzag(series.firstTime)
            plain.writeVarint(UInt64(bitPattern: series.lastTime &- series.firstTime))
            plain.writeVarint(series.buckets.count)
            var previous: Int64 = 0
            for bucket in series.buckets {
                plain.writeZigzag(bucket.number &- previous)
                plain.writeVarint(bucket.rows)
                previous = bucket.number
            }
        }
        var out = ByteWriter()
        out.writeBytes(magic)
        PackedBytes.write(plain.bytes, codec: codec, to: &out)
        out.writeFixed32(CRC32C.checksum(out.bytes))
        return out.bytes
    }

    /// - Parameter groupCount: groups of the part.
    static func decode(
        _ bytes: [UInt8], of identity: Identity, groupCount: Int
    ) throws(CodecError) -> TemplateSummary {
        guard bytes.count > magic.count + 4, bytes.starts(with: magic) else {
            throw CodecError(0, "not of this format")
        }
        var end = ByteReader(Array(bytes.suffix(4)))
        guard try end.readFixed32() == CRC32C.checksum(bytes.dropLast(4)) else {
            throw CodecError(0, "the checksum does not match")
        }
        var outer = ByteReader(Array(bytes[magic.count..<(bytes.count - 4)]))
        var reader = ByteReader(try PackedBytes.read(&outer))
        guard try Identity(&reader) == identity else { throw CodecError(0, "it is of another part") }
        var out = TemplateSummary()
        out.bucketLength = bucketLength
        out.patterns = try texts(&reader)
        out.levels = try texts(&reader)
        let count = try reader.readCount(limit: reader.remaining)
        guard count == 0 || !out.patterns.isEmpty && !out.levels.isEmpty && groupCount > 0 else {
            throw reader.failure("series of no pattern, level or group")
        }
        for _ in 0..<count {
            var series = TemplateSummary.Series(
                pattern: UInt32(truncatingIfNeeded: try reader.readCount(limit: out.patterns.count - 1)),
                group: UInt32(truncatingIfNeeded: try reader.readCount(limit: groupCount - 1)),
                level: UInt16(truncatingIfNeeded: try reader.readCount(limit: out.levels.count - 1)))
            series.rows = try reader.readCount(limit: identity.rows)
            series.firstTime = try reader.readZigzag()
            series.lastTime = series.firstTime &+ Int64(bitPattern: try reader.readVarint())
            var number: Int64 = 0
            for _ in 0..<(try reader.readCount(limit: reader.remaining)) {
                number = number &+ (try reader.readZigzag())
                series.buckets.append(
                    TemplateSummary.Bucket(number: number, rows: try reader.readCount(limit: identity.rows)))
            }
            out.series.append(series)
        }
        return out
    }

    private static func texts(_ reader: inout ByteReader) throws(CodecError) -> [[UInt8]] {
        var out: [[UInt8]] = []
        for _ in 0..<(try reader.readCount(limit: reader.remaining)) {
            out.append(Array(try reader.readLengthPrefixed()))
        }
        return out
    }
}
