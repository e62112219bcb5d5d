#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The C library's elementary functions, in the one place that imports it.
package enum Elementary {
    /// The larger of two as Go's `math.Max` has it: an infinity that decides wins over NaN, NaN over all else.
    package static func larger(_ a: Double, _ b: Double) -> Double {
        if a == .infinity || b == .infinity { return .infinity }
        return a.isNaN || b.isNaN ? .nan : Swift.max(a, b)
    }

    package static func smaller(_ a: Double, _ b: Double) -> Double {
        if a == -.infinity || b == -.infinity { return -.infinity }
        return a.isNaN || b.isNaN ? .nan : Swift.min(a, b)
    }

    package static func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }
    package static func atan2(_ y: Double, _ x: Double) -> Double { cAtan2(y, x) }
    package static func exp(_ x: Double) -> Double { cExp(x) }
    package static func exp2(_ x: Double) -> Double { cExp2(x) }
    package static func log(_ x: Double) -> Double { cLog(x) }
    package static func log2(_ x: Double) -> Double { cLog2(x) }
    package static func log10(_ x: Double) -> Double { cLog10(x) }
    package static func frexp(_ x: Double) -> (fraction: Double, exponent: Int) {
        guard x.isFinite, x != 0 else { return (x, 0) }
        return (x.significand / 2 * (x < 0 ? -1 : 1), Int(x.exponent) + 1)
    }

    package static let sine: @Sendable (Double) -> Double = { sin($0) }
    package static let cosine: @Sendable (Double) -> Double = { cos($0) }
    package static let tangent: @Sendable (Double) -> Double = { tan($0) }
    package static let arcSine: @Sendable (Double) -> Double = { asin($0) }
    package static let arcCosine: @Sendable (Double) -> Double = { acos($0) }
    package static let arcTangent: @Sendable (Double) -> Double = { atan($0) }
    package static let hyperbolicSine: @Sendable (Double) -> Double = { sinh($0) }
    package static let hyperbolicCosine: @Sendable (Double) -> Double = { cosh($0) }
    package static let hyperbolicTangent: @Sendable (Double) -> Double = { tanh($0) }
    package static let areaSine: @Sendable (Double) -> Double = { asinh($0) }
    package static let areaCosine: @Sendable (Double) -> Double = { acosh($0) }
    package static let areaTangent: @Sendable (Double) -> Double = { atanh($0) }
}

// Outside the enum, where the names still mean the C functions.
private func cAtan2(_ y: Double, _ x: Double) -> Double { atan2(y, x) }
private func cExp(_ x: Double) -> Double { exp(x) }
private func cExp2(_ x: Double) -> Double { exp2(x) }
private func cLog(_ x: Double) -> Double { log(x) }
private func cLog2(_ x: Double) -> Double { log2(x) }
private func cLog10(_ x: Double) -> Double { log10(x) }
