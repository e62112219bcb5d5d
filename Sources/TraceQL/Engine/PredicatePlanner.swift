internal import Storage
internal import Telemetry

/// Translates filters to predicates over columns. A predicate holds for every span for which its filter holds, and
/// maybe for others: the evaluator has the last word.
///
/// A predicate on a column is taken to hold for an array when it holds for any element, as TraceQL has it.
enum PredicatePlanner {
    /// Every span in a result of the pipeline passes this: each stage hands on only spans that some filter of it let
    /// through.
    static func predicate(of pipeline: Pipeline) -> EventPredicate {
        let whole = conjunction(
            pipeline.stages.compactMap { stage in
                if case .spansets(let expression) = stage { predicate(of: expression) } else { nil }
            })
        return depth(of: whole) > maximumDepth ? .everything : whole
    }

    /// Stores bound the depth of what they run; a deeper filter is left to the evaluator.
    private static let maximumDepth = 64

    private static func depth(of predicate: EventPredicate) -> Int {
        switch predicate {
        case .and(let parts), .or(let parts): 1 + parts.reduce(0) { max($0, depth(of: $1)) }
        case .not(let inner): 1 + depth(of: inner)
        default: 1
        }
    }

    static func predicate(of expression: SpansetExpression) -> EventPredicate {
        switch expression {
        case .filter(let condition): return predicate(of: condition)
        case .pipeline(let pipeline): return predicate(of: pipeline)
        case .binary(.structural(_, .plain), _, let right), .binary(.structural(_, .negated), _, let right):
            return predicate(of: right)
        case .binary(_, let left, let right): return disjunction([predicate(of: left), predicate(of: right)])
        }
    }

    static func predicate(of expression: FieldExpression) -> EventPredicate {
        switch expression {
        case .literal(let value): return value == .bool(true) ? .everything : .or([])
        case .field(let field): return comparison(field, .equal, .bool(true))
        case .not, .negate: return .everything
        case .binary(.and, let left, let right): return conjunction([predicate(of: left), predicate(of: right)])
        case .binary(.or, let left, let right): return disjunction([predicate(of: left), predicate(of: right)])
        case .binary(let operation, let left, let right):
            if operation.isArithmetic { return .or([]) }
            if case .field(let field) = left, let value = constant(right) { return comparison(field, operation, value) }
            if case .field(let field) = right, let value = constant(left) {
                return comparison(field, mirrored(operation), value)
            }
            return .everything
        }
    }

    /// The value of an expression without fields.
    static func constant(_ expression: FieldExpression) -> Static? {
        switch expression {
        case .literal(let value): value
        case .field, .not: nil
        case .negate(let inner): constant(inner).flatMap { Arithmetic.negated($0) }
        case .binary(let operation, let left, let right):
            operation.isArithmetic
                ? constant(left).flatMap { a in constant(right).flatMap { try? Arithmetic.apply(operation, a, $0) } }
                : nil
        }
    }

    static func mirrored(_ operation: FieldOperator) -> FieldOperator {
        switch operation {
        case .less: .greater
        case .lessOrEqual: .greaterOrEqual
        case .greater: .less
        case .greaterOrEqual: .lessOrEqual
        default: operation
        }
    }

    // MARK: Comparisons

    private static func comparison(_ field: FieldReference, _ operation: FieldOperator, _ value: Static)
        -> EventPredicate
    {
        guard !field.ofParent else { return .everything }
        if let intrinsic = field.intrinsic { return comparison(field, intrinsic, operation, value) }
        switch field.scope {
        case .event: return value.isNil && operation == .equal ? .everything : .exists(column: EventColumnName.events)
        case .link: return value.isNil && operation == .equal ? .everything : .exists(column: EventColumnName.links)
        default: return disjunction(columns(of: field).map { attribute($0, operation, value) })
        }
    }

    static func columns(of field: FieldReference) -> [String] {
        switch field.scope {
        case .none:
            [EventColumnName.spanAttributePrefix + field.name, EventColumnName.resourceAttributePrefix + field.name]
        case .span: [EventColumnName.spanAttributePrefix + field.name]
        case .resource: [EventColumnName.resourceAttributePrefix + field.name]
        case .instrumentation: [EventColumnName.scopeAttributePrefix + field.name]
        case .event: [EventColumnName.events]
        case .link: [EventColumnName.links]
        }
    }

    private static func attribute(_ column: String, _ operation: FieldOperator, _ value: Static) -> EventPredicate {
        if value.isNil { return operation == .notEqual ? .exists(column: column) : .everything }
        if case .string(let text) = value, operation == .matches {
            return .matches(column: column, pattern: text, anchored: true)
        }
        if operation == .notMatches { return .exists(column: column) }
        guard let stored = stored(value), let comparison = EventPredicate.Comparison(operation) else {
            return .exists(column: column)
        }
        // An attribute of another type or an absent one is not "unequal" either, which the evaluator sees to.
        if operation == .notEqual {
            return .and([.exists(column: column), .not(.compare(column: column, .equal, stored))])
        }
        return .compare(column: column, comparison, stored)
    }

    private static func stored(_ value: Static) -> AttributeValue? {
        switch value {
        case .int(let number), .duration(let number): .int(number)
        case .float(let number): .double(number)
        case .string(let text): .string(text)
        case .bool(let flag): .bool(flag)
        case .status(let status): .int(status.rawValue)
        case .kind(let kind): .int(kind.rawValue)
        default: nil
        }
    }

    private static func comparison(
        _ field: FieldReference, _ intrinsic: Intrinsic, _ operation: FieldOperator, _ value: Static
    ) -> EventPredicate {
        switch intrinsic {
        case .name: return defaulted(EventColumnName.spanName, .string(""), operation, value)
        case .statusMessage: return defaulted(EventColumnName.statusMessage, .string(""), operation, value)
        case .status: return defaulted(EventColumnName.statusCode, .status(.unset), operation, value)
        case .kind: return defaulted(EventColumnName.spanKind, .kind(.unspecified), operation, value)
        case .duration: return defaulted(EventColumnName.duration, .duration(0), operation, value)
        case .instrumentationName: return defaulted(EventColumnName.scopeName, .string(""), operation, value)
        case .instrumentationVersion: return defaulted(EventColumnName.scopeVersion, .string(""), operation, value)
        case .traceID, .spanID, .parentID, .parent:
            return identifier(field, intrinsic, operation, value)
        case .nestedSetParent:
            // Only a root has a negative one.
            let isRoot = operation == .less && value == .int(0) || operation == .equal && value == .int(-1)
            return isRoot ? .not(.exists(column: EventColumnName.parentID)) : .everything
        case .eventName, .eventTimeSinceStart: return .exists(column: EventColumnName.events)
        case .linkTraceID, .linkSpanID: return .exists(column: EventColumnName.links)
        default: return .everything
        }
    }

    private static func identifier(
        _ field: FieldReference, _ intrinsic: Intrinsic, _ operation: FieldOperator, _ value: Static
    ) -> EventPredicate {
        let isParent = intrinsic == .parentID || intrinsic == .parent
        if value.isNil, isParent {
            return operation == .equal
                ? .not(.exists(column: EventColumnName.parentID)) : .exists(column: EventColumnName.parentID)
        }
        guard operation == .equal, case .string(let text) = value else { return .everything }
        if intrinsic == .traceID {
            guard let id = TraceID(hex: text) else { return .or([]) }
            return .compare(column: EventColumnName.traceID, .equal, .bytes(id.bytes))
        }
        guard let id = SpanID(hex: text) else { return .or([]) }
        return .compare(column: isParent ? EventColumnName.parentID : EventColumnName.spanID, .equal, .bytes(id.bytes))
    }

    /// A span without the column has the default.
    private static func defaulted(
        _ column: String, _ standard: Static, _ operation: FieldOperator, _ value: Static
    ) -> EventPredicate {
        let found: EventPredicate
        if case .string(let text) = value, operation == .matches {
            // Whether the default matches is not known here.
            return .or([.not(.exists(column: column)), .matches(column: column, pattern: text, anchored: true)])
        } else if let stored = stored(value), let comparison = EventPredicate.Comparison(operation) {
            found = .compare(column: column, comparison, stored)
        } else {
            return .everything
        }
        return Arithmetic.compare(operation, standard, value) ? .or([.not(.exists(column: column)), found]) : found
    }

    // MARK: Joining

    static func conjunction(_ parts: [EventPredicate]) -> EventPredicate {
        let useful = parts.flatMap { part -> [EventPredicate] in
            if case .and(let inner) = part { inner } else { part == .everything ? [] : [part] }
        }
        return useful.isEmpty ? .everything : useful.count == 1 ? useful[0] : .and(useful)
    }

    static func disjunction(_ parts: [EventPredicate]) -> EventPredicate {
        if parts.contains(.everything) { return .everything }
        let flat = parts.flatMap { part -> [EventPredicate] in
            if case .or(let inner) = part { inner } else { [part] }
        }
        return flat.count == 1 ? flat[0] : .or(flat)
    }
}

extension EventPredicate.Comparison {
    init?(_ operation: FieldOperator) {
        switch operation {
        case .equal: self = .equal
        case .notEqual: self = .notEqual
        case .less: self = .less
        case .lessOrEqual: self = .lessOrEqual
        case .greater: self = .greater
        case .greaterOrEqual: self = .greaterOrEqual
        default: return nil
        }
    }
}

extension EventPredicate {
    /// Names of the columns that it looks at.
    var columns: Set<String> {
        switch self {
        case .everything: []
        case .and(let parts), .or(let parts): parts.reduce(into: []) { $0.formUnion($1.columns) }
        case .not(let inner): inner.columns
        case .exists(let column), .compare(let column, _, _), .isAny(let column, _), .contains(let column, _),
            .matches(let column, _, _):
            [column]
        }
    }
}
