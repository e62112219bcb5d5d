import Codecs

/// A record of Prometheus' log, decompressed, and where its first fragment is.
package struct LogRecordBytes: Sendable {
    package var bytes: [UInt8]
    package var file: any FolderFile
    package var offset: Int
}

/// Reads the segments of a log (`wal/`, a checkpoint, `wbl/`) from the first to the last: pages of 32 KiB with
/// fragments of records, each with a checksum (tsdb/wlog).
package struct LogReader: Sendable {
    private static let pageSize = 32 << 10
    private static let headerSize = 7
    /// No record of Prometheus comes near; a broken length must not make us allocate.
    private static let largestRecord = 1 << 28

    private let segments: [any FolderFile]
    private var segment = 0
    private var offset = 0
    private var page: [UInt8] = []
    private var pageStart = 0
    /// Where the last segment ends in a torn record, as it does when Prometheus was killed.
    package private(set) var torn: (file: String, offset: Int, reason: String)?
    /// Bytes of the segments before the current place.
    package private(set) var bytesRead = 0

    package init(_ segments: [any FolderFile]) { self.segments = segments }

    package var bytesInAll: Int { segments.reduce(0) { $0 + $1.count } }

    /// Nil at the end.
    package mutating func next() throws(PrometheusFolderError) -> LogRecordBytes? {
        do throws(PrometheusFolderError) {
            return try read()
        } catch {
            // Prometheus itself cuts the log off at the first damage when that is in the last segment.
            guard case .corrupt(let file, let place, let reason) = error, segment == segments.count - 1 else {
                throw error
            }
            torn = (file, place, reason)
            segment = segments.count
            return nil
        }
    }

    private mutating func read() throws(PrometheusFolderError) -> LogRecordBytes? {
        var record: [UInt8] = []
        var compression: UInt8 = 0
        var start: Int?
        while segment < segments.count {
            let file = segments[segment]
            if offset >= file.count {
                if let start {
                    throw .corrupt(file: file.name, offset: start, reason: "the last record is cut off")
                }
                bytesRead += file.count
                segment += 1
                offset = 0
                page = []
                continue
            }
            guard let fragment = try fragment(file) else { continue }
            let isFirst = fragment.kind == 1 || fragment.kind == 2
            guard isFirst == (start == nil) else {
                throw .corrupt(
                    file: file.name, offset: fragment.offset,
                    reason: isFirst ? "a record begins inside another" : "a record goes on that was not begun")
            }
            if isFirst {
                start = fragment.offset
                compression = fragment.compression
            }
            guard record.count + fragment.range.count <= LogReader.largestRecord else {
                throw .corrupt(file: file.name, offset: fragment.offset, reason: "a record is larger than 256 MiB")
            }
            record.append(contentsOf: page[fragment.range])
            guard fragment.kind == 1 || fragment.kind == 4 else { continue }
            let bytes = try LogReader.decompressed(record, compression, file, start ?? 0)
            return LogRecordBytes(bytes: bytes, file: file, offset: start ?? 0)
        }
        return nil
    }

    private struct Fragment {
        var kind: UInt8
        var compression: UInt8
        var offset: Int
        /// In the page.
        var range: Range<Int>
    }

    /// Nil where the rest of the page is empty.
    private mutating func fragment(_ file: any FolderFile) throws(PrometheusFolderError) -> Fragment? {
        let wanted = offset / LogReader.pageSize * LogReader.pageSize
        if page.isEmpty || pageStart != wanted {
            page = try file.bytes(at: wanted, count: min(LogReader.pageSize, file.count - wanted))
            pageStart = wanted
        }
        let at = offset - pageStart
        let kind = page[at]
        if kind == 0 {
            offset = pageStart + LogReader.pageSize
            return nil
        }
        func damage(_ reason: String) -> PrometheusFolderError {
            .corrupt(file: file.name, offset: pageStart + at, reason: reason)
        }
        guard page.count - at >= LogReader.headerSize else { throw damage("a fragment's header is cut off") }
        let length = Int(page[at + 1]) << 8 | Int(page[at + 2])
        let sum = page[(at + 3)..<(at + 7)].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        let data = at + LogReader.headerSize
        guard length <= page.count - data else { throw damage("a fragment of \(length) bytes is cut off") }
        guard (1...4).contains(kind & 7), kind & 0xe0 == 0 else { throw damage("fragment type \(kind) does not exist") }
        guard sum == CRC32C.checksum(page[data..<data + length]) else { throw damage("a fragment's checksum is wrong") }
        offset = pageStart + data + length
        return Fragment(
            kind: kind & 7, compression: kind & 0x18, offset: pageStart + at, range: data..<data + length)
    }

    private static func decompressed(
        _ record: [UInt8], _ compression: UInt8, _ file: any FolderFile, _ offset: Int
    ) throws(PrometheusFolderError) -> [UInt8] {
        do throws(CodecError) {
            switch compression {
            case 0: return record
            case 0x08: return try Snappy.decompress(record, limit: largestRecord)
            case 0x10: return try Zstd.decompress(record[...], limit: largestRecord)
            default: throw CodecError(0, "two compressions at once")
            }
        } catch {
            if compression == 0x10, !Zstd.isAvailable {
                throw .unsupported(
                    file: file.name, offset: offset,
                    reason: "the log is compressed with zstd, which this build of needletail does not have")
            }
            throw .corrupt(file: file.name, offset: offset, reason: "a record cannot be decompressed: \(error.reason)")
        }
    }
}
