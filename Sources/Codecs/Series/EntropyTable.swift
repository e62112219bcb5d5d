/// Tabled asymmetric numeral systems (Duda 2013; the tables are built as in Collet's FSE): symbols of a small alphabet
/// take close to their entropy, also far below one bit.
///
/// The frequencies travel as one of sixteen weights for each symbol, in steps of 2^(2/3): that costs half a byte, and
/// a hundredth of a bit for each sample.
enum EntropyTable {
    static let maximumTokens = 64
    static let maximumLog = 11
    static let weights: [Int] = [0, 1, 2, 3, 4, 6, 10, 16, 25, 40, 64, 102, 161, 256, 406, 645]

    /// States of the table, as a power of two: more of them follow the frequencies closer and take longer to build.
    static func log(count: Int, tokens: Int) -> Int {
        (count <= 768 ? 9 : count <= 3072 ? 10 : 11) - (tokens <= 3 ? 2 : tokens <= 8 ? 1 : 0)
    }

    /// The class whose weight, with the largest count at the top, comes closest to the count.
    static func weightClass(_ count: Int, largest: Int) -> UInt8 {
        guard count > 0, largest > 0 else { return 0 }
        // Scaled so that the largest count has the largest weight.
        let scaled = Double(count) * 645 / Double(largest)
        var index = 1
        // The middle of two steps is their geometric mean.
        while index < 15, scaled * scaled > Double(weights[index] * weights[index + 1]) { index += 1 }
        return UInt8(index)
    }

    /// Shares of `1 << log` states, at least one for each class above 0. Nil where there is no symbol at all.
    static func shares(_ classes: [UInt8], log: Int) -> [Int]? {
        var total = 0
        for one in classes { total += weights[Int(one & 15)] }
        guard total > 0, classes.count <= maximumTokens else { return nil }
        let size = 1 << log
        var shares = [Int](repeating: 0, count: classes.count)
        var sum = 0
        var largest = 0
        for index in classes.indices where classes[index] & 15 != 0 {
            shares[index] = max(1, weights[Int(classes[index] & 15)] * size / total)
            sum += shares[index]
            if shares[index] > shares[largest] { largest = index }
        }
        if sum < size { shares[largest] += size - sum }
        while sum > size {
            for index in shares.indices where shares[index] > 1 && sum > size {
                shares[index] -= 1
                sum -= 1
            }
        }
        return shares
    }

    /// Calls `body` with every state and its symbol.
    @inline(__always)
    private static func spread(_ shares: [Int], log: Int, _ body: (_ state: Int, _ token: Int) -> Void) {
        let size = 1 << log
        // Odd, so that it meets every state once.
        let step = size >> 1 + size >> 3 + 3
        var state = 0
        for token in shares.indices {
            for _ in 0..<shares[token] {
                body(state, token)
                state = (state &+ step) & (size &- 1)
            }
        }
    }

    /// For each state: its symbol in the low 8 bits, how many bits follow in the next 8, and the state that these are
    /// added to.
    @unsafe
    private static func fillDecoder(
        _ table: UnsafeMutablePointer<UInt32>, _ shares: UnsafeBufferPointer<Int>, log: Int
    ) {
        let size = 1 << log
        let mask = size &- 1
        let step = size >> 1 + size >> 3 + 3
        var state = 0
        for token in 0..<shares.count {
            for _ in 0..<(unsafe shares[token]) {
                unsafe table[state] = UInt32(truncatingIfNeeded: token)
                state = (state &+ step) & mask
            }
        }
        unsafe withUnsafeTemporaryAllocation(of: UInt32.self, capacity: maximumTokens) { next in
            for token in 0..<shares.count { unsafe next[token] = UInt32(truncatingIfNeeded: shares[token]) }
            for state in 0..<size {
                let token = unsafe Int(table[state])
                let number = unsafe next[token]
                unsafe next[token] = number &+ 1
                let bits = UInt32(truncatingIfNeeded: log &- (31 &- number.leadingZeroBitCount))
                let base = (number &<< bits) &- UInt32(truncatingIfNeeded: size)
                unsafe table[state] = base &<< 16 | bits &<< 8 | UInt32(truncatingIfNeeded: token)
            }
        }
    }

    /// The decoder's table from the classes as they travel, two in a byte; false where there is no symbol at all.
    /// Shares are those of ``shares(_:log:)``, without memory of their own: columns are short and many.
    @unsafe
    static func fillDecoder(
        _ table: UnsafeMutablePointer<UInt32>, _ classes: ArraySlice<UInt8>, tokens: Int, log: Int
    ) -> Bool {
        unsafe withUnsafeTemporaryAllocation(of: Int.self, capacity: maximumTokens + 1) { shares in
            var total = 0
            var place = classes.startIndex
            for token in 0..<tokens {
                let one = Int(token & 1 == 0 ? classes[place] & 15 : classes[place] >> 4)
                if token & 1 == 1 { place += 1 }
                let weight = weights[one]
                unsafe shares[token] = weight
                total += weight
            }
            guard total > 0, tokens <= maximumTokens else { return false }
            let size = 1 << log
            var sum = 0
            var largest = 0
            for token in 0..<tokens where unsafe shares[token] > 0 {
                let share = unsafe max(1, shares[token] * size / total)
                unsafe shares[token] = share
                sum += share
                if unsafe share > shares[largest] { largest = token }
            }
            if sum < size { unsafe shares[largest] += size - sum }
            while sum > size {
                for token in 0..<tokens where unsafe shares[token] > 1 && sum > size {
                    unsafe shares[token] -= 1
                    sum -= 1
                }
            }
            unsafe fillDecoder(table, UnsafeBufferPointer(rebasing: shares[..<tokens]), log: log)
            return true
        }
    }

    struct Encoder {
        /// States in order of their symbols.
        private var states: [UInt16] = []
        private var bitOffsets = [Int](repeating: 0, count: maximumTokens)
        private var stateOffsets = [Int](repeating: 0, count: maximumTokens)

        mutating func build(_ shares: [Int], log: Int) {
            let size = 1 << log
            if states.count < size { states = [UInt16](repeating: 0, count: size) }
            // In order of states, so that a symbol's states ascend as the decoder numbers them.
            unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: size) { symbols in
                EntropyTable.spread(shares, log: log) { state, token in
                    unsafe symbols[state] = UInt8(truncatingIfNeeded: token)
                }
                var places = [Int](repeating: 0, count: EntropyTable.maximumTokens)
                var total = 0
                for token in shares.indices {
                    places[token] = total
                    let share = shares[token]
                    if share > 0 {
                        let mostBits = share == 1 ? log : log - (63 - (share - 1).leadingZeroBitCount)
                        bitOffsets[token] = mostBits << 16 - share << mostBits
                        stateOffsets[token] = total - share
                    }
                    total += share
                }
                unsafe places.withUnsafeMutableBufferPointer { places in
                    unsafe states.withUnsafeMutableBufferPointer { states in
                        for state in 0..<size {
                            let token = unsafe Int(symbols[state])
                            let place = unsafe places[token]
                            unsafe places[token] = place &+ 1
                            unsafe states[place] = UInt16(truncatingIfNeeded: size &+ state)
                        }
                    }
                }
            }
        }

        /// A state that stands for the symbol, to begin with.
        func first(_ token: Int, share: Int) -> Int { Int(states[stateOffsets[token] + share]) }

        /// Steps back from `state` to one that stands for `token`: answers how many of the state's low bits the
        /// decoder needs to come here.
        @inline(__always)
        func step(_ state: inout Int, _ token: Int) -> Int {
            let bits = (state &+ bitOffsets[token]) >> 16
            state = Int(states[(state >> bits) &+ stateOffsets[token]])
            return bits
        }
    }
}
