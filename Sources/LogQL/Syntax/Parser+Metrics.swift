import Patterns
internal import Telemetry
internal import Vectors

extension Parser {
    /// `by (…)` or `without (…)`, if there is one.
    mutating func grouping() throws(LogQLError) -> Grouping? {
        if takeWord("by") { return .by(try names()) }
        if takeWord("without") { return .without(try names()) }
        return nil
    }

    mutating func metric() throws(LogQLError) -> MetricExpression {
        guard case .metric(let inner) = try nestedExpression() else { throw unexpected() }
        return inner
    }

    mutating func vectorAggregation(_ operation: VectorOperator) throws(LogQLError) -> MetricExpression {
        var group = try grouping()
        try expect("(")
        var parameter: Int?
        if operation.takesParameter {
            if case .number(let value) = current.kind, token(ahead: 1).kind == .symbol(",") {
                guard let count = Int(exactly: value) else {
                    throw .meaningless("invalid parameter \(operation.rawValue)(\(formatPlain(value)),")
                }
                guard count > 0 else {
                    throw .meaningless("invalid parameter (must be greater than 0) \(operation.rawValue)(\(count)")
                }
                parameter = count
                advance()
                advance()
            }
        } else if case .number(let value) = current.kind, token(ahead: 1).kind == .symbol(",") {
            throw .meaningless("unsupported parameter for operation \(operation.rawValue)(\(formatPlain(value)),")
        }
        let inner = try metric()
        try expect(")")
        if let after = try grouping() {
            guard group == nil else { throw .meaningless("syntax error: grouping written twice") }
            group = after
        }
        if operation.takesParameter, parameter == nil {
            throw .meaningless("parameter required for operation \(operation.rawValue)")
        }
        if group != nil, operation == .sort || operation == .sortDescending || operation == .approximateTopk {
            throw .meaningless("grouping not allowed for \(operation.rawValue) aggregation")
        }
        return .aggregate(operation, parameter: parameter, inner, grouping: group)
    }

    mutating func labelReplace() throws(LogQLError) -> MetricExpression {
        try expect("(")
        let inner = try metric()
        try expect(",")
        let destination = try string()
        try expect(",")
        let replacement = try string()
        try expect(",")
        let source = try string()
        try expect(",")
        let pattern = try string()
        do { _ = try RegularExpression(pattern) } catch {
            throw .meaningless("invalid regex in label_replace: \(error)")
        }
        try expect(")")
        return .labelReplace(
            inner, destination: destination, replacement: replacement, source: source, pattern: pattern)
    }

    mutating func rangeAggregation(_ operation: RangeOperator) throws(LogQLError) -> MetricExpression {
        var group: Grouping?
        try expect("(")
        var parameter: Double?
        if operation == .approximateCountDistinct || operation == .countDistinct {
            return try distinctCount(operation)
        }
        if case .number(let value) = current.kind {
            advance()
            try expect(",")
            parameter = value
        } else if !isSymbol("{"), !isSymbol("("), !isCall {
            throw unexpected("NUMBER", "{", "(")
        }
        if case .identifier(let name) = current.kind { return try subquery(operation, parameter, of: name) }
        var draft = RangeDraft()
        try logRange(into: &draft)
        try expect(")")
        group = try grouping()
        let whole = draft.whole
        try check(operation, parameter, whole, group)
        return .range(operation, parameter: parameter, whole, grouping: group)
    }

    /// `approx_count_distinct(field, {…} | logfmt [5m]) by (…)`.
    private mutating func distinctCount(_ operation: RangeOperator) throws(LogQLError) -> MetricExpression {
        let field = try identifier()
        try expect(",")
        var draft = RangeDraft()
        try logRange(into: &draft)
        try expect(")")
        let group = try grouping()
        let name = operation.rawValue
        if draft.unwrap != nil { throw .meaningless("unwrap is not supported for \(name)()") }
        switch group {
        case .without: throw .meaningless("without is not supported for \(name)()")
        case .by(let names) where names.contains(field):
            throw .meaningless("cannot group by the counted field \(QuotedText.quote(field))")
        default: break
        }
        var whole = draft.whole
        whole.counted = field
        return .range(operation, parameter: nil, whole, grouping: group)
    }

    private func check(
        _ operation: RangeOperator, _ parameter: Double?, _ range: LogRange, _ group: Grouping?
    ) throws(LogQLError) {
        if let parameter, operation != .quantile {
            throw .meaningless(
                "parameter \(formatPlain(parameter)) not supported for operation \(operation.rawValue)")
        }
        if parameter == nil, operation == .quantile {
            throw .meaningless("parameter required for operation quantile_over_time")
        }
        switch operation {
        case .count, .bytes, .bytesRate:
            if range.unwrap != nil { throw .meaningless("invalid aggregation \(operation.rawValue) with unwrap") }
        case .rate, .absent: break
        default:
            if range.unwrap == nil { throw .meaningless("invalid aggregation \(operation.rawValue) without unwrap") }
        }
        guard group != nil else { return }
        switch operation {
        case .average, .minimum, .maximum, .first, .last, .deviation, .variance, .quantile: break
        default: throw .meaningless("grouping not allowed for \(operation.rawValue) aggregation")
        }
    }

    struct RangeDraft {
        var matchers: [Matcher]?
        var stages: [Stage] = []
        var unwrap: Unwrap?
        var range: Int64?
        var offset: Int64 = 0

        var whole: LogRange {
            LogRange(
                logs: LogExpression(matchers: matchers ?? [], stages: stages), unwrap: unwrap, range: range ?? 0,
                offset: offset)
        }
    }

    private mutating func logRange(into draft: inout RangeDraft) throws(LogQLError) {
        try beginning(of: &draft)
        guard draft.range != nil else { throw unexpected() }
    }

    /// Selector, pipeline, range and offset: the range may stand before or behind the pipeline, and parentheses may
    /// hold any beginning of it.
    private mutating func beginning(of draft: inout RangeDraft) throws(LogQLError) {
        try enter()
        defer { leave() }
        if take("(") {
            try beginning(of: &draft)
            try expect(")")
        } else {
            draft.matchers = try selector()
        }
        while true {
            if case .range(let duration) = current.kind {
                guard draft.range == nil else { throw unexpected() }
                draft.range = duration
                advance()
                if takeWord("offset") { draft.offset = try signedDuration() }
            } else if isSymbol("|"), token(ahead: 1).isWord("unwrap"), !token(ahead: 2).isComparison {
                guard draft.unwrap == nil else { throw unexpected() }
                advance()
                advance()
                draft.unwrap = try unwrap()
            } else if isStageStart {
                let position = current.position
                let more = try pipelineStage()
                guard draft.unwrap != nil else {
                    draft.stages += more
                    continue
                }
                for stage in more {
                    guard case .labelFilter(let filter) = stage else {
                        throw position.error("syntax error: only label filters may follow unwrap")
                    }
                    draft.unwrap?.filters.append(filter)
                }
            } else if isResultStart {
                throw .meaningless("| \(token(ahead: 1).text) looks at whole lines: no range aggregation can follow it")
            } else {
                return
            }
        }
    }

    private var isCall: Bool {
        guard let word, token(ahead: 1).kind == .symbol("(") || token(ahead: 1).isWord("by") else { return false }
        return RangeOperator(rawValue: word) != nil || VectorOperator(rawValue: word) != nil
            || word == "label_replace"
    }

    /// `max_over_time(rate({…}[1m])[10m:30s])`.
    private mutating func subquery(
        _ operation: RangeOperator, _ parameter: Double?, of name: String
    ) throws(LogQLError) -> MetricExpression {
        guard isCall else { throw unexpected() }
        try enter()
        defer { leave() }
        let inner = try call(name.lowercased())
        guard case .subquery(let range, let step) = current.kind else { throw unexpected() }
        advance()
        let offset = takeWord("offset") ? try signedDuration() : 0
        try expect(")")
        switch operation {
        case .count, .sum, .average, .minimum, .maximum, .first, .last, .deviation, .variance, .quantile: break
        default: throw .meaningless("\(operation.rawValue) takes lines, not a subquery")
        }
        if parameter == nil, operation == .quantile {
            throw .meaningless("parameter required for operation quantile_over_time")
        }
        return .subquery(
            operation, parameter: parameter, inner, Subquery(range: range, step: step, offset: offset))
    }

    private mutating func signedDuration() throws(LogQLError) -> Int64 {
        let negative = take("-")
        switch current.kind {
        case .duration(let nanoseconds):
            advance()
            return negative ? 0 &- nanoseconds : nanoseconds
        case .number(0):
            advance()
            return 0
        default: throw unexpected("DURATION")
        }
    }

    private mutating func unwrap() throws(LogQLError) -> Unwrap {
        let name = try identifier()
        guard isSymbol("(") else { return Unwrap(label: name, conversion: .number, filters: []) }
        guard let conversion = Unwrap.Conversion(rawValue: name.lowercased()), conversion != .number else {
            throw token(ahead: -1).position.error(
                "syntax error: unknown conversion \(name), expecting bytes or duration or duration_seconds")
        }
        advance()
        let label = try identifier()
        try expect(")")
        return Unwrap(label: label, conversion: conversion, filters: [])
    }
}

extension Token {
    var text: String {
        if case .identifier(let text) = kind { return text }
        return name
    }

    func isWord(_ word: String) -> Bool {
        if case .identifier(let text) = kind { return text.lowercased() == word }
        return false
    }

    var isComparison: Bool {
        if case .symbol(let symbol) = kind {
            return ["=", "==", "!=", "=~", "!~", "<", "<=", ">", ">="].contains(symbol)
        }
        return false
    }
}
