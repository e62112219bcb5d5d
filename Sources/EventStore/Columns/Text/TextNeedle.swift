import Codecs
import Patterns

/// Where a needle may lie in the lines of a template: in static text (then in all of them), in the value of a hole, or
/// over a border between the two.
struct NeedlePlan {
    /// A condition on the value of a hole that a line must meet to be looked at.
    struct Condition: Hashable {
        enum Form: Hashable { case contains, hasPrefix, hasSuffix, equals }

        var hole: Int
        var form: Form
        /// Of the needle.
        var range: Range<Int>
    }

    var matchesAll = false
    /// Every line that holds the needle meets one of them.
    var conditions: Set<Condition> = []

    private static let maximumConditions = 200

    /// `longest`: of the values of each hole.
    init(_ needle: [UInt8], pieces: [ArraySlice<UInt8>], longest: [Int]) {
        if pieces.contains(where: { $0.count >= needle.count && ByteSearch.find(needle, in: $0) != nil }) {
            matchesAll = true
            return
        }
        for hole in 0..<max(0, pieces.count - 1) {
            if longest[hole] >= needle.count {
                conditions.insert(Condition(hole: hole, form: .contains, range: 0..<needle.count))
            }
            // The needle begins before the hole, in its static text or further to the left.
            let before = pieces[hole]
            for length in stride(from: 1, through: min(before.count, needle.count - 1), by: 1)
            where before[before.endIndex - 1] == needle[length - 1]
                && before.suffix(length).elementsEqual(needle[..<length])
            {
                reach(needle, pieces, hole: hole, from: length)
            }
            // Or in the hole, and goes on behind it.
            for length in 1..<max(needle.count, 1) where follows(needle, pieces, hole + 1, from: length) {
                conditions.insert(Condition(hole: hole, form: .hasSuffix, range: 0..<length))
            }
        }
    }

    /// Whether static text can go on with the needle from there: all of the one begins the other.
    private func follows(_ needle: [UInt8], _ pieces: [ArraySlice<UInt8>], _ number: Int, from: Int) -> Bool {
        let piece = pieces[number]
        if let first = piece.first, first != needle[from] { return false }
        if number == pieces.count - 1, piece.count < needle.count - from { return false }
        let count = min(piece.count, needle.count - from)
        return piece.prefix(count).elementsEqual(needle[from..<from + count])
    }

    /// The needle enters the hole with its byte `from`: it ends inside, or the whole value is part of it.
    private mutating func reach(_ needle: [UInt8], _ pieces: [ArraySlice<UInt8>], hole: Int, from: Int) {
        conditions.insert(Condition(hole: hole, form: .hasPrefix, range: from..<needle.count))
        for end in from..<needle.count where follows(needle, pieces, hole + 1, from: end) {
            conditions.insert(Condition(hole: hole, form: .equals, range: from..<end))
        }
        if conditions.count > NeedlePlan.maximumConditions {
            conditions = [Condition(hole: -1, form: .contains, range: 0..<0)]
        }
    }
}
