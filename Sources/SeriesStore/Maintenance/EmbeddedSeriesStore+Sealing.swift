import Codecs
internal import Storage
import Synchronization
internal import Telemetry

extension EmbeddedSeriesStore {
    /// Seals, merges and retires once a minute until it is cancelled.
    package func run() async {
        while !Task.isCancelled {
            do { try await Task.sleep(for: .seconds(60)) } catch { return }
            if ledger.withLock({ $0.isClosed }) { return }
            do {
                try await maintain(now: clock())
            } catch {
                report("maintenance failed and will be tried again: \(error)")
            }
        }
    }

    /// What is due at `now` (milliseconds): sealing of ended windows, merging of ended days, retention.
    package func maintain(now: Int64) async throws {
        await maintenance.enterAlone()
        defer { maintenance.leaveAlone() }
        guard !ledger.withLock({ $0.isClosed }) else { return }
        try await seal(now: now, everything: false)
        try dropParts(before: now &- options.retention)
        try mergeDays(now: now)
    }

    package func retain(after time: Int64) async throws {
        await maintenance.enterAlone()
        defer { maintenance.leaveAlone() }
        try dropParts(before: time)
    }

    // MARK: Sealing

    /// Bytes of the head, about; also for appends to look at.
    private func measureHead() -> Int {
        var bytes = 0
        for shard in shards { bytes += shard.state.withLock { $0.series.reduce(0) { $0 + $1.byteCount } } }
        headBytes.store(bytes, ordering: .relaxed)
        return bytes
    }

    private func windowsToSeal(now: Int64, everything: Bool) -> [Int64] {
        let bytes = measureHead()
        return ledger.withLock { ledger in
            // Not every minute: where the series alone take the memory, sealing does not help.
            let isPressed = bytes > options.headBytes && ledger.lastSeal &+ options.sealDelay <= now
            let pressed = everything || isPressed
            if pressed { return ledger.head.sorted() }
            let ended = ledger.head.filter { Window.start($0 + 1) &+ options.sealDelay <= now }
            // Late samples of windows that are sealed already wait for company: each sealing makes a part.
            let isDue = ended.contains { ledger.sealed[$0] == nil } || ledger.lastSeal &+ Window.length <= now
            return isDue ? ended.sorted() : []
        }
    }

    /// Call with ``maintenance`` held.
    func seal(now: Int64, everything: Bool) async throws {
        let windows = windowsToSeal(now: now, everything: everything)
        if !windows.isEmpty {
            let position = try await checkpoint(windows, now: now)
            for (i, window) in windows.enumerated() {
                do {
                    try seal(window, upTo: position, now: now)
                } catch {
                    // Everything is in the head and in the journal still.
                    ledger.withLock { $0.head.formUnion(windows[i...]) }
                    throw error
                }
            }
            ledger.withLock { $0.lastSeal = now }
        }
        if !everything { await dropIdleSeries(now: now) }
        if !windows.isEmpty { _ = measureHead() }
        discardJournal()
    }

    /// Ends a generation: everything in older segments is in memory, and every record of later ones defines its series
    /// anew.
    private func checkpoint(_ windows: [Int64], now: Int64) async throws -> JournalPosition {
        await gate.enterAlone()
        defer { gate.leaveAlone() }
        let position = try journal.rotate()
        // Before the ledger moves: where the disk is full, nothing has happened but a new segment.
        var record = JournalRecord()
        record.generation = position.segment
        record.metadata = families.withLock { families in
            families.values.flatMap { $0.reversed() }.sorted { $0.name < $1.name }
        }
        if !record.isEmpty { _ = try await journal.append(record.encoded()) }
        ledger.withLock { ledger in
            if ledger.generation > 0 {
                ledger.closed.append(
                    Ledger.Generation(
                        firstSegment: ledger.generation, lastSequence: position.sequence, windows: ledger.windows))
            }
            ledger.generation = position.segment
            ledger.windows = []
            // Whatever comes from here on puts its window back.
            ledger.head.subtract(windows)
        }
        return position
    }

    private func seal(_ window: Int64, upTo position: JournalPosition, now: Int64) throws {
        var taken: [(labels: LabelSet, samples: HeadSnapshot)] = []
        for shard in shards {
            shard.state.withLock { head in
                for slot in head.series.indices {
                    if let samples = head.series[slot].beginSealing(window) {
                        taken.append((head.series[slot].labels, samples))
                    }
                }
            }
        }
        var isDone = false
        defer {
            for shard in shards {
                shard.state.withLock { head in
                    for slot in head.series.indices { head.series[slot].endSealing(window, isDone: isDone) }
                }
            }
        }
        guard !taken.isEmpty else {
            isDone = true
            return
        }
        taken.sort { $0.labels < $1.labels }
        let name = "\(window)-\(position.sequence).part"
        let (directory, bytes) = try writePart(name) { writer in
            for (labels, samples) in taken {
                var merge = SampleMerge()
                try merge.add(samples, in: .all)
                try writer.add(merge.finished(labels))
            }
        }
        let record = PartRecord(
            table: EmbeddedSeriesStore.engine, file: "series/" + name, minTime: directory.minTime,
            maxTime: directory.maxTime, rows: directory.samples, bytes: bytes, created: now,
            extra: SealNote.encode([window: position.sequence]))
        try swap(removing: [], adding: record, checkpoint: position)
        ledger.withLock { $0.sealed[window] = position.sequence }
        isDone = true
    }

    /// Temporary file, sync, rename, sync of the folder.
    func writePart(
        _ name: String, _ body: (inout PartWriter) throws -> Void
    ) throws -> (directory: PartDirectory, bytes: Int) {
        try folder.recordCodec(BlockCodec.best)
        let path = partFolder + "/" + name
        let fileSystem = folder.fileSystem
        let result: (directory: PartDirectory, bytes: Int)
        do {
            let file = try fileSystem.open(path + ".tmp", .create)
            defer { file.close() }
            var writer = PartWriter(file)
            try body(&writer)
            result = try writer.finish()
        } catch {
            try? fileSystem.remove(path + ".tmp")
            throw error
        }
        try fileSystem.rename(path + ".tmp", to: path)
        try fileSystem.syncFolder(partFolder)
        return result
    }

    /// One catalog transaction, then the list that queries take.
    func swap(removing old: [SeriesPart], adding record: PartRecord?, checkpoint: JournalPosition?) throws {
        // Opened before the catalog knows it: a part that cannot be read must not replace anything.
        if let record {
            _ = try SeriesPart(record, path: folder.path + "/" + record.file, fileSystem: folder.fileSystem)
        }
        let added = try folder.catalog.swap(
            remove: old.map(\.record.id), add: record.map { [$0] } ?? [],
            checkpoint: checkpoint.map { (EmbeddedSeriesStore.engine, $0) })
        let fresh = try added.map {
            try SeriesPart($0, path: folder.path + "/" + $0.file, fileSystem: folder.fileSystem)
        }
        let gone = Set(old.map(\.record.id))
        parts.withLock { parts in
            parts.removeAll { gone.contains($0.record.id) }
            parts += fresh
            parts.sort { $0.record.id < $1.record.id }
        }
        for part in old {
            do {
                try folder.fileSystem.remove(part.path)
            } catch {
                // It is not in the catalog any more: the next start removes it.
                report("\(error)")
            }
        }
    }

    // MARK: After sealing

    private func dropIdleSeries(now: Int64) async {
        await gate.enterAlone()
        defer { gate.leaveAlone() }
        for shard in shards {
            let dropped = shard.state.withLock { head -> Int in
                let before = head.series.count
                head.dropIdle(before: now &- Window.length)
                return before - head.series.count
            }
            seriesCount.subtract(dropped, ordering: .relaxed)
        }
    }

    /// Removes the oldest segments whose every sample is in a part or beyond retention.
    func discardJournal() {
        let oldest = Window.index(clock() &- options.retention)
        let limit = ledger.withLock { ledger -> Int? in
            var dropped = 0
            for generation in ledger.closed {
                let isSealed = generation.windows.allSatisfy { window in
                    window < oldest || ledger.sealed[window] ?? 0 >= generation.lastSequence
                }
                guard isSealed else { break }
                dropped += 1
            }
            guard dropped > 0 else { return nil }
            ledger.closed.removeFirst(dropped)
            return ledger.closed.first?.firstSegment ?? (ledger.generation > 0 ? ledger.generation : nil)
        }
        guard let limit else { return }
        do {
            try journal.discard(before: JournalPosition(segment: limit, sequence: 0))
        } catch {
            report("old journal segments could not be removed: \(error)")
        }
    }
}
