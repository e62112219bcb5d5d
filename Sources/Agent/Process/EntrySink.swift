import Telemetry

/// Where sources put their entries: through the stages into the batch. Used by the reading thread alone.
final class EntrySink {
    var batch = BatchBuilder()
    /// Not yet added to the shared counters.
    var counted = AgentCounters()
    /// Nanoseconds since 1970, and milliseconds of the monotonic clock, as of the last look at them.
    private(set) var now = Machine.now
    private(set) var monotonic = Machine.monotonic
    private var lastTick: Int64 = 0

    func lookAtClocks() {
        now = Machine.now
        monotonic = Machine.monotonic
    }

    /// A time for an entry that has none: now, and never the same twice, since a server drops an entry with the time and
    /// the text of the one before it.
    func tick() -> Int64 {
        lastTick = max(now, lastTick &+ 1)
        return lastTick
    }

    /// What is kept for the entries of one label set.
    struct Stream {
        let labels: LabelSet
        private var generation = -1
        private var number = 0
        private var numbers: [[Label]: Int] = [:]
        private var lastOwnTime = Int64.min
        private var repeats: Int64 = 0

        init(labels: LabelSet) { self.labels = labels }

        mutating func number(_ extra: [Label], _ batch: inout BatchBuilder) -> Int {
            if generation != batch.generation || batch.isEmpty {
                generation = batch.generation
                number = -1
                numbers.removeAll(keepingCapacity: numbers.count < 1_000)
            }
            if extra.isEmpty {
                if number < 0 { number = batch.stream(labels) }
                return number
            }
            if let known = numbers[extra] { return known }
            var merged = labels
            for label in extra { merged = merged.setting(label.name, to: label.value) }
            let number = batch.stream(merged)
            numbers[extra] = number
            return number
        }

        /// Entries that say the same time keep their order, and none of them counts as a repetition of another.
        mutating func distinct(_ time: Int64) -> Int64 {
            if time == lastOwnTime {
                repeats += 1
                return time &+ repeats
            }
            lastOwnTime = time
            repeats = 0
            return time
        }
    }

    func add(_ event: JoinedEvent, hasOwnTime: Bool, stages: [Stage], to stream: inout Stream) {
        guard !stages.isEmpty else {
            put(event.text, hasOwnTime ? stream.distinct(event.time) : event.time, event.metadata, [], &stream)
            return
        }
        var entry = PipelineEntry(
            line: event.text, time: event.time, hasOwnTime: hasOwnTime, metadata: event.metadata)
        guard stages.apply(&entry, now: now) else {
            counted.dropped += 1
            return
        }
        put(
            entry.line, entry.hasOwnTime ? stream.distinct(entry.time) : entry.time, entry.metadata, entry.labels,
            &stream)
    }

    private func put(
        _ line: ArraySlice<UInt8>, _ time: Int64, _ metadata: [Label], _ labels: [Label], _ stream: inout Stream
    ) {
        let number = stream.number(labels, &batch)
        batch.add(stream: number, time: time, line: line, metadata: metadata, now: monotonic)
        counted.entries += 1
    }
}
