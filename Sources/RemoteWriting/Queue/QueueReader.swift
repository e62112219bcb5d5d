import Codecs
import Storage
import Telemetry

/// Reads the log from a place on, for one receiver.
package struct QueueReader {
    package struct Record: Sendable {
        package var items: [QueuedItem]
        /// The place after it.
        package var end: QueuePosition
    }

    private let log: QueueLog
    package private(set) var position: QueuePosition
    private var segment: Int?
    private var file: (any File)?
    private var decoder = QueueRecordReader()
    /// Sentences about damage, and about segments that left before they were read.
    package private(set) var problems: [String] = []

    package init(_ log: QueueLog, from position: QueuePosition) {
        self.log = log
        self.position = position
    }

    package mutating func takeProblems() -> [String] {
        defer { problems = [] }
        return problems
    }

    /// The next record; nil where there is none yet.
    package mutating func next() -> Record? {
        while true {
            switch log.extent(of: position.segment) {
            case .notYet: return nil
            case .gone(let next):
                problems.append(
                    "segments before \(next) of the remote-write queue are gone by its limits; their samples are not sent"
                )
                move(to: next)
            case .open(let length):
                guard position.offset < length else { return nil }
                if let record = read(upTo: length) { return record }
                return nil
            case .closed(let length):
                if position.offset < length, let record = read(upTo: length) { return record }
                move(to: position.segment + 1)
            }
        }
    }

    private mutating func move(to segment: Int) {
        position = QueuePosition(segment: segment, offset: QueueLog.headerSize)
        file = nil
        self.segment = nil
        decoder = QueueRecordReader()
    }

    /// nil at the end of the whole records, or where they are damaged.
    private mutating func read(upTo length: Int) -> Record? {
        do {
            if segment != position.segment { try open(upTo: length) }
            guard let payload = try payload(at: position.offset, upTo: length) else { return nil }
            let items = try decoder.items(payload[...])
            position.offset += QueueLog.recordHeaderSize + payload.count
            return Record(items: items, end: position)
        } catch {
            problems.append("\(QueueLog.path(log.folder, position.segment)) at byte \(position.offset): \(error)")
            // What follows may need the series that were defined here.
            position.offset = length
            return nil
        }
    }

    /// Opens the segment of our place and learns the series that stand before it.
    private mutating func open(upTo length: Int) throws {
        let path = QueueLog.path(log.folder, position.segment)
        let file = try log.fileSystem.open(path, .read)
        self.file = file
        decoder = QueueRecordReader()
        let header = try file.read(at: 0, count: QueueLog.headerSize)
        var reader = ByteReader(header)
        guard header.count == QueueLog.headerSize, try reader.readBytes(8).elementsEqual(QueueLog.magic) else {
            throw StorageError.corrupt(path: path, offset: 0, reason: "it is no segment of a remote-write queue")
        }
        let version = try reader.readFixed32()
        guard version == QueueLog.version else {
            throw StorageError.unsupported(
                "\(path) has queue format \(version), this version reads \(QueueLog.version)")
        }
        var offset = QueueLog.headerSize
        while offset < min(position.offset, length), let payload = try payload(at: offset, upTo: length) {
            try decoder.takeDefinitions(payload[...])
            offset += QueueLog.recordHeaderSize + payload.count
        }
        position.offset = max(offset, position.offset)
        segment = position.segment
    }

    private func payload(at offset: Int, upTo length: Int) throws -> [UInt8]? {
        guard let file, length - offset >= QueueLog.recordHeaderSize else { return nil }
        var header = ByteReader(try file.read(at: offset, count: QueueLog.recordHeaderSize))
        let size = Int(try header.readFixed32())
        let checksum = try header.readFixed32()
        // The end of a segment that a crash interrupted.
        guard size <= length - offset - QueueLog.recordHeaderSize else { return nil }
        let payload = try file.read(at: offset + QueueLog.recordHeaderSize, count: size)
        guard payload.count == size, CRC32C.checksum(payload) == checksum else {
            throw StorageError.corrupt(
                path: QueueLog.path(log.folder, position.segment), offset: offset, reason: "bad checksum")
        }
        return payload
    }
}

/// Where a receiver is in the log, remembered over restarts: the last whole entry of a small file that is appended to.
package final class QueueCursor {
    private static let entrySize = 20
    private static let longestFile = 4096 * entrySize

    private let path: String
    private let fileSystem: any FileSystem
    private var file: (any File)?
    private var length = 0
    package private(set) var position: QueuePosition?

    package init(folder: String, key: String, fileSystem: any FileSystem) throws {
        path = folder + "/" + QueueCursor.name(key)
        self.fileSystem = fileSystem
        guard fileSystem.exists(path) else { return }
        let bytes = try fileSystem.readAll(path)
        var offset = 0
        while bytes.count - offset >= QueueCursor.entrySize {
            var reader = ByteReader(bytes[offset..<offset + QueueCursor.entrySize])
            let segment = try reader.readFixed64()
            let place = try reader.readFixed64()
            if try reader.readFixed32() == CRC32C.checksum(bytes[offset..<offset + 16]), segment < 1 << 48,
                place < 1 << 48
            {
                position = QueuePosition(segment: Int(segment), offset: Int(place))
            }
            offset += QueueCursor.entrySize
        }
    }

    package static func name(_ key: String) -> String {
        let hash = Hash64.hash(Array(key.utf8).span, seed: 0x6375_7273)
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits + ".cursor"
    }

    package func move(to position: QueuePosition) throws {
        guard position != self.position else { return }
        var writer = ByteWriter(reserving: QueueCursor.entrySize)
        writer.writeFixed64(UInt64(max(0, position.segment)))
        writer.writeFixed64(UInt64(max(0, position.offset)))
        writer.writeFixed32(CRC32C.checksum(writer.bytes))
        if file == nil || length >= QueueCursor.longestFile {
            try fileSystem.writeAtomically(writer.bytes, to: path)
            file = try fileSystem.open(path, .append)
            length = QueueCursor.entrySize
        } else {
            try file?.append(writer.bytes)
            length += QueueCursor.entrySize
        }
        self.position = position
    }
}
