import Codecs

/// A batch as it lies in the spool: the bytes of the request, the same at every attempt, and the positions that the
/// sources have with it. Both are there or neither is, so that no line is read into two batches.
package struct SpoolRecord: Sendable, Hashable {
    package var sequence: UInt64
    package var entries: Int
    /// Bytes of the request before snappy.
    package var bytes: Int
    package var changes: [PositionBook.Change]
    package var body: [UInt8]

    package init(sequence: UInt64, entries: Int, bytes: Int, changes: [PositionBook.Change], body: [UInt8]) {
        self.sequence = sequence
        self.entries = entries
        self.bytes = bytes
        self.changes = changes
        self.body = body
    }

    static let headerSize = 8
    static let longestPayload = 256 << 20

    /// Length, CRC-32C, payload.
    package func encoded() -> [UInt8] {
        var payload = ByteWriter(reserving: body.count + 128 * changes.count + 64)
        // Room for length and checksum, which are known at the end.
        payload.writeFixed64(0)
        payload.writeVarint(sequence)
        payload.writeVarint(entries)
        payload.writeVarint(bytes)
        payload.writeVarint(changes.count)
        for change in changes {
            switch change {
            case .file(let file):
                payload.write(0)
                payload.writeFixed64(file.identity.device)
                payload.writeFixed64(file.identity.inode)
                payload.writeLengthPrefixed(file.path)
                payload.writeVarint(file.offset)
                for print in [file.head, file.trail] {
                    payload.writeVarint(print.length)
                    payload.writeFixed64(print.hash)
                }
                payload.writeVarint(file.trailEnd)
                payload.writeVarint(file.generation)
                payload.writeZigzag(file.seen)
            case .cursor(let source, let cursor):
                payload.write(1)
                payload.writeLengthPrefixed(source)
                payload.writeLengthPrefixed(cursor)
            }
        }
        payload.writeLengthPrefixed(body)
        let length = UInt32(truncatingIfNeeded: payload.count - SpoolRecord.headerSize)
        let checksum = CRC32C.checksum(payload.bytes[SpoolRecord.headerSize...])
        for index in 0..<4 {
            payload.bytes[index] = UInt8(truncatingIfNeeded: length >> (8 * UInt32(index)))
            payload.bytes[4 + index] = UInt8(truncatingIfNeeded: checksum >> (8 * UInt32(index)))
        }
        return payload.bytes
    }

    /// The record of a payload whose checksum was right.
    package static func decode(_ payload: [UInt8], withBody: Bool = true) throws(CodecError) -> SpoolRecord {
        var reader = ByteReader(payload)
        var record = SpoolRecord(sequence: try reader.readVarint(), entries: 0, bytes: 0, changes: [], body: [])
        record.entries = try reader.readCount(limit: 1 << 30)
        record.bytes = try reader.readCount(limit: 1 << 40)
        for _ in 0..<(try reader.readCount(limit: payload.count)) {
            switch try reader.readBytes(1).first {
            case 0:
                let identity = FileIdentity(device: try reader.readFixed64(), inode: try reader.readFixed64())
                var file = FilePosition(identity: identity, path: try reader.readString())
                file.offset = try reader.readCount(limit: .max)
                file.head = try fingerprint(&reader)
                file.trail = try fingerprint(&reader)
                file.trailEnd = try reader.readCount(limit: .max)
                file.generation = try reader.readCount(limit: .max)
                file.seen = try reader.readZigzag()
                record.changes.append(.file(file))
            case 1: record.changes.append(.cursor(source: try reader.readString(), try reader.readString()))
            default: throw CodecError(0, "a change of a kind that is not known")
            }
        }
        if withBody { record.body = Array(try reader.readLengthPrefixed()) }
        return record
    }

    private static func fingerprint(_ reader: inout ByteReader) throws(CodecError) -> Fingerprint {
        Fingerprint(length: try reader.readCount(limit: Fingerprint.longestHead), hash: try reader.readFixed64())
    }
}
