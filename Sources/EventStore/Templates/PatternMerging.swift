import Codecs

/// Makes one pattern of those that differ in a name only: blocks and memory see few lines each, and what varies in a
/// hundred blocks may be the same word in one of them.
enum PatternMerging {
    /// So many patterns that are the same but for one word are one pattern with a hole for the word: seven levels are
    /// seven patterns, a hundred users are one.
    private static let fewest = 8
    private static let rounds = 3
    /// Longer ones are compared as they are.
    private static let mostTokens = 64
    /// Patterns that are compared with more general ones.
    private static let mostCompared = 5000

    /// The pattern that each of these is part of; a pattern that none is merged with stands for itself.
    static func run(_ patterns: [[UInt8]]) -> [[UInt8]] {
        var tokens = patterns.map { $0.split(separator: 0x20, omittingEmptySubsequences: false).map { Array($0) } }
        for _ in 0..<rounds where !openWords(&tokens) { break }
        absorb(&tokens)
        return zip(patterns, tokens).map { pattern, tokens in
            tokens.count > mostTokens ? pattern : Array(tokens.joined(separator: [0x20]))
        }
    }

    /// False where there is nothing to do.
    private static func openWords(_ tokens: inout [[[UInt8]]]) -> Bool {
        var counts: [UInt64: Int] = [:]
        var seen: Set<UInt64> = []
        for words in tokens where isComparable(words) {
            let hashes = words.map { Hash64.hash($0) }
            let whole = hash(hashes, without: -1)
            guard seen.insert(whole).inserted else { continue }
            for place in words.indices where isName(words[place]) {
                counts[hash(hashes, without: place), default: 0] += 1
            }
        }
        var changed = false
        for at in tokens.indices where isComparable(tokens[at]) {
            let hashes = tokens[at].map { Hash64.hash($0) }
            var best: (place: Int, count: Int)?
            for place in tokens[at].indices where isName(tokens[at][place]) {
                let count = counts[hash(hashes, without: place)] ?? 0
                if count >= fewest, count > best?.count ?? 0 { best = (place, count) }
            }
            guard let best else { continue }
            tokens[at][best.place] = PatternText.hole
            changed = true
        }
        return changed
    }

    private static func isComparable(_ words: [[UInt8]]) -> Bool { words.count > 1 && words.count <= mostTokens }

    /// A word without any hole in it but at its ends.
    private static func isName(_ word: [UInt8]) -> Bool {
        var rest = word[...]
        if rest.starts(with: PatternText.hole) { rest = rest.dropFirst(PatternText.hole.count) }
        if rest.suffix(PatternText.hole.count).elementsEqual(PatternText.hole) {
            rest = rest.dropLast(PatternText.hole.count)
        }
        return !rest.isEmpty && !rest.contains(0x3c)
    }

    private static func hash(_ words: [UInt64], without place: Int) -> UInt64 {
        var state = UInt64(bitPattern: Int64(place)) &+ UInt64(words.count) << 32
        for (number, word) in words.enumerated() where number != place {
            state = Hash64.mix(state ^ word &+ UInt64(number))
        }
        return state
    }

    /// Patterns that are cases of another one become that one, if that says something itself: at least half of its
    /// words are words.
    private static func absorb(_ tokens: inout [[[UInt8]]]) {
        var byLength: [Int: [Int]] = [:]
        for at in tokens.indices where isComparable(tokens[at]) { byLength[tokens[at].count, default: []].append(at) }
        for (_, members) in byLength where members.count > 1 && members.count <= mostCompared {
            let general = Set(members.map { tokens[$0] }).filter { words in
                words.contains(PatternText.hole) && words.count(where: isName) * 2 >= words.count
            }.sorted { a, b in
                let (x, y) = (a.count { $0 == PatternText.hole }, b.count { $0 == PatternText.hole })
                return x == y ? a.joined().lexicographicallyPrecedes(b.joined()) : x > y
            }
            for member in members {
                for pattern in general where pattern != tokens[member] && isCase(tokens[member], of: pattern) {
                    tokens[member] = pattern
                    break
                }
            }
        }
    }

    private static func isCase(_ words: [[UInt8]], of pattern: [[UInt8]]) -> Bool {
        for (word, general) in zip(words, pattern) where word != general && general != PatternText.hole { return false }
        return true
    }
}
