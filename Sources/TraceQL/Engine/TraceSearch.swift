package import Storage
package import Telemetry

extension TraceQLEngine {
    /// The `limit` traces whose newest matching spans started last, latest start first.
    ///
    /// A trace is found where one of the spans that the query leaves of it started in `range` (nanoseconds); it is
    /// evaluated whole, also the spans outside. So the answer does not depend on how candidates are found.
    package func search(
        _ query: TraceQuery, range: TimeRange, limit: Int = 20, spansPerSpanset: Int = 3, context: QueryContext
    ) async throws -> [TraceSearchResult] {
        guard case .spansets(let pipeline) = query.body else {
            throw TraceQLError.badParameter("a metrics query has series, not traces: ask for its metrics")
        }
        guard limit > 0, !range.isEmpty else { return [] }
        var search = SearchState(
            pipeline: try CompiledPipeline(pipeline), fields: QueryFields(pipeline), range: range, limit: limit,
            spansPerSpanset: spansPerSpanset)
        let predicate = options.pushesDown ? PredicatePlanner.predicate(of: pipeline) : .everything
        var position = range.end
        var roundSize = max(options.candidatesPerRound, min(limit, 1_000))
        while true {
            let round = try await candidates(
                predicate, TimeRange(start: range.start, end: position), roundSize, &search.seen, context)
            let traces = try await traces(
                round.ids, range: .all, projection: .columns(search.fields.columns), context: context)
            for trace in traces { try search.consider(trace) }
            guard let reached = round.reached else { break }
            // A trace that was not seen yet has no matching span after this moment.
            if search.isComplete(at: reached) { break }
            position = reached == .max ? .max : reached + 1
            roundSize = min(roundSize * 2, 4_096)
        }
        return search.results
    }

    private struct Candidates {
        var ids: [TraceID] = []
        /// The start of the last row seen, nil where the scan came to its end.
        var reached: Int64?
    }

    /// The next traces with a row that passes the predicate, newest row first.
    private func candidates(
        _ predicate: EventPredicate, _ range: TimeRange, _ count: Int, _ seen: inout Set<TraceID>,
        _ context: QueryContext
    ) async throws -> Candidates {
        let columns = predicate.columns.union([EventColumnName.traceID])
        let plan = EventScanPlan(
            table: .spans, range: range, predicate: predicate, projection: .columns(columns), order: .newestFirst)
        var out = Candidates()
        var known = seen
        _ = try await reader.scan(plan, context: context) { batch in
            try context.check()
            let decoder = SpanDecoder(batch)
            let filter = RowFilter(predicate, over: batch)
            for row in 0..<batch.rowCount where filter.passes(row) {
                guard let id = decoder.traceID(row: row), !known.contains(id) else { continue }
                if out.ids.count == count {
                    out.reached = batch.timestamps[row]
                    return .stop
                }
                known.insert(id)
                out.ids.append(id)
            }
            return .goOn
        }
        seen = known
        return out
    }
}

/// The best results so far.
private struct SearchState {
    let pipeline: CompiledPipeline
    let fields: QueryFields
    let range: TimeRange
    let limit: Int
    let spansPerSpanset: Int
    var seen: Set<TraceID> = []
    private var found: [(newest: Int64, result: TraceSearchResult)] = []

    init(pipeline: CompiledPipeline, fields: QueryFields, range: TimeRange, limit: Int, spansPerSpanset: Int) {
        self.pipeline = pipeline
        self.fields = fields
        self.range = range
        self.limit = limit
        self.spansPerSpanset = spansPerSpanset
    }

    mutating func consider(_ trace: Trace) throws(TraceQLError) {
        let sets = try pipeline.evaluate(trace)
        var newest: Int64?
        for set in sets {
            for index in set.spans where range.contains(trace.spans[index].start) {
                newest = max(newest ?? .min, trace.spans[index].start)
            }
        }
        guard let newest else { return }
        found.append((newest, result(trace, sets)))
        if found.count > limit * 2 + 64 { keepBest() }
    }

    /// By newest matching span, so that what is kept depends on the data alone.
    private mutating func keepBest() {
        found.sort { $0.newest == $1.newest ? $0.result.traceID < $1.result.traceID : $0.newest > $1.newest }
        found = Array(found.prefix(limit))
    }

    mutating func isComplete(at moment: Int64) -> Bool {
        keepBest()
        return found.count == limit && (found.last?.newest ?? .min) > moment
    }

    var results: [TraceSearchResult] {
        var copy = self
        copy.keepBest()
        return copy.found.map(\.result).sorted {
            $0.startTimeUnixNano == $1.startTimeUnixNano
                ? $0.traceID < $1.traceID : $0.startTimeUnixNano > $1.startTimeUnixNano
        }
    }

    private func result(_ trace: Trace, _ sets: [Spanset]) -> TraceSearchResult {
        TraceSearchResult(
            traceID: trace.id.hex, rootServiceName: trace.rootServiceName, rootTraceName: trace.rootName,
            startTimeUnixNano: trace.start, durationMs: trace.duration / 1_000_000,
            spanSets: sets.map { set in
                TraceSearchResult.SpanSet(
                    spans: set.spans.prefix(max(0, spansPerSpanset)).map { span(trace, $0) }, matched: set.spans.count,
                    attributes: set.attributes)
            },
            serviceStats: trace.services)
    }

    private func span(_ trace: Trace, _ index: Int) -> TraceSearchResult.Span {
        let span = trace.spans[index]
        var attributes: [TraceSearchResult.Field] = []
        // Name and duration are fields of their own; what belongs to the trace stands beside its spans.
        let hidden: Set<Intrinsic> = [.name, .duration, .traceDuration, .rootName, .rootServiceName, .traceID, .spanID]
        for field in fields.fields {
            if let intrinsic = field.intrinsic, hidden.contains(intrinsic) { continue }
            let value = field.value(of: span, in: trace, at: index)
            if value.isNil || attributes.contains(where: { $0.key == field.resultKey }) { continue }
            attributes.append(TraceSearchResult.Field(key: field.resultKey, value: value))
        }
        return TraceSearchResult.Span(
            spanID: span.spanID.hex, name: span.name, startTimeUnixNano: span.start, durationNanos: span.duration,
            attributes: attributes)
    }
}
