internal import Vectors

/// What `format_query` answers: one line where that is short enough, else one construct a line.
extension Expression {
    package var pretty: String {
        switch self {
        case .log(let logs): logs.pretty(0)
        case .metric(let metric): metric.pretty(0)
        }
    }
}

private let maximumLine = 100

private func indent(_ level: Int) -> String { String(repeating: "  ", count: level) }

extension LogExpression {
    fileprivate func pretty(_ level: Int) -> String {
        if description.utf8.count <= maximumLine { return indent(level) + description }
        return
            ([indent(level) + selectorText] + stages.map { indent(level + 1) + $0.description }
            + results.map { indent(level + 1) + $0.description }).joined(
                separator: "\n")
    }
}

extension LogRange {
    fileprivate func pretty(_ level: Int) -> String {
        if description.utf8.count <= maximumLine { return indent(level) + description }
        var text = logs.pretty(level)
        if let unwrap { text += "\n" + indent(level + 1) + unwrap.description }
        return text + " " + suffix
    }
}

extension MetricExpression {
    fileprivate func pretty(_ level: Int) -> String {
        if description.utf8.count <= maximumLine { return indent(level) + description }
        switch self {
        case .literal, .vector, .subquery: return indent(level) + description
        case .range(let operation, let parameter, let range, let grouping):
            let argument = range.counted ?? parameter.map { formatPlain($0) }
            let head = argument.map { indent(level + 1) + $0 + ",\n" } ?? ""
            return indent(level) + operation.rawValue + "(\n" + head + range.pretty(level + 1) + "\n" + indent(level)
                + ")"
                + MetricExpression.text(of: grouping)
        case .aggregate(let operation, let parameter, let inner, let grouping):
            let head = parameter.map { indent(level + 1) + "\($0),\n" } ?? ""
            return indent(level) + operation.rawValue + MetricExpression.text(of: grouping) + "(\n" + head
                + inner.pretty(level + 1) + "\n" + indent(level) + ")"
        case .binary(let operation, let a, let b, let matching, let returnsBool):
            return indent(level) + "(\n" + a.pretty(level + 1) + "\n" + indent(level)
                + MetricExpression.text(of: operation, matching, returnsBool) + "\n" + b.pretty(level + 1) + "\n"
                + indent(level) + ")"
        case .labelReplace(let inner, let destination, let replacement, let source, let pattern):
            let rest = [destination, replacement, source, pattern].map { indent(level + 1) + QuotedText.quote($0) }
            return indent(level) + "label_replace(\n" + ([inner.pretty(level + 1)] + rest).joined(separator: ",\n")
                + "\n"
                + indent(level) + ")"
        }
    }
}
