import Patterns
import Telemetry

/// How lines become events.
package struct MultilineRule: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        case stackTraces(StackTraces)
        /// A line in which this is found begins an event.
        case firstLine(Pattern)
        /// A line in which this is found belongs to the event before it.
        case continuation(Pattern)
    }

    package var kind: Kind
    /// Milliseconds without a further line after which an event is complete.
    package var timeout: Int64 = 1_000
    package var mostLines = 1_000
    package var mostBytes = 256 << 10

    package init(_ kind: Kind) { self.kind = kind }
}

/// One line or joined lines, with the time of the first.
package struct JoinedEvent: Sendable, Hashable {
    package var text: ArraySlice<UInt8>
    package var time: Int64
    package var metadata: [Label]

    package init(text: ArraySlice<UInt8>, time: Int64, metadata: [Label] = []) {
        self.text = text
        self.time = time
        self.metadata = metadata
    }
}

/// Joins lines of one stream. No clock of its own: the caller says what time it is.
package struct MultilineJoiner: Sendable {
    private struct Pending: Sendable {
        var text: [UInt8]
        var time: Int64
        var metadata: [Label]
        var lines = 1
        /// Where in the file it begins.
        var start: Int
        /// Empty lines after it, each with its start and time, that belong to it only if something follows.
        var blanks: [(start: Int, time: Int64)] = []
    }

    private let rule: MultilineRule
    private var traces: StackTraceReader
    private var pending: Pending?
    /// Milliseconds, of a monotonic clock.
    private var touched: Int64 = 0
    /// Events that were ended by a limit while lines went on.
    package private(set) var cutEvents = 0

    package init(_ rule: MultilineRule) {
        self.rule = rule
        if case .stackTraces(let rules) = rule.kind {
            traces = StackTraceReader(rules)
        } else {
            traces = StackTraceReader(.indented)
        }
    }

    /// The offset of the oldest line that is held; nil where nothing is.
    package var pendingStart: Int? { pending?.start }
    /// When ``expire(now:_:)`` has something to do.
    package var deadline: Int64? { pending == nil ? nil : touched &+ rule.timeout }

    package mutating func add(
        _ line: ArraySlice<UInt8>, start: Int, time: Int64, metadata: [Label] = [], now: Int64,
        _ emit: (JoinedEvent) -> Void
    ) {
        touched = now
        switch role(of: line) {
        case .waits where pending != nil:
            pending?.blanks.append((start, time))
            if let count = pending?.blanks.count, count > 16 { flush(emit) }
        case .joins where pending != nil:
            append(line, start: start, time: time, metadata: metadata, emit)
        case .begins, .waits, .joins:
            flush(emit, keepingState: true)
            pending = Pending(text: Array(line), time: time, metadata: metadata, start: start)
        }
    }

    private mutating func append(
        _ line: ArraySlice<UInt8>, start: Int, time: Int64, metadata: [Label], _ emit: (JoinedEvent) -> Void
    ) {
        guard var event = pending else { return }
        let blanks = event.blanks.count
        let isFull =
            event.lines + blanks + 1 > rule.mostLines || event.text.count + blanks + 1 + line.count > rule.mostBytes
        if isFull {
            // The event goes on as another one: nothing is lost, and memory is bounded.
            cutEvents += 1
            flush(emit, keepingState: true)
            pending = Pending(text: Array(line), time: time, metadata: metadata, start: start)
            return
        }
        pending = nil
        for _ in event.blanks { event.text.append(0x0a) }
        event.text.append(0x0a)
        event.text.append(contentsOf: line)
        event.lines += blanks + 1
        event.blanks = []
        pending = event
    }

    private mutating func role(of line: ArraySlice<UInt8>) -> LineRole {
        switch rule.kind {
        case .stackTraces: return traces.role(of: line)
        case .firstLine(let pattern): return pattern.isFound(in: line) ? .begins : .joins
        case .continuation(let pattern): return pattern.isFound(in: line) ? .joins : .begins
        }
    }

    /// Emits the event whose lines seem to be all there.
    package mutating func expire(now: Int64, _ emit: (JoinedEvent) -> Void) {
        if let deadline, now >= deadline { flush(emit) }
    }

    package mutating func flush(_ emit: (JoinedEvent) -> Void) { flush(emit, keepingState: false) }

    private mutating func flush(_ emit: (JoinedEvent) -> Void, keepingState: Bool) {
        if !keepingState { traces.end() }
        guard let event = pending else { return }
        pending = nil
        emit(JoinedEvent(text: event.text[...], time: event.time, metadata: event.metadata))
        for blank in event.blanks { emit(JoinedEvent(text: [], time: blank.time, metadata: event.metadata)) }
    }
}
