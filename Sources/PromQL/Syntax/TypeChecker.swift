internal import Patterns
internal import Storage
internal import Telemetry
internal import Vectors

/// What the grammar alone does not forbid: types of operands and arguments, selectors that would select everything.
struct TypeChecker {
    let query: String
    let options: ParserOptions

    private func fail(_ message: String, at range: SourceRange) -> PromQLError {
        .parse(position: range.startText(in: query), message: message)
    }

    func check(_ expression: Expression) throws(PromQLError) {
        switch expression.node {
        case .number, .string: return
        case .vector(let selector), .matrix(let selector, _): try check(selector)
        case .parenthesized(let inner): try check(inner)
        case .negated(let inner), .plus(let inner):
            try check(inner)
            guard inner.type == .scalar || inner.type == .vector else {
                throw fail(
                    "unary expression only allowed on expressions of type scalar or instant vector, got "
                        + quoteGo(inner.type.documented), at: expression.range)
            }
        case .subquery(let subquery):
            try check(subquery.inner)
            guard subquery.inner.type == .vector else {
                throw fail(
                    "subquery is only allowed on instant vector, got \(shortName(subquery.inner.type)) instead",
                    at: expression.range)
            }
        case .aggregate(let aggregation): try check(aggregation)
        case .binary(let binary): try check(binary, expression)
        case .call(let call): try check(call, expression)
        }
    }

    private func shortName(_ type: ValueType) -> String {
        switch type {
        case .scalar: "scalar"
        case .string: "string"
        case .vector: "vector"
        case .matrix: "matrix"
        }
    }

    private func expect(_ expression: Expression, _ type: ValueType, _ context: String) throws(PromQLError) {
        try check(expression)
        guard expression.type == type else {
            throw fail(
                "expected type \(type.documented) in \(context), got \(expression.type.documented)",
                at: expression.range)
        }
    }

    func checkNames(_ selector: VectorSelector) throws(PromQLError) {
        guard let name = selector.name, let other = selector.matchers.first(where: { $0.name == "__name__" }) else {
            return
        }
        throw fail(
            "metric name must not be set twice: \(quoteGo(name)) or \(quoteGo(other.value))", at: selector.range)
    }

    private func check(_ selector: VectorSelector) throws(PromQLError) {
        try checkNames(selector)
        if selector.name != nil { return }
        guard !selector.mayMatchEverything else { return }
        for matcher in selector.matchers where try !matchesEmpty(matcher, selector) { return }
        throw fail("vector selector must contain at least one non-empty matcher", at: selector.range)
    }

    func matchesEmpty(_ matcher: Matcher, _ selector: VectorSelector) throws(PromQLError) -> Bool {
        switch matcher.operation {
        case .equal: return matcher.value.isEmpty
        case .notEqual: return !matcher.value.isEmpty
        case .regex, .notRegex:
            do {
                let matches = try PatternCache.pattern(matcher.value).matchesWhole("")
                return matches == (matcher.operation == .regex)
            } catch { throw fail("\(error)", at: selector.range) }
        }
    }

    private func check(_ aggregation: Aggregation) throws(PromQLError) {
        try expect(aggregation.inner, .vector, "aggregation expression")
        guard let parameter = aggregation.parameter else { return }
        try expect(parameter, aggregation.operation == .countValues ? .string : .scalar, "aggregation parameter")
    }

    private func check(_ binary: BinaryExpression, _ expression: Expression) throws(PromQLError) {
        try check(binary.left)
        try check(binary.right)
        let (operation, matching) = (binary.operation, binary.matching)
        let left = binary.left.type
        let right = binary.right.type
        if binary.returnBool, !operation.isComparison {
            throw fail("bool modifier can only be used on comparison operators", at: binary.operatorRange)
        }
        if operation.isComparison, !binary.returnBool, left == .scalar, right == .scalar {
            throw fail("comparisons between scalars must use BOOL modifier", at: binary.operatorRange)
        }
        if matching.on, let both = matching.labels.first(where: { matching.include.contains($0) }) {
            throw fail("label \(quoteGo(both)) must not occur in ON and GROUP clause at once", at: binary.operatorRange)
        }
        for side in [binary.left, binary.right] where side.type != .scalar && side.type != .vector {
            throw fail("binary expression must contain only scalar and instant vector types", at: side.range)
        }
        if left != .vector || right != .vector {
            if !matching.labels.isEmpty {
                throw fail("vector matching only allowed between instant vectors", at: expression.range)
            }
            if matching.fillLeft != nil || matching.fillRight != nil {
                throw fail("filling in missing series only allowed between instant vectors", at: expression.range)
            }
            if operation.isSetOperator {
                throw fail(
                    "set operator \(quoteGo(operation.rawValue)) not allowed in binary scalar expression",
                    at: expression.range)
            }
        } else if operation.isSetOperator {
            if matching.cardinality != .manyToMany {
                throw fail("no grouping allowed for \(quoteGo(operation.rawValue)) operation", at: expression.range)
            }
            if matching.fillLeft != nil || matching.fillRight != nil {
                throw fail("filling in missing series not allowed for set operators", at: expression.range)
            }
        }
    }

    private func check(_ call: FunctionCall, _ expression: Expression) throws(PromQLError) {
        let function = call.function
        let wanted = function.arguments.count
        let got = call.arguments.count
        let name = quoteGo(function.name)
        if function.variadic == 0 {
            guard got == wanted else {
                throw fail("expected \(wanted) argument(s) in call to \(name), got \(got)", at: expression.range)
            }
        } else {
            let least = wanted - 1
            guard got >= least else {
                throw fail(
                    "expected at least \(least) argument(s) in call to \(name), got \(got)", at: expression.range)
            }
            guard function.variadic < 0 || got <= least + function.variadic else {
                throw fail(
                    "expected at most \(least + function.variadic) argument(s) in call to \(name), got \(got)",
                    at: expression.range)
            }
        }
        for (at, argument) in call.arguments.enumerated() {
            if function.name == "info", at == 1 {
                guard case .vector(var selector) = argument.node else {
                    throw fail("expected label selectors only", at: argument.range)
                }
                if selector.name != nil {
                    throw fail("expected label selectors only, got vector selector instead", at: argument.range)
                }
                selector.mayMatchEverything = true
                try check(selector)
                continue
            }
            let type = function.arguments[min(at, wanted - 1)]
            try check(argument)
            guard argument.type == type else {
                throw fail(
                    "expected type \(type.documented) in call to function \(name), got \(argument.type.documented)",
                    at: argument.range)
            }
        }
    }
}
