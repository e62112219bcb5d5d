/// The text of a tree. Reading it gives the same tree.
extension FieldExpression: CustomStringConvertible {
    package var description: String {
        switch self {
        case .literal(let value): value.description
        case .field(let field): field.description
        case .not(let inner): "!\(inner.nested)"
        case .negate(let inner): "-\(inner.nested)"
        case .binary(let operation, let left, let right):
            [
                left.operand(of: operation, isLeft: true), operation.rawValue,
                right.operand(of: operation, isLeft: false),
            ]
            .joined(separator: " ")
        }
    }

    private var nested: String {
        switch self {
        case .literal, .field: description
        case .not, .negate, .binary: "(\(description))"
        }
    }

    /// Chains that read from left to right get no parentheses: a long one would nest deeper than the parser allows.
    private func operand(of outer: FieldOperator, isLeft: Bool) -> String {
        guard case .binary(let inner, _, _) = self else {
            return outer == .and || outer == .or ? description : nested
        }
        let grows = (outer == .power) != isLeft
        let isPlain = grows ? inner.precedence >= outer.precedence : inner.precedence > outer.precedence
        return isPlain ? description : nested
    }
}

extension SpansetExpression: CustomStringConvertible {
    package var description: String {
        switch self {
        case .filter(let condition): "{ \(condition) }"
        case .binary(let operation, let left, let right):
            "\(left.leftOperand(of: operation)) \(operation.text) \(right.nested)"
        case .pipeline(let pipeline): "(\(pipeline))"
        }
    }

    private var nested: String {
        if case .binary = self { "(\(description))" } else { description }
    }

    private func leftOperand(of outer: SpansetOperator) -> String {
        guard case .binary(let inner, _, _) = self else { return description }
        return inner.isStructural || !outer.isStructural ? description : nested
    }
}

extension SpansetOperator {
    fileprivate var isStructural: Bool {
        if case .structural = self { true } else { false }
    }
}

extension ScalarExpression: CustomStringConvertible {
    package var description: String {
        switch self {
        case .literal(let value): value.description
        case .aggregate(let function, let argument): "\(function.rawValue)(\(argument.map(\.description) ?? ""))"
        case .binary(let operation, let left, let right): "(\(left) \(operation.rawValue) \(right))"
        }
    }
}

extension PipelineStage: CustomStringConvertible {
    package var description: String {
        switch self {
        case .spansets(let expression): expression.description
        case .scalarFilter(let left, let comparison, let right): "\(left) \(comparison.rawValue) \(right)"
        case .by(let expression): "by(\(expression))"
        case .coalesce: "coalesce()"
        case .select(let fields): "select(\(fields.map(\.description).joined(separator: ", ")))"
        }
    }
}

extension Pipeline: CustomStringConvertible {
    package var description: String { stages.map(\.description).joined(separator: " | ") }
}

extension MetricsFunction: CustomStringConvertible {
    package var description: String {
        var arguments: [String] = []
        if let field { arguments.append(field.description) }
        arguments += quantiles.map { String($0) }
        if let selection {
            arguments.append("{ \(selection) }")
            arguments.append(String(topN))
            if selectionEnd != 0 || selectionStart != 0 { arguments += [String(selectionStart), String(selectionEnd)] }
        }
        let groups = by.isEmpty ? "" : " by(\(by.map(\.description).joined(separator: ", ")))"
        return "\(kind.rawValue)(\(arguments.joined(separator: ", ")))\(groups)"
    }
}

extension MetricsExpression: CustomStringConvertible {
    package var description: String {
        switch self {
        case .leaf(let pipeline, let function): "\(pipeline) | \(function)"
        case .number(let value, let isInteger): isInteger ? String(Int64(exactly: value) ?? 0) : String(value)
        case .top(let count, let inner): "\(inner.tailed) | topk(\(count))"
        case .bottom(let count, let inner): "\(inner.tailed) | bottomk(\(count))"
        case .filter(let inner, let comparison, let value): "\(inner.tailed) \(comparison.rawValue) \(value)"
        case .math(let operation, let left, let right): "\(left.nested) \(operation.rawValue) \(right.nested)"
        }
    }

    private var nested: String {
        if case .number = self { description } else { "(\(description))" }
    }

    private var tailed: String {
        if case .math = self { "(\(description))" } else { description }
    }
}

extension TraceQuery: CustomStringConvertible {
    package var description: String {
        let text =
            switch body {
            case .spansets(let pipeline): pipeline.description
            case .metrics(let metrics): metrics.description
            }
        if hints.isEmpty { return text }
        return text + " with(" + hints.map { "\($0.name)=\($0.value)" }.joined(separator: ", ") + ")"
    }
}
