/// Recursive descent over the tokens of one query.
///
/// A query may be 128 KiB of somebody else's text, so nesting and the number of operators are bounded: what walks the
/// tree afterwards may recurse.
struct Parser {
    static let maximumLength = 128 << 10
    static let maximumNesting = 128
    static let maximumOperators = 2_000

    var lexer: Lexer
    var current: Lexer.Located
    private var nesting = 0
    private var operators = 0

    init(_ text: String) throws(TraceQLError) {
        lexer = Lexer(text)
        guard lexer.bytes.count <= Parser.maximumLength else {
            throw .badParameter("the query is \(lexer.bytes.count) bytes long; the limit is \(Parser.maximumLength)")
        }
        current = Lexer.Located(token: .end, offset: 0)
        current = try lexer.next()
    }

    /// Nodes of what stands between two `|`: spansets, numbers and metrics have operators in common.
    indirect enum Node {
        case spansets(SpansetExpression)
        case scalar(ScalarExpression)
        case scalarFilter(ScalarExpression, FieldOperator, ScalarExpression)
        case metrics(MetricsExpression)
        /// A parenthesised pipeline that ends in a number.
        case scalarPipeline
    }

    static func parse(_ text: String) throws(TraceQLError) -> TraceQuery {
        var parser = try Parser(text)
        let body = try parser.pipeline()
        var query: TraceQuery
        switch body {
        case .metrics(let metrics): query = TraceQuery(body: .metrics(metrics))
        case .spansets(.pipeline(let pipeline)): query = TraceQuery(body: .spansets(pipeline))
        case .spansets(let spansets): query = TraceQuery(body: .spansets(Pipeline(stages: [.spansets(spansets)])))
        case .scalarPipeline: throw .unsupported("a comparison of scalar pipelines")
        case .scalar, .scalarFilter: throw parser.unexpected()
        }
        if parser.takeWord("with") { query.hints = try parser.hints() }
        guard parser.current.token == .end else { throw parser.unexpected() }
        return query
    }

    // MARK: Tokens

    func unexpected(expecting: String? = nil) -> TraceQLError {
        if case .word(let word) = current.token, !Parser.known.contains(word) {
            return lexer.error("unknown identifier: \(word)", at: current.offset)
        }
        return lexer.error(
            "syntax error: unexpected \(current.token.text)" + (expecting.map { ", expecting \($0)" } ?? ""),
            at: current.offset)
    }

    mutating func advance() throws(TraceQLError) { current = try lexer.next() }

    func isSymbol(_ symbol: String) -> Bool { current.token == .symbol(symbol) }

    mutating func expect(_ symbol: String) throws(TraceQLError) {
        guard isSymbol(symbol) else { throw unexpected(expecting: symbol) }
        try advance()
    }

    mutating func takeSymbol(_ symbol: String) throws(TraceQLError) -> Bool {
        guard isSymbol(symbol) else { return false }
        try advance()
        return true
    }

    mutating func takeWord(_ word: String) -> Bool {
        guard current.token == .word(word), let next = try? lexer.next() else { return false }
        current = next
        return true
    }

    mutating func countOperator() throws(TraceQLError) {
        operators += 1
        guard operators <= Parser.maximumOperators else {
            throw lexer.error("more than \(Parser.maximumOperators) operators", at: current.offset)
        }
    }

    mutating func enter() throws(TraceQLError) {
        nesting += 1
        guard nesting <= Parser.maximumNesting else {
            throw lexer.error("nested deeper than \(Parser.maximumNesting) levels", at: current.offset)
        }
    }

    mutating func leave() { nesting -= 1 }

    static let known: Set<String> = Set(Intrinsic.unscoped.keys).union([
        "true", "false", "nil", "ok", "error", "unset", "unspecified", "internal", "server", "client", "producer",
        "consumer", "minInt", "maxInt", "count", "avg", "min", "max", "sum", "by", "coalesce", "select", "with", "rate",
        "count_over_time", "min_over_time", "max_over_time", "sum_over_time", "avg_over_time", "quantile_over_time",
        "histogram_over_time", "compare", "topk", "bottomk",
    ])

    // MARK: Pipelines

    /// Everything up to the end of the query or of a parenthesis.
    mutating func pipeline() throws(TraceQLError) -> Node {
        try enter()
        defer { leave() }
        var stages: [PipelineStage] = []
        if takeWord("by") {
            stages.append(.by(try parenthesisedField()))
        } else {
            let first = try expression(0)
            switch first {
            case .spansets(let expression): stages.append(.spansets(expression))
            case .scalarFilter(let left, let comparison, let right):
                stages.append(.scalarFilter(left, comparison, right))
            case .metrics(let metrics): return try metricsTail(metrics)
            case .scalar, .scalarPipeline:
                // Only inside a parenthesis may it stand alone: `(2 * 3) * ({} | rate())`, `(count() + 1) > 2`.
                return first
            }
        }
        while try takeSymbol("|") {
            if takeWord("by") {
                stages.append(.by(try parenthesisedField()))
            } else if takeWord("coalesce") {
                try expect("(")
                try expect(")")
                stages.append(.coalesce)
            } else if takeWord("select") {
                stages.append(.select(try fieldList()))
            } else if let function = try metricsFunction() {
                return try metricsTail(.leaf(Pipeline(stages: stages), function))
            } else {
                switch try expression(0) {
                case .spansets(let expression): stages.append(.spansets(expression))
                case .scalarFilter(let left, let comparison, let right):
                    stages.append(.scalarFilter(left, comparison, right))
                case .scalar where isSymbol(")"): return .scalarPipeline
                case .scalar, .metrics, .scalarPipeline: throw unexpected()
                }
            }
        }
        if stages.count == 1, case .spansets(let only) = stages[0] { return .spansets(only) }
        return .spansets(.pipeline(Pipeline(stages: stages)))
    }

    private static func precedence(_ symbol: String) -> Int? {
        switch symbol {
        case "&&", "||": 1
        case "=", "!=", "<=", ">=", "=~": 2
        case "+", "-": 3
        case "*", "/", "%": 5
        case "^": 6
        default: SpansetOperator.structural[symbol] == nil ? nil : 2
        }
    }

    private mutating func expression(_ minimum: Int) throws(TraceQLError) -> Node {
        try enter()
        defer { leave() }
        var left = try primary()
        while case .symbol(let symbol) = current.token, let precedence = Parser.precedence(symbol),
            precedence >= minimum
        {
            // A comparison after a metric is a filter of its series, which the pipeline reads.
            if case .metrics = left, precedence == 2 { break }
            let at = current
            try countOperator()
            try advance()
            let right = try expression(symbol == "^" ? precedence : precedence + 1)
            guard let joined = Parser.join(left, symbol, right) else {
                throw lexer.error("syntax error: unexpected \(symbol)", at: at.offset)
            }
            left = joined
        }
        return left
    }

    private static func join(_ left: Node, _ symbol: String, _ right: Node) -> Node? {
        switch (left, right) {
        case (.spansets(let a), .spansets(let b)):
            if symbol == "&&" { return .spansets(.binary(.and, a, b)) }
            if symbol == "||" { return .spansets(.binary(.or, a, b)) }
            return SpansetOperator.structural[symbol].map { .spansets(.binary($0, a, b)) }
        case (.scalar(let a), .scalar(let b)):
            guard let operation = FieldOperator(rawValue: symbol) else { return nil }
            if operation.isArithmetic { return .scalar(.binary(operation, a, b)) }
            if operation.isOrdering || operation == .equal || operation == .notEqual {
                return .scalarFilter(a, operation, b)
            }
            return nil
        case (.metrics(let a), .metrics(let b)):
            return math(symbol, a, b)
        case (.metrics(let a), .scalar(let b)):
            return number(b).flatMap { math(symbol, a, $0) }
        case (.scalar(let a), .metrics(let b)):
            return number(a).flatMap { math(symbol, $0, b) }
        case (.scalarPipeline, .scalarPipeline), (.scalarPipeline, .scalar), (.scalar, .scalarPipeline):
            return FieldOperator(rawValue: symbol) == nil ? nil : .scalarPipeline
        default: return nil
        }
    }

    private static func math(_ symbol: String, _ a: MetricsExpression, _ b: MetricsExpression) -> Node? {
        guard let operation = FieldOperator(rawValue: symbol),
            [.add, .subtract, .multiply, .divide].contains(operation)
        else { return nil }
        return .metrics(.math(operation, a, b))
    }

    /// Folds constants as Tempo does: integers truncate.
    private static func number(_ scalar: ScalarExpression) -> MetricsExpression? {
        switch fold(scalar) {
        case .int(let value)?: .number(Double(value), isInteger: true)
        case .float(let value)?: .number(value, isInteger: false)
        default: nil
        }
    }

    static func fold(_ scalar: ScalarExpression) -> Static? {
        switch scalar {
        case .literal(let value): value
        case .aggregate: nil
        case .binary(let operation, let left, let right):
            fold(left).flatMap { a in fold(right).flatMap { b in try? Arithmetic.apply(operation, a, b) } }
        }
    }

    private mutating func primary() throws(TraceQLError) -> Node {
        switch current.token {
        case .symbol("{"):
            try advance()
            if try takeSymbol("}") { return .spansets(.filter(.literal(.bool(true)))) }
            let condition = try field(0)
            try expect("}")
            return .spansets(.filter(condition))
        case .symbol("("):
            try advance()
            let inner = try pipeline()
            try expect(")")
            return inner
        case .symbol("-"):
            try advance()
            guard case .scalar(let operand) = try primary(), case .literal(let value) = operand,
                let negated = Arithmetic.negated(value)
            else { throw unexpected() }
            return .scalar(.literal(negated))
        case .int(let value):
            try advance()
            return .scalar(.literal(.int(value)))
        case .float(let value):
            try advance()
            return .scalar(.literal(.float(value)))
        case .duration(let value):
            try advance()
            return .scalar(.literal(.duration(value)))
        case .word(let word):
            if let function = AggregateFunction(rawValue: word) {
                try advance()
                try expect("(")
                let argument = function == .count ? nil : try field(0)
                try expect(")")
                return .scalar(.aggregate(function, argument))
            }
            throw unexpected()
        default: throw unexpected()
        }
    }

    private mutating func parenthesisedField() throws(TraceQLError) -> FieldExpression {
        try expect("(")
        let expression = try field(0)
        try expect(")")
        return expression
    }
}
