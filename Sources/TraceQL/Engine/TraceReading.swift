package import Storage
package import Telemetry

/// Whole traces by id.
extension TraceQLEngine {
    /// Nil where no span of the id is stored. `id` may be short; `range` (nanoseconds) may spare the store work.
    package func trace(id: [UInt8], range: TimeRange? = nil, context: QueryContext) async throws -> Trace? {
        guard let id = TraceID(bytes: id) else {
            throw TraceQLError.badParameter("a trace id has 1 to 16 bytes, not \(id.count)")
        }
        return try await traces([id], range: range ?? .all, projection: .all, context: context).first
    }

    /// The traces of some ids, ordered by id; unknown ones are left out.
    package func traces(ids: [[UInt8]], range: TimeRange? = nil, context: QueryContext) async throws -> [Trace] {
        try await traces(
            ids.compactMap { TraceID(bytes: $0) }, range: range ?? .all, projection: .all, context: context)
    }

    func traces(
        _ ids: [TraceID], range: TimeRange, projection: EventScanPlan.Projection, context: QueryContext
    ) async throws -> [Trace] {
        guard !ids.isEmpty else { return [] }
        let wanted = Set(ids)
        let plan = EventScanPlan(
            table: .spans, range: range,
            predicate: options.pushesDown
                ? .isAny(column: EventColumnName.traceID, wanted.sorted().map { .bytes($0.bytes) }) : .everything,
            projection: projection)
        var spans: [TraceID: [TraceSpan]] = [:]
        var charged = 0
        defer { context.release(memory: charged) }
        var columns: Set<String>?
        if case .columns(let some) = projection { columns = some }
        let read = columns
        _ = try await reader.scan(plan, context: context) { batch in
            try context.check()
            let decoder = SpanDecoder(batch, columns: read)
            var bytes = 0
            for row in 0..<batch.rowCount {
                guard let id = decoder.traceID(row: row), wanted.contains(id), let span = decoder.span(row: row) else {
                    continue
                }
                bytes += span.memoryEstimate
                spans[id, default: []].append(span)
            }
            charged += bytes
            try context.charge(memory: bytes)
            return .goOn
        }
        return wanted.sorted().compactMap { Trace(spans[$0] ?? []) }
    }

    package struct IncomingLink: Sendable {
        package var traceID: TraceID
        package var spanID: SpanID
        package var name: String
        package var service: String
        /// Nanoseconds since 1970.
        package var start: Int64
        package var link: TraceSpan.Link
    }

    /// Spans of other traces that link to this one, oldest first: the consumers of a message that the trace sent.
    package func linkedTraces(
        to id: [UInt8], range: TimeRange, limit: Int = 100, context: QueryContext
    ) async throws -> [IncomingLink] {
        guard let target = TraceID(bytes: id) else {
            throw TraceQLError.badParameter("a trace id has 1 to 16 bytes, not \(id.count)")
        }
        let plan = EventScanPlan(
            table: .spans, range: range, predicate: .exists(column: EventColumnName.links),
            projection: .columns(QueryFields.always.union([EventColumnName.links])), order: .oldestFirst)
        struct Identity: Hashable {
            var trace: TraceID
            var span: SpanID
            var kind: TraceSpan.Kind
        }
        var seen: Set<Identity> = []
        var out: [IncomingLink] = []
        _ = try await reader.scan(plan, context: context) { batch in
            try context.check()
            guard let links = batch.column(EventColumnName.links) else { return .goOn }
            let decoder = SpanDecoder(batch)
            for row in links.rows {
                guard let span = decoder.span(row: Int(row)), span.traceID != target,
                    let link = span.links.first(where: { $0.traceID == target }),
                    seen.insert(Identity(trace: span.traceID, span: span.spanID, kind: span.kind)).inserted
                else { continue }
                out.append(
                    IncomingLink(
                        traceID: span.traceID, spanID: span.spanID, name: span.name, service: span.serviceName,
                        start: span.start, link: link))
                if out.count >= limit { return .stop }
            }
            return .goOn
        }
        return out
    }
}
