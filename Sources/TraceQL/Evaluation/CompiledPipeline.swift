/// Some spans of one trace, by index ascending, and what the stages found out about them.
struct Spanset: Sendable {
    var spans: [Int]
    var attributes: [SpansetAttribute] = []
}

package struct SpansetAttribute: Hashable, Sendable {
    package var key: String
    package var value: Static
}

indirect enum CompiledSpansets: Sendable {
    case filter(CompiledField)
    case binary(SpansetOperator, CompiledSpansets, CompiledSpansets)
    case pipeline(CompiledPipeline)

    init(_ expression: SpansetExpression) throws(TraceQLError) {
        switch expression {
        case .filter(let condition): self = .filter(try CompiledField(condition))
        case .binary(let operation, let left, let right):
            self = .binary(operation, try CompiledSpansets(left), try CompiledSpansets(right))
        case .pipeline(let pipeline): self = .pipeline(try CompiledPipeline(pipeline))
        }
    }

    func evaluate(_ input: Spanset, in trace: Trace) throws(TraceQLError) -> [Spanset] {
        switch self {
        case .filter(let condition):
            var kept: [Int] = []
            for index in input.spans where try condition.holds(trace.spans[index], in: trace, at: index) {
                kept.append(index)
            }
            return kept.isEmpty ? [] : [Spanset(spans: kept, attributes: input.attributes)]
        case .pipeline(let pipeline): return try pipeline.evaluate([input], in: trace)
        case .binary(let operation, let left, let right):
            let a = try left.evaluate(input, in: trace)
            let b = try right.evaluate(input, in: trace)
            let spans: [Int]
            switch operation {
            case .and: spans = a.isEmpty || b.isEmpty ? [] : CompiledSpansets.union(a + b)
            case .or: spans = CompiledSpansets.union(a + b)
            case .structural(let relation, let form):
                guard a.count < 2, b.count < 2 else {
                    throw .evaluation(
                        "a structural operator got several spansets on one side; use coalesce() before it")
                }
                spans = Structure.apply(relation, form, a.first?.spans ?? [], b.first?.spans ?? [], in: trace)
            }
            return spans.isEmpty ? [] : [Spanset(spans: spans, attributes: input.attributes)]
        }
    }

    static func union(_ sets: [Spanset]) -> [Int] {
        if sets.count == 1 { return sets[0].spans }
        return Set(sets.flatMap(\.spans)).sorted()
    }
}

indirect enum CompiledScalar: Sendable {
    case literal(Static)
    case aggregate(AggregateFunction, CompiledField?, name: String)
    case binary(FieldOperator, CompiledScalar, CompiledScalar)

    init(_ expression: ScalarExpression) throws(TraceQLError) {
        switch expression {
        case .literal(let value): self = .literal(value)
        case .aggregate(let function, let argument):
            self = .aggregate(
                function, try argument.map { (expression) throws(TraceQLError) in try CompiledField(expression) },
                name: expression.description)
        case .binary(let operation, let left, let right):
            self = .binary(operation, try CompiledScalar(left), try CompiledScalar(right))
        }
    }

    /// Notes each aggregate's value in `attributes`.
    func value(
        of spanset: Spanset, in trace: Trace, noting attributes: inout [SpansetAttribute]
    ) throws(TraceQLError) -> Static {
        switch self {
        case .literal(let value): return value
        case .binary(let operation, let left, let right):
            return try Arithmetic.apply(
                operation, try left.value(of: spanset, in: trace, noting: &attributes),
                try right.value(of: spanset, in: trace, noting: &attributes))
        case .aggregate(let function, let argument, let name):
            let value = try CompiledScalar.aggregate(function, argument, spanset, trace)
            if !value.isNil, !attributes.contains(where: { $0.key == name }) {
                attributes.append(SpansetAttribute(key: name, value: value))
            }
            return value
        }
    }

    /// Spans without the value do not count; nil where none has it.
    private static func aggregate(
        _ function: AggregateFunction, _ argument: CompiledField?, _ spanset: Spanset, _ trace: Trace
    ) throws(TraceQLError) -> Static {
        guard let argument else { return .int(Int64(spanset.spans.count)) }
        var result: Static = .nil
        var count = 0.0
        for index in spanset.spans {
            let value = try argument.value(trace.spans[index], in: trace, at: index)
            guard value.isNumeric else { continue }
            count += 1
            if result.isNil {
                result = value
                continue
            }
            switch function {
            case .count: break
            case .min: if Arithmetic.compare(.less, value, result) { result = value }
            case .max: if Arithmetic.compare(.greater, value, result) { result = value }
            case .sum, .avg: result = try Arithmetic.apply(.add, result, value)
            }
        }
        guard function == .avg, let sum = result.asDouble else { return result }
        if case .duration = result { return .duration(Int64(exactly: (sum / count).rounded()) ?? .max) }
        return .float(sum / count)
    }
}

struct CompiledPipeline: Sendable {
    enum Stage: Sendable {
        case spansets(CompiledSpansets)
        case scalarFilter(CompiledScalar, FieldOperator, CompiledScalar)
        case by(CompiledField, key: String)
        case coalesce
    }

    private var stages: [Stage] = []

    init(_ pipeline: Pipeline) throws(TraceQLError) {
        for stage in pipeline.stages {
            switch stage {
            case .spansets(let expression): stages.append(.spansets(try CompiledSpansets(expression)))
            case .scalarFilter(let left, let comparison, let right):
                stages.append(.scalarFilter(try CompiledScalar(left), comparison, try CompiledScalar(right)))
            case .by(let expression): stages.append(.by(try CompiledField(expression), key: stage.description))
            case .coalesce: stages.append(.coalesce)
            case .select: break
            }
        }
    }

    /// The spansets that are left of a whole trace.
    func evaluate(_ trace: Trace) throws(TraceQLError) -> [Spanset] {
        try evaluate([Spanset(spans: Array(trace.spans.indices))], in: trace)
    }

    func evaluate(_ input: [Spanset], in trace: Trace) throws(TraceQLError) -> [Spanset] {
        var sets = input
        for stage in stages {
            var next: [Spanset] = []
            switch stage {
            case .spansets(let expression):
                for set in sets { next += try expression.evaluate(set, in: trace) }
            case .scalarFilter(let left, let comparison, let right):
                for var set in sets {
                    let a = try left.value(of: set, in: trace, noting: &set.attributes)
                    let b = try right.value(of: set, in: trace, noting: &set.attributes)
                    if Arithmetic.compare(comparison, a, b) { next.append(set) }
                }
            case .by(let expression, let key):
                for set in sets { next += try CompiledPipeline.group(set, expression, key, trace) }
            case .coalesce:
                let spans = CompiledSpansets.union(sets)
                if !spans.isEmpty { next = [Spanset(spans: spans)] }
            }
            sets = next
            if sets.isEmpty { return [] }
        }
        return sets
    }

    /// In the order of each group's first span.
    private static func group(
        _ set: Spanset, _ expression: CompiledField, _ key: String, _ trace: Trace
    ) throws(TraceQLError) -> [Spanset] {
        var groups: [Static: Int] = [:]
        var out: [Spanset] = []
        for index in set.spans {
            let value = try expression.value(trace.spans[index], in: trace, at: index)
            if let known = groups[value] {
                out[known].spans.append(index)
            } else {
                groups[value] = out.count
                out.append(
                    Spanset(spans: [index], attributes: set.attributes + [SpansetAttribute(key: key, value: value)]))
            }
        }
        return out
    }
}
