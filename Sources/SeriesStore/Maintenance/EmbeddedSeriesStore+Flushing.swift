import Codecs
import Dispatch
internal import Storage
import Synchronization
internal import Telemetry

extension EmbeddedSeriesStore {
    /// Flushes when it is due, merges and retires, until it is cancelled or the store is closed.
    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in self.wishes { await self.flushIfDue() }
            }
            group.addTask {
                var ticks = 0
                while !Task.isCancelled, !self.isClosed.load(ordering: .acquiring) {
                    do { try await Task.sleep(for: .seconds(1)) } catch { return }
                    ticks += 1
                    let isQuiet = await self.flushIfDue()
                    self.trimWhenQuiet(now: self.clock())
                    if ticks % 5 == 0 || ticks % 2 == 0 && self.seriesGuard.isNearlyFull { await self.makeRoom() }
                    guard isQuiet || ticks % 30 == 0 else { continue }
                    do {
                        try await self.retireAndMerge(now: self.clock())
                    } catch {
                        self.reportUnlessFull("merging and retiring parts failed and will be tried again", error)
                    }
                }
            }
            await group.next()
            group.cancelAll()
        }
    }

    /// Whether something was flushed because nothing comes any more.
    @discardableResult
    private func flushIfDue() async -> Bool {
        let now = clock()
        accountMemory()
        guard isFlushDue(now: now), !isClosed.load(ordering: .acquiring) else { return false }
        do {
            try await flush(now: now)
            return now &- lastAppend.load(ordering: .relaxed) >= options.quietInterval
        } catch {
            reportUnlessFull("writing samples to parts failed and will be tried again", error)
            return false
        }
    }

    /// What requests freed since the last flush, and code that only they needed, once nothing comes any more.
    private func trimWhenQuiet(now: Int64) {
        let newest = lastAppend.load(ordering: .relaxed)
        guard now &- newest >= options.quietInterval / 2, lastTrim.exchange(newest, ordering: .relaxed) != newest else {
            return
        }
        ProgramPages.letGo()
        ReleaseFreeMemory.now()
    }

    /// A full disk is no damage: appends say so, and everything goes on when there is room.
    private func reportUnlessFull(_ what: String, _ error: any Error) {
        if case StorageError.diskFull = error { return }
        report("\(what): \(error)")
    }

    /// Where a limit of series or memory is near, what has ended leaves memory at once: the samples to parts, then the
    /// series.
    private func makeRoom() async {
        guard seriesGuard.isStoreCrowded, !isClosed.load(ordering: .acquiring) else { return }
        let now = clock()
        do {
            try await flush(now: now)
        } catch {
            reportUnlessFull("writing samples to parts failed and will be tried again", error)
        }
        await evictIdleSeries(now: now)
    }

    private func accountMemory() {
        guard let budget = options.guards.budget else { return }
        var head = registry.withLock { $0.byteCount }
        for box in shards { head += box.state.withLock { $0.byteCount } }
        budget.set(.head, to: head)
        budget.set(.journal, to: 0)
    }

    private func isFlushDue(now: Int64) -> Bool {
        let rows = freshRows.load(ordering: .relaxed)
        guard rows > 0 else { return false }
        if rows >= flushRows.load(ordering: .relaxed) { return true }
        if now &- lastFlush.load(ordering: .relaxed) >= options.flushInterval { return true }
        // Between two scrapes it is quiet too: some samples of each series make a part worth its labels.
        return rows >= max(10_000, 4 * seriesCount.load(ordering: .relaxed))
            && now &- lastAppend.load(ordering: .relaxed) >= options.quietInterval
    }

    /// What is due at `now` (milliseconds): what is in memory goes to parts, old parts are merged or removed.
    package func maintain(now: Int64) async throws {
        guard !isClosed.load(ordering: .acquiring) else { return }
        try await flush(now: now)
        try await retireAndMerge(now: now)
    }

    private func retireAndMerge(now: Int64) async throws {
        await maintenance.enterAlone()
        defer { maintenance.leaveAlone() }
        guard !isClosed.load(ordering: .acquiring) else { return }
        try dropParts(before: now &- options.retention)
        try tidyExemplars(before: now &- options.retention, now: now)
        if options.guards.pressure.level == .calm {
            try await onMaintenanceQueue { try self.mergeDays(now: now) }
        }
        await evictIdleSeries(now: now)
    }

    package func retain(after time: Int64) async throws {
        await maintenance.enterAlone()
        defer { maintenance.leaveAlone() }
        try dropParts(before: time)
        try tidyExemplars(before: time, now: clock())
    }

    /// Writes all that is in memory to parts.
    package func flushEverything() async throws { try await flush(now: clock()) }

    /// Frees the series that hold nothing and had no sample for a while: a million dead ones must cost no memory.
    private func evictIdleSeries(now: Int64) async {
        let isCrowded = seriesGuard.isStoreCrowded
        // Better that a living series comes into memory anew than that a new one is refused.
        let isNearlyFull = seriesGuard.isNearlyFull
        let patience: Int64 = isNearlyFull ? 20_000 : isCrowded ? 45_000 : options.idleTime
        let idle = touchTime(now &- min(options.idleTime, patience))
        let stale = touchTime(now &- min(options.idleTime, isNearlyFull ? 5_000 : isCrowded ? 15_000 : 60_000))
        let gone = await evict(now: now, idle: idle, stale: stale, isCrowded: isCrowded)
        guard !gone.isEmpty else { return }
        seriesGuard.release(gone)
        ReleaseFreeMemory.now()
    }

    private func evict(now: Int64, idle: Int32, stale: Int32, isCrowded: Bool) async -> [LabelSet] {
        await gate.enterAlone()
        defer { gate.leaveAlone() }
        let (slotCount, active) = registry.withLock { ($0.slotCount, $0.count) }
        var isAlive = [Bool](repeating: true, count: slotCount)
        var dead: [UInt32] = []
        for (number, box) in shards.enumerated() {
            box.state.withLock { head in
                for (place, record) in head.records.enumerated() where record.id != 0 {
                    let isStale = record.newestBits == SpecialValue.staleMarkerBits && !record.newestIsHistogram
                    guard record.touched < (isStale ? stale : idle), !head.hasSamples(place) else { continue }
                    dead.append(slot(place: place, shard: number))
                }
            }
        }
        // Freeing walks over all that stays, so a few wait for company.
        let isWorthwhile = isCrowded || dead.count * 50 > active || now &- lastEviction.load(ordering: .relaxed) > 600_000
        guard !dead.isEmpty, isWorthwhile else { return [] }
        lastEviction.store(now, ordering: .relaxed)
        for slot in dead where Int(slot) < slotCount { isAlive[Int(slot)] = false }
        let gone = registry.withLock { registry in
            let labels = dead.map { registry.labels(of: $0) }
            registry.keep(isAlive)
            return labels
        }
        for slot in dead { shard(slot).state.withLock { $0.free(slot: place(slot)) } }
        seriesCount.store(active - dead.count, ordering: .relaxed)
        return gone
    }

    // MARK: Flushing

    /// Writes what is in memory to parts, then forgets it in memory and in the journal. Where it fails everything is
    /// still in both.
    func flush(now: Int64) async throws {
        await flushing.enterAlone()
        defer { flushing.leaveAlone() }
        guard let position = try await beginFlush() else { return }
        try await EmbeddedSeriesStore.run(on: flushQueue) { try self.write(upTo: position, now: now) }
        lastFlush.store(now, ordering: .relaxed)
        let active = registry.withLock { $0.count }
        seriesCount.store(active, ordering: .relaxed)
        flushRows.store(rowsOfFlush(active), ordering: .relaxed)
        // Where the next flush is filling already its samples take this memory, which would have to be mapped and cleared
        // again page by page. What is left over goes when nothing comes any more.
        let isFilling = freshRows.load(ordering: .relaxed) > flushRows.load(ordering: .relaxed) / 16
        if !isFilling || options.guards.pressure.level != .calm { ReleaseFreeMemory.now() }
    }

    /// Writing labels and index of a part costs the same for one sample of a series as for a hundred.
    func rowsOfFlush(_ active: Int) -> Int {
        let wanted = max(options.flushRows, min(active * 64, 4 * options.flushRows), active * 8)
        return min(wanted, options.rowLimit / 2)
    }

    /// Long work does not belong on the threads that answer requests.
    private func onMaintenanceQueue(_ body: @escaping @Sendable () throws -> Void) async throws {
        try await EmbeddedSeriesStore.run(on: maintenanceQueue, body)
        ReleaseFreeMemory.now()
    }

    private static func run(on queue: DispatchQueue, _ body: @escaping @Sendable () throws -> Void) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            queue.async { continuation.resume(with: Result(catching: body)) }
        }
    }

    /// Writes what is in memory to parts and makes one part of those of each two hours, due or not.
    package func compact() async throws {
        try await flushEverything()
        await maintenance.enterAlone()
        defer { maintenance.leaveAlone() }
        let now = clock()
        try await onMaintenanceQueue {
            let windows = Dictionary(grouping: self.parts.withLock { $0 }) { Window.index($0.directory.minTime) }
            for (window, members) in windows.sorted(by: { $0.key < $1.key }) {
                let inside = members.filter { Window.index($0.directory.maxTime) == window }
                if inside.count > 1, EmbeddedSeriesStore.isRunOfAges(inside, among: members) {
                    try self.rewrite(inside, now: now)
                }
            }
        }
    }

    /// Nil where there is nothing to write. Samples that come from here on are of the next flush, and in later segments,
    /// whose records define their series anew.
    private func beginFlush() async throws -> JournalPosition? {
        await gate.enterAlone()
        defer { gate.leaveAlone() }
        let hasSamples = shards.contains { $0.state.withLock { $0.sampleCount > 0 } }
        let hasExemplars = exemplarMemory.withLock { !$0.all.isEmpty }
        guard hasSamples || hasExemplars || changedFamilies.withLock({ !$0.isEmpty }) else { return nil }
        let position = try journal.rotate()
        generation.store(position.segment, ordering: .releasing)
        for shard in shards { shard.state.withLock { $0.beginFlush() } }
        exemplarMemory.withLock { $0.beginFlush() }
        freshRows.store(0, ordering: .relaxed)
        return position
    }

    private func write(upTo position: JournalPosition, now: Int64) throws {
        let samples = shards.map { FlushedShard($0.state.withLock { $0.flushing }) }
        let order = flushOrder.withLock { order in
            registry.withLock { order.update($0) }
            return order.slots
        }
        var records: [PartRecord] = []
        var exemplars: PartRecord?
        do {
            for partition in partitions(samples, now: now) {
                if let record = try writePart(of: partition, order, samples, position, now: now) {
                    records.append(record)
                }
            }
            try writeFamilies()
            exemplars = try writeExemplars(position.sequence, now: now)
            try swap(
                removing: [], adding: records, exemplars: exemplars,
                checkpoint: (EmbeddedSeriesStore.checkpointName, position))
        } catch {
            for record in records + (exemplars.map { [$0] } ?? []) {
                try? folder.fileSystem.remove(folder.path + "/" + record.file)
            }
            throw error
        }
        for shard in shards { shard.state.withLock { $0.endFlush() } }
        exemplarMemory.withLock { $0.endFlush() }
        do {
            try journal.discard(before: position)
        } catch {
            report("old journal segments could not be removed: \(error)")
        }
    }

    /// Ranges of time that get a part each: two hours, or a whole day where that is long past.
    private func partitions(_ samples: [FlushedShard], now: Int64) -> [TimeRange] {
        var windows: Set<Int64> = []
        for shard in samples { windows.formUnion(shard.windows) }
        let day: Int64 = 12
        let recent = Window.index(now) - day
        var ranges: [TimeRange] = []
        for window in windows.sorted() {
            var first = window
            var last = window
            if window < recent {
                let place = window >= 0 ? window / day : (window - day + 1) / day
                first = place * day
                last = min(first + day - 1, recent - 1)
            }
            let range = TimeRange(start: Window.start(first), end: Window.start(last + 1))
            if ranges.last != range { ranges.append(range) }
        }
        return ranges
    }

    private func writePart(
        of range: TimeRange, _ order: [UInt32], _ samples: [FlushedShard], _ position: JournalPosition, now: Int64
    ) throws -> PartRecord? {
        let name = "\(position.sequence)-\(Window.index(range.start)).part"
        var isEmpty = true
        // It is merged with its neighbours soon.
        let (directory, bytes) = try writePart(name, effort: .quick) { writer in
            var next = 0
            var gathered = samples.map { _ in GatheredSamples() }
            var numbers = samples.map { _ in 0 }
            while next < order.count {
                let some = order[next..<min(next + 512, order.count)]
                next += some.count
                for number in samples.indices {
                    let places = some.filter { Int($0) & shardMask == number }.map { place($0) }
                    samples[number].gather(places, into: &gathered[number])
                    numbers[number] = 0
                }
                // Nobody frees a slot whose samples are being written.
                let labels = registry.withLock { registry in some.map { registry.labels(of: $0) } }
                for (slot, labels) in zip(some, labels) {
                    let number = Int(slot) & shardMask
                    defer { numbers[number] += 1 }
                    let columns = try samples[number].columns(
                        place(slot), gathered[number], number: numbers[number], labels, range)
                    guard let columns else { continue }
                    isEmpty = false
                    try writer.add(columns)
                }
            }
        }
        guard !isEmpty else {
            try folder.fileSystem.remove(partFolder + "/" + name)
            return nil
        }
        return PartRecord(
            table: EmbeddedSeriesStore.engine, file: "series/" + name, minTime: directory.minTime,
            maxTime: directory.maxTime, rows: directory.samples, bytes: bytes, created: now)
    }

    /// Temporary file, sync, rename, sync of the folder.
    func writePart(
        _ name: String, effort: ColumnEffort = .thorough, _ body: (inout PartWriter) throws -> Void
    ) throws -> (directory: PartDirectory, bytes: Int) {
        try folder.recordCodec(BlockCodec.best)
        let path = partFolder + "/" + name
        let fileSystem = folder.fileSystem
        let result: (directory: PartDirectory, bytes: Int)
        do {
            let file = try fileSystem.open(path + ".tmp", .create)
            defer { file.close() }
            var writer = PartWriter(file, effort: effort)
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
    func swap(
        removing old: [SeriesPart], adding records: [PartRecord], exemplars: PartRecord? = nil,
        checkpoint: (engine: String, position: JournalPosition)? = nil
    ) throws {
        // Opened before the catalog knows them: a part that cannot be read must not replace anything.
        let open = { (record: PartRecord) in
            try SeriesPart(record, path: self.folder.path + "/" + record.file, fileSystem: self.folder.fileSystem)
        }
        for record in records { _ = try open(record) }
        let added = try folder.catalog.swap(
            remove: old.map(\.record.id), add: records + (exemplars.map { [$0] } ?? []), checkpoint: checkpoint)
        let fresh = try added.prefix(records.count).map(open)
        if exemplars != nil { exemplarFiles.withLock { $0 += added.suffix(1) } }
        let gone = Set(old.map(\.record.id))
        parts.withLock { parts in
            parts.removeAll { gone.contains($0.record.id) }
            parts += fresh
            parts.sort { $0.age < $1.age }
        }
        queryIndex.forget(old)
        for part in old {
            do {
                try folder.fileSystem.remove(part.path)
            } catch {
                // It is not in the catalog any more: the next start removes it.
                report("\(error)")
            }
        }
    }
}
