import Codecs

/// The bytes of one segment file: see docs/formats/journal.md.
enum JournalSegment {
    static let magic: [UInt8] = Array("NTJOURNL".utf8)
    static let version: UInt32 = 1
    static let headerSize = 24
    static let recordHeaderSize = 16
    /// A longer record is not written, and a longer length on disk is damage.
    static let longestPayload = 1 << 30

    static func name(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 8 - digits.count)) + digits + ".journal"
    }

    static func number(_ name: String) -> Int? {
        guard name.hasSuffix(".journal"), let number = Int(name.dropLast(8)), number > 0 else { return nil }
        return number
    }

    static func header(base: UInt64) -> [UInt8] {
        var writer = ByteWriter(reserving: headerSize)
        writer.writeBytes(magic)
        writer.writeFixed32(version)
        writer.writeFixed64(base)
        writer.writeFixed32(CRC32C.checksum(writer.bytes))
        return writer.bytes
    }

    static func write(_ payload: [UInt8], sequence: UInt64, to writer: inout ByteWriter) {
        var number = ByteWriter(reserving: 8)
        number.writeFixed64(sequence)
        writer.writeFixed32(UInt32(truncatingIfNeeded: payload.count))
        writer.writeFixed32(CRC32C.checksum(payload, continuing: CRC32C.checksum(number.bytes)))
        writer.writeBytes(number.bytes)
        writer.writeBytes(payload)
    }

    struct Scan {
        /// The sequence before the first record.
        var base: UInt64?
        var last: UInt64
        /// Just after the last whole record.
        var end: Int
        var records = 0
        var problems: [String] = []
    }

    /// Hands over every whole record. After damage it goes on at the next place where a whole record begins.
    /// `previous` is the last sequence of the segments before.
    static func scan(
        _ bytes: [UInt8], path: String, previous: UInt64, _ body: (UInt64, ArraySlice<UInt8>) throws -> Void
    ) throws -> Scan {
        var result = Scan(base: nil, last: previous, end: min(headerSize, bytes.count))
        if let base = try readHeader(bytes, path: path) {
            result.base = base
            result.last = max(previous, base)
        } else {
            result.problems.append(
                StorageError.corrupt(path: path, offset: 0, reason: "bad journal header").description)
        }
        var offset = result.end
        while offset < bytes.count {
            if let (sequence, payload) = record(bytes, at: offset, after: result.last) {
                try body(sequence, payload)
                result.records += 1
                result.last = sequence
                offset = payload.endIndex
                result.end = offset
            } else {
                guard let next = nextRecord(bytes, from: offset + 1, after: result.last) else { break }
                let reason = "bad journal record, \(next - offset) bytes skipped"
                result.problems.append(StorageError.corrupt(path: path, offset: offset, reason: reason).description)
                offset = next
            }
        }
        return result
    }

    /// Nil where it is damaged.
    private static func readHeader(_ bytes: [UInt8], path: String) throws -> UInt64? {
        guard bytes.count >= headerSize, bytes[..<8].elementsEqual(magic),
            number(bytes, at: 20, width: 4) == UInt64(CRC32C.checksum(bytes[..<20]))
        else { return nil }
        let found = number(bytes, at: 8, width: 4)
        guard found == UInt64(version) else {
            throw StorageError.unsupported(
                "\(path) has journal format \(found), this version of needletail reads \(version): use a newer version")
        }
        return number(bytes, at: 12, width: 8)
    }

    private static func record(_ bytes: [UInt8], at offset: Int, after last: UInt64) -> (UInt64, ArraySlice<UInt8>)? {
        guard bytes.count - offset >= recordHeaderSize else { return nil }
        let length = Int(number(bytes, at: offset, width: 4))
        guard length <= longestPayload, length <= bytes.count - offset - recordHeaderSize else { return nil }
        // Sequences grow by one, but those of lost records are missing.
        let sequence = number(bytes, at: offset + 8, width: 8)
        guard sequence > last, sequence - last <= 1 << 32 else { return nil }
        let end = offset + recordHeaderSize + length
        guard
            CRC32C.checksum(bytes[offset + 8..<end])
                == UInt32(truncatingIfNeeded: number(bytes, at: offset + 4, width: 4))
        else { return nil }
        return (sequence, bytes[offset + recordHeaderSize..<end])
    }

    private static func nextRecord(_ bytes: [UInt8], from start: Int, after last: UInt64) -> Int? {
        var offset = start
        while bytes.count - offset >= recordHeaderSize {
            if record(bytes, at: offset, after: last) != nil { return offset }
            offset += 1
        }
        return nil
    }

    private static func number(_ bytes: [UInt8], at offset: Int, width: Int) -> UInt64 {
        var value: UInt64 = 0
        for i in 0..<width { value |= UInt64(bytes[offset + i]) << UInt64(8 * i) }
        return value
    }
}
