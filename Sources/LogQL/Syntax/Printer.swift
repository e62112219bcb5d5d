internal import Telemetry
internal import Vectors

/// The canonical text of a query; parsing it gives an equal tree.
extension Expression: CustomStringConvertible {
    package var description: String {
        switch self {
        case .log(let logs): logs.description
        case .metric(let metric): metric.description
        }
    }
}

extension LogExpression: CustomStringConvertible {
    package var description: String {
        ([selectorText] + stages.map(\.description) + results.map(\.description)).joined(separator: " ")
    }

    package var selectorText: String {
        "{" + matchers.map { "\($0.name)\($0.operation.rawValue)\(QuotedText.quote($0.value))" }.joined(separator: ", ")
            + "}"
    }
}

extension ResultStage: CustomStringConvertible {
    package var description: String {
        switch self {
        case .distinct(let names): "| distinct " + names.joined(separator: ",")
        case .sort(let keys):
            "| sort by (" + keys.map { $0.name + ($0.isDescending ? " desc" : "") }.joined(separator: ",") + ")"
        case .top(let count, let names): "| top \(count) by (\(names.joined(separator: ",")))"
        case .facets(let count): "| facets \(count)"
        case .streamContext(let before, let after): "| stream_context before \(before) after \(after)"
        }
    }
}

extension Subquery: CustomStringConvertible {
    package var description: String {
        "[\(DurationText.format(range)):\(step.map(DurationText.format) ?? "")]"
            + (offset == 0 ? "" : " offset \(DurationText.format(offset))")
    }
}

extension Stage: CustomStringConvertible {
    package var description: String {
        switch self {
        case .lineFilter(let filter): filter.description
        case .labelFilter(let filter): "| \(filter)"
        case .json(let fields): "| json" + Stage.text(of: fields)
        case .logfmt(let strict, let keepEmpty, let fields):
            "| logfmt" + (strict ? " --strict" : "") + (keepEmpty ? " --keep-empty" : "") + Stage.text(of: fields)
        case .regexp(let pattern): "| regexp \(QuotedText.quote(pattern))"
        case .pattern(let pattern): "| pattern \(QuotedText.quote(pattern))"
        case .unpack: "| unpack"
        case .lineFormat(let template): "| line_format \(QuotedText.quote(template))"
        case .labelFormat(let formats):
            "| label_format "
                + formats.map { format in
                    switch format.source {
                    case .label(let label): "\(format.name)=\(label)"
                    case .template(let template): "\(format.name)=\(QuotedText.quote(template))"
                    }
                }.joined(separator: ",")
        case .decolorize: "| decolorize"
        case .drop(let labels): "| drop " + labels.map(\.description).joined(separator: ",")
        case .keep(let labels): "| keep " + labels.map(\.description).joined(separator: ",")
        }
    }

    private static func text(of fields: [FieldExtraction]) -> String {
        fields.isEmpty
            ? "" : " " + fields.map { "\($0.name)=\(QuotedText.quote($0.expression))" }.joined(separator: ",")
    }
}

extension LabelSelection: CustomStringConvertible {
    package var description: String {
        guard let matcher else { return name }
        return "\(name)\(matcher.operation.rawValue)\(QuotedText.quote(matcher.value))"
    }
}

extension LineFilter: CustomStringConvertible {
    package var description: String {
        operation.rawValue + " "
            + operands.map { operand in
                switch operand {
                case .text(let text): QuotedText.quote(text)
                case .ip(let text): "ip(\(QuotedText.quote(text)))"
                }
            }.joined(separator: " or ")
    }
}

extension LabelFilter: CustomStringConvertible {
    package var description: String {
        switch self {
        case .and(let a, let b): "( \(a) , \(b) )"
        case .or(let a, let b): "( \(a) or \(b) )"
        case .text(let matcher): "\(matcher.name)\(matcher.operation.rawValue)\(QuotedText.quote(matcher.value))"
        case .number(let name, let comparison, let value): "\(name)\(comparison.rawValue)\(formatPlain(value))"
        case .duration(let name, let comparison, let value):
            "\(name)\(comparison.rawValue)\(DurationText.format(value))"
        case .bytes(let name, let comparison, let value): "\(name)\(comparison.rawValue)\(ByteCountText.format(value))"
        case .ip(let name, let equal, let text): "\(name)\(equal ? "=" : "!=")ip(\(QuotedText.quote(text)))"
        }
    }
}

extension Unwrap: CustomStringConvertible {
    package var description: String {
        let target = conversion == .number ? label : "\(conversion.rawValue)(\(label))"
        return (["| unwrap \(target)"] + filters.map { "| \($0)" }).joined(separator: " ")
    }
}

extension LogRange: CustomStringConvertible {
    package var description: String {
        var text = logs.description
        if let unwrap { text += " \(unwrap)" }
        return text + suffix
    }

    var suffix: String {
        "[\(DurationText.format(range))]" + (offset == 0 ? "" : " offset \(DurationText.format(offset))")
    }
}

extension MetricExpression: CustomStringConvertible {
    package var description: String {
        switch self {
        case .literal(let value): formatPlain(value)
        case .vector(let value): "vector(\(formatPlain(value)))"
        case .range(let operation, let parameter, let range, let grouping):
            operation.rawValue + "(" + ((range.counted ?? parameter.map { formatPlain($0) }).map { $0 + "," } ?? "")
                + range.description + ")"
                + MetricExpression.text(of: grouping)
        case .subquery(let operation, let parameter, let inner, let subquery):
            "\(operation.rawValue)(\(parameter.map { formatPlain($0) + "," } ?? "")\(inner)\(subquery))"
        case .aggregate(let operation, let parameter, let inner, let grouping):
            operation.rawValue + MetricExpression.text(of: grouping) + "(" + (parameter.map { "\($0)," } ?? "")
                + inner.description + ")"
        case .binary(let operation, let a, let b, let matching, let returnsBool):
            "(\(a) \(MetricExpression.text(of: operation, matching, returnsBool)) \(b))"
        case .labelReplace(let inner, let destination, let replacement, let source, let pattern):
            "label_replace(" + inner.description + ","
                + [destination, replacement, source, pattern].map(QuotedText.quote).joined(separator: ",") + ")"
        }
    }

    static func text(of grouping: Grouping?) -> String {
        switch grouping {
        case .by(let names): " by (\(names.joined(separator: ",")))"
        case .without(let names): " without (\(names.joined(separator: ",")))"
        case .some(.none), nil: ""
        }
    }

    static func text(of operation: BinaryOperator, _ matching: VectorMatching, _ returnsBool: Bool) -> String {
        var out = operation.rawValue
        if returnsBool { out += " bool" }
        if matching.on || !matching.labels.isEmpty {
            out += matching.on ? " on" : " ignoring"
            out += " (" + matching.labels.joined(separator: ",") + ")"
        }
        if matching.cardinality == .manyToOne || matching.cardinality == .oneToMany {
            out += matching.cardinality == .manyToOne ? " group_left" : " group_right"
            out += " (" + matching.include.joined(separator: ",") + ")"
        }
        return out
    }
}
