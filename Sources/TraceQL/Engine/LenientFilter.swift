/// What can be understood of a query that somebody is still typing: its complete conditions, where they are joined by
/// `&&` inside one pair of braces.
enum LenientFilter {
    /// Nil where there is nothing to go by.
    static func condition(in text: String) -> FieldExpression? {
        if let query = try? TraceQLEngine.parse(text) {
            guard case .spansets(let pipeline) = query.body, pipeline.stages.count == 1,
                case .spansets(.filter(let condition)) = pipeline.stages[0], !usesTrace(condition)
            else { return nil }
            return condition == .literal(.bool(true)) ? nil : condition
        }
        var lexer = Lexer(text)
        var conditions: [FieldExpression] = []
        var part: [Token] = []
        var braces = 0
        while true {
            guard let located = try? lexer.next() else { break }
            switch located.token {
            case .symbol("{"):
                braces += 1
                if braces > 1 { return nil }
            case .symbol("||"): return nil
            case .symbol("&&"), .symbol("}"), .end:
                if let condition = condition(of: part) { conditions.append(condition) }
                part = []
            default: part.append(located.token)
            }
            if located.token == .end { break }
        }
        guard var out = conditions.first else { return nil }
        for condition in conditions.dropFirst() { out = .binary(.and, out, condition) }
        return out
    }

    /// Field, operator, literal.
    private static func condition(of tokens: [Token]) -> FieldExpression? {
        guard tokens.count == 3 else { return nil }
        let text = tokens.map { token -> String in
            switch token {
            case .string(let text): quoted(text)
            case .int(let number): String(number)
            case .float(let number): String(number)
            case .duration(let nanoseconds): durationText(nanoseconds)
            default: token.text
            }
        }.joined(separator: " ")
        guard let query = try? TraceQLEngine.parse("{ \(text) }"), case .spansets(let pipeline) = query.body,
            case .spansets(.filter(let condition))? = pipeline.stages.first, !usesTrace(condition)
        else { return nil }
        return condition
    }

    private static func usesTrace(_ condition: FieldExpression) -> Bool {
        var fields = QueryFields()
        fields.add(condition)
        return fields.needsWholeTrace
    }
}
