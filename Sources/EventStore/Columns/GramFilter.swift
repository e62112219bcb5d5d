/// What runs of bytes a filter knows. On disk; what each takes in must never change (docs/formats/gram-filters.md).
package enum GramKind: UInt8, CaseIterable, Sendable {
    /// Four word bytes in a row without a digit: words and parts of words.
    case text = 1
    /// Six word bytes in a row with a digit: pieces of ids and of long numbers.
    case identifier = 2
}

/// A set of runs of bytes of a block's texts, for substring search: one bit for each run, and all runs are in. A piece
/// of an id of sixteen digits has eleven runs, of which all must be there, so the filter may be two thirds full and still
/// exclude 99 blocks of 100. Filters of few chosen runs with several bits each (Bloom filters over winnowed runs) were
/// larger for the same effect, and knew nothing of pieces shorter than what they were made for.
package struct GramFilter: Equatable, Sendable {
    package var kind: GramKind
    package var bits: [UInt8]

    /// More runs of a needle are not asked for: what is left after these is there.
    private static let mostPlaces = 24

    /// The filters of a block's texts, of about `budget` bytes at most. Kinds that would be too full are left out.
    package static func build(bytes: [UInt8], ends: [UInt32], budget: Int) -> [GramFilter] {
        GramCollector.filters(bytes, GramPieces(linesEndingAt: ends), budget: budget)
    }

    /// The places that are set in every filter of a kind and size (in bytes) over texts of which one contains the
    /// needle. None where the kind says nothing about the needle.
    package static func places(of needle: [UInt8], kind: GramKind, bytes: Int) -> [UInt32] {
        var out: [UInt32] = []
        var found = [Gram?](repeating: nil, count: needle.count)
        Gram.forEach(in: needle.span) { at, gram in
            if gram.kind == kind, found[at] == nil { found[at] = gram }
        }
        let grams = found.compactMap { $0 }
        // Spread over the needle: neighbours have most of their bytes in common.
        let step = max(1, (grams.count + mostPlaces - 1) / mostPlaces)
        for first in 0..<step {
            for i in stride(from: first, to: grams.count, by: step) where out.count < mostPlaces {
                out.append(grams[i].place(of: UInt32(truncatingIfNeeded: bytes &* 8)))
            }
        }
        return out
    }
}

/// A run of bytes that filters know. Its hash and places are on disk and must never change.
struct Gram {
    var kind: GramKind
    /// The bytes, the first one lowest.
    var value: UInt64

    static let textLength = 4
    static let longLength = 6

    /// Spreads the bits of a run over the high half.
    @inline(__always)
    static func hash(_ value: UInt64) -> UInt64 { (value &* 0x9e37_79b9_7f4a_7c15) >> 32 }

    /// Of a filter with so many bits. Of one half as large it is half of this.
    @inline(__always)
    func place(of bits: UInt32) -> UInt32 {
        UInt32(truncatingIfNeeded: (Gram.hash(value) &* UInt64(bits)) >> 32)
    }

    /// Whether a byte can be in a run: letters, digits, `_`, `-`, and what is not ASCII.
    static func isWord(_ byte: UInt8) -> Bool { byte == 0x2d || ByteClass.of(byte) != ByteClass.delimiter }

    /// Every run of the text with the place of its first byte. The plain way, for needles and to check the quick one.
    static func forEach(in text: Span<UInt8>, _ body: (_ at: Int, Gram) -> Void) {
        for at in text.indices {
            var digits = 0
            var value: UInt64 = 0
            for i in 0..<longLength where at + i < text.count {
                guard isWord(text[at + i]) else { break }
                value |= UInt64(text[at + i]) << UInt64(8 * i)
                if text[at + i] &- 0x30 < 10 { digits += 1 }
                if i == textLength - 1, digits == 0 { body(at, Gram(kind: .text, value: value)) }
                if i == longLength - 1, digits > 0 { body(at, Gram(kind: .identifier, value: value)) }
            }
        }
    }
}
