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
            let kind = selector.rangeExtension.map { " " + $0.rawValue } ?? ""
            return "\(bare)[\(range)]" + kind + modifierText(selector.at, selector.offset)
        case .subquery(let subquery):
            return "\(subquery.inner)" + subquery.suffix
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

extension Subquery {
    /// What stands behind the inner expression.
    var suffix: String { "[\(range):\(step.map(\.description) ?? "")]" + modifierText(at, offset) }
}

extension NumberLiteral: CustomStringConvertible {
    package var description: String {
        if isDuration { return NumberSyntax.durationText(milliseconds: Int64(exactly: (value * 1000).rounded()) ?? 0) }
        return formatPlain(value)
    }
}

private func modifierText(
    _ at: AtModifier?, _ offset: DurationExpression?, _ rangeExtension: RangeExtension? = nil
) -> String {
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
    if let rangeExtension { out += " " + rangeExtension.rawValue }
    if let offset, !offset.isZero { out += " offset \(offset)" }
    return out
}

func labelText(_ name: String) -> String { isLegacyLabelName(name) ? name : quoteGo(name) }

extension VectorSelector: CustomStringConvertible {
    package var description: String {
        let inside = matchers.map { "\(labelText($0.name))\($0.operation.rawValue)\(quoteGo($0.value))" }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        let braces = inside.isEmpty && name != nil ? "" : "{" + inside.joined(separator: ",") + "}"
        return (name ?? "") + braces + modifierText(at, offset, rangeExtension)
    }
}

extension BinaryExpression {
    var operatorText: String {
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
    /// The operator and its grouping. `by ()` says nothing and is left out.
    var head: String {
        switch grouping {
        case .none: operation.rawValue
        case .by(let names) where names.isEmpty: operation.rawValue
        case .by(let names): operation.rawValue + " by (" + names.map(labelText).joined(separator: ", ") + ") "
        case .without(let names):
            operation.rawValue + " without (" + names.map(labelText).joined(separator: ", ") + ") "
        }
    }

    package var description: String { head + "(" + (parameter.map { "\($0), " } ?? "") + "\(inner))" }
}

extension DurationExpression: CustomStringConvertible {
    package var description: String {
        // A number by itself is a duration; among operators it stays a number.
        if case .literal(let value, _) = self { return DurationExpression.literal(value, isDuration: true).nested }
        return nested
    }

    fileprivate var isZero: Bool {
        switch self {
        case .literal(let value, _): value == 0
        case .negated(let inner): inner.isZero
        default: false
        }
    }

    private var nested: String {
        switch self {
        case .literal(let value, let isDuration):
            let milliseconds = value * 1000
            guard isDuration, milliseconds.magnitude < 9e15, milliseconds == milliseconds.rounded() else {
                return formatPlain(value)
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
