package import Storage
package import Telemetry
package import Vectors

/// Evaluates PromQL over anything that reads series.
package struct PromQLEngine: Sendable {
    package struct Options: Sendable {
        /// Milliseconds that an instant selector looks back.
        package var lookback: Int64 = 300_000
        /// Milliseconds: the step of subqueries that have none.
        package var subqueryStep: Int64 = 60_000
        package var names = NameRemoval.eager
        package var parser = ParserOptions.everything
        /// Without, everything is evaluated from whole columns, one node after the other: a model to compare with.
        package var evaluatesLeaves = true
        /// `rate` goes by the `__type__` label, not by the end of the name, where it complains of what is no counter.
        package var typeLabels = false
        /// `rate` and its like also see a reset where a sample's counting began anew, and a zero at that time
        /// (Prometheus' `use-start-timestamps`).
        package var startTimestamps = false

        package init() {}
    }

    package let options: Options
    private let reader: any SeriesReader

    package init(reader: any SeriesReader, options: Options = Options()) {
        self.reader = reader
        self.options = options
    }

    /// The tree of a query, of the whole language unless said otherwise.
    package static func parse(
        _ query: String, options: ParserOptions = .everything
    ) throws(PromQLError) -> Expression {
        try Parser.parse(query, options: options)
    }

    /// The matchers of a bare selector, as `match[]` parameters have them.
    package static func parseSelector(_ text: String) throws(PromQLError) -> [Matcher] {
        let selector = try Parser.parseSelector(text)
        let checker = TypeChecker(query: text, options: ParserOptions())
        for matcher in selector.allMatchers where try !checker.matchesEmpty(matcher, selector) {
            return selector.allMatchers
        }
        throw .evaluation("match[] must contain at least one non-empty matcher")
    }

    /// The matchers of every selector of an expression, in the order of the text.
    package static func selectors(of expression: Expression) -> [[Matcher]] {
        var out: [[Matcher]] = []
        SelectorPlan.walk(expression) { out.append($0.allMatchers) }
        return out
    }

    /// - Parameter time: milliseconds since 1970.
    package func instant(_ query: String, at time: Int64, context: QueryContext) async throws -> PromQLResult {
        let expression = try parse(query, context)
        return try await evaluate(expression, query: query, grid: .instant(time), isRange: false, context: context)
    }

    /// - Parameters: milliseconds; `step` must be positive.
    package func range(
        _ query: String, start: Int64, end: Int64, step: Int64, context: QueryContext
    ) async throws -> PromQLResult {
        guard step > 0 else {
            throw PromQLError.evaluation("zero or negative query resolution step widths are not accepted")
        }
        let expression = try parse(query, context)
        guard expression.type == .vector || expression.type == .scalar else {
            throw PromQLError.evaluation(
                "invalid expression type \(quoteGo(expression.type.documented)) for range query, must be Scalar or instant Vector"
            )
        }
        let grid = StepGrid(start: start, end: end, step: step)
        return try await evaluate(expression, query: query, grid: grid, isRange: true, context: context)
    }

    package func evaluate(
        _ expression: Expression, query: String, grid: StepGrid, isRange: Bool, context: QueryContext
    ) async throws -> PromQLResult {
        let setting = QuerySetting(
            query: query, start: grid.start, end: grid.end, step: isRange ? grid.step : 0, isRange: isRange,
            lookback: options.lookback, subqueryStep: options.subqueryStep,
            names: options.names, typeLabels: options.typeLabels, startTimestamps: options.startTimestamps)
        // A grid by itself can be too much: a column for each scalar.
        let (column, overflow) = grid.count.multipliedReportingOverflow(by: 16)
        guard !overflow else { throw StorageError.memoryBudgetExceeded(limit: context.limits.memory) }
        try context.charge(memory: column)
        do {
            let plan = try context.measure(.plan) {
                try SelectorPlan(expression, grid, setting, takesLeaves: options.evaluatesLeaves)
            }
            let found = try await FoundSeries(plan, reader: reader, context: context)
            // What is done before another thread would have woken is done here.
            let isSmall = plan.fetches.isEmpty && found.work <= LeafRunner.inlineWork && grid.count <= 1000
            let runner = LeafRunner(setting: setting, reader: reader, context: context, isInline: isSmall)
            // The caller may have given the query its lane already.
            let hasLane = unsafe withUnsafeCurrentTask { unsafe $0?.unownedTaskExecutor != nil }
            if isSmall || hasLane { return try await evaluate(expression, grid, plan, found, runner) }
            return try await withTaskExecutorPreference(QueryLane(context)) {
                try await evaluate(expression, grid, plan, found, runner)
            }
        } catch let problem as VectorError {
            throw PromQLError.evaluation(problem.description)
        }
    }
}

extension PromQLEngine {
    private func parse(_ query: String, _ context: QueryContext) throws -> Expression {
        try context.measure(.parse) { try PromQLEngine.parse(query, options: options.parser) }
    }

    private func evaluate(
        _ expression: Expression, _ grid: StepGrid, _ plan: SelectorPlan, _ found: FoundSeries, _ runner: LeafRunner
    ) async throws -> PromQLResult {
        let context = runner.context
        let loaded = try await LoadedSamples(plan, found, runner, reader: reader, context: context)
        defer { context.release(memory: loaded.held) }
        var evaluator = Evaluator(
            setting: runner.setting, columns: loaded.columns, leaves: loaded.leaves, context: context)
        // What the answer itself takes stays charged as long as the query's context lives.
        return try context.measure(.evaluate) { try evaluator.result(of: expression, over: grid) }
    }
}

/// What does not change while a query is evaluated.
struct QuerySetting: Sendable {
    var query: String
    var start: Int64
    var end: Int64
    var step: Int64
    var isRange: Bool
    var lookback: Int64
    var subqueryStep: Int64
    var names: NameRemoval
    var typeLabels: Bool
    var startTimestamps: Bool

    var durations: DurationScope { DurationScope(step: step, range: end &- start) }

    /// The time at which a selector looks when the grid is at `time`, before its offset.
    func reference(_ modifier: AtModifier?, _ time: Int64) -> Int64 {
        switch modifier {
        case nil: time
        case .time(let fixed): fixed
        case .start: start
        case .end: end
        }
    }

    func offset(_ duration: DurationExpression?) throws(PromQLError) -> Int64 {
        try duration?.milliseconds(in: durations) ?? 0
    }
}
