import Synchronization

/// An operation in progress. Any task may add to it until it ends; what comes after the end is ignored.
public final class Span: Sendable {
    /// More events than this are counted, not kept: a retry loop must not grow one span without bound.
    static let eventLimit = 128

    /// The span that `Tracer.withSpan` runs this task in, for adding attributes from deeper down.
    @TaskLocal public static var current: Span?

    public let context: SpanContext
    private let state: Mutex<SpanRecord?>
    private let onEnd: @Sendable (SpanRecord) -> Void

    init(_ record: SpanRecord, onEnd: @escaping @Sendable (SpanRecord) -> Void) {
        context = record.context
        state = Mutex(record)
        self.onEnd = onEnd
    }

    public func setName(_ name: String) { change { $0.name = name } }

    public func setAttribute(_ key: String, _ value: AttributeValue?) { change { $0.attributes[key] = value } }

    public func setAttributes(_ attributes: Attributes) { change { $0.attributes.merge(attributes) } }

    public func addLink(_ link: SpanLink) { change { $0.links.append(link) } }

    /// `ok` is final, as the specification wants it: a later error does not replace it.
    public func setStatus(_ status: SpanStatus) {
        change { record in
            if record.status != .ok { record.status = status }
        }
    }

    public func addEvent(_ name: String, attributes: Attributes = [:]) {
        let event = SpanEvent(name: name, time: WallClock.nanoseconds(), attributes: attributes)
        change { record in
            if record.events.count < Self.eventLimit {
                record.events.append(event)
            } else {
                record.droppedEvents &+= 1
            }
        }
    }

    /// Adds an `exception` event, sets `error.type` and the error status.
    public func recordError(_ error: any Error, stackTrace: String? = nil) {
        let type = String(describing: Swift.type(of: error))
        let message = "\(error)"
        var attributes: Attributes = ["exception.type": .string(type), "exception.message": .string(message)]
        attributes["exception.stacktrace"] = stackTrace.map { .string($0) }
        addEvent("exception", attributes: attributes)
        change { record in
            if record.attributes["error.type"] == nil { record.attributes["error.type"] = .string(type) }
            if record.status == .unset { record.status = .error(message) }
        }
    }

    /// Ends the span and hands it to the exporter. The second and later calls do nothing.
    public func end() {
        let ended = state.withLock { record -> SpanRecord? in
            defer { record = nil }
            return record
        }
        guard var ended else { return }
        ended.end = max(ended.start, WallClock.nanoseconds())
        onEnd(ended)
    }

    private func change(_ body: (inout SpanRecord) -> Void) {
        state.withLock { record in
            guard var copy = record.take() else { return }
            body(&copy)
            record = copy
        }
    }
}
