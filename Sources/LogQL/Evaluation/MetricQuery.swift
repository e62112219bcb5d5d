package import Storage
internal import Telemetry
package import Vectors

/// The answer of a metric query.
package enum MetricResult: Sendable {
    /// A query of literals only.
    case scalar(Double)
    /// One point for an instant query, whose order of series has a meaning (`sort`, `topk`).
    case matrix(StepMatrix)
}

extension LogQLEngine {
    /// The value at one time, in nanoseconds.
    package func instant(_ query: String, at time: Int64, context: QueryContext) async throws -> MetricResult {
        try await instant(try LogQLEngine.metric(LogQLEngine.parse(query)), at: time, context: context)
    }

    package func instant(_ metric: MetricExpression, at time: Int64, context: QueryContext) async throws -> MetricResult
    {
        try await evaluate(metric, start: time, step: 1_000_000, count: 1, context: context)
    }

    /// Values at `start`, `start + step`, … up to `end`, in nanoseconds. Steps are whole milliseconds.
    package func range(
        _ query: String, start: Int64, end: Int64, step: Int64, context: QueryContext
    ) async throws -> MetricResult {
        try await range(
            try LogQLEngine.metric(LogQLEngine.parse(query)), start: start, end: end, step: step, context: context)
    }

    package func range(
        _ metric: MetricExpression, start: Int64, end: Int64, step: Int64, context: QueryContext
    ) async throws -> MetricResult {
        guard end >= start else {
            throw LogQLError.unsupported("invalid query range: the end time is before the start time")
        }
        let whole = max(1, step / 1_000_000) * 1_000_000
        let (span, overflow) = end.subtractingReportingOverflow(start)
        guard !overflow, span / whole < Int64(options.maximumPoints) else {
            throw LogQLError.limit(
                "exceeded maximum resolution of \(options.maximumPoints) points per time series. "
                    + "Try increasing the value of the step parameter")
        }
        let result = try await evaluate(
            metric, start: start, step: whole, count: Int(span / whole) + 1, context: context)
        switch result {
        case .scalar(let value):
            let points = Int(span / whole) + 1
            let grid = LogQLEngine.grid(start: start, step: whole, count: points)
            return .matrix(StepMatrix(grid: grid, series: [StepSeries(labels: .empty, constant: value, count: points)]))
        case .matrix(var matrix):
            matrix.sortByLabels()
            return .matrix(matrix)
        }
    }

    static func grid(start: Int64, step: Int64, count: Int) -> StepGrid {
        let first = start / 1_000_000
        let milliseconds = step / 1_000_000
        return StepGrid(start: first, end: first &+ Int64(count - 1) &* milliseconds, step: milliseconds)
    }

    private func evaluate(
        _ metric: MetricExpression, start: Int64, step: Int64, count: Int, context: QueryContext
    ) async throws -> MetricResult {
        // Half of what 64 bits hold, so that ranges and offsets can be added.
        let limit: Int64 = 4_600_000_000_000_000_000
        let (last, overflow) = start.addingReportingOverflow(Int64(count - 1) &* step)
        guard !overflow, start.magnitude <= limit.magnitude, last.magnitude <= limit.magnitude else {
            throw LogQLError.unsupported("the time of the query is outside of what can be asked for (1824 to 2115)")
        }
        let grid = LogQLEngine.grid(start: start, step: step, count: count)
        var evaluator = MetricEvaluator(engine: self, grid: grid, start: start, step: step, context: context)
        let result = try await evaluator.evaluate(metric)
        for warning in evaluator.annotations.warnings { context.warn(warning) }
        switch result {
        case .scalar: return result
        case .matrix(var matrix):
            matrix.removeEmptySeries()
            if options.maximumSeries > 0, matrix.series.count > options.maximumSeries {
                throw LogQLError.limit(
                    "maximum number of series (\(options.maximumSeries)) reached for a single query; "
                        + "consider reducing query cardinality by adding more specific stream selectors, "
                        + "reducing the time range, or aggregating results "
                        + "with functions like sum(), count() or topk()")
            }
            return .matrix(matrix)
        }
    }
}

struct MetricEvaluator {
    let engine: LogQLEngine
    let grid: StepGrid
    let start: Int64
    let step: Int64
    let context: QueryContext
    var annotations = Annotations()

    init(engine: LogQLEngine, grid: StepGrid, start: Int64, step: Int64, context: QueryContext) {
        self.engine = engine
        self.grid = grid
        self.start = start
        self.step = step
        self.context = context
    }

    mutating func evaluate(_ metric: MetricExpression) async throws -> MetricResult {
        switch metric {
        case .literal(let value): return .scalar(value)
        case .vector(let value):
            let one = StepSeries(labels: .empty, constant: value, count: grid.count)
            return .matrix(StepMatrix(grid: grid, series: [one]))
        case .range(let operation, let parameter, let range, let grouping):
            return .matrix(try await run(RangeRequest(operation, parameter: parameter, range, grouping: grouping)))
        case .subquery(let operation, let parameter, let inner, let subquery):
            return .matrix(try await run(operation, parameter, inner, subquery))
        case .aggregate(let operation, let parameter, let inner, let grouping):
            if case .range(let rangeOperation, _, let range, let own) = inner,
                let fused = RangeRequest(fusing: operation, grouping, rangeOperation, range, own)
            {
                return .matrix(try await run(fused))
            }
            let input = try await matrix(inner)
            return .matrix(try aggregated(operation, parameter, input, grouping))
        case .binary(let operation, let a, let b, let matching, let returnsBool):
            let left = try await evaluate(a)
            let right = try await evaluate(b)
            return try combined(operation, left, right, matching, returnsBool)
        case .labelReplace(let inner, let destination, let replacement, let source, let pattern):
            let input = try await matrix(inner)
            return .matrix(
                try wrapped { () throws(VectorError) in
                    try labelReplace(
                        input, destination: destination, replacement: replacement, source: source, pattern: pattern)
                })
        }
    }

    /// A literal where a vector is due is the same sample everywhere.
    private mutating func matrix(_ metric: MetricExpression) async throws -> StepMatrix {
        switch try await evaluate(metric) {
        case .matrix(let matrix): return matrix
        case .scalar(let value):
            return StepMatrix(grid: grid, series: [StepSeries(labels: .empty, constant: value, count: grid.count)])
        }
    }

    private func run(_ request: RangeRequest) async throws -> StepMatrix {
        let limit: Int64 = 4_000_000_000_000_000_000
        guard request.range.range.magnitude <= UInt64(limit) / 2, request.range.offset.magnitude <= UInt64(limit) / 2
        else {
            throw LogQLError.unsupported("a range or offset of more than 63 years cannot be asked for")
        }
        var evaluation = try RangeEvaluation(request, grid: grid, start: start, step: step, context: context)
        return try await evaluation.run(engine.reader, pushesDown: engine.options.pushesDown)
    }

    private func wrapped<T>(_ body: () throws(VectorError) -> T) throws(LogQLError) -> T {
        do { return try body() } catch { throw .vector(error) }
    }

    private mutating func aggregated(
        _ operation: VectorOperator, _ parameter: Int?, _ input: StepMatrix, _ grouping: Grouping?
    ) throws -> StepMatrix {
        var notes = Annotations()
        defer { annotations.merge(notes) }
        let group = grouping ?? .none
        let count = AggregationParameter.scalar(Double(parameter ?? 1))
        func apply(_ operation: AggregationOperator, _ parameter: AggregationParameter = .none) throws -> StepMatrix {
            do {
                return try aggregate(operation, grouping: group, parameter: parameter, input, annotations: &notes)
            } catch { throw LogQLError.vector(error) }
        }
        switch operation {
        case .sum: return try apply(.sum)
        case .avg: return try apply(.avg)
        case .min: return try apply(.min)
        case .max: return try apply(.max)
        case .count: return try apply(.count)
        case .stddev: return try apply(.stddev)
        case .stdvar: return try apply(.stdvar)
        case .topk: return try apply(.topk, count)
        case .bottomk: return try apply(.bottomk, count)
        case .sort: return sortByValue(input, descending: false)
        case .sortDescending: return sortByValue(input, descending: true)
        case .approximateTopk:
            guard grid.count == 1 else {
                throw LogQLError.unsupported("approx_topk is only supported on instant queries")
            }
            guard (parameter ?? 1) <= 10_000 else {
                throw LogQLError.unsupported("approx_topk: the parameter may be 10000 at most")
            }
            return try apply(.topk, count)
        }
    }

    private mutating func combined(
        _ operation: BinaryOperator, _ left: MetricResult, _ right: MetricResult, _ matching: VectorMatching,
        _ returnsBool: Bool
    ) throws -> MetricResult {
        var notes = Annotations()
        defer { annotations.merge(notes) }
        do {
            switch (left, right) {
            case (.scalar(let a), .scalar(let b)):
                return .scalar(binary(operation, scalars: [a], [b]).first ?? .nan)
            case (.matrix(let a), .scalar(let b)):
                let numbers = [Double](repeating: b, count: grid.count)
                return .matrix(
                    try binary(
                        operation, a, scalar: numbers, scalarOnLeft: false, returnBool: returnsBool, annotations: &notes
                    ))
            case (.scalar(let a), .matrix(let b)):
                let numbers = [Double](repeating: a, count: grid.count)
                return .matrix(
                    try binary(
                        operation, b, scalar: numbers, scalarOnLeft: true, returnBool: returnsBool, annotations: &notes)
                )
            case (.matrix(let a), .matrix(let b)):
                return .matrix(
                    try binary(operation, a, b, matching: matching, returnBool: returnsBool, annotations: &notes))
            }
        } catch { throw LogQLError.vector(error) }
    }
}
