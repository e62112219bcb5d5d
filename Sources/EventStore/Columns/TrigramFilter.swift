import Codecs

/// A Bloom filter over all runs of three bytes of a column's values, for substring search.
///
/// It is filled at its largest size, about 2% of the bytes, and then halved (by or-ing the halves, which keeps every
/// answer right because a trigram's place is its hash modulo the size) as long as it stays sparse enough.
enum TrigramFilter {
    private static let wordLimit = 1 << 15

    /// nil where it would be too full to skip anything.
    static func build(bytes: [UInt8], ends: [UInt32]) -> [UInt8]? {
        var wordCount = 1
        while wordCount * 8 * 50 < bytes.count, wordCount < wordLimit { wordCount *= 2 }
        var words = [UInt64](repeating: 0, count: wordCount)
        let mask = UInt32(truncatingIfNeeded: wordCount * 64 - 1)
        var start = 0
        for end in ends {
            let end = Int(end)
            if end - start >= 3 {
                var gram = UInt32(bytes[start]) << 8 | UInt32(bytes[start + 1])
                for i in start + 2..<end {
                    gram = (gram << 8 | UInt32(bytes[i])) & 0xff_ffff
                    let (a, b) = places(gram)
                    words[Int((a & mask) >> 6)] |= 1 << UInt64(a & 63)
                    words[Int((b & mask) >> 6)] |= 1 << UInt64(b & 63)
                }
            }
            start = end
        }
        while words.count > 1 {
            let half = words.count / 2
            var folded = [UInt64](words[..<half])
            for i in 0..<half { folded[i] |= words[half + i] }
            if density(folded) > 0.35 { break }
            words = folded
        }
        if density(words) > 0.85 { return nil }
        var writer = ByteWriter(reserving: words.count * 8)
        for word in words { writer.writeFixed64(word) }
        return writer.bytes
    }

    /// Whether some value may contain the needle. True for needles that are too short to tell.
    static func mayContain(_ needle: [UInt8], filter: [UInt8]) -> Bool {
        guard needle.count >= 3, filter.count >= 8, filter.count.nonzeroBitCount == 1 else { return true }
        let mask = UInt32(truncatingIfNeeded: filter.count * 8 - 1)
        for i in 0..<needle.count - 2 {
            let gram = UInt32(needle[i]) << 16 | UInt32(needle[i + 1]) << 8 | UInt32(needle[i + 2])
            let (a, b) = places(gram)
            if filter[Int((a & mask) >> 3)] >> UInt8(a & 7) & 1 == 0 { return false }
            if filter[Int((b & mask) >> 3)] >> UInt8(b & 7) & 1 == 0 { return false }
        }
        return true
    }

    private static func density(_ words: [UInt64]) -> Double {
        Double(words.reduce(0) { $0 + $1.nonzeroBitCount }) / Double(words.count * 64)
    }

    /// On disk: must never change.
    @inline(__always)
    private static func places(_ gram: UInt32) -> (UInt32, UInt32) {
        let product = UInt64(gram &+ 1) &* 0x9e37_79b9_7f4a_7c15
        return (UInt32(truncatingIfNeeded: product >> 32), UInt32(truncatingIfNeeded: product >> 13))
    }
}
