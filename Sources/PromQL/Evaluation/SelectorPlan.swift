internal import Storage
internal import Telemetry
internal import Vectors

/// What a query needs of the store: each selector once, over the whole span of time that any of its points looks at.
struct SelectorPlan {
    struct Fetch {
        var key: Int
        var matchers: [Matcher]
        /// Milliseconds, both inclusive.
        var first: Int64
        var last: Int64
    }

    private(set) var fetches: [Fetch] = []
    private let setting: QuerySetting

    init(_ expression: Expression, _ grid: StepGrid, _ setting: QuerySetting) throws(PromQLError) {
        self.setting = setting
        try add(expression, grid.start, grid.end)
    }

    /// A selector is known by its place in the query.
    static func key(_ selector: VectorSelector) -> Int { selector.range.start }
    /// The info series of a call of `info`.
    static func key(infoAt range: SourceRange) -> Int { -1 - range.start }

    static func walk(_ expression: Expression, _ body: (VectorSelector) -> Void) {
        switch expression.node {
        case .number, .string: break
        case .vector(let selector), .matrix(let selector, _): body(selector)
        case .subquery(let subquery): walk(subquery.inner, body)
        case .parenthesized(let inner), .negated(let inner), .plus(let inner): walk(inner, body)
        case .binary(let binary):
            walk(binary.left, body)
            walk(binary.right, body)
        case .call(let call):
            for (at, argument) in call.arguments.enumerated() where call.function.name != "info" || at == 0 {
                walk(argument, body)
            }
        case .aggregate(let aggregation):
            if let parameter = aggregation.parameter { walk(parameter, body) }
            walk(aggregation.inner, body)
        }
    }

    private mutating func add(_ expression: Expression, _ start: Int64, _ end: Int64) throws(PromQLError) {
        switch expression.node {
        case .number, .string: break
        case .vector(let selector): try add(selector, start, end, window: setting.lookback)
        case .matrix(let selector, let range):
            try add(selector, start, end, window: try range.positiveMilliseconds(in: setting.durations))
        case .subquery(let subquery):
            let grid = try SubqueryGrid(subquery, setting, start, end)
            try add(subquery.inner, grid.grid.start, grid.grid.end)
        case .parenthesized(let inner), .negated(let inner), .plus(let inner): try add(inner, start, end)
        case .binary(let binary):
            try add(binary.left, start, end)
            try add(binary.right, start, end)
        case .call(let call):
            if call.function.name == "timestamp", let argument = call.arguments.first,
                case .vector(let selector) = argument.unwrapped.node
            {
                try add(selector.forTimestamp, start, end, window: setting.lookback)
                return
            }
            for (at, argument) in call.arguments.enumerated() where call.function.name != "info" || at == 0 {
                try add(argument, start, end)
            }
            if call.function.name == "info" {
                fetches.append(
                    Fetch(
                        key: SelectorPlan.key(infoAt: expression.range), matchers: InfoFunction.nameMatchers(call),
                        first: try InfoFunction.time(of: call.arguments[0], at: start, setting) &- setting.lookback
                            &+ 1,
                        last: try InfoFunction.time(of: call.arguments[0], at: end, setting)))
            }
        case .aggregate(let aggregation):
            if let parameter = aggregation.parameter { try add(parameter, start, end) }
            try add(aggregation.inner, start, end)
        }
    }

    private mutating func add(
        _ selector: VectorSelector, _ start: Int64, _ end: Int64, window: Int64
    ) throws(PromQLError) {
        let offset = try setting.offset(selector.offset)
        var first = setting.reference(selector.at, start) &- offset &- window &+ 1
        var last = setting.reference(selector.at, end) &- offset
        if selector.rangeExtension != nil { first = first &- setting.lookback }
        if selector.rangeExtension == .smoothed { last = last &+ setting.lookback }
        fetches.append(
            Fetch(key: SelectorPlan.key(selector), matchers: selector.allMatchers, first: first, last: last))
    }

    func load(from reader: any SeriesReader, context: QueryContext) async throws -> [Int: [SeriesColumns]] {
        var loaded: [Int: [SeriesColumns]] = [:]
        for fetch in fetches where loaded[fetch.key] == nil && fetch.last >= fetch.first {
            try context.check()
            var series: [SeriesColumns] = []
            let range = TimeRange(start: fetch.first, end: fetch.last == .max ? .max : fetch.last + 1)
            let trailer = try await reader.scan(
                SeriesScanPlan(range: range, matchers: fetch.matchers), context: context
            ) { batch in
                var bytes = 0
                for columns in batch { bytes += columns.timestamps.count * 16 + columns.histograms.count * 256 + 128 }
                try context.charge(memory: bytes)
                series.append(contentsOf: batch)
            }
            for sentence in trailer.warnings { context.warn(sentence) }
            series.sort { $0.labels < $1.labels }
            loaded[fetch.key] = series
        }
        return loaded
    }
}

/// The points at which a subquery evaluates its inner expression: multiples of its step in absolute time.
struct SubqueryGrid {
    var range: Int64
    var offset: Int64
    var grid: StepGrid

    /// For an outer grid from `start` to `end`.
    init(_ subquery: Subquery, _ setting: QuerySetting, _ start: Int64, _ end: Int64) throws(PromQLError) {
        range = try subquery.range.positiveMilliseconds(in: setting.durations)
        offset = try setting.offset(subquery.offset)
        let step = try subquery.step?.positiveMilliseconds(in: setting.durations) ?? setting.subqueryStep
        let first = setting.reference(subquery.at, start) &- offset &- range
        let last = setting.reference(subquery.at, end) &- offset
        // Strictly after the left end, because windows are left-open.
        var aligned = step &* (first / step)
        if aligned <= first { aligned = aligned &+ step }
        let points = last < aligned ? 0 : (last &- aligned) / step
        guard points < 50_000_000 else {
            throw .evaluation("subquery has more than 50,000,000 points; use a larger step or a shorter range")
        }
        grid = StepGrid(start: aligned, end: last < aligned ? aligned &- 1 : aligned &+ points &* step, step: step)
    }
}
