/// A set of Unicode scalars as sorted ranges that neither touch nor overlap.
struct ScalarSet: Hashable, Sendable {
    static let maximum: UInt32 = 0x10_ffff

    private(set) var ranges: [ClosedRange<UInt32>]

    init(_ ranges: [ClosedRange<UInt32>] = []) {
        self.ranges = ScalarSet.normalised(ranges)
    }

    static let all = ScalarSet([0...maximum])
    static let allButNewline = ScalarSet([0...9, 11...maximum])

    private static func normalised(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
        var result: [ClosedRange<UInt32>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = result.last, range.lowerBound <= last.upperBound &+ 1 {
                result[result.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                result.append(range)
            }
        }
        return result
    }

    func union(_ other: ScalarSet) -> ScalarSet { ScalarSet(ranges + other.ranges) }

    var inverted: ScalarSet {
        var result: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges {
            if range.lowerBound > next { result.append(next...(range.lowerBound - 1)) }
            next = range.upperBound + 1
        }
        if next <= ScalarSet.maximum { result.append(next...ScalarSet.maximum) }
        return ScalarSet(result)
    }

    func contains(_ scalar: UInt32) -> Bool {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < scalar { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].lowerBound <= scalar
    }

    /// How many scalars; stops counting above `limit`.
    func count(limit: Int) -> Int {
        var total = 0
        for range in ranges {
            total += Int(range.upperBound - range.lowerBound) + 1
            if total > limit { break }
        }
        return total
    }

    /// With everything that differs by case only.
    var caseFolded: ScalarSet {
        var result = ranges
        CaseFolding.forEachFolded(in: self) { result.append($0...$0) }
        return ScalarSet(result)
    }
}
