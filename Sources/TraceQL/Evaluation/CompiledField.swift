internal import Patterns
internal import Telemetry

/// A field expression ready to run: expressions are compiled, ids normalised, constants folded.
indirect enum CompiledField: Sendable {
    case literal(Static)
    case field(FieldReference)
    case not(CompiledField)
    case negate(CompiledField)
    case and(CompiledField, CompiledField)
    case or(CompiledField, CompiledField)
    case compare(FieldOperator, CompiledField, CompiledField)
    case arithmetic(FieldOperator, CompiledField, CompiledField)
    case matches(CompiledField, Pattern, negated: Bool)
    case present(CompiledField, wanted: Bool)

    init(_ expression: FieldExpression) throws(TraceQLError) {
        switch expression {
        case .literal(let value): self = .literal(value)
        case .field(let field): self = .field(field)
        case .not(let inner): self = .not(try CompiledField(inner))
        case .negate(let inner): self = .negate(try CompiledField(inner))
        case .binary(let operation, let left, let right):
            self = try CompiledField.binary(operation, left, right)
        }
    }

    private static func binary(
        _ operation: FieldOperator, _ left: FieldExpression, _ right: FieldExpression
    ) throws(TraceQLError) -> CompiledField {
        switch operation {
        case .and: return .and(try CompiledField(left), try CompiledField(right))
        case .or: return .or(try CompiledField(left), try CompiledField(right))
        case .matches, .notMatches:
            guard case .literal(.string(let text)) = right else {
                throw .validation("regular expressions must be literals: \(right)")
            }
            let pattern: Pattern
            do { pattern = try Pattern(text) } catch {
                throw .validation("invalid regular expression `\(text)`: \(error)")
            }
            return .matches(try CompiledField(left), pattern, negated: operation == .notMatches)
        default: break
        }
        if operation.isArithmetic { return .arithmetic(operation, try CompiledField(left), try CompiledField(right)) }
        if right == .literal(.nil) || left == .literal(.nil) {
            let other = right == .literal(.nil) ? left : right
            if other == .literal(.nil) { return .literal(.bool(false)) }
            return .present(try CompiledField(other), wanted: operation == .notEqual)
        }
        return .compare(
            operation, try CompiledField(withID(left, beside: right)), try CompiledField(withID(right, beside: left)))
    }

    /// Ids are compared as text of full length in lower case, however the query wrote them.
    private static func withID(_ expression: FieldExpression, beside other: FieldExpression) -> FieldExpression {
        guard case .literal(.string(let text)) = expression, case .field(let field) = other else { return expression }
        return .literal(.string(field.normalisedID(text) ?? text))
    }

    func value(_ span: TraceSpan, in trace: Trace?, at index: Int) throws(TraceQLError) -> Static {
        switch self {
        case .literal(let value): return value
        case .field(let field): return field.value(of: span, in: trace, at: index)
        case .negate(let inner): return Arithmetic.negated(try inner.value(span, in: trace, at: index)) ?? .nil
        case .arithmetic(let operation, let left, let right):
            return try Arithmetic.apply(
                operation, try left.value(span, in: trace, at: index), try right.value(span, in: trace, at: index))
        case .not(let inner):
            guard case .bool(let flag) = try inner.value(span, in: trace, at: index) else { return .nil }
            return .bool(!flag)
        default: return .bool(try holds(span, in: trace, at: index))
        }
    }

    /// A value that is no boolean does not hold.
    func holds(_ span: TraceSpan, in trace: Trace?, at index: Int) throws(TraceQLError) -> Bool {
        switch self {
        case .and(let left, let right):
            guard try left.holds(span, in: trace, at: index) else { return false }
            return try right.holds(span, in: trace, at: index)
        case .or(let left, let right):
            if try left.holds(span, in: trace, at: index) { return true }
            return try right.holds(span, in: trace, at: index)
        case .compare(let operation, let left, let right):
            return Arithmetic.compare(
                operation, try left.value(span, in: trace, at: index), try right.value(span, in: trace, at: index))
        case .matches(let operand, let pattern, let negated):
            return CompiledField.matches(try operand.value(span, in: trace, at: index), pattern, negated)
        case .present(let operand, let wanted):
            return try operand.value(span, in: trace, at: index).isNil != wanted
        case .literal, .field, .not, .negate, .arithmetic:
            return try value(span, in: trace, at: index) == .bool(true)
        }
    }

    private static func matches(_ value: Static, _ pattern: Pattern, _ negated: Bool) -> Bool {
        switch value {
        case .string(let text): return pattern.matchesWhole(text) != negated
        case .array(let elements):
            let texts = elements.compactMap { element -> String? in
                if case .string(let text) = element { text } else { nil }
            }
            if negated { return !texts.isEmpty && texts.allSatisfy { !pattern.matchesWhole($0) } }
            return texts.contains { pattern.matchesWhole($0) }
        default: return false
        }
    }
}

extension FieldReference {
    /// Nil where the field is no id, or the text no hex number of fitting length.
    func normalisedID(_ text: String) -> String? {
        switch intrinsic {
        case .traceID, .linkTraceID: TraceID(hex: text)?.hex
        case .spanID, .parentID, .linkSpanID: SpanID(hex: text)?.hex
        default: nil
        }
    }
}
