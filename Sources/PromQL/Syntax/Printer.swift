internal import Telemetry
internal import Vectors

/// The canonical text: parsing it gives the same tree, and printing that the same text.
extension Expression: CustomStringConvertible {
    package var description: String {
        switch node {
        case .number(let literal): return literal.description
        case .string(let text): return quoteGo(text)
        case .vector(let selector): return selector.description
        case .matrix(let selector, let range):
            var bare = selector
            bare.offset = nil
            bare.at = nil
            bare.rangeExtension = nil
            return "\(bare)[\(range)]" + selector.modifiers
        case .subquery(let subquery):
            let step = subquery.step.map(\.description) ?? ""
            return "\(subquery.inner)[\(subquery.range):\(step)]" + modifierText(subquery.at, subquery.offset)
        case .parenthesized(let inner): return "(\(inner))"
        case .negated(let inner): return "-\(inner)"
        case .plus(let inner): return "+\(inner)"
        case .binary(let binary): return "\(binary.left) \(binary.operatorText) \(binary.right)"
        case .call(let call):
            return call.function.name + "(" + call.arguments.map(\.description).joined(separator: ", ") + ")"
        case .aggregate(let aggregation): return aggregation.description
        }
    }
}

extension NumberLiteral: CustomStringConvertible {
    package var description: String {
        if isDuration { return NumberSyntax.durationText(milliseconds: Int64(exactly: (value * 1000).rounded()) ?? 0) }
        return formatGeneral(value)
    }
}

private func modifierText(_ at: AtModifier?, _ offset: DurationExpression?) -> String {
    var out = ""
    switch at {
    case .time(let milliseconds):
        let fraction = String(milliseconds.magnitude % 1000)
        let padded = String(repeating: "0", count: 3 - fraction.count) + fraction
        out += " @ \(milliseconds < 0 ? "-" : "")\(milliseconds.magnitude / 1000).\(padded)"
    case .start: out += " @ start()"
    case .end: out += " @ end()"
    case nil: break
    }
    if let offset { out += " offset \(offset)" }
    return out
}

func labelText(_ name: String) -> String { isLegacyLabelName(name) ? name : quoteGo(name) }

extension VectorSelector: CustomStringConvertible {
    var modifiers: String { (rangeExtension.map { " " + $0.rawValue } ?? "") + modifierText(at, offset) }

    package var description: String {
        var inside: [String] = []
        for matcher in matchers {
            if name == nil, matcher.name == "__name__", matcher.operation == .equal, matchers.count > 1,
                !isLegacyMetricName(matcher.value), !matcher.value.isEmpty
            {
                inside.append(quoteGo(matcher.value))
            } else {
                inside.append("\(labelText(matcher.name))\(matcher.operation.rawValue)\(quoteGo(matcher.value))")
            }
        }
        let braces = inside.isEmpty && name != nil ? "" : "{" + inside.joined(separator: ",") + "}"
        return (name ?? "") + braces + modifiers
    }
}

extension BinaryExpression {
    fileprivate var operatorText: String {
        var out = operation.rawValue
        if returnBool { out += " bool" }
        if matching.on || !matching.labels.isEmpty {
            out += matching.on ? " on (" : " ignoring ("
            out += matching.labels.map(labelText).joined(separator: ", ") + ")"
        }
        if matching.cardinality == .manyToOne || matching.cardinality == .oneToMany {
            if !matching.on, matching.labels.isEmpty { out += " ignoring ()" }
            out += matching.cardinality == .manyToOne ? " group_left (" : " group_right ("
            out += matching.include.map(labelText).joined(separator: ", ") + ")"
        }
        if let left = matching.fillLeft, let right = matching.fillRight, left == right {
            out += " fill (\(formatGeneral(left)))"
        } else {
            if let left = matching.fillLeft { out += " fill_left (\(formatGeneral(left)))" }
            if let right = matching.fillRight { out += " fill_right (\(formatGeneral(right)))" }
        }
        return out
    }
}

extension Aggregation: CustomStringConvertible {
    package var description: String {
        var out = operation.rawValue
        switch grouping {
        case .none: break
        case .by(let names): out += " by (" + names.map(labelText).joined(separator: ", ") + ") "
        case .without(let names): out += " without (" + names.map(labelText).joined(separator: ", ") + ") "
        }
        return out + "(" + (parameter.map { "\($0), " } ?? "") + "\(inner))"
    }
}

extension DurationExpression: CustomStringConvertible {
    package var description: String {
        // A number by itself is a duration; among operators it stays a number.
        if case .literal(let value, _) = self { return DurationExpression.literal(value, isDuration: true).nested }
        return nested
    }

    private var nested: String {
        switch self {
        case .literal(let value, let isDuration):
            let milliseconds = value * 1000
            guard isDuration, milliseconds.magnitude < 9e15, milliseconds == milliseconds.rounded() else {
                return formatGeneral(value)
            }
            return NumberSyntax.durationText(milliseconds: Int64(milliseconds))
        case .step: return "step()"
        case .range: return "range()"
        case .negated(let inner): return "-\(inner.description)"
        case .parenthesized(let inner): return "(\(inner.nested))"
        case .binary(let operation, let left, let right): return "\(left.nested) \(operation.rawValue) \(right.nested)"
        case .least(let a, let b): return "min_of(\(a.nested), \(b.nested))"
        case .greatest(let a, let b): return "max_of(\(a.nested), \(b.nested))"
        }
    }
}
