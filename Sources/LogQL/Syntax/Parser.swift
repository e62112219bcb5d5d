import Patterns
internal import Telemetry
internal import Vectors

/// Recursive descent over LogQL's grammar. Errors are worded as Loki's generated parser words them.
struct Parser {
    /// Nesting that no person writes; deeper input is refused so that a hostile one cannot exhaust the stack.
    static let maximumDepth = 120
    /// Chains such as `1+1+…` make deep trees without nesting.
    static let maximumOperators = 1000

    private let tokens: [Token]
    private var cursor = 0
    private var depth = 0
    private var operators = 0

    static func parse(_ text: String) throws(LogQLError) -> Expression {
        var parser = Parser(tokens: try Lexer.tokens(of: text))
        let expression = try parser.expression(minimumPrecedence: 0)
        guard parser.current.kind == .end else { throw parser.unexpected() }
        return expression
    }

    /// A bare selector, as `match[]` has it; `{}` is allowed here.
    static func selector(_ text: String) throws(LogQLError) -> [Matcher] {
        var parser = Parser(tokens: try Lexer.tokens(of: text))
        let matchers = try parser.selector(needsMatcher: false)
        guard parser.current.kind == .end else { throw parser.unexpected() }
        return matchers
    }

    private init(tokens: [Token]) { self.tokens = tokens }

    // MARK: Tokens

    var current: Token { tokens[min(cursor, tokens.count - 1)] }
    func token(ahead: Int) -> Token { tokens[min(cursor + ahead, tokens.count - 1)] }
    mutating func advance() { cursor += 1 }
    func isSymbol(_ symbol: String) -> Bool { current.kind == .symbol(symbol) }

    func isWord(_ word: String) -> Bool {
        if case .identifier(let text) = current.kind { return text.lowercased() == word }
        return false
    }

    var word: String? {
        if case .identifier(let text) = current.kind { return text.lowercased() }
        return nil
    }

    mutating func take(_ symbol: String) -> Bool {
        guard isSymbol(symbol) else { return false }
        advance()
        return true
    }

    mutating func takeWord(_ word: String) -> Bool {
        guard isWord(word) else { return false }
        advance()
        return true
    }

    func unexpected(_ expected: String...) -> LogQLError {
        let wanted = expected.isEmpty ? "" : ", expecting " + expected.joined(separator: " or ")
        return current.position.error("syntax error: unexpected \(current.name)\(wanted)")
    }

    mutating func expect(_ symbol: String) throws(LogQLError) {
        guard take(symbol) else { throw unexpected(symbol) }
    }

    mutating func identifier() throws(LogQLError) -> String {
        guard case .identifier(let name) = current.kind else { throw unexpected("IDENTIFIER") }
        advance()
        return name
    }

    mutating func string() throws(LogQLError) -> String {
        guard case .string(let text) = current.kind else { throw unexpected("STRING") }
        advance()
        return text
    }

    mutating func enter() throws(LogQLError) {
        depth += 1
        if depth > Parser.maximumDepth {
            throw current.position.error("the query is nested deeper than \(Parser.maximumDepth) levels; simplify it")
        }
    }

    mutating func leave() { depth -= 1 }

    mutating func countOperator() throws(LogQLError) {
        operators += 1
        if operators > Parser.maximumOperators {
            throw current.position.error("the query has more than \(Parser.maximumOperators) operators; simplify it")
        }
    }

    // MARK: Selector

    mutating func selector(needsMatcher: Bool = true) throws(LogQLError) -> [Matcher] {
        guard isSymbol("{") else { throw unexpected("{") }
        advance()
        var matchers: [Matcher] = []
        while !isSymbol("}") {
            if !matchers.isEmpty { try selectorComma() }
            guard case .identifier = current.kind else {
                throw matchers.isEmpty ? unexpected("IDENTIFIER", "}") : unexpected("IDENTIFIER")
            }
            matchers.append(try matcher())
        }
        advance()
        if needsMatcher { try checkSelective(matchers) }
        return matchers
    }

    private mutating func selectorComma() throws(LogQLError) {
        guard take(",") else { throw unexpected("}", ",") }
    }

    private func checkSelective(_ matchers: [Matcher]) throws(LogQLError) {
        for matcher in matchers {
            switch matcher.operation {
            case .equal where !matcher.value.isEmpty: return
            case .notEqual where matcher.value.isEmpty: return
            case .regex, .notRegex:
                let matchesEmpty = try regularExpression(matcher.value).matchesWhole([])
                if matchesEmpty != (matcher.operation == .regex) { return }
            default: break
            }
        }
        throw .meaningless(
            "queries require at least one regexp or equality matcher that does not have an empty-compatible value. "
                + "For instance, app=~\".*\" does not meet this requirement, but app=~\".+\" will")
    }

    func regularExpression(_ text: String) throws(LogQLError) -> RegularExpression {
        do { return try RegularExpression(text) } catch { throw .meaningless("\(error)") }
    }

    mutating func matcher() throws(LogQLError) -> Matcher {
        let name = try identifier()
        guard case .symbol(let symbol) = current.kind, let operation = Matcher.Operation(rawValue: symbol) else {
            throw unexpected("=", "!=", "=~", "!~")
        }
        advance()
        let value = try string()
        if operation == .regex || operation == .notRegex { _ = try regularExpression(value) }
        return Matcher(name, operation, value)
    }

    // MARK: Expressions

    private static let precedences: [String: (level: Int, operation: BinaryOperator)] = [
        "or": (1, .or), "and": (2, .and), "unless": (2, .unless), "==": (3, .equal), "!=": (3, .notEqual),
        "<": (3, .less), "<=": (3, .lessOrEqual), ">": (3, .greater), ">=": (3, .greaterOrEqual), "+": (4, .add),
        "-": (4, .subtract), "*": (5, .multiply), "/": (5, .divide), "%": (5, .modulo), "^": (6, .power),
    ]

    private var binaryOperator: (level: Int, operation: BinaryOperator)? {
        switch current.kind {
        case .symbol(let symbol): Parser.precedences[symbol]
        case .identifier(let text): Parser.precedences[text.lowercased()]
        default: nil
        }
    }

    mutating func nestedExpression() throws(LogQLError) -> Expression { try expression(minimumPrecedence: 0) }

    private mutating func expression(minimumPrecedence: Int) throws(LogQLError) -> Expression {
        try enter()
        defer { leave() }
        var left = try primary()
        while let (level, operation) = binaryOperator, level >= max(minimumPrecedence, 1) {
            try countOperator()
            advance()
            let (matching, returnsBool) = try modifiers(of: operation)
            let right = try expression(minimumPrecedence: operation == .power ? level : level + 1)
            let a = try leg("left", of: operation, left)
            let b = try leg("right", of: operation, right)
            left = .metric(try binary(operation, a, b, matching, returnsBool))
        }
        return left
    }

    /// A log query has no numbers: it belongs into a range aggregation such as `rate`.
    private func leg(
        _ side: String, of operation: BinaryOperator, _ expression: Expression
    ) throws(LogQLError) -> MetricExpression {
        switch expression {
        case .metric(let metric): return metric
        case .log(let logs):
            throw .meaningless(
                "unexpected type for \(side) leg of binary operation (\(operation.rawValue)): "
                    + (logs.stages.isEmpty ? "*syntax.MatchersExpr" : "*syntax.PipelineExpr"))
        }
    }

    private mutating func modifiers(of operation: BinaryOperator) throws(LogQLError) -> (VectorMatching, Bool) {
        var matching = VectorMatching(cardinality: operation.isSetOperator ? .manyToMany : .oneToOne)
        var returnsBool = false
        if isWord("bool") {
            guard operation.isComparison else { throw unexpected() }
            advance()
            returnsBool = true
        }
        guard isWord("on") || isWord("ignoring") else { return (matching, returnsBool) }
        matching.on = isWord("on")
        advance()
        matching.labels = try names()
        if isWord("group_left") || isWord("group_right") {
            guard !operation.isSetOperator else { throw unexpected() }
            matching.cardinality = isWord("group_left") ? .manyToOne : .oneToMany
            advance()
            if isSymbol("(") { matching.include = try names() }
        }
        return (matching, returnsBool)
    }

    private func binary(
        _ operation: BinaryOperator, _ a: MetricExpression, _ b: MetricExpression, _ matching: VectorMatching,
        _ returnsBool: Bool
    ) throws(LogQLError) -> MetricExpression {
        if operation.isSetOperator {
            for (side, leg) in [("left", a), ("right", b)] {
                if case .literal(let value) = leg {
                    throw .meaningless(
                        "unexpected literal for \(side) leg of logical/set binary operation (\(operation.rawValue)): "
                            + formatFixed(value))
                }
            }
        }
        if case .literal(let left) = a, case .literal(let right) = b {
            // Reduced when read, as in Loki: `1 > 1 > bool 1` needs no more, and `sum(…) + 1 or 1` is refused.
            return .literal(Vectors.binary(operation, scalars: [left], [right]).first ?? .nan)
        }
        return .binary(operation, a, b, matching, returnsBool: returnsBool)
    }

    /// `(a, b)`.
    mutating func names() throws(LogQLError) -> [String] {
        try expect("(")
        var out: [String] = []
        while !isSymbol(")") {
            if !out.isEmpty, !take(",") { throw unexpected(",", ")") }
            out.append(try identifier())
        }
        advance()
        return out
    }

    private mutating func primary() throws(LogQLError) -> Expression {
        switch current.kind {
        case .symbol("("):
            advance()
            var inner = try expression(minimumPrecedence: 0)
            try expect(")")
            if case .log(var logs) = inner {
                if !logs.results.isEmpty, isStageStart { throw unexpected() }
                logs.stages += try pipeline()
                logs.results += try resultStages()
                inner = .log(logs)
            }
            return inner
        case .symbol("{"):
            let matchers = try selector()
            return .log(LogExpression(matchers: matchers, stages: try pipeline(), results: try resultStages()))
        case .symbol("+"), .symbol("-"), .number, .duration, .bytes:
            return .metric(.literal(try scalar()))
        case .identifier(let name):
            return .metric(try call(name.lowercased()))
        default:
            throw unexpected()
        }
    }

    /// A number with its sign; durations count as seconds, sizes as bytes.
    mutating func scalar() throws(LogQLError) -> Double {
        var sign = 1.0
        if isSymbol("-") || isSymbol("+") {
            if isSymbol("-") { sign = -1 }
            advance()
        }
        switch current.kind {
        case .number(let value):
            advance()
            return sign * value
        case .duration(let nanoseconds):
            advance()
            return sign * Double(nanoseconds) / 1e9
        case .bytes(let bytes):
            advance()
            return sign * Double(bytes)
        default: throw unexpected("NUMBER")
        }
    }

    mutating func call(_ name: String) throws(LogQLError) -> MetricExpression {
        if let operation = RangeOperator(rawValue: name) {
            advance()
            return try rangeAggregation(operation)
        }
        if let operation = VectorOperator(rawValue: name) {
            advance()
            return try vectorAggregation(operation)
        }
        switch name {
        case "vector":
            advance()
            try expect("(")
            let value = try scalar()
            try expect(")")
            return .vector(value)
        case "label_replace":
            advance()
            return try labelReplace()
        default: throw unexpected()
        }
    }
}

/// `%f`: six decimals.
private func formatFixed(_ value: Double) -> String {
    guard value.isFinite, value.magnitude < 1e15 else { return formatPlain(value) }
    let millionths = (value.magnitude * 1e6).rounded(.toNearestOrEven)
    let digits = String(UInt64(millionths))
    let padded = String(repeating: "0", count: max(0, 7 - digits.utf8.count)) + digits
    return (value < 0 ? "-" : "") + padded.dropLast(6) + "." + padded.suffix(6)
}
