/// Raw values are those of OTLP.
public enum SpanKind: Int, Sendable {
    case `internal` = 1
    case server = 2
    case client = 3
    case producer = 4
    case consumer = 5
}

public enum SpanStatus: Hashable, Sendable {
    case unset
    case ok
    case error(String)
}

/// A reference to a span of this or another trace: how a consumer names the producer of its message.
public struct SpanLink: Hashable, Sendable {
    public var context: SpanContext
    public var attributes: Attributes

    public init(_ context: SpanContext, attributes: Attributes = [:]) {
        self.context = context
        self.attributes = attributes
    }
}

public struct SpanEvent: Hashable, Sendable {
    public var name: String
    /// Nanoseconds since 1970.
    public var time: UInt64
    public var attributes: Attributes
}

/// A span that has ended, as it waits for export.
public struct SpanRecord: Sendable {
    public var context: SpanContext
    public var parent: SpanContext?
    public var name: String
    public var kind: SpanKind
    /// Nanoseconds since 1970.
    public var start: UInt64
    public var end: UInt64
    public var attributes: Attributes
    public var events: [SpanEvent]
    public var links: [SpanLink]
    public var status: SpanStatus
    public var droppedEvents: Int
}
