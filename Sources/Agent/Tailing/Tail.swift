import Telemetry

/// A file that is read as it grows. Used by the reading thread alone.
final class Tail {
    enum State {
        /// Its name is still its own.
        case active
        /// Its name belongs to another file, or to none: read to the end, and closed when nothing more comes.
        case leaving
    }

    let file: OpenFile
    let source: Int
    private let format: AgentConfiguration.Format
    private let treatment: AgentConfiguration.Treatment
    var state = State.active
    /// The file to be read to its end before this one.
    var waitsFor: FileIdentity?
    /// Whether there may be something to read.
    var needsLook = true
    /// Whether everything was read at the last look.
    private(set) var isAtEnd = false
    /// Whether it was read to its end since it was found to leave.
    var isDrained = false
    var isDirty = true
    /// When something came last, in milliseconds of the monotonic clock.
    var lastGrowth: Int64
    var wasNamed = true

    private(set) var position: FilePosition
    /// The next byte to read; ``position`` has the start of what is in no batch.
    private(set) var readOffset: Int
    /// The end of the last whole line.
    private var consumed: Int
    /// The first bytes of the file, until there are so many that they do not change any more.
    private var headBytes: [UInt8]
    private var recent: [UInt8]

    private var splitter: LineSplitter
    private var assembler: ContainerAssembler
    private var joiners: [MultilineJoiner] = []
    private var streams: [EntrySink.Stream]
    private var journal: (reader: JournalExportReader, base: Int, router: JournalRouter)?

    init(
        file: OpenFile, position: FilePosition, source: Int, of files: AgentConfiguration.Files, labels: [LabelSet],
        batchBytes: Int, now: Int64
    ) {
        self.file = file
        self.position = position
        self.source = source
        format = files.format
        treatment = files.treatment
        chunkBytes = min(Tail.chunkBytes, max(4_096, batchBytes / 4))
        readOffset = position.offset
        consumed = position.offset
        lastGrowth = now
        let known = min(position.offset, Fingerprint.longestHead)
        headBytes = known > 0 ? file.read(at: 0, count: known) : []
        let trail = min(position.offset, Fingerprint.longestTrail)
        recent = trail > 0 ? file.read(at: position.offset - trail, count: trail) : []
        splitter = LineSplitter(longest: files.treatment.longestLine)
        assembler = ContainerAssembler(longest: files.treatment.longestLine)
        streams = labels.map { EntrySink.Stream(labels: $0) }
        startOver(labels: labels.first ?? .empty)
    }

    private func startOver(labels: LabelSet) {
        if let rule = treatment.multiline { joiners = streams.map { _ in MultilineJoiner(rule) } }
        if format == .journal {
            journal = (
                JournalExportReader(longest: treatment.longestLine), readOffset,
                JournalRouter(treatment: treatment, base: labels)
            )
            joiners = []
        }
    }

    /// The position with what is known now.
    func livePosition(seen: Int64) -> FilePosition {
        var live = position
        live.head = Fingerprint(headBytes)
        live.trail = Fingerprint(recent)
        live.trailEnd = readOffset
        live.seen = seen
        return live
    }

    // MARK: Reading

    static let chunkBytes = 64 << 10
    /// Small batches are not to be overrun by one chunk.
    private let chunkBytes: Int

    enum Look {
        case nothing
        case read
        case truncated
    }

    /// Reads at most one chunk.
    func look(_ sink: EntrySink) -> Look {
        guard let status = file.status else {
            isAtEnd = true
            return .nothing
        }
        if status.size < readOffset { return .truncated }
        if status.size == readOffset {
            isAtEnd = true
            return .nothing
        }
        // Truncated and grown beyond the old place since the last look: only the content tells.
        if isAtEnd, !isStillOurs { return .truncated }
        let chunk = file.read(at: readOffset, count: min(chunkBytes, status.size - readOffset))
        guard !chunk.isEmpty else {
            isAtEnd = true
            return .nothing
        }
        take(chunk, sink)
        lastGrowth = sink.monotonic
        isAtEnd = readOffset >= status.size
        return .read
    }

    var bytesBehind: Int { max(0, (file.status?.size ?? 0) - readOffset) }

    /// Whether what we read is there: its beginning, and, since many programs begin each time alike, its end.
    private var isStillOurs: Bool {
        guard headBytes.isEmpty || file.read(at: 0, count: headBytes.count) == headBytes else { return false }
        return recent.isEmpty || file.read(at: readOffset - recent.count, count: recent.count) == recent
    }

    private func take(_ chunk: [UInt8], _ sink: EntrySink) {
        let start = readOffset
        if start < Fingerprint.longestHead, headBytes.count == start {
            headBytes += chunk.prefix(Fingerprint.longestHead - start)
        }
        let isLong = chunk.count >= Fingerprint.longestTrail
        recent = Array((isLong ? chunk : recent + chunk).suffix(Fingerprint.longestTrail))
        readOffset += chunk.count
        sink.counted.bytesRead += chunk.count
        isDirty = true
        if journal != nil {
            takeJournal(chunk, sink)
        } else {
            let cutBefore = splitter.cutLines
            splitter.feed(chunk, at: start) { line, end in
                self.line(line, start: self.consumed, sink)
                self.consumed = end
            }
            sink.counted.cutLines += splitter.cutLines - cutBefore
        }
        settle()
    }

    private func takeJournal(_ chunk: [UInt8], _ sink: EntrySink) {
        guard var reading = journal else { return }
        journal = nil
        reading.reader.feed(chunk) { entry, end in
            reading.router.add(entry, start: self.consumed, sink: sink)
            self.consumed = reading.base + end
        }
        journal = reading
    }

    private func line(_ line: ArraySlice<UInt8>, start: Int, _ sink: EntrySink) {
        sink.counted.lines += 1
        switch format {
        case .plain, .journal: text(line, output: 0, time: nil, start: start, sink)
        case .docker, .cri:
            guard let piece = format == .docker ? ContainerLine.docker(line) : ContainerLine.cri(line) else {
                // Not in the format: better as it is than not at all.
                if !line.isEmpty { text(line, output: 0, time: nil, start: start, sink) }
                return
            }
            guard let whole = assembler.add(piece, start: start) else { return }
            text(whole.text[...], output: piece.output.rawValue, time: whole.time, start: whole.start, sink)
        }
    }

    private func text(_ text: ArraySlice<UInt8>, output: Int, time: Int64?, start: Int, _ sink: EntrySink) {
        guard streams.indices.contains(output) else { return }
        let stamp = time ?? sink.tick()
        let isOwn = format != .plain
        if joiners.isEmpty {
            sink.add(
                JoinedEvent(text: text, time: stamp), hasOwnTime: isOwn, stages: treatment.stages, to: &streams[output])
            return
        }
        joiners[output].add(text, start: start, time: stamp, now: sink.monotonic) { event in
            sink.add(event, hasOwnTime: isOwn, stages: self.treatment.stages, to: &self.streams[output])
        }
    }

    /// Sets the place up to which everything is in a batch.
    private func settle() {
        var offset = consumed
        for joiner in joiners { offset = min(offset, joiner.pendingStart ?? offset) }
        offset = min(offset, assembler.pendingStart ?? offset, journal?.router.pendingStart ?? offset)
        if offset != position.offset { isDirty = true }
        position.offset = offset
    }

    // MARK: Events that wait

    var deadline: Int64? {
        var deadline = journal?.router.deadline
        for joiner in joiners {
            guard let one = joiner.deadline else { continue }
            deadline = min(deadline ?? one, one)
        }
        return deadline
    }

    func expire(_ sink: EntrySink) {
        for index in joiners.indices {
            joiners[index].expire(now: sink.monotonic) { self.emit($0, index, sink) }
        }
        journal?.router.expire(sink)
        settle()
    }

    /// Emits the joined lines that wait for more.
    func flush(_ sink: EntrySink) {
        for index in joiners.indices { joiners[index].flush { self.emit($0, index, sink) } }
        journal?.router.flush(sink)
        settle()
    }

    private func emit(_ event: JoinedEvent, _ output: Int, _ sink: EntrySink) {
        sink.add(event, hasOwnTime: format != .plain, stages: treatment.stages, to: &streams[output])
    }

    /// The file will not grow any more: what has no line end is a line, too.
    func finish(_ sink: EntrySink) {
        if journal == nil, splitter.unfinishedBytes > 0 {
            splitter.finish(end: readOffset) { line, end in
                self.line(line, start: self.consumed, sink)
                self.consumed = end
            }
        }
        assembler.flush { output, text, time, start in
            self.text(text[...], output: output.rawValue, time: time, start: start, sink)
        }
        flush(sink)
    }

    /// The file was truncated: everything from its beginning.
    func restart(generation: Int) {
        position.offset = 0
        position.head = .empty
        position.trail = .empty
        position.trailEnd = 0
        position.generation = generation
        readOffset = 0
        consumed = 0
        headBytes = []
        recent = []
        splitter.reset()
        assembler = ContainerAssembler(longest: treatment.longestLine)
        isAtEnd = false
        isDirty = true
        needsLook = true
        startOver(labels: streams.first?.labels ?? .empty)
    }
}
