/// One number by another. Comparisons give 1 or 0; set operators and histogram trims mean nothing for numbers: NaN.
///
/// `%` has the dividend's sign; a division by zero gives what IEEE 754 says.
@inline(__always)
package func applyScalar(_ operation: BinaryOperator, _ left: Double, _ right: Double) -> Double {
    switch operation {
    case .add: left + right
    case .subtract: left - right
    case .multiply: left * right
    case .divide: left / right
    case .modulo: left.truncatingRemainder(dividingBy: right)
    case .power: Elementary.power(left, right)
    case .atan2: Elementary.atan2(left, right)
    case .equal: left == right ? 1 : 0
    case .notEqual: left != right ? 1 : 0
    case .less: left < right ? 1 : 0
    case .greater: left > right ? 1 : 0
    case .lessOrEqual: left <= right ? 1 : 0
    case .greaterOrEqual: left >= right ? 1 : 0
    case .trimUpper, .trimLower, .and, .or, .unless: .nan
    }
}
