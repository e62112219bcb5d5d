extension Expression {
    private static let lineLimit = 100

    /// The canonical text over several lines, where one would be longer than 100 bytes. Breaks and indents as
    /// Prometheus does, so that a file which it has formatted stays as it is.
    package var formatted: String { formatted(0) }

    private func formatted(_ level: Int) -> String {
        let line = description
        let indent = String(repeating: "  ", count: level)
        let splits = line.utf8.count > Expression.lineLimit
        switch node {
        case .number, .string, .vector, .matrix: return indent + line
        case .negated(let inner): return indent + "-" + inner.formatted(level).drop { $0 == " " }
        case .plus(let inner): return indent + "+" + inner.formatted(level).drop { $0 == " " }
        case .subquery(let subquery):
            return splits ? subquery.inner.formatted(level) + subquery.suffix : line
        case .parenthesized(let inner):
            return splits ? "\(indent)(\n\(inner.formatted(level + 1))\n\(indent))" : indent + line
        case .binary(let binary):
            guard splits else { return indent + line }
            return binary.left.formatted(level + 1) + "\n" + indent + binary.operatorText + "\n"
                + binary.right.formatted(level + 1)
        case .call(let call):
            guard splits else { return indent + line }
            let arguments = call.arguments.map { $0.formatted(level + 1) }.joined(separator: ",\n")
            return "\(indent)\(call.function.name)(\n\(arguments)\n\(indent))"
        case .aggregate(let aggregation):
            guard splits else { return indent + line }
            let parameter = aggregation.parameter.map { $0.formatted(level + 1) + ",\n" } ?? ""
            return "\(indent)\(aggregation.head)(\n\(parameter)\(aggregation.inner.formatted(level + 1))\n\(indent))"
        }
    }
}
