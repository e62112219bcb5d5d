package import Storage
internal import Telemetry

extension TraceQLEngine {
    /// Series over aligned steps; all times in nanoseconds since 1970.
    package func metricsRange(
        _ query: TraceQuery, start: Int64, end: Int64, step: Int64, exemplars: Int = 0, context: QueryContext
    ) async throws -> TraceMetricsResult {
        let grid = try TraceStepGrid(
            start: start, end: end, step: step == 0 ? TraceStepGrid.standardStep(start: start, end: end) : step)
        return try await metrics(query, grid, exemplars, context)
    }

    /// One value for each series over the whole half-open range.
    package func metricsInstant(
        _ query: TraceQuery, start: Int64, end: Int64, context: QueryContext
    ) async throws -> TraceMetricsResult {
        try await metrics(query, try TraceStepGrid(instantFrom: start, to: end), 0, context)
    }

    private func metrics(
        _ query: TraceQuery, _ grid: TraceStepGrid, _ exemplars: Int, _ context: QueryContext
    ) async throws -> TraceMetricsResult {
        guard case .metrics(let expression) = query.body else {
            throw TraceQLError.badParameter("the query has no metrics function, such as `| rate()`")
        }
        let series = try await evaluate(expression, grid, min(max(0, exemplars), 100), context)
        return TraceMetricsResult(grid: grid, series: series.sorted { $0.sortKey < $1.sortKey })
    }

    private func evaluate(
        _ expression: MetricsExpression, _ grid: TraceStepGrid, _ exemplars: Int, _ context: QueryContext
    ) async throws -> [TraceMetricSeries] {
        switch expression {
        case .leaf(let pipeline, let function): return try await leaf(pipeline, function, grid, exemplars, context)
        case .number: return []
        case .top(let count, let inner):
            let input = try await evaluate(inner, grid, exemplars, context)
            return MetricsOperators.top(count, input, greatest: true, steps: grid.count)
        case .bottom(let count, let inner):
            let input = try await evaluate(inner, grid, exemplars, context)
            return MetricsOperators.top(count, input, greatest: false, steps: grid.count)
        case .filter(let inner, let comparison, let value):
            return MetricsOperators.filter(try await evaluate(inner, grid, exemplars, context), comparison, value)
        case .math(let operation, .number(let number, _), let right):
            return MetricsOperators.scale(
                operation, try await evaluate(right, grid, exemplars, context), number, numberFirst: true)
        case .math(let operation, let left, .number(let number, _)):
            return MetricsOperators.scale(
                operation, try await evaluate(left, grid, exemplars, context), number, numberFirst: false)
        case .math(let operation, let left, let right):
            let a = try await evaluate(left, grid, exemplars, context)
            return MetricsOperators.combine(operation, a, try await evaluate(right, grid, exemplars, context))
        }
    }

    private func leaf(
        _ written: Pipeline, _ function: MetricsFunction, _ grid: TraceStepGrid, _ exemplars: Int,
        _ context: QueryContext
    ) async throws -> [TraceMetricSeries] {
        let pipeline = RootTest.rewrite(written)
        var sink = try MetricsSink(function, grid: grid, exemplars: exemplars)
        var fields = QueryFields(pipeline)
        fields.add(function)
        let projection: EventScanPlan.Projection = function.kind == .compare ? .all : .columns(fields.columns)
        let range = TimeRange(start: grid.spanRange.start, end: grid.spanRange.end)
        let predicate = options.pushesDown ? PredicatePlanner.predicate(of: pipeline) : .everything
        if options.pushesDown, let conditions = TraceQLEngine.conditionsOfOneSpan(pipeline, fields) {
            // Names are for exemplars.
            let basis = exemplars > 0 ? QueryFields.always : QueryFields.identity
            let columns = function.kind == .compare ? nil : fields.columns(besides: basis).union(predicate.columns)
            try await scanSpans(conditions, predicate, range, columns, &sink, context)
        } else {
            try await scanTraces(CompiledPipeline(pipeline), predicate, range, projection, &sink, context)
        }
        return sink.result()
    }

    /// The filters of a pipeline that looks at each span alone; nil where it takes whole traces.
    static func conditionsOfOneSpan(_ pipeline: Pipeline, _ fields: QueryFields) -> [FieldExpression]? {
        if fields.needsWholeTrace { return nil }
        var out: [FieldExpression] = []
        for stage in pipeline.stages {
            switch stage {
            case .spansets(.filter(let condition)): out.append(condition)
            case .select: break
            default: return nil
            }
        }
        return out
    }

    /// Span by span, in one pass. Copies of a span are dropped among those that match.
    private func scanSpans(
        _ conditions: [FieldExpression], _ predicate: EventPredicate, _ range: TimeRange,
        _ columns: Set<String>?, _ sink: inout MetricsSink, _ context: QueryContext
    ) async throws {
        struct Identity: Hashable {
            var trace: TraceID
            var span: SpanID
            var kind: TraceSpan.Kind
        }
        var compiled: [CompiledField] = []
        for condition in conditions { compiled.append(try CompiledField(condition)) }
        let filters = compiled
        var counted: Set<Identity> = []
        var charged = 0
        defer { context.release(memory: charged) }
        var target = sink
        let plan = EventScanPlan(
            table: .spans, range: range, predicate: predicate, projection: columns.map { .columns($0) } ?? .all)
        _ = try await reader.scan(plan, context: context) { batch in
            try context.check()
            let decoder = SpanDecoder(batch, columns: columns)
            let filter = RowFilter(predicate, over: batch)
            let before = counted.count
            for row in 0..<batch.rowCount where filter.passes(row) {
                guard let span = decoder.span(row: row),
                    try filters.allSatisfy({ try $0.holds(span, in: nil, at: 0) }),
                    counted.insert(Identity(trace: span.traceID, span: span.spanID, kind: span.kind)).inserted
                else { continue }
                try target.observe(span, in: nil, at: 0)
            }
            let bytes = (counted.count - before) * 64
            charged += bytes
            try context.charge(memory: bytes)
            return .goOn
        }
        sink = target
    }

    /// Trace by trace: first the ids, then the traces in portions.
    private func scanTraces(
        _ pipeline: CompiledPipeline, _ predicate: EventPredicate, _ range: TimeRange,
        _ projection: EventScanPlan.Projection, _ sink: inout MetricsSink, _ context: QueryContext
    ) async throws {
        var ids: Set<TraceID> = []
        var charged = 0
        defer { context.release(memory: charged) }
        let plan = EventScanPlan(
            table: .spans, range: range, predicate: predicate,
            projection: .columns(predicate.columns.union([EventColumnName.traceID])))
        _ = try await reader.scan(plan, context: context) { batch in
            try context.check()
            let decoder = SpanDecoder(batch)
            let filter = RowFilter(predicate, over: batch)
            let before = ids.count
            for row in 0..<batch.rowCount where filter.passes(row) {
                if let id = decoder.traceID(row: row) { ids.insert(id) }
            }
            charged += (ids.count - before) * 32
            try context.charge(memory: (ids.count - before) * 32)
            return .goOn
        }
        let ordered = ids.sorted()
        for first in stride(from: 0, to: ordered.count, by: 512) {
            let portion = Array(ordered[first..<min(first + 512, ordered.count)])
            for trace in try await traces(portion, range: .all, projection: projection, context: context) {
                for set in try pipeline.evaluate(trace) {
                    for index in set.spans { try sink.observe(trace.spans[index], in: trace, at: index) }
                }
            }
        }
    }
}

/// Where matching spans go.
private enum MetricsSink {
    case accumulator(MetricsAccumulator)
    case comparison(MetricsComparison)

    init(_ function: MetricsFunction, grid: TraceStepGrid, exemplars: Int) throws(TraceQLError) {
        if function.kind == .compare {
            self = .comparison(try MetricsComparison(function, grid: grid))
        } else {
            self = .accumulator(MetricsAccumulator(function, grid: grid, maximumExemplars: exemplars))
        }
    }

    mutating func observe(_ span: TraceSpan, in trace: Trace?, at index: Int) throws(TraceQLError) {
        // The payload is taken out while it changes, so that it has one owner and is not copied for every span.
        switch self {
        case .accumulator(var accumulator):
            self = .empty
            defer { self = .accumulator(accumulator) }
            try accumulator.observe(span, in: trace, at: index)
        case .comparison(var comparison):
            self = .empty
            defer { self = .comparison(comparison) }
            try comparison.observe(span, in: trace, at: index)
        case .empty: break
        }
    }

    case empty

    func result() -> [TraceMetricSeries] {
        switch self {
        case .accumulator(let accumulator): accumulator.result()
        case .comparison(let comparison): comparison.result()
        case .empty: []
        }
    }
}
