/// Finds the queries that read well and mean nothing. The sentences are Tempo's where it has them.
enum Validator {
    private enum Kind: Hashable {
        case attribute, bool, string, number, status, kind, nothing
    }

    static func validate(_ query: TraceQuery) throws(TraceQLError) {
        switch query.body {
        case .spansets(let pipeline): try validate(pipeline)
        case .metrics(let metrics):
            try validate(metrics)
            guard hasLeaf(metrics) else { throw .validation("a metrics query needs a metrics function") }
        }
    }

    private static func validate(_ pipeline: Pipeline) throws(TraceQLError) {
        for stage in pipeline.stages {
            switch stage {
            case .spansets(let expression): try validate(expression)
            case .by(let expression):
                _ = try kind(of: expression)
                guard hasField(expression) else {
                    throw .validation("grouping field expressions must reference the span: \(stage)")
                }
            case .scalarFilter(let left, _, let right):
                let a = try kind(of: left)
                let b = try kind(of: right)
                guard a == .number, b == .number else {
                    throw .validation("scalar filters compare numbers: \(stage)")
                }
                guard hasAggregate(left) || hasAggregate(right) else {
                    throw .validation("scalar filters must aggregate something: \(stage)")
                }
            case .coalesce, .select: break
            }
        }
    }

    private static func validate(_ expression: SpansetExpression) throws(TraceQLError) {
        switch expression {
        case .filter(let condition):
            let kind = try kind(of: condition)
            guard kind == .bool || kind == .attribute else {
                throw .validation("span filter field expressions must resolve to a boolean: \(expression)")
            }
        case .binary(_, let left, let right):
            try validate(left)
            try validate(right)
        case .pipeline(let pipeline): try validate(pipeline)
        }
    }

    // MARK: Fields

    private static func kind(of value: Static) -> Kind {
        switch value {
        case .nil: .nothing
        case .int, .float, .duration: .number
        case .string, .opaque: .string
        case .bool: .bool
        case .status: .status
        case .kind: .kind
        case .array: .attribute
        }
    }

    private static func kind(of field: FieldReference) -> Kind {
        switch field.intrinsic {
        case nil: .attribute
        case .duration, .traceDuration, .childCount, .nestedSetLeft, .nestedSetRight, .nestedSetParent,
            .eventTimeSinceStart:
            .number
        case .status: .status
        case .kind: .kind
        case .parent: .nothing
        default: .string
        }
    }

    private static func kind(of expression: FieldExpression) throws(TraceQLError) -> Kind {
        switch expression {
        case .literal(let value): return kind(of: value)
        case .field(let field): return kind(of: field)
        case .not(let inner):
            let kind = try kind(of: inner)
            guard kind == .bool || kind == .attribute else {
                throw .validation("illegal operation for the given type: \(expression)")
            }
            return .bool
        case .negate(let inner):
            let kind = try kind(of: inner)
            guard kind == .number || kind == .attribute else {
                throw .validation("illegal operation for the given type: \(expression)")
            }
            return .number
        case .binary(let operation, let left, let right):
            return try kind(of: expression, operation, left, right)
        }
    }

    private static func kind(
        of expression: FieldExpression, _ operation: FieldOperator, _ left: FieldExpression, _ right: FieldExpression
    ) throws(TraceQLError) -> Kind {
        let a = try kind(of: left)
        let b = try kind(of: right)
        guard a == b || a == .attribute || b == .attribute || a == .nothing || b == .nothing else {
            throw .validation("binary operations must operate on the same type: \(expression)")
        }
        guard allowed(operation, a), allowed(operation, b) else {
            throw .validation("illegal operation for the given types: \(expression)")
        }
        if a == .nothing || b == .nothing { try validateNil(expression, left, right) }
        if operation == .matches || operation == .notMatches {
            guard case .literal(.string) = right else {
                throw .validation("regular expressions must be literals: \(expression)")
            }
        }
        return operation.isArithmetic ? .number : .bool
    }

    private static func allowed(_ operation: FieldOperator, _ kind: Kind) -> Bool {
        let isEquality = operation == .equal || operation == .notEqual
        switch kind {
        case .attribute: return true
        case .bool: return isEquality || operation == .and || operation == .or
        case .string: return isEquality || operation.isOrdering || operation == .matches || operation == .notMatches
        case .number: return isEquality || operation.isOrdering || operation.isArithmetic
        case .status, .kind, .nothing: return isEquality
        }
    }

    /// What every span has cannot be absent, so asking for it is a mistake.
    private static func validateNil(
        _ expression: FieldExpression, _ left: FieldExpression, _ right: FieldExpression
    ) throws(TraceQLError) {
        for side in [left, right] {
            guard case .field(let field) = side else { continue }
            let mandatory: Bool
            if let intrinsic = field.intrinsic {
                mandatory = intrinsic != .parent && intrinsic != .parentID
            } else {
                mandatory = !field.ofParent && field.scope == .resource && field.name == "service.name"
            }
            if mandatory { throw .validation("\(field) cannot be compared with nil: \(expression)") }
        }
    }

    private static func hasField(_ expression: FieldExpression) -> Bool {
        switch expression {
        case .literal: false
        case .field: true
        case .not(let inner), .negate(let inner): hasField(inner)
        case .binary(_, let left, let right): hasField(left) || hasField(right)
        }
    }

    // MARK: Scalars

    private static func hasAggregate(_ scalar: ScalarExpression) -> Bool {
        switch scalar {
        case .literal: false
        case .aggregate: true
        case .binary(_, let left, let right): hasAggregate(left) || hasAggregate(right)
        }
    }

    private static func kind(of scalar: ScalarExpression) throws(TraceQLError) -> Kind {
        switch scalar {
        case .literal(let value): return kind(of: value)
        case .aggregate(_, let argument):
            guard let argument else { return .number }
            let kind = try kind(of: argument)
            guard kind == .number || kind == .attribute else {
                throw .validation("aggregate field expressions must resolve to a number type: \(scalar)")
            }
            guard hasField(argument) else {
                throw .validation("aggregate field expressions must reference the span: \(scalar)")
            }
            return .number
        case .binary(_, let left, let right):
            guard try kind(of: left) == .number, try kind(of: right) == .number else {
                throw .validation("illegal operation for the given types: \(scalar)")
            }
            return .number
        }
    }

    // MARK: Metrics

    private static func hasLeaf(_ metrics: MetricsExpression) -> Bool {
        switch metrics {
        case .leaf: true
        case .number: false
        case .top(_, let inner), .bottom(_, let inner), .filter(let inner, _, _): hasLeaf(inner)
        case .math(_, let left, let right): hasLeaf(left) || hasLeaf(right)
        }
    }

    private static func hasCompare(_ metrics: MetricsExpression) -> Bool {
        switch metrics {
        case .leaf(_, let function): function.kind == .compare
        case .number: false
        case .top(_, let inner), .bottom(_, let inner), .filter(let inner, _, _): hasCompare(inner)
        case .math(_, let left, let right): hasCompare(left) || hasCompare(right)
        }
    }

    private static func validate(_ metrics: MetricsExpression) throws(TraceQLError) {
        switch metrics {
        case .leaf(let pipeline, let function):
            try validate(pipeline)
            try validate(function)
        case .number: break
        case .top(let count, let inner), .bottom(let count, let inner):
            guard count > 0 else { throw .validation("topk and bottomk need a limit greater than 0: \(metrics)") }
            guard !hasCompare(inner) else { throw .validation("compare() takes no second stage: \(metrics)") }
            try validate(inner)
        case .filter(let inner, _, _):
            guard !hasCompare(inner) else { throw .validation("compare() takes no second stage: \(metrics)") }
            try validate(inner)
        case .math(_, let left, let right):
            guard !hasCompare(metrics) else { throw .validation("compare() takes no arithmetic: \(metrics)") }
            try validate(left)
            try validate(right)
        }
    }

    private static func validate(_ function: MetricsFunction) throws(TraceQLError) {
        let distributes = function.kind == .quantileOverTime || function.kind == .histogramOverTime
        let limit = distributes ? 4 : 5
        guard function.by.count <= limit else {
            throw .validation("\(function.kind.rawValue) groups by at most \(limit) values, not \(function.by.count)")
        }
        if let field = function.field {
            let kind = kind(of: field)
            guard kind == .number || kind == .attribute else {
                throw .validation("\(function.kind.rawValue) needs a number: \(function)")
            }
        }
        for quantile in function.quantiles where !(0...1).contains(quantile) {
            throw .validation("quantile must be between 0 and 1: \(quantile)")
        }
        guard function.kind == .compare else { return }
        if let selection = function.selection { try validate(.filter(selection)) }
        guard function.by.isEmpty else { throw .validation("compare() takes no by()") }
        guard (1...1000).contains(function.topN) else {
            throw .validation("compare() topN must be between 1 and 1000: \(function.topN)")
        }
        guard
            function.selectionEnd == 0 && function.selectionStart == 0
                || function.selectionEnd > function.selectionStart
        else { throw .validation("compare() end must be greater than start") }
    }
}
