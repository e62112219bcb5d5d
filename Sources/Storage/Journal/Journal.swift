import Dispatch
import Synchronization

/// The write-ahead log of an engine: what ``append(_:)`` has returned for survives the death of the process.
///
/// Appenders that come while a write is under way share the next one (group commit). Records are applied by
/// ``replay(after:_:)`` at start, before the first append.
package final class Journal: Sendable {
    package let folder: String
    private let fileSystem: any FileSystem
    private let options: JournalOptions
    private let writer: JournalWriter
    private let queue = DispatchQueue(label: "needletail.journal.write")
    private let syncQueue = DispatchQueue(label: "needletail.journal.sync")
    private let state = Mutex(State())
    /// What opening met.
    private let openReport: JournalReplayReport

    private struct Waiter {
        var payload: [UInt8]
        var continuation: CheckedContinuation<JournalPosition, any Error>
    }

    private struct State {
        var waiting: [Waiter] = []
        var isDraining = false
        var isSyncScheduled = false
        var isClosed = false
        var syncFailures: [String] = []
    }

    /// Opens or makes the journal and cuts off the record that a crash interrupted. New records come after `position`
    /// even
    /// where the files are gone, so that no sequence that a checkpoint knows is used twice.
    package init(
        folder: String, fileSystem: any FileSystem, options: JournalOptions = JournalOptions(),
        after position: JournalPosition? = nil
    ) throws {
        self.folder = folder
        self.fileSystem = fileSystem
        self.options = options
        var report = JournalReplayReport()
        writer = try JournalWriter(folder: folder, fileSystem: fileSystem, report: &report)
        openReport = report
        if let position { writer.advance(to: position) }
    }

    /// Bytes of all segments.
    package var bytes: Int { writer.bytes.load(ordering: .relaxed) }

    /// Sentences about fsyncs that failed after their records were acknowledged (interval sync only).
    package var problems: [String] { state.withLock { $0.syncFailures } }

    /// Returns when the record is durable by the configured promise. After `.diskFull` the journal is as it was
    /// before, and
    /// later appends work when there is space.
    package func append(_ payload: [UInt8]) async throws -> JournalPosition {
        guard payload.count <= JournalSegment.longestPayload else {
            throw StorageError.unsupported(
                "a journal record of \(payload.count) bytes is too long; send smaller batches")
        }
        if let position = try appendAlone(payload) { return position }
        return try await withCheckedThrowingContinuation { continuation in
            let (isClosed, mustDrain) = state.withLock { state -> (Bool, Bool) in
                if state.isClosed { return (true, false) }
                state.waiting.append(Waiter(payload: payload, continuation: continuation))
                defer { state.isDraining = true }
                return (false, !state.isDraining)
            }
            if isClosed { continuation.resume(throwing: StorageError.closed) }
            if mustDrain { queue.async { self.drain() } }
        }
    }

    /// Where nobody else is writing, the caller writes itself: a copy into the page cache takes less than waking another
    /// thread and being woken by it. Nil where somebody is, or where the write waits for the disk.
    private func appendAlone(_ payload: [UInt8]) throws -> JournalPosition? {
        guard case .interval(let interval) = options.sync else { return nil }
        let mayWrite = state.withLock { state in
            guard !state.isClosed, !state.isDraining, state.waiting.isEmpty else { return false }
            state.isDraining = true
            return true
        }
        guard mayWrite else { return nil }
        defer {
            // Who came meanwhile has been waiting for us.
            let hasFollowers = state.withLock { state in
                if state.waiting.isEmpty { state.isDraining = false }
                return !state.waiting.isEmpty
            }
            if hasFollowers { queue.async { self.drain() } }
        }
        let position = try queue.sync {
            // Closed since.
            guard !state.withLock({ $0.isClosed }) else { throw StorageError.closed }
            try writer.write([payload], segmentBytes: options.segmentBytes, sync: false)
            return JournalPosition(segment: writer.segment, sequence: writer.sequence)
        }
        scheduleSync(after: interval)
        return position
    }

    private func drain() {
        while true {
            let group = state.withLock { state -> [Waiter] in
                if state.waiting.isEmpty { state.isDraining = false }
                defer { state.waiting = [] }
                return state.waiting
            }
            if group.isEmpty { return }
            write(group)
        }
    }

    private func write(_ group: [Waiter]) {
        let isSynced = if case .always = options.sync { true } else { false }
        do {
            try writer.write(group.map(\.payload), segmentBytes: options.segmentBytes, sync: isSynced)
        } catch {
            for waiter in group { waiter.continuation.resume(throwing: error) }
            return
        }
        let first = writer.sequence - UInt64(group.count) + 1
        for (i, waiter) in group.enumerated() {
            waiter.continuation.resume(returning: JournalPosition(segment: writer.segment, sequence: first + UInt64(i)))
        }
        if case .interval(let interval) = options.sync { scheduleSync(after: interval) }
    }

    /// The sync runs on its own queue, so that appends need not wait for the disk.
    private func scheduleSync(after interval: Duration) {
        let mustSchedule = state.withLock { state in
            defer { state.isSyncScheduled = true }
            return !state.isSyncScheduled && !state.isClosed
        }
        guard mustSchedule else { return }
        let seconds = Double(interval.components.seconds) + Double(interval.components.attoseconds) * 1e-18
        syncQueue.asyncAfter(deadline: .now() + seconds) { [weak self] in
            guard let self else { return }
            let isClosed = self.state.withLock { state in
                state.isSyncScheduled = false
                return state.isClosed
            }
            // Segments that were left behind were synced when the next one was made.
            guard !isClosed, let file = self.queue.sync(execute: { self.writer.openedFile }) else { return }
            do {
                try file.sync()
            } catch {
                self.state.withLock { $0.syncFailures.append("\(error)") }
                self.queue.async { if self.writer.openedFile === file { self.writer.abandon() } }
            }
        }
    }

    /// Hands over, in order, every record after `position` (all, where it is nil). Damage is skipped and named in the
    /// report.
    /// For the time before the first append.
    package func replay(
        after position: JournalPosition?, _ body: (JournalPosition, ArraySlice<UInt8>) throws -> Void
    ) throws -> JournalReplayReport {
        var report = openReport
        var previous: UInt64 = 0
        for number in try fileSystem.list(folder).compactMap(JournalSegment.number).sorted() {
            let path = folder + "/" + JournalSegment.name(number)
            let bytes = try fileSystem.readAll(path)
            let scan = try JournalSegment.scan(bytes, path: path, previous: previous) { sequence, payload in
                guard sequence > position?.sequence ?? 0 else { return }
                try body(JournalPosition(segment: number, sequence: sequence), payload)
                report.records += 1
                report.bytes += payload.count
            }
            report.problems += scan.problems
            if let base = scan.base, number > 1, previous > 0, base > previous {
                report.problems.append("\(path): \(base - previous) records before it are missing")
            }
            // The newest segment was cut when it was opened; older ones were synced whole before the next was made.
            if scan.end < bytes.count {
                let reason = "\(bytes.count - scan.end) bytes at the end are no record"
                report.problems.append(StorageError.corrupt(path: path, offset: scan.end, reason: reason).description)
            }
            previous = max(previous, scan.last)
        }
        return report
    }

    /// Starts a new segment: all records so far are in older ones, which `discard(before:)` with the answer removes.
    package func rotate() throws -> JournalPosition {
        try queue.sync {
            try writer.startSegment()
            return JournalPosition(segment: writer.segment, sequence: writer.sequence)
        }
    }

    /// Removes the segments before that of `position`.
    package func discard(before position: JournalPosition) throws {
        try queue.sync { try writer.discard(before: position.segment) }
    }

    /// Syncs and closes. Appends that have not been written yet are written first.
    package func close() throws {
        let wasOpen = state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        guard wasOpen else { return }
        try queue.sync {
            drain()
            try writer.close()
        }
    }
}
