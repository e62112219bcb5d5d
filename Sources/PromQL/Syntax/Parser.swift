internal import Patterns
internal import Storage
internal import Telemetry
internal import Vectors

/// Which parts of the language are on.
package struct ParserOptions: Hashable, Sendable {
    package var experimentalFunctions: Bool
    /// `anchored` and `smoothed`.
    package var extendedRangeSelectors: Bool
    /// `fill(…)` behind binary operators.
    package var fillModifiers: Bool

    package init(experimentalFunctions: Bool = false, extendedRangeSelectors: Bool = false, fillModifiers: Bool = false)
    {
        self.experimentalFunctions = experimentalFunctions
        self.extendedRangeSelectors = extendedRangeSelectors
        self.fillModifiers = fillModifiers
    }

    package static let everything = ParserOptions(
        experimentalFunctions: true, extendedRangeSelectors: true, fillModifiers: true)
}

/// Recursive descent with precedence climbing. Errors have Prometheus' wording and place.
struct Parser {
    /// Levels of nesting, also of left-leaning chains of operators: what walks a tree may recurse this deep.
    static let maximumDepth = 512
    static let maximumLength = 1 << 20
    /// Seconds: Prometheus counts nanoseconds in 64 bits.
    static let longestDuration = 9_223_372_036.854775807

    let query: String
    let options: ParserOptions
    private let tokens: [Token]
    private var at = 0
    private var depth = 0

    init(_ query: String, options: ParserOptions) {
        self.query = query
        self.options = options
        tokens = Lexer.tokens(of: query)
    }

    static func parse(_ query: String, options: ParserOptions) throws(PromQLError) -> Expression {
        guard query.utf8.count <= maximumLength else {
            throw .parse(position: "1:1", message: "query is longer than \(maximumLength) bytes")
        }
        var parser = Parser(query, options: options)
        let expression = try parser.whole()
        try TypeChecker(query: query, options: options).check(expression)
        return expression
    }

    /// A selector with nothing behind it, as `match[]` parameters have it.
    static func parseSelector(_ text: String) throws(PromQLError) -> VectorSelector {
        guard text.utf8.count <= maximumLength else {
            throw .parse(position: "1:1", message: "selector is longer than \(maximumLength) bytes")
        }
        var parser = Parser(text, options: ParserOptions())
        let expression: Expression
        switch parser.current.kind {
        case .leftBrace: expression = try parser.selector(name: nil, start: parser.current.range.start)
        case .identifier, .metricIdentifier, .keyword: expression = try parser.named()
        default: throw parser.unexpected()
        }
        guard case .end = parser.current.kind, case .vector(let selector) = expression.node else {
            throw parser.unexpected()
        }
        try TypeChecker(query: text, options: ParserOptions()).checkNames(selector)
        return selector
    }

    // MARK: Tokens

    var current: Token { tokens[min(at, tokens.count - 1)] }
    var previousEnd: Int { at > 0 ? tokens[min(at, tokens.count) - 1].range.end : 0 }
    func peek(_ ahead: Int = 1) -> Token { tokens[min(at + ahead, tokens.count - 1)] }
    mutating func advance() { at += 1 }

    mutating func accept(_ kind: Token.Kind) -> Bool {
        guard current.kind == kind else { return false }
        at += 1
        return true
    }

    func error(_ message: String, at range: SourceRange) -> PromQLError {
        .parse(position: range.startText(in: query), message: message)
    }

    /// About the current token.
    func unexpected(_ context: String = "", expected: String = "") -> PromQLError {
        if case .error(let message) = current.kind { return error(message, at: current.range) }
        var message = "unexpected \(current.description)"
        if !context.isEmpty { message += " in \(context)" }
        if !expected.isEmpty { message += ", expected \(expected)" }
        return error(message, at: current.range)
    }

    mutating func expect(_ kind: Token.Kind, _ context: String, _ expected: String) throws(PromQLError) {
        guard accept(kind) else { throw unexpected(context, expected: expected) }
    }

    mutating func enter() throws(PromQLError) {
        depth += 1
        if depth > Parser.maximumDepth { throw tooDeep() }
    }

    mutating func leave() { depth -= 1 }

    private func tooDeep() -> PromQLError {
        error("expression is nested deeper than \(Parser.maximumDepth) levels", at: current.range)
    }

    func make(_ node: Expression.Node, _ start: Int, _ end: Int, children: Int = 0) throws(PromQLError) -> Expression {
        if children >= Parser.maximumDepth { throw tooDeep() }
        return Expression(node: node, range: SourceRange(start, end), depth: children + 1)
    }

    // MARK: Expressions

    mutating func whole() throws(PromQLError) -> Expression {
        if case .end = current.kind { throw error("no expression found in input", at: SourceRange(0, 0)) }
        let expression = try self.expression()
        guard case .end = current.kind else { throw unexpected() }
        return expression
    }

    private static func precedence(_ operation: BinaryOperator) -> Int {
        switch operation {
        case .or: 1
        case .and, .unless: 2
        case .equal, .notEqual, .less, .greater, .lessOrEqual, .greaterOrEqual, .trimUpper, .trimLower: 3
        case .add, .subtract: 4
        case .multiply, .divide, .modulo, .atan2: 5
        case .power: 6
        }
    }

    mutating func expression(_ minimum: Int = 1) throws(PromQLError) -> Expression {
        try enter()
        defer { leave() }
        var left = try unary()
        while let operation = current.operator, Parser.precedence(operation) >= minimum {
            let operatorRange = current.range
            advance()
            var (returnBool, matching) = try modifiers(operation)
            let level = Parser.precedence(operation)
            let right = try expression(operation == .power ? level : level + 1)
            let hasNumber = left.type != .vector || right.type != .vector
            if hasNumber, matching.labels.isEmpty, matching.fillLeft == nil, matching.fillRight == nil {
                // `on ()` beside a number says nothing, and is not printed either.
                matching = VectorMatching()
            }
            let binary = BinaryExpression(
                operation: operation, left: left, right: right, returnBool: returnBool, matching: matching,
                operatorRange: operatorRange, isScalar: left.type == .scalar && right.type == .scalar)
            left = try make(
                .binary(binary), left.range.start, right.range.end, children: max(left.depth, right.depth))
        }
        return left
    }

    /// Unary signs bind like `*`: what follows may be a power.
    private mutating func unary() throws(PromQLError) -> Expression {
        let start = current.range.start
        let negative = current.kind == .op(.subtract)
        guard negative || current.kind == .op(.add) else { return try postfix() }
        advance()
        let inner = try expression(6)
        if case .number(let literal) = inner.node, !literal.isDuration {
            // A signed literal is one literal.
            let value = NumberLiteral(value: negative ? -literal.value : literal.value, isDuration: false)
            return try make(.number(value), start, inner.range.end)
        }
        return try make(negative ? .negated(inner) : .plus(inner), start, inner.range.end, children: inner.depth)
    }

    private mutating func modifiers(_ operation: BinaryOperator) throws(PromQLError) -> (Bool, VectorMatching) {
        var matching = VectorMatching()
        if operation.isSetOperator { matching.cardinality = .manyToMany }
        let returnBool = accept(.keyword(.bool))
        if current.kind == .keyword(.on) || current.kind == .keyword(.ignoring) {
            matching.on = current.kind == .keyword(.on)
            advance()
            matching.labels = try groupingLabels()
            if current.kind == .keyword(.groupLeft) || current.kind == .keyword(.groupRight) {
                matching.cardinality = current.kind == .keyword(.groupLeft) ? .manyToOne : .oneToMany
                advance()
                if current.kind == .leftParenthesis { matching.include = try groupingLabels() }
            }
        }
        while case .keyword(let keyword) = current.kind, peek().kind == .leftParenthesis,
            keyword == .fill || keyword == .fillLeft || keyword == .fillRight
        {
            let range = current.range
            guard options.fillModifiers else {
                throw error("binop fill modifiers are experimental and not enabled", at: range)
            }
            advance()
            advance()
            var sign = 1.0
            if accept(.op(.subtract)) { sign = -1 } else { _ = accept(.op(.add)) }
            guard let value = literalNumber() else { throw unexpected("fill modifier", expected: "number") }
            try expect(.rightParenthesis, "fill modifier", "\")\"")
            if keyword != .fillRight { matching.fillLeft = sign * value }
            if keyword != .fillLeft { matching.fillRight = sign * value }
        }
        return (returnBool, matching)
    }

    mutating func literalNumber() -> Double? {
        switch current.kind {
        case .number(let value), .duration(let value):
            advance()
            return value
        default: return nil
        }
    }

    mutating func groupingLabels() throws(PromQLError) -> [String] {
        try expect(.leftParenthesis, "grouping opts", "\"(\"")
        var labels: [String] = []
        while !accept(.rightParenthesis) {
            switch current.kind {
            case .identifier, .keyword: labels.append(String(current.text))
            case .number(let value) where value.isInfinite || value.isNaN: labels.append(String(current.text))
            case .string(let text):
                guard isValidLabelName(text) else {
                    throw error("invalid label name for grouping: \(quoteGo(text))", at: current.range)
                }
                labels.append(text)
            case .metricIdentifier:
                throw error("invalid label name for grouping: \(quoteGo(String(current.text)))", at: current.range)
            default: throw unexpected("grouping opts", expected: "label")
            }
            advance()
            if accept(.comma) { continue }
            try expect(.rightParenthesis, "grouping opts", "\",\" or \")\"")
            break
        }
        return labels
    }

    // MARK: Primaries

    private mutating func primary() throws(PromQLError) -> Expression {
        let token = current
        let start = token.range.start
        switch token.kind {
        case .number(let value):
            advance()
            return try make(.number(NumberLiteral(value: value, isDuration: false)), start, token.range.end)
        case .duration(let value):
            advance()
            return try make(.number(NumberLiteral(value: value, isDuration: true)), start, token.range.end)
        case .string(let text):
            advance()
            return try make(.string(text), start, token.range.end)
        case .leftParenthesis:
            advance()
            let inner = try expression()
            guard accept(.rightParenthesis) else { throw unexpected() }
            return try make(.parenthesized(inner), start, previousEnd, children: inner.depth)
        case .leftBrace:
            return try selector(name: nil, start: start)
        case .keyword(let keyword):
            if let operation = AggregationOperator(rawValue: keyword.rawValue) {
                switch peek().kind {
                case .leftParenthesis, .keyword(.by), .keyword(.without): return try aggregation(operation)
                default: break
                }
            }
            if peek().kind == .leftParenthesis, FunctionSignature.named(keyword.rawValue) != nil { return try call() }
            if keyword.isReserved || keyword == .atan2 { throw unexpected() }
            return try named()
        case .identifier:
            if peek().kind == .leftParenthesis { return try call() }
            return try named()
        case .metricIdentifier: return try named()
        default: throw unexpected()
        }
    }

    private mutating func named() throws(PromQLError) -> Expression {
        let token = current
        advance()
        return try selector(name: String(token.text), start: token.range.start)
    }

    private mutating func selector(name: String?, start: Int) throws(PromQLError) -> Expression {
        var selector = VectorSelector(name: name, matchers: [], range: SourceRange(start, previousEnd))
        if current.kind == .leftBrace { selector.matchers = try matchers() }
        selector.range.end = previousEnd
        return try make(.vector(selector), start, previousEnd)
    }

    private mutating func matchers() throws(PromQLError) -> [Matcher] {
        advance()
        var matchers: [Matcher] = []
        while !accept(.rightBrace) {
            let name: String
            let range = current.range
            switch current.kind {
            case .identifier: name = String(current.text)
            case .string(let text): name = text
            default: throw unexpected("label matching", expected: "identifier or \"}\"")
            }
            let quoted = current.kind != .identifier
            advance()
            if quoted, current.kind == .comma || current.kind == .rightBrace {
                matchers.append(Matcher("__name__", .equal, name))
            } else {
                matchers.append(try matcher(name, range))
            }
            if accept(.comma) { continue }
            try expect(.rightBrace, "label matching", "\",\" or \"}\"")
            break
        }
        return matchers
    }

    private mutating func matcher(_ name: String, _ range: SourceRange) throws(PromQLError) -> Matcher {
        let operation: Matcher.Operation
        switch current.kind {
        case .equals: operation = .equal
        case .op(.notEqual): operation = .notEqual
        case .matchesRegex: operation = .regex
        case .matchesNotRegex: operation = .notRegex
        default: throw unexpected("label matching", expected: "label matching operator")
        }
        advance()
        guard case .string(let value) = current.kind else { throw unexpected("label matching", expected: "string") }
        advance()
        if operation == .regex || operation == .notRegex {
            do { _ = try PatternCache.pattern(value) } catch let problem {
                throw error(problem.description, at: range)
            }
        }
        return Matcher(name, operation, value)
    }

    private mutating func aggregation(_ operation: AggregationOperator) throws(PromQLError) -> Expression {
        let start = current.range.start
        advance()
        var grouping = try groupingClause()
        guard current.kind == .leftParenthesis else { throw unexpected("aggregation") }
        let arguments = try self.arguments()
        if case .none = grouping { grouping = try groupingClause() }
        let range = SourceRange(start, previousEnd)
        if arguments.isEmpty { throw error("no arguments for aggregate expression provided", at: range) }
        if operation == .limitk || operation == .limitRatio, !options.experimentalFunctions {
            throw error(
                "\(operation.rawValue)() is experimental and must be enabled with "
                    + "--enable-feature=promql-experimental-functions", at: range)
        }
        let wanted = operation.takesParameter ? 2 : 1
        guard arguments.count == wanted, let inner = arguments.last else {
            throw error(
                "wrong number of arguments for aggregate expression provided, expected \(wanted), got \(arguments.count)",
                at: range)
        }
        let aggregation = Aggregation(
            operation: operation, grouping: grouping, parameter: wanted == 2 ? arguments.first : nil, inner: inner)
        return try make(.aggregate(aggregation), start, previousEnd, children: arguments.map(\.depth).max() ?? 0)
    }

    private mutating func groupingClause() throws(PromQLError) -> Grouping {
        if accept(.keyword(.by)) { return .by(try groupingLabels()) }
        if accept(.keyword(.without)) { return .without(try groupingLabels()) }
        return .none
    }

    private mutating func call() throws(PromQLError) -> Expression {
        let token = current
        // Keywords such as `start` are lexed without regard to case, names of functions are not.
        let name = String(token.text)
        guard let function = FunctionSignature.named(name) else {
            throw error("unknown function with name \(quoteGo(name))", at: token.range)
        }
        if function.isExperimental, !options.experimentalFunctions {
            throw error("function \(quoteGo(name)) is not enabled", at: token.range)
        }
        advance()
        let arguments = try self.arguments()
        return try make(
            .call(FunctionCall(function: function, arguments: arguments)), token.range.start, previousEnd,
            children: arguments.map(\.depth).max() ?? 0)
    }

    private mutating func arguments() throws(PromQLError) -> [Expression] {
        try expect(.leftParenthesis, "function call args", "\"(\"")
        var arguments: [Expression] = []
        if accept(.rightParenthesis) { return arguments }
        while true {
            arguments.append(try expression())
            if current.kind == .comma {
                let range = current.range
                advance()
                if current.kind == .rightParenthesis {
                    throw error("trailing commas not allowed in function call args", at: range)
                }
                continue
            }
            guard accept(.rightParenthesis) else { throw unexpected() }
            return arguments
        }
    }

    private mutating func postfix() throws(PromQLError) -> Expression {
        var expression = try primary()
        while true {
            switch current.kind {
            case .leftBracket: expression = try bracket(expression)
            case .keyword(.offset): expression = try offset(expression)
            case .at: expression = try atModifier(expression)
            case .keyword(.anchored): expression = try extend(expression, .anchored)
            case .keyword(.smoothed): expression = try extend(expression, .smoothed)
            default: return expression
            }
        }
    }
}
