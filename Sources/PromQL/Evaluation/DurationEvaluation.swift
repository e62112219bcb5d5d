internal import Vectors

/// What a query's times are, for durations that are computed.
struct DurationScope {
    /// Milliseconds; of an instant query 0.
    var step: Int64
    var range: Int64
}

extension DurationExpression {
    /// In milliseconds, cut towards zero.
    func milliseconds(in scope: DurationScope) throws(PromQLError) -> Int64 {
        let seconds = try seconds(in: scope)
        if seconds.isNaN { throw .evaluation("duration is NaN") }
        let milliseconds = seconds * 1000
        guard milliseconds.magnitude < 9.2e12 else { throw .evaluation("duration is out of range") }
        return Int64((milliseconds + (milliseconds < 0 ? -1e-6 : 1e-6)).rounded(.towardZero))
    }

    /// Of a range or a subquery's step.
    func positiveMilliseconds(in scope: DurationScope) throws(PromQLError) -> Int64 {
        let result = try milliseconds(in: scope)
        guard result > 0 else { throw .evaluation("duration must be greater than 0") }
        return result
    }

    private func seconds(in scope: DurationScope) throws(PromQLError) -> Double {
        switch self {
        case .literal(let value, _): return value
        case .step: return Double(scope.step) / 1000
        case .range: return Double(scope.range) / 1000
        case .negated(let inner): return -(try inner.seconds(in: scope))
        case .parenthesized(let inner): return try inner.seconds(in: scope)
        case .least(let a, let b): return min(try a.seconds(in: scope), try b.seconds(in: scope))
        case .greatest(let a, let b): return max(try a.seconds(in: scope), try b.seconds(in: scope))
        case .binary(let operation, let left, let right):
            let divisor = try right.seconds(in: scope)
            if operation == .divide, divisor == 0 { throw .evaluation("division by zero") }
            if operation == .modulo, divisor == 0 { throw .evaluation("modulo by zero") }
            return applyScalar(operation, try left.seconds(in: scope), divisor)
        }
    }
}
