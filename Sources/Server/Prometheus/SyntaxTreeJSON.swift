import PromQL
import Telemetry
import Vectors
import Wire

/// The tree of `parse_query`, in the shape that Prometheus' web page and editors read.
extension JSONWriter {
    mutating func tree(_ expression: Expression) {
        switch expression.node {
        case .number(let literal): node("numberLiteral") { $0.field("val", formatPlain(literal.value)) }
        case .string(let text): node("stringLiteral") { $0.field("val", text) }
        case .vector(let selector): node("vectorSelector") { $0.selector(selector) }
        case .matrix(let selector, let range):
            node("matrixSelector") { json in
                json.number("range", range.milliseconds)
                json.selector(selector)
            }
        case .subquery(let subquery):
            node("subquery") { json in
                json.child("expr", subquery.inner)
                json.number("range", subquery.range.milliseconds)
                json.number("offset", subquery.offset?.milliseconds ?? 0)
                json.number("step", subquery.step?.milliseconds ?? 0)
                json.moment(subquery.at)
            }
        case .parenthesized(let inner): node("parenExpr") { $0.child("expr", inner) }
        case .negated(let inner): unary("-", inner)
        case .plus(let inner): unary("+", inner)
        case .binary(let binary): self.binary(binary)
        case .call(let call): self.call(call)
        case .aggregate(let aggregation): self.aggregation(aggregation)
        }
    }

    private mutating func node(_ type: String, _ body: (inout JSONWriter) -> Void) {
        beginObject()
        field("type", type)
        body(&self)
        endObject()
    }

    private mutating func child(_ name: String, _ expression: Expression) {
        key(name)
        tree(expression)
    }

    private mutating func unary(_ sign: String, _ inner: Expression) {
        node("unaryExpr") { json in
            json.field("op", sign)
            json.child("expr", inner)
        }
    }

    private mutating func selector(_ selector: VectorSelector) {
        field("name", selector.name ?? "")
        number("offset", selector.offset?.milliseconds ?? 0)
        key("matchers")
        beginArray()
        for matcher in selector.allMatchers {
            beginObject()
            field("name", matcher.name)
            field("value", matcher.value)
            field("type", matcher.operation.rawValue)
            endObject()
        }
        endArray()
        moment(selector.at)
    }

    private mutating func moment(_ at: AtModifier?) {
        key("timestamp")
        if case .time(let milliseconds) = at { integer(milliseconds) } else { null() }
        key("startOrEnd")
        switch at {
        case .start: string("start")
        case .end: string("end")
        case .time, nil: null()
        }
    }

    private mutating func binary(_ binary: BinaryExpression) {
        node("binaryExpr") { json in
            json.field("op", binary.operation.rawValue)
            json.child("lhs", binary.left)
            json.child("rhs", binary.right)
            json.key("matching")
            // Only between two vectors is there anything to match.
            if binary.left.type == .vector, binary.right.type == .vector {
                json.beginObject()
                json.field("card", binary.matching.cardinality.documented)
                json.key("labels")
                json.strings(binary.matching.labels)
                json.key("on")
                json.bool(binary.matching.on)
                json.key("include")
                json.strings(binary.matching.include)
                json.endObject()
            } else {
                json.null()
            }
            json.key("bool")
            json.bool(binary.returnBool)
        }
    }

    private mutating func call(_ call: FunctionCall) {
        node("call") { json in
            json.key("func")
            json.beginObject()
            json.field("name", call.function.name)
            json.key("argTypes")
            json.strings(call.function.arguments.map(\.name))
            json.number("variadic", call.function.variadic)
            json.field("returnType", call.function.returns.name)
            json.endObject()
            json.key("args")
            json.beginArray()
            for argument in call.arguments { json.tree(argument) }
            json.endArray()
        }
    }

    private mutating func aggregation(_ aggregation: Aggregation) {
        node("aggregation") { json in
            json.field("op", aggregation.operation.rawValue)
            json.child("expr", aggregation.inner)
            json.key("param")
            if let parameter = aggregation.parameter { json.tree(parameter) } else { json.null() }
            var names: [String] = []
            var isWithout = false
            switch aggregation.grouping {
            case .none: break
            case .by(let labels): names = labels
            case .without(let labels):
                names = labels
                isWithout = true
            }
            json.key("grouping")
            json.strings(names)
            json.key("without")
            json.bool(isWithout)
        }
    }

    private mutating func number(_ name: String, _ value: Int64) {
        key(name)
        integer(value)
    }
}

extension VectorMatching.Cardinality {
    fileprivate var documented: String {
        switch self {
        case .oneToOne: "one-to-one"
        case .manyToOne: "many-to-one"
        case .oneToMany: "one-to-many"
        case .manyToMany: "many-to-many"
        }
    }
}

extension ValueType {
    fileprivate var name: String {
        switch self {
        case .scalar: "scalar"
        case .string: "string"
        case .vector: "vector"
        case .matrix: "matrix"
        }
    }
}

extension DurationExpression {
    /// Of what is known without a query's step and range; 0 of the rest, as in Prometheus.
    fileprivate var milliseconds: Int64 {
        switch self {
        case .literal(let seconds, _): Int64(exactly: (seconds * 1000).rounded()) ?? 0
        case .negated(let inner): 0 &- inner.milliseconds
        case .parenthesized(let inner): inner.milliseconds
        case .step, .range, .binary, .least, .greatest: 0
        }
    }
}
