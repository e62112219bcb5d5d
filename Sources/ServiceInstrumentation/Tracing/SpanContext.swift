/// The part of a span that travels: between tasks by the task local, between processes by `traceparent`.
public struct SpanContext: Hashable, Sendable {
    public var traceID: TraceID
    public var spanID: SpanID
    public var isSampled: Bool
    /// The opaque `tracestate` header, forwarded as received.
    public var traceState: String
    /// True when the context came in from another process.
    public var isRemote: Bool

    public init(
        traceID: TraceID, spanID: SpanID, isSampled: Bool = true, traceState: String = "", isRemote: Bool = false
    ) {
        self.traceID = traceID
        self.spanID = spanID
        self.isSampled = isSampled
        self.traceState = traceState
        self.isRemote = isRemote
    }

    /// The context of the span that this task works for. Child spans, log records and exemplars read it.
    @TaskLocal public static var current: SpanContext?
}

/// W3C trace context, level 1: https://www.w3.org/TR/trace-context/
public enum TraceContextPropagator {
    public static let traceParentHeader = "traceparent"
    public static let traceStateHeader = "tracestate"

    /// The value of the `traceparent` header for `context`.
    public static func traceParent(_ context: SpanContext) -> String {
        "00-\(context.traceID)-\(context.spanID)-\(context.isSampled ? "01" : "00")"
    }

    /// Reads a `traceparent` value. An invalid one gives nil, which starts a new trace: the specification forbids
    /// both guessing and failing the request. Versions above 00 are read by their first four fields.
    public static func extract(traceParent: String, traceState: String? = nil) -> SpanContext? {
        let bytes = Array(traceParent.utf8)
        guard bytes.count >= 55, bytes[2] == dash, bytes[35] == dash, bytes[52] == dash,
            let version = Hexadecimal.value(bytes[0..<2]), version != 0xff,
            version == 0 ? bytes.count == 55 : (bytes.count == 55 || bytes[55] == dash),
            let high = Hexadecimal.value(bytes[3..<19]), let low = Hexadecimal.value(bytes[19..<35]),
            let span = Hexadecimal.value(bytes[36..<52]), let flags = Hexadecimal.value(bytes[53..<55])
        else { return nil }
        let context = SpanContext(
            traceID: TraceID(high: high, low: low), spanID: SpanID(span), isSampled: flags & 1 == 1,
            traceState: traceState ?? "", isRemote: true)
        return context.traceID.isValid && context.spanID.isValid ? context : nil
    }

    /// Hands the headers that carry `context` to `set`, one by one. Does nothing without a context.
    public static func inject(_ context: SpanContext?, set: (_ name: String, _ value: String) -> Void) {
        guard let context else { return }
        set(traceParentHeader, traceParent(context))
        if !context.traceState.isEmpty { set(traceStateHeader, context.traceState) }
    }

    private static let dash = UInt8(ascii: "-")
}
