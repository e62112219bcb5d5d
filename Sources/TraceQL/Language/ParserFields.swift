/// Expressions inside `{}` and inside the parentheses of functions.
extension Parser {
    mutating func field(_ minimum: Int) throws(TraceQLError) -> FieldExpression {
        try enter()
        defer { leave() }
        var left = try operand()
        while case .symbol(let symbol) = current.token, let operation = FieldOperator(rawValue: symbol) {
            let precedence = operation.precedence
            guard precedence >= minimum else { break }
            try countOperator()
            try advance()
            left = .binary(operation, left, try field(operation == .power ? precedence : precedence + 1))
        }
        return left
    }

    private mutating func operand() throws(TraceQLError) -> FieldExpression {
        switch current.token {
        case .symbol("!"):
            try enter()
            defer { leave() }
            try advance()
            // Weaker than `* / % ^`, stronger than all else.
            return .not(try field(5))
        case .symbol("-"):
            try enter()
            defer { leave() }
            try advance()
            let inner = try operand()
            if case .literal(let value) = inner, let negated = Arithmetic.negated(value) { return .literal(negated) }
            return .negate(inner)
        case .symbol("("):
            try advance()
            let inner = try field(0)
            try expect(")")
            return inner
        case .field(let reference):
            try advance()
            return .field(reference)
        default:
            if case .word(let word) = current.token, let intrinsic = Intrinsic.unscoped[word] {
                try advance()
                return .field(FieldReference(intrinsic))
            }
            return .literal(try literal())
        }
    }

    private mutating func literal() throws(TraceQLError) -> Static {
        let value: Static
        switch current.token {
        case .string(let text): value = .string(text)
        case .int(let number): value = .int(number)
        case .float(let number): value = .float(number)
        case .duration(let nanoseconds): value = .duration(nanoseconds)
        case .word(let word):
            guard let keyword = Parser.keywordLiteral(word) else { throw unexpected() }
            value = keyword
        default: throw unexpected()
        }
        try advance()
        return value
    }

    private static func keywordLiteral(_ word: String) -> Static? {
        switch word {
        case "true": return .bool(true)
        case "false": return .bool(false)
        case "nil": return .nil
        case "minInt": return .int(.min)
        case "maxInt": return .int(.max)
        default: break
        }
        if let status = TraceSpan.Status.allCases.first(where: { statusName($0) == word }) { return .status(status) }
        if let kind = TraceSpan.Kind.allCases.first(where: { kindName($0) == word }) { return .kind(kind) }
        return nil
    }

    /// One attribute or intrinsic.
    mutating func fieldReference() throws(TraceQLError) -> FieldReference {
        switch current.token {
        case .field(let reference):
            try advance()
            return reference
        case .word(let word):
            guard let intrinsic = Intrinsic.unscoped[word] else { throw unexpected() }
            try advance()
            return FieldReference(intrinsic)
        default: throw unexpected()
        }
    }

    /// `(a, b, …)`, at least one.
    mutating func fieldList() throws(TraceQLError) -> [FieldReference] {
        try expect("(")
        var out = [try fieldReference()]
        while try takeSymbol(",") { out.append(try fieldReference()) }
        try expect(")")
        return out
    }

    mutating func hints() throws(TraceQLError) -> [Hint] {
        try expect("(")
        var out: [Hint] = []
        repeat {
            guard case .word(let name) = current.token else { throw unexpected(expecting: "IDENTIFIER") }
            try advance()
            try expect("=")
            let negative = try takeSymbol("-")
            let value = try literal()
            out.append(Hint(name: name, value: negative ? Arithmetic.negated(value) ?? value : value))
        } while try takeSymbol(",")
        try expect(")")
        return out
    }
}

extension FieldOperator {
    /// `!` stands at 4, unary minus above all.
    var precedence: Int {
        switch self {
        case .and, .or: 1
        case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual, .matches, .notMatches: 2
        case .add, .subtract: 3
        case .multiply, .divide, .modulo: 5
        case .power: 6
        }
    }
}
