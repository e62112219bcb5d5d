import Foundation

/// SplitMix64: the same numbers on every machine for one seed.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// 0 ..< 1.
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    mutating func between(_ low: Double, _ high: Double) -> Double { low + (high - low) * unit() }

    /// About normal: mean 0, deviation 1.
    mutating func normal() -> Double {
        // Irwin and Hall: twelve would be usual; four, scaled, cost a third and nobody looks at the tails.
        (unit() + unit() + unit() + unit() - 2) * 1.732
    }

    /// Events in a time in which `mean` are expected.
    mutating func poisson(_ mean: Double) -> Int64 {
        guard mean > 0 else { return 0 }
        if mean > 30 { return max(0, Int64((mean + normal() * mean.squareRoot()).rounded())) }
        let limit = mean < 0.01 ? 1 - mean : exp(-mean)
        var product = unit()
        var count: Int64 = 0
        while product > limit {
            count += 1
            product *= unit()
        }
        return count
    }
}
