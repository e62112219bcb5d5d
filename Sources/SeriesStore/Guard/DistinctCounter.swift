/// About how many different hashes were seen: a HyperLogLog (Flajolet et al., AofA 2007) with linear counting below.
///
/// A register is one byte: the error is 1.04 / sqrt(registers).
struct DistinctCounter {
    private var registers: [UInt8]
    private let bits: Int

    /// 2 to the power `bits` registers.
    init(bits: Int = 8) {
        self.bits = bits
        registers = [UInt8](repeating: 0, count: 1 << bits)
    }

    mutating func add(_ hash: UInt64) {
        let register = Int(truncatingIfNeeded: hash >> UInt64(64 - bits))
        let rest = hash << UInt64(bits)
        let rank = UInt8(truncatingIfNeeded: min(rest.leadingZeroBitCount, 64 - bits) + 1)
        if rank > registers[register] { registers[register] = rank }
    }

    var estimate: Int {
        let count = Double(registers.count)
        var sum = 0.0
        var empty = 0
        for rank in registers {
            sum += 1 / Double(UInt64(1) << UInt64(min(rank, 63)))
            if rank == 0 { empty += 1 }
        }
        let raw = 0.7213 / (1 + 1.079 / count) * count * count / sum
        if raw <= 2.5 * count, empty > 0 { return Int((count * logarithm(count / Double(empty))).rounded()) }
        return Int(raw.rounded())
    }

    /// Natural logarithm of a number of 1 or more, without the C library: halved into [1, 2), then the series of atanh.
    private func logarithm(_ number: Double) -> Double {
        let ratio = (number.significand - 1) / (number.significand + 1)
        var power = ratio
        var sum = 0.0
        for term in 0..<16 {
            sum += power / Double(2 * term + 1)
            power *= ratio * ratio
        }
        return 2 * sum + Double(number.exponent) * 0.693_147_180_559_945_3
    }
}
