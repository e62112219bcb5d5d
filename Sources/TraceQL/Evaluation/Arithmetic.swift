/// Operators on values.
enum Arithmetic {
    static func negated(_ value: Static) -> Static? {
        switch value {
        case .int(let number): .int(0 &- number)
        case .float(let number): .float(-number)
        case .duration(let nanoseconds): .duration(0 &- nanoseconds)
        default: nil
        }
    }

    /// Nil where an operand is no number. Integers wrap, as in Go.
    static func apply(_ operation: FieldOperator, _ a: Static, _ b: Static) throws(TraceQLError) -> Static {
        guard a.isNumeric, b.isNumeric, let x = a.asDouble, let y = b.asDouble else { return .nil }
        var isDuration = false
        if case .duration = a { isDuration = true }
        if case .duration = b { isDuration = true }
        if let i = a.asInteger, let j = b.asInteger {
            let result = try integers(operation, i, j)
            return isDuration ? .duration(result) : .int(result)
        }
        let result: Double
        switch operation {
        case .add: result = x + y
        case .subtract: result = x - y
        case .multiply: result = x * y
        case .divide: result = x / y
        case .modulo: result = x.truncatingRemainder(dividingBy: y)
        case .power: result = power(x, y)
        default: return .nil
        }
        return .float(result)
    }

    private static func integers(_ operation: FieldOperator, _ a: Int64, _ b: Int64) throws(TraceQLError) -> Int64 {
        switch operation {
        case .add: return a &+ b
        case .subtract: return a &- b
        case .multiply: return a &* b
        case .divide:
            guard b != 0 else { throw .evaluation("integer division by zero") }
            return a.dividedReportingOverflow(by: b).partialValue
        case .modulo:
            guard b != 0 else { throw .evaluation("integer division by zero") }
            return a.remainderReportingOverflow(dividingBy: b).partialValue
        case .power:
            let exact = power(Double(a), Double(b))
            return Int64(exactly: exact.rounded(.towardZero)) ?? (exact.isNaN ? 0 : exact < 0 ? .min : .max)
        default: return 0
        }
    }

    static func compare(_ operation: FieldOperator, _ a: Static, _ b: Static) -> Bool {
        switch (a, b) {
        case (.nil, _), (_, .nil): return false
        case (.array, .array): return false
        case (.array(let elements), let other):
            return elementwise(operation, elements) {
                compare(operation, $0, other)
            } comparable: {
                comparable($0, other)
            }
        case (let other, .array(let elements)):
            return elementwise(operation, elements) {
                compare(operation, other, $0)
            } comparable: {
                comparable(other, $0)
            }
        case (.string(let left), .string(let right)):
            switch operation {
            case .equal: return left == right
            case .notEqual: return left != right
            case .less: return left.utf8.lexicographicallyPrecedes(right.utf8)
            case .lessOrEqual: return !right.utf8.lexicographicallyPrecedes(left.utf8)
            case .greater: return right.utf8.lexicographicallyPrecedes(left.utf8)
            case .greaterOrEqual: return !left.utf8.lexicographicallyPrecedes(right.utf8)
            default: return false
            }
        case (.bool(let left), .bool(let right)): return equality(operation, left == right)
        case (.status(let left), .status(let right)): return equality(operation, left == right)
        case (.kind(let left), .kind(let right)): return equality(operation, left == right)
        default:
            // Two integers are compared as such: a double has 53 bits.
            if let left = a.asInteger, let right = b.asInteger { return ordered(operation, left, right) }
            guard let left = a.asDouble, let right = b.asDouble else { return false }
            return ordered(operation, left, right)
        }
    }

    /// Any element decides, but `!=` wants that none is equal. Elements of another type have no say.
    private static func elementwise(
        _ operation: FieldOperator, _ elements: [Static], _ holds: (Static) -> Bool, comparable: (Static) -> Bool
    ) -> Bool {
        guard operation == .notEqual else { return elements.contains(where: holds) }
        let relevant = elements.filter(comparable)
        return !relevant.isEmpty && relevant.allSatisfy(holds)
    }

    private static func comparable(_ a: Static, _ b: Static) -> Bool {
        compare(.equal, a, b) || compare(.notEqual, a, b)
    }

    private static func equality(_ operation: FieldOperator, _ equal: Bool) -> Bool {
        operation == .equal ? equal : operation == .notEqual && !equal
    }

    private static func ordered<T: Comparable>(_ operation: FieldOperator, _ a: T, _ b: T) -> Bool {
        switch operation {
        case .equal: a == b
        case .notEqual: a != b
        case .less: a < b
        case .lessOrEqual: a <= b
        case .greater: a > b
        case .greaterOrEqual: a >= b
        default: false
        }
    }

    /// x to the power y; whole exponents by squaring, others through the C library.
    private static func power(_ x: Double, _ y: Double) -> Double {
        if y.rounded() == y, y.magnitude < 1024 {
            var result = 1.0
            var base = x
            var rest = Int(y.magnitude)
            while rest > 0 {
                if rest & 1 == 1 { result *= base }
                base *= base
                rest >>= 1
            }
            return y < 0 ? 1 / result : result
        }
        return raise(x, y)
    }
}

extension Static {
    var asInteger: Int64? {
        switch self {
        case .int(let number), .duration(let number): number
        default: nil
        }
    }
}
