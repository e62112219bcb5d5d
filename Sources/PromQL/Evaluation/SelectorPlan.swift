internal import Storage
internal import Telemetry
internal import Vectors

/// What a query needs of the store: leaves, and for what is no leaf the samples of each selector, over the whole span
/// of time that any of its points looks at.
struct SelectorPlan {
    struct Fetch: Sendable {
        var key: Int
        var selection: Leaf.Selection
    }

    private(set) var fetches: [Fetch] = []
    private(set) var leaves: [Leaf] = []
    /// Numbers of ``leaves``.
    private(set) var places: [Leaf.Place: Int] = [:]
    /// What to fetch for a leaf that turns out to be none.
    private(set) var alternatives: [[Fetch]] = []
    private var numbers: [Leaf: Int] = [:]
    private let setting: QuerySetting
    private let takesLeaves: Bool

    init(
        _ expression: Expression, _ grid: StepGrid, _ setting: QuerySetting, takesLeaves: Bool = true
    ) throws(PromQLError) {
        self.setting = setting
        self.takesLeaves = takesLeaves
        try add(expression, grid)
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

    private mutating func add(_ expression: Expression, _ grid: StepGrid) throws(PromQLError) {
        switch expression.node {
        case .number, .string: break
        case .vector(let selector):
            if let leaf = try leaf(selector, grid) {
                try register(leaf, Leaf.Place(form: .selector, range: selector.range, grid: grid), selector)
            } else {
                fetches.append(try fetch(selector, grid, window: setting.lookback))
            }
        case .matrix(let selector, let range):
            fetches.append(
                try fetch(selector, grid, window: try range.positiveMilliseconds(in: setting.durations)))
        case .subquery(let subquery):
            try add(subquery.inner, try SubqueryGrid(subquery, setting, grid.start, grid.end).grid)
        case .parenthesized(let inner), .negated(let inner), .plus(let inner): try add(inner, grid)
        case .binary(let binary):
            try add(binary.left, grid)
            try add(binary.right, grid)
        case .call(let call): try add(call, expression, grid)
        case .aggregate(let aggregation):
            if let parameter = aggregation.parameter { try add(parameter, grid) }
            try add(aggregation, expression, grid)
        }
    }

    private mutating func add(_ call: FunctionCall, _ expression: Expression, _ grid: StepGrid) throws(PromQLError) {
        let name = call.function.name
        if let (leaf, argument, selector) = try leaf(call, grid), case .window(let function) = leaf.kernel {
            for other in call.arguments where other.type != .matrix { try add(other, grid) }
            return try register(
                leaf, Leaf.Place(form: .function(function), range: argument.range, grid: grid), selector)
        }
        if name == "timestamp" || name == "start_timestamp", let argument = call.arguments.first,
            case .vector(let selector) = argument.unwrapped.node
        {
            // The times of the samples themselves.
            let taken = name == "timestamp" ? selector.forTimestamp : selector
            fetches.append(try fetch(taken, grid, window: setting.lookback))
            return
        }
        for (at, argument) in call.arguments.enumerated() where name != "info" || at == 0 { try add(argument, grid) }
        guard name == "info" else { return }
        fetches.append(
            Fetch(
                key: SelectorPlan.key(infoAt: expression.range),
                selection: Leaf.Selection(
                    matchers: InfoFunction.nameMatchers(call),
                    first: try InfoFunction.time(of: call.arguments[0], at: grid.start, setting) &- setting.lookback
                        &+ 1,
                    last: try InfoFunction.time(of: call.arguments[0], at: grid.end, setting))))
    }

    private mutating func add(
        _ aggregation: Aggregation, _ expression: Expression, _ grid: StepGrid
    ) throws(PromQLError) {
        guard Leaf.fuses(aggregation.operation), let (leaf, selector) = try fusable(aggregation.inner, grid) else {
            return try add(aggregation.inner, grid)
        }
        var whole = leaf
        whole.fused = Leaf.Fused(operation: aggregation.operation, grouping: aggregation.grouping)
        try register(whole, Leaf.Place(form: .aggregation, range: expression.range, grid: grid), selector)
    }

    // MARK: Leaves

    /// What an aggregation can swallow: nil where names that the function takes away could have kept apart what must
    /// not meet.
    private func fusable(_ expression: Expression, _ grid: StepGrid) throws(PromQLError) -> (Leaf, VectorSelector)? {
        let inner = expression.unwrapped
        switch inner.node {
        case .vector(let selector): return try leaf(selector, grid).map { ($0, selector) }
        case .call(let call):
            guard let (leaf, _, selector) = try leaf(call, grid), leaf.parameters.isEmpty, call.arguments.count == 1,
                call.function.name != "absent_over_time", leaf.selection.oneName != nil
            else { return nil }
            return (leaf, selector)
        default: return nil
        }
    }

    private func leaf(_ selector: VectorSelector, _ grid: StepGrid) throws(PromQLError) -> Leaf? {
        guard takesLeaves, selector.rangeExtension == nil else { return nil }
        return Leaf(
            selection: try fetch(selector, grid, window: setting.lookback).selection, kernel: .newest, grid: grid,
            window: setting.lookback, offset: try setting.offset(selector.offset), at: selector.at)
    }

    private func leaf(
        _ call: FunctionCall, _ grid: StepGrid
    ) throws(PromQLError) -> (Leaf, Expression, VectorSelector)? {
        let name = call.function.name
        // When counting began is told of whole columns only.
        guard takesLeaves, !setting.startTimestamps else { return nil }
        guard let function = name == "absent_over_time" ? .presentOverTime : RangeFunction(rawValue: name),
            let argument = call.arguments.first(where: { $0.type == .matrix }),
            case .matrix(let selector, let range) = argument.unwrapped.node, selector.rangeExtension == nil
        else { return nil }
        var parameters: [Double] = []
        for other in call.arguments where other.type != .matrix {
            guard let number = other.constant else { return nil }
            parameters.append(number)
        }
        let window = try range.positiveMilliseconds(in: setting.durations)
        let leaf = Leaf(
            selection: try fetch(selector, grid, window: window).selection, kernel: .window(function), grid: grid,
            window: window, offset: try setting.offset(selector.offset), at: selector.at, parameters: parameters)
        return (leaf, argument, selector)
    }

    private mutating func register(
        _ leaf: Leaf, _ place: Leaf.Place, _ selector: VectorSelector
    ) throws(PromQLError) {
        let alternative = Fetch(key: SelectorPlan.key(selector), selection: leaf.selection)
        if let known = numbers[leaf] {
            places[place] = known
            alternatives[known].append(alternative)
            return
        }
        numbers[leaf] = leaves.count
        places[place] = leaves.count
        leaves.append(leaf)
        alternatives.append([alternative])
    }

    private func fetch(
        _ selector: VectorSelector, _ grid: StepGrid, window: Int64
    ) throws(PromQLError) -> Fetch {
        let offset = try setting.offset(selector.offset)
        var first = setting.reference(selector.at, grid.start) &- offset &- window &+ 1
        var last = setting.reference(selector.at, grid.end) &- offset
        if selector.rangeExtension != nil { first = first &- setting.lookback }
        if selector.rangeExtension == .smoothed { last = last &+ setting.lookback }
        return Fetch(
            key: SelectorPlan.key(selector),
            selection: Leaf.Selection(matchers: selector.allMatchers, first: first, last: last))
    }
}

extension Expression {
    /// A number that is written in the query.
    var constant: Double? {
        switch node {
        case .number(let literal): literal.value
        case .parenthesized(let inner), .plus(let inner): inner.constant
        case .negated(let inner): inner.constant.map { -$0 }
        default: nil
        }
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
