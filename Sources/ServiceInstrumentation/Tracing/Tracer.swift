/// Starts spans for one service. The parent is the task's current span unless another is named.
public struct Tracer: Sendable {
    private let onEnd: @Sendable (SpanRecord) -> Void

    private static let discard: @Sendable (SpanRecord) -> Void = { _ in }

    init(onEnd: @escaping @Sendable (SpanRecord) -> Void) { self.onEnd = onEnd }

    /// Where a new span hangs.
    public enum Parent: Sendable {
        /// The span of the current task, or a new trace when there is none.
        case current
        /// A context from elsewhere; nil starts a new trace.
        case context(SpanContext?)
        /// A new trace whatever the current task works for: a consumer of a message links instead.
        case none
    }

    /// The caller must `end()` the span.
    public func startSpan(
        _ name: String, kind: SpanKind = .internal, parent: Parent = .current, links: [SpanLink] = [],
        attributes: Attributes = [:]
    ) -> Span {
        let parentContext: SpanContext? =
            switch parent {
            case .current: SpanContext.current
            case .context(let context): context
            case .none: nil
            }
        let context = SpanContext(
            traceID: parentContext?.traceID ?? .random(), spanID: .random(),
            isSampled: parentContext?.isSampled ?? true, traceState: parentContext?.traceState ?? "")
        let record = SpanRecord(
            context: context, parent: parentContext, name: name, kind: kind, start: WallClock.nanoseconds(), end: 0,
            attributes: attributes, events: [], links: links, status: .unset, droppedEvents: 0)
        return Span(record, onEnd: context.isSampled ? onEnd : Self.discard)
    }

    /// Runs `body` with the new span as the task's current one, ends it, and records an error that is thrown.
    public func withSpan<Result>(
        _ name: String, kind: SpanKind = .internal, parent: Parent = .current, links: [SpanLink] = [],
        attributes: Attributes = [:], _ body: (Span) async throws -> Result
    ) async rethrows -> Result {
        let span = startSpan(name, kind: kind, parent: parent, links: links, attributes: attributes)
        defer { span.end() }
        do {
            return try await Span.$current.withValue(span) {
                try await SpanContext.$current.withValue(span.context) { try await body(span) }
            }
        } catch {
            span.recordError(error)
            throw error
        }
    }
}
