internal import Vectors

/// What may stand behind a selector or a subquery.
extension Parser {
    mutating func bracket(_ inner: Expression) throws(PromQLError) -> Expression {
        let open = current.range
        advance()
        let rangeStart = current.range
        let range = try durationExpression("subquery or range selector", "number, duration, step(), or range()")
        try checkPositive(range, at: rangeStart)
        if accept(.colon) {
            var step: DurationExpression?
            if current.kind != .rightBracket {
                let stepStart = current.range
                let written = try durationExpression(
                    "subquery selector", "number, duration, step(), range(), or \"]\"")
                try checkPositive(written, at: stepStart)
                step = written
            }
            try expect(.rightBracket, "subquery selector", "\"]\"")
            if case .matrix(let selector, _) = inner.node, selector.rangeExtension != nil {
                throw error("range extensions are not allowed in subqueries", at: inner.range)
            }
            return try make(
                .subquery(Subquery(inner: inner, range: range, step: step)), inner.range.start, previousEnd,
                children: inner.depth)
        }
        guard case .rightBracket = current.kind else {
            throw unexpected("subquery or range", expected: "\":\" or \"]\"")
        }
        advance()
        guard case .vector(let selector) = inner.node else {
            throw error("ranges only allowed for vector selectors", at: open)
        }
        if selector.offset != nil { throw error("no offset modifiers allowed before range", at: open) }
        if selector.at != nil { throw error("no @ modifiers allowed before range", at: open) }
        if selector.rangeExtension != nil {
            throw error("no anchored or smoothed modifiers allowed before range", at: open)
        }
        return try make(.matrix(selector, range: range), inner.range.start, previousEnd)
    }

    mutating func offset(_ expression: Expression) throws(PromQLError) -> Expression {
        advance()
        let offset = try offsetLiteral()
        var result = expression
        result.range.end = previousEnd
        let twice = error("offset may not be set multiple times", at: expression.range)
        switch expression.node {
        case .vector(var selector):
            guard selector.offset == nil else { throw twice }
            selector.offset = offset
            result.node = .vector(selector)
        case .matrix(var selector, let range):
            guard selector.offset == nil else { throw twice }
            selector.offset = offset
            result.node = .matrix(selector, range: range)
        case .subquery(var subquery):
            guard subquery.offset == nil else { throw twice }
            subquery.offset = offset
            result.node = .subquery(subquery)
        default:
            throw error(
                "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
                at: expression.range)
        }
        return result
    }

    mutating func atModifier(_ expression: Expression) throws(PromQLError) -> Expression {
        advance()
        let modifier = try atTime(expression)
        var result = expression
        result.range.end = previousEnd
        let twice = error("@ <timestamp> may not be set multiple times", at: expression.range)
        switch expression.node {
        case .vector(var selector):
            guard selector.at == nil else { throw twice }
            selector.at = modifier
            result.node = .vector(selector)
        case .matrix(var selector, let range):
            guard selector.at == nil else { throw twice }
            selector.at = modifier
            result.node = .matrix(selector, range: range)
        case .subquery(var subquery):
            guard subquery.at == nil else { throw twice }
            subquery.at = modifier
            result.node = .subquery(subquery)
        default:
            throw error(
                "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
                at: expression.range)
        }
        return result
    }

    private mutating func atTime(_ expression: Expression) throws(PromQLError) -> AtModifier {
        if current.kind == .keyword(.start) || current.kind == .keyword(.end) {
            let modifier: AtModifier = current.kind == .keyword(.start) ? .start : .end
            advance()
            try expect(.leftParenthesis, "@", "timestamp")
            try expect(.rightParenthesis, "@", "timestamp")
            return modifier
        }
        var sign = 1.0
        if accept(.op(.subtract)) { sign = -1 } else { _ = accept(.op(.add)) }
        guard let seconds = literalNumber() else { throw unexpected("@", expected: "timestamp") }
        guard seconds.isFinite, seconds < 9.2e15 else {
            throw error(
                "timestamp out of bounds for @ modifier: \(NumberSyntax.fixed(sign * seconds))", at: expression.range)
        }
        return .time(Int64((sign * seconds * 1000).rounded()))
    }

    mutating func extend(_ expression: Expression, _ kind: RangeExtension) throws(PromQLError) -> Expression {
        let range = current.range
        guard options.extendedRangeSelectors else {
            throw error("\(kind.rawValue) modifier is experimental and not enabled", at: range)
        }
        advance()
        var result = expression
        result.range.end = previousEnd
        switch expression.node {
        case .vector(var selector):
            if kind == .anchored {
                throw error("anchored modifier can only be used with range vectors", at: expression.range)
            }
            try checkExtension(selector, kind, expression)
            selector.rangeExtension = kind
            result.node = .vector(selector)
        case .matrix(var selector, let duration):
            try checkExtension(selector, kind, expression)
            selector.rangeExtension = kind
            result.node = .matrix(selector, range: duration)
        case .subquery:
            throw error("\(kind.rawValue) modifier is not supported for subqueries", at: expression.range)
        default:
            throw error("\(kind.rawValue) modifier not implemented for this expression", at: expression.range)
        }
        return result
    }

    private func checkExtension(
        _ selector: VectorSelector, _ kind: RangeExtension, _ expression: Expression
    ) throws(PromQLError) {
        guard let existing = selector.rangeExtension else { return }
        let message =
            existing == kind
            ? "\(kind.rawValue) modifier may not be set multiple times"
            : "anchored and smoothed modifiers cannot be used together"
        throw error(message, at: expression.range)
    }

    // MARK: Durations

    /// Behind `offset` only the first literal counts, unless there are parentheses.
    private mutating func offsetLiteral() throws(PromQLError) -> DurationExpression {
        let place = current.range
        let offset = try durationUnary("offset", "number, duration, step(), or range()", powers: false)
        if case .literal(let seconds, _) = offset, seconds.magnitude >= Parser.longestDuration {
            throw error("duration out of range", at: place)
        }
        return offset
    }

    /// What is a literal is judged here, what is computed when the query runs.
    private func checkPositive(_ duration: DurationExpression, at range: SourceRange) throws(PromQLError) {
        let seconds: Double
        switch duration {
        case .literal(let value, _): seconds = value
        case .negated(.literal(let value, _)): seconds = -value
        default: return
        }
        if seconds.magnitude >= Parser.longestDuration { throw error("duration out of range", at: range) }
        if !(seconds > 0) { throw error("duration must be greater than 0", at: range) }
    }

    mutating func durationExpression(
        _ context: String, _ expected: String, _ minimum: Int = 1
    ) throws(PromQLError) -> DurationExpression {
        try enter()
        defer { leave() }
        var left = try durationUnary(context, expected, powers: true)
        var chain = 0
        while let operation = current.operator, let level = Parser.durationPrecedence(operation), level >= minimum {
            let operatorRange = current.range
            advance()
            chain += 1
            if chain > Parser.maximumDepth {
                throw error("expression is nested deeper than \(Parser.maximumDepth) levels", at: current.range)
            }
            let right = try durationExpression(context, expected, operation == .power ? level : level + 1)
            if case .literal(0, _) = right, operation == .divide || operation == .modulo {
                throw error(operation == .divide ? "division by zero" : "modulo by zero", at: operatorRange)
            }
            left = .binary(operation, left, right)
        }
        return left
    }

    private static func durationPrecedence(_ operation: BinaryOperator) -> Int? {
        switch operation {
        case .add, .subtract: 1
        case .multiply, .divide, .modulo: 2
        case .power: 3
        default: nil
        }
    }

    private mutating func durationUnary(
        _ context: String, _ expected: String, powers: Bool
    ) throws(PromQLError) -> DurationExpression {
        if current.kind == .op(.add) || current.kind == .op(.subtract) {
            let negative = current.kind == .op(.subtract)
            advance()
            let inner =
                powers
                ? try durationExpression(context, expected, 3) : try durationPrimary(context, expected)
            return negative ? .negated(inner) : inner
        }
        return try durationPrimary(context, expected)
    }

    private mutating func durationPrimary(_ context: String, _ expected: String) throws(PromQLError)
        -> DurationExpression
    {
        switch current.kind {
        case .number(let value):
            advance()
            return .literal(value, isDuration: false)
        case .duration(let value):
            advance()
            return .literal(value, isDuration: true)
        case .leftParenthesis:
            advance()
            let inner = try durationExpression(context, expected)
            try expect(.rightParenthesis, context, "\")\"")
            return .parenthesized(inner)
        case .keyword(.step), .keyword(.range):
            let isStep = current.kind == .keyword(.step)
            advance()
            try expect(.leftParenthesis, context, expected)
            try expect(.rightParenthesis, context, "\")\"")
            return isStep ? .step : .range
        case .identifier where ["min_of", "max_of"].contains(current.text.lowercased()):
            let least = current.text.lowercased() == "min_of"
            advance()
            try expect(.leftParenthesis, context, "\"(\"")
            let first = try durationExpression(context, expected)
            try expect(.comma, context, "\",\"")
            let second = try durationExpression(context, expected)
            try expect(.rightParenthesis, context, "\")\"")
            return least ? .least(first, second) : .greatest(first, second)
        default: throw unexpected(context, expected: expected)
        }
    }
}
