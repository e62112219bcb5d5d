/// SplitMix64: the same numbers on every machine for one seed.
struct SeededRandom {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// 0 ..< limit, a little skewed for huge limits, which nobody here has.
    mutating func below(_ limit: Int) -> Int { Int(((next() >> 32) &* UInt64(limit)) >> 32) }

    /// Small numbers are much likelier than large ones, as with customers and products.
    mutating func skewed(below limit: Int) -> Int { below(below(limit) + 1) }

    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
}
