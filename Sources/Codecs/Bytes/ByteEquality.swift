extension [UInt8] {
    /// Whether `self[range]` and `other[otherRange]` are the same bytes, compared by words: these runs are compared for
    /// every label of every new series. False where a range is not inside of its array.
    package func hasSameBytes(_ range: Range<Int>, as other: [UInt8], _ otherRange: Range<Int>) -> Bool {
        guard range.count == otherRange.count, range.lowerBound >= 0, range.upperBound <= count,
            otherRange.lowerBound >= 0, otherRange.upperBound <= other.count
        else { return false }
        return unsafe withUnsafeBytes { first in
            unsafe other.withUnsafeBytes { second in
                var place = 0
                let length = range.count
                while length &- place >= 8 {
                    let one = unsafe first.loadUnaligned(
                        fromByteOffset: range.lowerBound &+ place, as: UInt64.self)
                    let two = unsafe second.loadUnaligned(
                        fromByteOffset: otherRange.lowerBound &+ place, as: UInt64.self)
                    if one != two { return false }
                    place &+= 8
                }
                while place < length {
                    if unsafe first[range.lowerBound &+ place] != second[otherRange.lowerBound &+ place] {
                        return false
                    }
                    place &+= 1
                }
                return true
            }
        }
    }
}
