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
        let position = current.position
        guard case .metric(let inner) = try nestedExpression() else {
            throw position.error("syntax error: unexpected log query; wrap it in a range aggregation such as rate()")
        }
        return inner
    }

    mutating func vectorAggregation(_ operation: VectorOperator) throws(LogQLError) -> MetricExpression {
        let start = token(ahead: -1).position
        var group = try grouping()
        try expect("(")
        var parameter: Int?
        if operation.takesParameter {
            guard case .number(let value) = current.kind, token(ahead: 1).kind == .symbol(",") else {
                throw current.position.error("parameter required for operation \(operation.rawValue)")
            }
            guard let count = Int(exactly: value), count >= 1 else {
                throw current.position.error(
                    "invalid parameter (must be greater than 0) \(operation.rawValue)(\(formatPlain(value)), ...)")
            }
            parameter = count
            advance()
            advance()
        } else if case .number = current.kind, token(ahead: 1).kind == .symbol(",") {
            throw current.position.error("unsupported parameter for operation \(operation.rawValue)")
        }
        let inner = try metric()
        try expect(")")
        if let after = try grouping() {
            guard group == nil else { throw start.error("syntax error: grouping written twice") }
            group = after
        }
        if group != nil, operation == .sort || operation == .sortDescending || operation == .approximateTopk {
            throw start.error("grouping not allowed for \(operation.rawValue) aggregation")
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
        let position = current.position
        let pattern = try string()
        _ = try regularExpression(pattern, at: position)
        try expect(")")
        return .labelReplace(
            inner, destination: destination, replacement: replacement, source: source, pattern: pattern)
    }

    mutating func rangeAggregation(_ operation: RangeOperator) throws(LogQLError) -> MetricExpression {
        let start = token(ahead: -1).position
        var group = try grouping()
        try expect("(")
        var parameter: Double?
        if operation == .quantile {
            guard token(ahead: isSymbol("-") || isSymbol("+") ? 2 : 1).kind == .symbol(",") else {
                throw current.position.error("parameter required for operation quantile_over_time")
            }
            parameter = try scalar()
            try expect(",")
        } else if case .number = current.kind {
            throw current.position.error("parameter \(current.name) not supported for operation \(operation.rawValue)")
        }
        var draft = RangeDraft()
        try logRange(into: &draft)
        try expect(")")
        if let after = try grouping() {
            guard group == nil else { throw start.error("syntax error: grouping written twice") }
            group = after
        }
        guard let matchers = draft.matchers, let range = draft.range else { throw unexpected("RANGE") }
        let logs = LogExpression(matchers: matchers, stages: draft.stages)
        let whole = LogRange(logs: logs, unwrap: draft.unwrap, range: range, offset: draft.offset)
        try check(operation, whole, group, at: start)
        return .range(operation, parameter: parameter, whole, grouping: group)
    }

    private func check(
        _ operation: RangeOperator, _ range: LogRange, _ group: Grouping?, at position: SourcePosition
    ) throws(LogQLError) {
        switch operation {
        case .count, .bytes, .bytesRate:
            if range.unwrap != nil { throw position.error("invalid aggregation \(operation.rawValue) with unwrap") }
        case .rate, .absent: break
        default:
            if range.unwrap == nil { throw position.error("invalid aggregation \(operation.rawValue) without unwrap") }
        }
        guard group != nil else { return }
        switch operation {
        case .average, .minimum, .maximum, .first, .last, .deviation, .variance, .quantile: break
        default: throw position.error("grouping not allowed for \(operation.rawValue) aggregation")
        }
    }

    struct RangeDraft {
        var matchers: [Matcher]?
        var stages: [Stage] = []
        var unwrap: Unwrap?
        var range: Int64?
        var offset: Int64 = 0
    }

    /// Selector, pipeline, range and offset: the range may stand before or behind the pipeline, and parentheses may
    /// hold any beginning of it.
    private mutating func logRange(into draft: inout RangeDraft) throws(LogQLError) {
        try enter()
        defer { leave() }
        if take("(") {
            try logRange(into: &draft)
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
            } else {
                return
            }
        }
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
