package import Telemetry
package import Vectors

/// What an expression evaluates to.
package enum ValueType: Hashable, Sendable {
    case scalar, string, vector, matrix

    /// Prometheus' words for people.
    var documented: String {
        switch self {
        case .scalar: "scalar"
        case .string: "string"
        case .vector: "instant vector"
        case .matrix: "range vector"
        }
    }
}

/// A PromQL expression with its place in the query. Nesting is bounded by the parser, so that walks may recurse.
package struct Expression: Sendable {
    package indirect enum Node: Sendable {
        case number(NumberLiteral)
        case string(String)
        case vector(VectorSelector)
        case matrix(VectorSelector, range: DurationExpression)
        case subquery(Subquery)
        case parenthesized(Expression)
        case negated(Expression)
        /// Unary plus.
        case plus(Expression)
        case binary(BinaryExpression)
        case call(FunctionCall)
        case aggregate(Aggregation)
    }

    package var node: Node
    package var range: SourceRange
    /// Levels below this one.
    var depth: Int

    package var type: ValueType {
        switch node {
        case .number: .scalar
        case .string: .string
        case .vector, .aggregate: .vector
        case .matrix, .subquery: .matrix
        case .parenthesized(let inner), .negated(let inner), .plus(let inner): inner.type
        case .binary(let binary): binary.isScalar ? .scalar : .vector
        case .call(let call): call.function.returns
        }
    }

    /// Without parentheses around it.
    var unwrapped: Expression {
        var expression = self
        while case .parenthesized(let inner) = expression.node { expression = inner }
        return expression
    }
}

package struct NumberLiteral: Hashable, Sendable {
    package var value: Double
    /// Written as a duration.
    package var isDuration: Bool
}

package enum AtModifier: Hashable, Sendable {
    /// Milliseconds.
    case time(Int64)
    case start, end
}

package enum RangeExtension: String, Hashable, Sendable { case anchored, smoothed }

package struct VectorSelector: Sendable {
    /// The name outside the braces.
    package var name: String?
    package var matchers: [Matcher]
    package var offset: DurationExpression?
    package var at: AtModifier?
    package var rangeExtension: RangeExtension?
    package var range: SourceRange
    /// Of the second argument of `info`, which may match anything.
    var mayMatchEverything = false

    /// As `timestamp` takes it: Prometheus passes over an offset beside `@` there.
    var forTimestamp: VectorSelector {
        guard at != nil else { return self }
        var out = self
        out.offset = nil
        return out
    }

    /// With the outer name among them.
    package var allMatchers: [Matcher] {
        guard let name else { return matchers }
        return matchers + [Matcher("__name__", .equal, name)]
    }
}

package struct Subquery: Sendable {
    package var inner: Expression
    package var range: DurationExpression
    package var step: DurationExpression?
    package var offset: DurationExpression?
    package var at: AtModifier?
}

package struct BinaryExpression: Sendable {
    package var operation: BinaryOperator
    package var left: Expression
    package var right: Expression
    package var returnBool: Bool
    package var matching: VectorMatching
    /// Of the operator itself.
    package var operatorRange: SourceRange
    /// Kept, so that a type need not be looked for down both sides.
    var isScalar: Bool
}

package struct FunctionCall: Sendable {
    package var function: FunctionSignature
    package var arguments: [Expression]
}

package struct Aggregation: Sendable {
    package var operation: AggregationOperator
    package var grouping: Grouping
    package var parameter: Expression?
    package var inner: Expression
}

/// A duration that may be computed from the query's step and range.
package indirect enum DurationExpression: Hashable, Sendable {
    /// Seconds.
    case literal(Double, isDuration: Bool)
    case step
    case range
    case negated(DurationExpression)
    case parenthesized(DurationExpression)
    case binary(BinaryOperator, DurationExpression, DurationExpression)
    case least(DurationExpression, DurationExpression)
    case greatest(DurationExpression, DurationExpression)
}
