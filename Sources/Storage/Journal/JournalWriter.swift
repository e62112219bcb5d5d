import Codecs
import Synchronization

/// The end of the journal that is written to.
///
/// `@unchecked Sendable`: after `init` every member but `bytes` is used on the journal's serial queue only.
final class JournalWriter: @unchecked Sendable {
    private let folder: String
    private let fileSystem: any FileSystem
    private var file: (any File)?
    private(set) var segment: Int
    private(set) var sequence: UInt64
    /// Length of the whole records in the open segment.
    private var length = 0
    /// A failed write left bytes behind ``length``.
    private var hasTail = false
    private var sizes: [Int: Int] = [:]
    /// Of all segments, for anybody to read.
    let bytes = Atomic(0)

    /// Cuts the torn end of the newest segment off.
    init(folder: String, fileSystem: any FileSystem, report: inout JournalReplayReport) throws {
        self.folder = folder
        self.fileSystem = fileSystem
        segment = 0
        sequence = 0
        try fileSystem.makeFolder(folder)
        let numbers = try fileSystem.list(folder).compactMap(JournalSegment.number).sorted()
        for number in numbers { sizes[number] = try fileSystem.size(of: path(number)) }
        if let newest = numbers.last {
            segment = newest
            try open(newest, report: &report)
        }
        publishSize()
    }

    private func path(_ number: Int) -> String { folder + "/" + JournalSegment.name(number) }

    private func open(_ number: Int, report: inout JournalReplayReport) throws {
        let bytes = try fileSystem.readAll(path(number))
        let scan = try JournalSegment.scan(bytes, path: path(number), previous: 0) { _, _ in }
        sequence = scan.last
        if scan.base == nil, scan.records == 0 {
            // A crash while the segment was made. What came before is in older segments.
            report.tornBytes += bytes.count
            try fileSystem.remove(path(number))
            sizes[number] = nil
            segment = number - 1
            if let older = sizes.keys.max() {
                segment = older
                let scan = try JournalSegment.scan(try fileSystem.readAll(path(older)), path: path(older), previous: 0)
                { _, _ in }
                sequence = scan.last
            }
            return
        }
        report.tornBytes += bytes.count - scan.end
        guard scan.base != nil, scan.problems.isEmpty else { return }
        let file = try fileSystem.open(path(number), .append)
        if scan.end < bytes.count {
            try file.truncate(to: scan.end)
            try file.sync()
        }
        self.file = file
        length = scan.end
        sizes[number] = scan.end
    }

    func advance(to position: JournalPosition) {
        guard position.sequence > sequence else { return }
        sequence = position.sequence
        segment = max(segment, position.segment)
        file = nil
    }

    /// Writes the payloads with one write, or none of them.
    func write(_ payloads: [[UInt8]], segmentBytes: Int, sync: Bool) throws {
        if length >= segmentBytes { try startSegment() }
        let file = try openFile()
        if hasTail {
            try file.truncate(to: length)
            hasTail = false
        }
        var writer = ByteWriter(reserving: payloads.reduce(0) { $0 + $1.count + JournalSegment.recordHeaderSize })
        for (i, payload) in payloads.enumerated() {
            JournalSegment.write(payload, sequence: sequence + UInt64(i) + 1, to: &writer)
        }
        hasTail = true
        do {
            try file.append(writer.bytes)
        } catch {
            // Room for the readers of the tail that a full disk leaves: nothing half-written stays.
            if (try? file.truncate(to: length)) != nil { hasTail = false }
            throw error
        }
        if sync {
            do {
                try file.sync()
            } catch {
                // After a failed fsync the kernel may have dropped the pages: nothing may follow them in this file.
                abandon()
                throw error
            }
        }
        hasTail = false
        length += writer.count
        sequence += UInt64(payloads.count)
        sizes[segment] = length
        publishSize()
    }

    private func openFile() throws -> any File {
        if file == nil { try startSegment() }
        guard let file else { throw StorageError.closed }
        return file
    }

    var openedFile: (any File)? { file }

    /// Leaves the open segment as it is; the next write makes a new one.
    func abandon() {
        if (try? file?.truncate(to: length)) != nil { hasTail = false }
        file = nil
    }

    /// The next record goes to a new segment.
    func startSegment() throws {
        if let file {
            if hasTail { try file.truncate(to: length) }
            hasTail = false
            try file.sync()
        }
        let number = segment + 1
        let header = JournalSegment.header(base: sequence)
        let fresh = try fileSystem.open(path(number), .create)
        do {
            try fresh.append(header)
            try fresh.sync()
            try fileSystem.syncFolder(folder)
        } catch {
            try? fileSystem.remove(path(number))
            throw error
        }
        // The old one is closed when a sync that may be under way lets it go.
        file = fresh
        segment = number
        length = header.count
        sizes[number] = length
        publishSize()
    }

    func discard(before limit: Int) throws {
        let old = sizes.keys.filter { $0 < min(limit, segment) }.sorted()
        guard !old.isEmpty else { return }
        for number in old {
            try fileSystem.remove(path(number))
            sizes[number] = nil
        }
        publishSize()
        try fileSystem.syncFolder(folder)
    }

    func close() throws {
        if hasTail { try file?.truncate(to: length) }
        try file?.sync()
        file = nil
    }

    private func publishSize() { bytes.store(sizes.values.reduce(0, +), ordering: .relaxed) }
}
