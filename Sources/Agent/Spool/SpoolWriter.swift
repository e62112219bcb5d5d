import Codecs
import Storage

/// The writing end of the spool: batches on disk until the receiver has acknowledged them. Used by one thread.
///
/// A batch is synced before ``append(_:entries:bytes:changes:)`` returns. See docs/formats/agent-spool.md.
package final class SpoolWriter {
    static let magic: [UInt8] = Array("NTAGSPOL".utf8)
    static let version: UInt32 = 1
    static let headerSize = 16
    static let acknowledgedName = "acknowledged"

    package struct Limits: Sendable, Hashable {
        package var bytes = 1 << 30
        package var segmentBytes = 8 << 20
        package init() {}
    }

    package enum Outcome: Hashable, Sendable {
        case stored(sequence: UInt64)
        /// There is no room before the receiver has acknowledged something, and
        /// ``removeAcknowledged(savedSequence:)`` was called.
        case full
    }

    package let ledger: SpoolLedger
    package var limits: Limits
    private let folder: String
    private let fileSystem: any FileSystem
    private var file: (any File)?
    private var current = 0

    /// Opens or makes a spool, and applies to `positions` what its batches say. What is torn at the end is passed over:
    /// its lines are read again.
    package init(
        folder: String, fileSystem: any FileSystem, limits: Limits = Limits(), positions: inout PositionBook
    ) throws(StorageError) {
        self.folder = folder
        self.fileSystem = fileSystem
        self.limits = limits
        ledger = SpoolLedger()
        try fileSystem.makeFolder(folder)
        var last = positions.sequence
        let acknowledged = SpoolReader.readAcknowledged(folder, fileSystem)
        last = max(last, acknowledged)
        for number in try fileSystem.list(folder).compactMap(SpoolWriter.number).sorted() {
            let path = SpoolWriter.path(folder, number)
            var cursor = SegmentCursor(path: path)
            var newest: UInt64 = 0
            do {
                let file = try fileSystem.open(path, .read)
                defer { file.close() }
                while let record = try cursor.next(file, upTo: try file.size(), withBody: false) {
                    if record.sequence > positions.sequence {
                        positions.apply(record.changes)
                        positions.sequence = record.sequence
                    }
                    newest = max(newest, record.sequence)
                }
                if let problem = cursor.problem { ledger.report(problem) }
            } catch {
                ledger.report("\(error)")
            }
            last = max(last, newest)
            current = max(current, number)
            ledger.with { $0.segments[number] = .init(length: cursor.offset, lastSequence: newest) }
        }
        ledger.with { state in
            state.lastSequence = last
            state.acknowledged = acknowledged
        }
    }

    static func name(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 8 - digits.count)) + digits + ".spool"
    }

    static func number(_ name: String) -> Int? {
        guard name.hasSuffix(".spool"), let number = Int(name.dropLast(6)), number > 0 else { return nil }
        return number
    }

    static func path(_ folder: String, _ number: Int) -> String { folder + "/" + name(number) }

    /// Stores a batch with the positions that hold once it is stored. Throws where the disk refuses; the spool is then as
    /// it was before.
    package func append(
        _ body: [UInt8], entries: Int, bytes: Int, changes: [PositionBook.Change]
    ) throws(StorageError) -> Outcome {
        let sequence = ledger.lastSequence &+ 1
        let record = SpoolRecord(sequence: sequence, entries: entries, bytes: bytes, changes: changes, body: body)
        let encoded = record.encoded()
        let isIdle = ledger.waiting == 0
        // A batch that is larger than the whole spool must get through nevertheless.
        let used = ledger.bytes
        guard used == 0 || used + encoded.count + SpoolWriter.headerSize <= limits.bytes else { return .full }
        let length = file == nil ? 0 : ledger.with { $0.segments[current]?.length ?? 0 }
        if file == nil || length >= limits.segmentBytes || (isIdle && length >= 1 << 20) { try startSegment() }
        guard let file else { throw .closed }
        let before = ledger.with { $0.segments[current]?.length ?? 0 }
        do throws(StorageError) {
            try file.append(encoded)
            try file.sync()
        } catch {
            // Nothing may follow a half-written record: where it cannot be cut off, the next one goes to a new segment.
            if (try? file.truncate(to: before)) == nil { self.file = nil }
            throw error
        }
        let wake = ledger.with { state in
            state.segments[current] = .init(length: before + encoded.count, lastSequence: sequence)
            state.lastSequence = sequence
            return state.wakeReader
        }
        wake?()
        return .stored(sequence: sequence)
    }

    private func startSegment() throws(StorageError) {
        let number = current + 1
        var header = ByteWriter(reserving: SpoolWriter.headerSize)
        header.writeBytes(SpoolWriter.magic)
        header.writeFixed32(SpoolWriter.version)
        header.writeFixed32(CRC32C.checksum(header.bytes))
        let path = SpoolWriter.path(folder, number)
        // A crash may have left a file of this name.
        let made = try fileSystem.open(path, .create)
        do throws(StorageError) {
            try made.append(header.bytes)
            try made.sync()
            try fileSystem.syncFolder(folder)
        } catch {
            try? fileSystem.remove(path)
            throw error
        }
        file = made
        current = number
        ledger.with { $0.segments[number] = .init(length: header.count, lastSequence: 0) }
    }

    /// Removes segments that are acknowledged and whose positions are in the saved book.
    package func removeAcknowledged(savedSequence: UInt64) {
        // Where all is delivered, the segment that is written to goes too.
        if ledger.waiting == 0, ledger.lastSequence <= savedSequence { file = nil }
        let writing = file == nil ? nil : Optional(current)
        let removable = ledger.with { state in
            state.segments.filter {
                $0.key != writing && $0.value.lastSequence <= min(savedSequence, state.acknowledged)
            }.keys.sorted()
        }
        for number in removable {
            guard (try? fileSystem.remove(SpoolWriter.path(folder, number))) != nil else { continue }
            ledger.with { $0.segments[number] = nil }
        }
    }

    package func close() { file = nil }
}

/// Reads the records of one segment one after the other.
struct SegmentCursor {
    let path: String
    /// Of the next record.
    private(set) var offset = 0
    private(set) var problem: String?

    init(path: String) { self.path = path }

    /// nil at the end, and where a record is damaged.
    mutating func next(_ file: any File, upTo length: Int, withBody: Bool) throws(StorageError) -> SpoolRecord? {
        guard problem == nil else { return nil }
        if offset == 0 {
            let header = try file.read(at: 0, count: SpoolWriter.headerSize)
            guard header.count == SpoolWriter.headerSize else { return nil }
            var reader = ByteReader(header)
            guard header.starts(with: SpoolWriter.magic), (try? reader.skip(8)) != nil,
                let version = try? reader.readFixed32(), let checksum = try? reader.readFixed32(),
                checksum == CRC32C.checksum(header[..<12])
            else {
                problem = "\(path) is no segment of a spool"
                return nil
            }
            guard version == SpoolWriter.version else {
                problem = "\(path) was written by a newer version (format \(version))"
                return nil
            }
            offset = SpoolWriter.headerSize
        }
        guard length - offset >= SpoolRecord.headerSize else { return nil }
        let head = try file.read(at: offset, count: SpoolRecord.headerSize)
        var reader = ByteReader(head)
        guard let size = try? reader.readFixed32(), let checksum = try? reader.readFixed32() else { return nil }
        let end = offset + SpoolRecord.headerSize + Int(size)
        guard size <= SpoolRecord.longestPayload, end <= length else {
            problem = "\(path): the record at byte \(offset) is cut off"
            return nil
        }
        let payload = try file.read(at: offset + SpoolRecord.headerSize, count: Int(size))
        guard payload.count == Int(size), CRC32C.checksum(payload) == checksum else {
            problem = "\(path): the record at byte \(offset) is damaged"
            return nil
        }
        do {
            let record = try SpoolRecord.decode(payload, withBody: withBody)
            offset = end
            return record
        } catch {
            problem = "\(path): the record at byte \(offset): \(error)"
            return nil
        }
    }
}
