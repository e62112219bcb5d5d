/// What computes a value from one span.
package indirect enum FieldExpression: Hashable, Sendable {
    case literal(Static)
    case field(FieldReference)
    case not(FieldExpression)
    case negate(FieldExpression)
    case binary(FieldOperator, FieldExpression, FieldExpression)
}

package enum FieldOperator: String, Hashable, Sendable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case modulo = "%"
    case power = "^"
    case equal = "="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case matches = "=~"
    case notMatches = "!~"
    case and = "&&"
    case or = "||"

    var isArithmetic: Bool {
        switch self {
        case .add, .subtract, .multiply, .divide, .modulo, .power: true
        default: false
        }
    }
    var isOrdering: Bool {
        switch self {
        case .less, .lessOrEqual, .greater, .greaterOrEqual: true
        default: false
        }
    }
    var isBoolean: Bool { !isArithmetic }
}

package enum Relation: String, Hashable, Sendable {
    case child = ">"
    case descendant = ">>"
    case parent = "<"
    case ancestor = "<<"
    case sibling = "~"
}

package enum SpansetOperator: Hashable, Sendable {
    /// Which spans a structural operator gives: those on the right that have a partner on the left, those on the right
    /// that have none, or the partners of both sides.
    package enum Form: String, Hashable, Sendable { case plain = "", negated = "!", union = "&" }

    case and
    case or
    case structural(Relation, Form)

    package var text: String {
        switch self {
        case .and: "&&"
        case .or: "||"
        case .structural(let relation, let form): form.rawValue + relation.rawValue
        }
    }

    static let structural: [String: SpansetOperator] = {
        var out: [String: SpansetOperator] = [:]
        for relation in [Relation.child, .descendant, .parent, .ancestor, .sibling] {
            for form in [Form.plain, .negated, .union] {
                out[form.rawValue + relation.rawValue] = .structural(relation, form)
            }
        }
        return out
    }()
}

package indirect enum SpansetExpression: Hashable, Sendable {
    /// `{}` is true of every span.
    case filter(FieldExpression)
    case binary(SpansetOperator, SpansetExpression, SpansetExpression)
    /// A pipeline in parentheses.
    case pipeline(Pipeline)
}

package enum AggregateFunction: String, Hashable, Sendable { case count, avg, min, max, sum }

/// A number computed from a spanset.
package indirect enum ScalarExpression: Hashable, Sendable {
    case literal(Static)
    case aggregate(AggregateFunction, FieldExpression?)
    case binary(FieldOperator, ScalarExpression, ScalarExpression)
}

package enum PipelineStage: Hashable, Sendable {
    case spansets(SpansetExpression)
    case scalarFilter(ScalarExpression, FieldOperator, ScalarExpression)
    case by(FieldExpression)
    case coalesce
    case select([FieldReference])
}

package struct Pipeline: Hashable, Sendable {
    package var stages: [PipelineStage]
    package init(stages: [PipelineStage]) { self.stages = stages }
}

package struct MetricsFunction: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable {
        case rate
        case countOverTime = "count_over_time"
        case minOverTime = "min_over_time"
        case maxOverTime = "max_over_time"
        case sumOverTime = "sum_over_time"
        case avgOverTime = "avg_over_time"
        case quantileOverTime = "quantile_over_time"
        case histogramOverTime = "histogram_over_time"
        case compare
    }

    package var kind: Kind
    /// What is aggregated; nil for rate and count.
    package var field: FieldReference?
    package var quantiles: [Double] = []
    package var by: [FieldReference] = []
    /// Of `compare`: the selection, and its number of values for each attribute.
    package var selection: FieldExpression?
    package var topN = 10
    /// Nanoseconds; 0 for none.
    package var selectionStart: Int64 = 0
    package var selectionEnd: Int64 = 0

    package init(_ kind: Kind) { self.kind = kind }
}

package indirect enum MetricsExpression: Hashable, Sendable {
    case leaf(Pipeline, MetricsFunction)
    case number(Double, isInteger: Bool)
    case top(Int, MetricsExpression)
    case bottom(Int, MetricsExpression)
    case filter(MetricsExpression, FieldOperator, Static)
    case math(FieldOperator, MetricsExpression, MetricsExpression)
}

package struct Hint: Hashable, Sendable {
    package var name: String
    package var value: Static
}

package struct TraceQuery: Hashable, Sendable {
    package enum Body: Hashable, Sendable {
        case spansets(Pipeline)
        case metrics(MetricsExpression)
    }
    package var body: Body
    package var hints: [Hint]

    package init(body: Body, hints: [Hint] = []) {
        self.body = body
        self.hints = hints
    }

    package var isMetrics: Bool {
        if case .metrics = body { true } else { false }
    }
}
