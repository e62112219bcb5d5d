import Glibc
import Logging
import Storage
import Telemetry

/// Reads all sources and fills the spool. Everything in here happens on one thread; what it shares with others are
/// the statistics, the spool's ledger and the control's pipe.
final class Collector {
    var configuration: AgentConfiguration
    let fileSystem: any FileSystem
    let logger: Logger
    let statistics: AgentStatistics
    let control: AgentControl
    let spool: SpoolWriter
    let reload: () -> AgentConfiguration?
    let hostName = Machine.hostName

    let sink = EntrySink()
    var book: PositionBook
    var tails: [FileIdentity: Tail] = [:]
    var journals: [JournalProcess] = []
    var watch: FolderWatch
    /// Positions of files that were closed since the last batch.
    var closed: [FileIdentity: FilePosition] = [:]
    /// A batch that the spool has not taken yet; nothing is read meanwhile.
    private var pending: Waiting?
    private typealias Waiting = (batch: (body: [UInt8], entries: Int, bytes: Int), changes: [PositionBook.Change])
    var generation: Int
    var isFirstScan: Bool
    /// Identities that are passed over: compressed, copies, dropped by relabelling.
    var ignored: [FileIdentity: String] = [:]
    var complaints: [String: Int64] = [:]

    private var isStopping = false
    private var mustReload = false
    private var nextScan: Int64 = 0
    private var nextSweep: Int64 = 0
    private var nextSave: Int64 = 0
    private var nextStatus: Int64
    private var lastRound: Int64 = 0
    private var bookIsSaved = true
    private var lastStatus = AgentCounters()

    init(
        configuration: AgentConfiguration, book: PositionBook, isFirstStart: Bool, spool: SpoolWriter,
        fileSystem: any FileSystem, statistics: AgentStatistics, control: AgentControl, logger: Logger,
        reload: @escaping () -> AgentConfiguration?
    ) {
        self.configuration = configuration
        self.book = book
        self.spool = spool
        self.fileSystem = fileSystem
        self.statistics = statistics
        self.control = control
        self.logger = logger
        self.reload = reload
        watch = FolderWatch(isWanted: configuration.usesInotify)
        generation = (book.files.values.map(\.generation).max() ?? 0) + 1
        isFirstScan = isFirstStart
        nextStatus = Machine.monotonic + 60_000
        nextSave = Machine.monotonic + 10_000
    }

    // MARK: The loop

    func run() {
        startJournals()
        while true {
            sink.lookAtClocks()
            for request in control.take() {
                if request == .stop { isStopping = true }
                if request == .reload { mustReload = true }
            }
            for problem in spool.ledger.takeProblems() { logger.error("spool: \(problem)") }
            if isStopping { break }
            takeChanges()
            var hasMore = false
            if commitPending() {
                if mustReload { applyReload() }
                if sink.monotonic >= nextScan {
                    scan()
                    nextScan = sink.monotonic + 10_000
                }
                hasMore = readRound()
                expire()
                if !sink.batch.isEmpty, sink.monotonic - sink.batch.started >= configuration.batch.wait { seal() }
            }
            publish()
            tend()
            wait(hasMore: hasMore)
        }
        finish()
    }

    /// Waits until there may be something to do.
    private func wait(hasMore: Bool) {
        if hasMore, pending == nil { return }
        var now = Machine.monotonic
        // A writer of many lines wakes us once for many, not once for each.
        let quiet = lastRound + 100 - now
        lastRound = now
        if pending == nil, quiet > 0 { poll([control.readEnd], quiet) }
        if pending != nil { return poll([control.readEnd], 500) }
        now = Machine.monotonic
        var next = min(nextScan, nextSweep, nextSave, nextStatus)
        if !sink.batch.isEmpty { next = min(next, sink.batch.started + configuration.batch.wait) }
        for tail in tails.values { next = min(next, tail.deadline ?? next) }
        var descriptors = [control.readEnd]
        if watch.descriptor >= 0 { descriptors.append(watch.descriptor) }
        for journal in journals {
            next = min(next, journal.deadline ?? next, journal.isRunning ? next : journal.retryTime)
            if journal.isRunning { descriptors.append(journal.descriptor) }
        }
        poll(descriptors, max(0, next - now))
        lastRound = Machine.monotonic
    }

    private func poll(_ descriptors: [Int32], _ milliseconds: Int64) {
        var all = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        _ = Glibc.poll(&all, nfds_t(all.count), Int32(clamping: milliseconds))
    }

    private func takeChanges() {
        let changes = watch.take()
        if changes.isIncomplete || sink.monotonic >= nextSweep {
            // Watching misses what other machines and some containers write.
            for tail in tails.values { tail.needsLook = true }
            nextSweep = sink.monotonic + (tails.count > 1_000 && watch.isComplete ? 5_000 : 1_000)
            if !watch.isComplete { nextScan = min(nextScan, sink.monotonic) }
        } else if !changes.written.isEmpty {
            for tail in tails.values where changes.written.contains(tail.position.path) || tail.state == .leaving {
                tail.needsLook = true
            }
        }
        if changes.hasNewNames || changes.isIncomplete { nextScan = sink.monotonic }
    }

    /// Reads from every file that may have something, a little of each in turn. True where there is more.
    private func readRound() -> Bool {
        var hasMore = false
        for journal in journals {
            journal.startIfDue(now: sink.monotonic)
            var chunks = 0
            while chunks < 4, journal.read(sink) { chunks += 1 }
            if chunks == 4 { hasMore = true }
            if let problem = journal.takeProblem() { complain(problem) }
            if !sealIfFull() { return true }
        }
        for tail in tails.values.sorted(by: { $0.position.generation < $1.position.generation }) where tail.needsLook {
            if let first = tail.waitsFor, let before = tails[first], !before.isDrained { continue }
            tail.waitsFor = nil
            var chunks = 0
            reading: while chunks < 4 {
                switch tail.look(sink) {
                case .nothing:
                    tail.needsLook = false
                    break reading
                case .truncated:
                    truncated(tail)
                    hasMore = true
                    break reading
                case .read: chunks += 1
                }
                if !sealIfFull() { return true }
                if tail.isAtEnd { break }
            }
            if tail.isAtEnd { tail.isDrained = true }
            if chunks == 4, !tail.isAtEnd { hasMore = true }
        }
        closeLeaving()
        return hasMore
    }

    private func expire() {
        for journal in journals where journal.deadline.map({ $0 <= sink.monotonic }) == true { journal.expire(sink) }
        for tail in tails.values where tail.deadline.map({ $0 <= sink.monotonic }) == true { tail.expire(sink) }
        _ = sealIfFull()
    }

    /// False where nothing more may be read.
    private func sealIfFull() -> Bool {
        if sink.batch.bytes >= configuration.batch.bytes { seal() }
        return pending == nil
    }

    // MARK: Batches and positions

    private func changes() -> [PositionBook.Change] {
        let seen = sink.now / 1_000_000
        var out = closed.values.map { PositionBook.Change.file($0) }
        closed = [:]
        for tail in tails.values where tail.isDirty {
            tail.isDirty = false
            out.append(.file(tail.livePosition(seen: seen)))
        }
        for journal in journals where journal.isDirty {
            journal.isDirty = false
            if let cursor = journal.cursor { out.append(.cursor(source: journal.source.name, cursor)) }
        }
        return out
    }

    func seal() {
        guard !sink.batch.isEmpty, pending == nil else { return }
        let changes = changes()
        pending = (sink.batch.seal(), changes)
        _ = commitPending()
    }

    /// True where no batch waits for room.
    private func commitPending() -> Bool {
        guard let waiting = pending else { return true }
        do {
            var outcome = try append(waiting)
            if outcome == .full {
                save(force: false)
                outcome = try append(waiting)
            }
            guard case .stored(let sequence) = outcome else {
                complain("the spool is full: nothing is read until the server has taken something")
                return setBlocked(true)
            }
            pending = nil
            book.apply(waiting.changes)
            book.sequence = sequence
            bookIsSaved = false
            statistics.update { $0.batchesStored += 1 }
            return setBlocked(false)
        } catch {
            complain("the spool cannot be written; nothing is read meanwhile: \(error)")
            return setBlocked(true)
        }
    }

    private func append(_ waiting: Waiting) throws -> SpoolWriter.Outcome {
        try spool.append(
            waiting.batch.body, entries: waiting.batch.entries, bytes: waiting.batch.bytes, changes: waiting.changes)
    }

    private func setBlocked(_ isBlocked: Bool) -> Bool {
        statistics.update { $0.isBlocked = isBlocked }
        return !isBlocked
    }

    /// Writes the positions down, and removes what the spool does not need any more.
    private func save(force: Bool) {
        if sink.batch.isEmpty, pending == nil {
            // What was read since was dropped: there is no batch to go with.
            let changes = changes()
            if !changes.isEmpty {
                book.apply(changes)
                bookIsSaved = false
            }
        }
        if !bookIsSaved || force {
            book.forget(notSeenSince: sink.now / 1_000_000 - 7 * 86_400_000)
            do {
                try fileSystem.writeAtomically(book.json, to: configuration.dataFolder + "/" + PositionBook.name)
                bookIsSaved = true
            } catch {
                complain("the positions cannot be written: \(error)")
            }
        }
        if bookIsSaved { spool.removeAcknowledged(savedSequence: book.sequence) }
    }

    private func tend() {
        if let problem = watch.takeProblem() { logger.warning("\(problem)") }
        if sink.monotonic >= nextSave {
            nextSave = sink.monotonic + 10_000
            save(force: false)
        }
        if sink.monotonic >= nextStatus {
            nextStatus = sink.monotonic + 60_000
            status()
        }
    }

    private func publish() {
        let counted = sink.counted
        sink.counted = AgentCounters()
        let open = tails.count
        statistics.update { counters in
            counters.lines += counted.lines
            counters.bytesRead += counted.bytesRead
            counters.entries += counted.entries
            counters.dropped += counted.dropped
            counters.cutLines += counted.cutLines
            counters.truncations += counted.truncations
            counters.rotations += counted.rotations
            counters.unreadable += counted.unreadable
            counters.openFiles = open
        }
    }

    private func status() {
        let behind = tails.values.reduce(0) { $0 + $1.bytesBehind }
        statistics.update { $0.bytesBehind = behind }
        let now = statistics.now
        let error = now.isBlocked || now.retries > lastStatus.retries ? "; last error: \(now.lastError)" : ""
        logger.info(
            "\(tails.count) files, \(now.lines - lastStatus.lines) lines in the last minute, \(behind) bytes behind; \(now.entriesSent) entries sent, \(spool.ledger.waiting) batches (\(spool.ledger.bytes) bytes) in the spool\(error)"
        )
        lastStatus = now
    }

    /// At most once in a minute for the same sentence.
    func complain(_ sentence: String) {
        if let last = complaints[sentence], sink.monotonic - last < 60_000 { return }
        if complaints.count > 1_000 { complaints = [:] }
        complaints[sentence] = sink.monotonic
        logger.warning("\(sentence)")
    }

    // MARK: Beginning and end

    private func startJournals() {
        let common = SourceLabels.common(configuration, hostName: hostName)
        journals = configuration.journals.map { source in
            JournalProcess(
                source: source, labels: SourceLabels.unique(common + source.treatment.labels),
                cursor: book.cursors[source.name])
        }
    }

    /// Takes over a new configuration at a moment when everything that was read is in the spool or will be read again.
    private func applyReload() {
        mustReload = false
        guard let fresh = reload() else { return }
        for journal in journals { journal.flush(sink) }
        for tail in tails.values { tail.flush(sink) }
        seal()
        guard pending == nil else {
            mustReload = true
            return
        }
        save(force: false)
        for journal in journals { journal.stop() }
        configuration = fresh
        spool.limits = fresh.spool
        tails = [:]
        ignored = [:]
        complaints = [:]
        watch = FolderWatch(isWanted: fresh.usesInotify)
        nextScan = sink.monotonic
        startJournals()
        logger.info("the configuration was read again")
    }

    /// Reads what is there, closes all events and writes everything down.
    private func finish() {
        let deadline = Machine.monotonic + 2_000
        for tail in tails.values { tail.needsLook = true }
        while commitPending(), readRound(), Machine.monotonic < deadline { sink.lookAtClocks() }
        for journal in journals {
            journal.flush(sink)
            journal.stop()
        }
        for tail in tails.values { tail.flush(sink) }
        seal()
        publish()
        save(force: true)
    }
}
