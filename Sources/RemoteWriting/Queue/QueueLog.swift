import Codecs
import Storage
import Synchronization
import Telemetry

/// A place in the queue's log: just before a record.
package struct QueuePosition: Hashable, Sendable, Comparable {
    package var segment: Int
    package var offset: Int
    package init(segment: Int, offset: Int) {
        self.segment = segment
        self.offset = offset
    }
    package static func < (a: QueuePosition, b: QueuePosition) -> Bool { (a.segment, a.offset) < (b.segment, b.offset) }
}

/// What was stored and is not sent yet, on disk: one log for all receivers, each with a place of its own in it.
///
/// A record is in the file (not necessarily synced) before the append that it came with is acknowledged, so it survives
/// the death of the process. Series are written once for each segment. See docs/formats/remote-write-queue.md.
package final class QueueLog: Sendable {
    static let magic: [UInt8] = Array("NTRWQUEU".utf8)
    static let version: UInt32 = 1
    static let headerSize = 24
    static let recordHeaderSize = 8
    static let longestPayload = 1 << 28

    package struct Limits: Sendable, Hashable {
        package var segmentBytes = 32 << 20
        package var bytes = 4 << 30
        /// Milliseconds.
        package var age: Int64 = 24 * 3_600_000
        package init() {}
    }

    private struct Segment {
        var length: Int
        var items = 0
        /// Of the last record, in milliseconds.
        var written: Int64
    }

    private struct State {
        var file: (any File)?
        var current: Int
        var segments: [Int: Segment]
        var ids: [SeriesKey: UInt32] = [:]
        var nextID: UInt32 = 0
        var limits: Limits
        var isDirty = false
        var dropped = 0
    }

    let folder: String
    let fileSystem: any FileSystem
    private let state: Mutex<State>

    /// Opens or makes the log. What comes now goes to a new segment, so a torn end of the last one needs no mending:
    /// its readers stop there.
    package init(folder: String, fileSystem: any FileSystem, limits: Limits = Limits(), now: Int64) throws {
        self.folder = folder
        self.fileSystem = fileSystem
        try fileSystem.makeFolder(folder)
        var segments: [Int: Segment] = [:]
        for number in try fileSystem.list(folder).compactMap(QueueLog.number) {
            segments[number] = Segment(length: try fileSystem.size(of: QueueLog.path(folder, number)), written: now)
        }
        state = Mutex(State(file: nil, current: segments.keys.max() ?? 0, segments: segments, limits: limits))
    }

    static func name(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 8 - digits.count)) + digits + ".queue"
    }

    static func number(_ name: String) -> Int? {
        guard name.hasSuffix(".queue"), let number = Int(name.dropLast(6)), number > 0 else { return nil }
        return number
    }

    static func path(_ folder: String, _ number: Int) -> String { folder + "/" + name(number) }

    package func setLimits(_ limits: Limits) { state.withLock { $0.limits = limits } }

    package var bytes: Int { state.withLock { $0.segments.values.reduce(0) { $0 + $1.length } } }
    /// Items that left the log by its limits, read or not.
    package var droppedByLimits: Int { state.withLock { $0.dropped } }

    /// The place of the next record.
    package var end: QueuePosition {
        state.withLock { state in
            state.file == nil
                ? QueuePosition(segment: state.current + 1, offset: QueueLog.headerSize)
                : QueuePosition(segment: state.current, offset: state.segments[state.current]?.length ?? 0)
        }
    }

    package var start: QueuePosition {
        state.withLock { state in
            QueuePosition(segment: state.segments.keys.min() ?? state.current + 1, offset: QueueLog.headerSize)
        }
    }

    /// Bytes from a place to the end.
    package func bytes(after position: QueuePosition) -> Int {
        state.withLock { state in
            state.segments.reduce(0) { sum, entry in
                entry.key > position.segment
                    ? sum + entry.value.length
                    : entry.key == position.segment ? sum + max(0, entry.value.length - position.offset) : sum
            }
        }
    }

    // MARK: Writing

    /// Adds what of a batch has good labels. Throws where the disk refuses; the log is then as it was before.
    package func append(_ batch: SeriesBatch, exemplars: Bool, now: Int64) throws {
        try state.withLock { state in
            if state.file == nil || (state.segments[state.current]?.length ?? 0) >= state.limits.segmentBytes {
                try startSegment(&state, now: now)
            }
            let firstNew = state.nextID
            var added: [SeriesKey] = []
            let record = QueueLog.record(batch, exemplars: exemplars, &state.ids, &state.nextID, &added)
            guard record.itemCount > 0 || firstNew != state.nextID else { return }
            do {
                try write(record.encoded(), items: record.itemCount, &state, now: now)
            } catch {
                // The series of the lost record are not defined for those that follow.
                for key in added { state.ids[key] = nil }
                state.nextID = firstNew
                throw error
            }
            enforceLimits(&state, now: now)
        }
    }

    private static func record(
        _ batch: SeriesBatch, exemplars: Bool, _ ids: inout [SeriesKey: UInt32], _ nextID: inout UInt32,
        _ added: inout [SeriesKey]
    ) -> QueueRecordWriter {
        var writer = QueueRecordWriter()
        // The id of each series of the batch; .max where it has none, .max - 1 where it was not asked for yet.
        var known = [UInt32](repeating: .max - 1, count: batch.seriesCount)
        func id(_ index: UInt32) -> UInt32? {
            let index = Int(index)
            guard index < known.count else { return nil }
            if known[index] < .max - 1 { return known[index] }
            if known[index] == .max { return nil }
            let key = key(of: batch, index)
            if let id = ids[key] {
                known[index] = id
                return id
            }
            // The store has told the sender what is wrong with such a series.
            guard let labels = try? batch.labels(ofSeries: index), !labels.isEmpty else {
                known[index] = .max
                return nil
            }
            writer.define(labels)
            ids[key] = nextID
            known[index] = nextID
            added.append(key)
            nextID &+= 1
            return known[index]
        }
        for row in batch.refs.indices {
            guard let id = id(batch.refs[row]) else { continue }
            let start = row < batch.startTimestamps.count ? batch.startTimestamps[row] : 0
            writer.sample(id, timestamp: batch.timestamps[row], start: start, value: batch.values[row])
        }
        for sample in batch.histograms {
            if let id = id(sample.series) { writer.histogram(id, sample) }
        }
        if exemplars {
            for sample in batch.exemplars {
                if let id = id(sample.series) { writer.exemplar(id, sample.exemplar) }
            }
        }
        return writer
    }

    private static func key(of batch: SeriesBatch, _ index: Int) -> SeriesKey {
        if index < batch.keys.count { return batch.keys[index] }
        let bytes = batch.series[index].bytes
        let hash = Hash128.hash(bytes, 0..<bytes.count, seed: 0x5157)
        return SeriesKey(high: hash.high, low: hash.low)
    }

    private func write(_ payload: [UInt8], items: Int, _ state: inout State, now: Int64) throws {
        guard let file = state.file, var segment = state.segments[state.current] else { throw StorageError.closed }
        guard payload.count <= QueueLog.longestPayload else {
            throw StorageError.unsupported("a batch of \(payload.count) bytes is too long for the remote-write queue")
        }
        var writer = ByteWriter(reserving: payload.count + QueueLog.recordHeaderSize)
        writer.writeFixed32(UInt32(truncatingIfNeeded: payload.count))
        writer.writeFixed32(CRC32C.checksum(payload))
        writer.writeBytes(payload)
        do {
            try file.append(writer.bytes)
        } catch {
            // Nothing may follow a half-written record: where it cannot be cut off, the next one goes to a new segment.
            if (try? file.truncate(to: segment.length)) == nil { state.file = nil }
            throw error
        }
        segment.length += writer.count
        segment.items += items
        segment.written = now
        state.segments[state.current] = segment
        state.isDirty = true
    }

    private func startSegment(_ state: inout State, now: Int64) throws {
        try state.file?.sync()
        let number = state.current + 1
        var header = ByteWriter(reserving: QueueLog.headerSize)
        header.writeBytes(QueueLog.magic)
        header.writeFixed32(QueueLog.version)
        header.writeFixed64(UInt64(bitPattern: now))
        header.writeFixed32(CRC32C.checksum(header.bytes))
        let path = QueueLog.path(folder, number)
        let file = try fileSystem.open(path, .create)
        do {
            try file.append(header.bytes)
            try file.sync()
            try fileSystem.syncFolder(folder)
        } catch {
            try? fileSystem.remove(path)
            throw error
        }
        state.file = file
        state.current = number
        state.segments[number] = Segment(length: header.count, written: now)
        state.ids = [:]
        state.nextID = 0
    }

    private func enforceLimits(_ state: inout State, now: Int64) {
        var total = state.segments.values.reduce(0) { $0 + $1.length }
        for number in state.segments.keys.sorted() where number != state.current {
            guard let segment = state.segments[number] else { continue }
            guard total > state.limits.bytes || now - segment.written > state.limits.age else { return }
            try? fileSystem.remove(QueueLog.path(folder, number))
            state.segments[number] = nil
            state.dropped += segment.items
            total -= segment.length
        }
    }

    /// Makes what was appended so far safe from the death of the machine.
    package func sync() throws {
        let file = state.withLock { state in
            defer { state.isDirty = false }
            return state.isDirty ? state.file : nil
        }
        try file?.sync()
    }

    /// Removes the segments that every receiver has behind it.
    package func discard(before position: QueuePosition) {
        state.withLock { state in
            for number in state.segments.keys where number < position.segment && number != state.current {
                try? fileSystem.remove(QueueLog.path(folder, number))
                state.segments[number] = nil
            }
        }
    }

    package func close() throws {
        try state.withLock { state in
            try state.file?.sync()
            state.file = nil
        }
    }

    // MARK: For readers

    enum Extent {
        /// Bytes of whole records so far; more may come.
        case open(Int)
        case closed(Int)
        /// The oldest one that is still there.
        case gone(next: Int)
        /// It has not been begun.
        case notYet
    }

    func extent(of number: Int) -> Extent {
        state.withLock { state in
            if let segment = state.segments[number] {
                return state.file != nil && number == state.current ? .open(segment.length) : .closed(segment.length)
            }
            if let next = state.segments.keys.filter({ $0 > number }).min() { return .gone(next: next) }
            return .notYet
        }
    }
}
