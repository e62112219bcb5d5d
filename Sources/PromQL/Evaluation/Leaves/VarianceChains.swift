/// Welford's method with compensated sums, in four lanes. As long as everything is finite each lane comes to the same bits
/// as one by itself.
struct VarianceChains {
    private var count = 0.0
    private var mean = SIMD4<Double>.zero
    private var meanRest = SIMD4<Double>.zero
    private var total = SIMD4<Double>.zero
    private var totalRest = SIMD4<Double>.zero

    @inline(__always)
    mutating func add(_ values: SIMD4<Double>) {
        count += 1
        let delta = values - (mean + meanRest)
        VarianceChains.add(delta / count, &mean, &meanRest)
        VarianceChains.add(delta * (values - (mean + meanRest)), &total, &totalRest)
    }

    @inline(__always)
    private static func add(_ term: SIMD4<Double>, _ sum: inout SIMD4<Double>, _ rest: inout SIMD4<Double>) {
        let next = sum + term
        let isSumLarger = magnitude(sum) .>= magnitude(term)
        let larger = term.replacing(with: sum, where: isSumLarger)
        let smaller = sum.replacing(with: term, where: isSumLarger)
        rest += (larger - next) + smaller
        sum = next
    }

    @inline(__always)
    private static func magnitude(_ values: SIMD4<Double>) -> SIMD4<Double> {
        let bits = unsafe unsafeBitCast(values, to: SIMD4<UInt64>.self) & (UInt64.max >> 1)
        return unsafe unsafeBitCast(bits, to: SIMD4<Double>.self)
    }

    func variance(_ lane: Int) -> Double { (total[lane] + totalRest[lane]) / count }
}
