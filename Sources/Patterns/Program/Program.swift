/// A compiled expression: a non-deterministic automaton over the bytes of UTF-8.
struct Program: Sendable {
    enum Operation: UInt8, Sendable {
        /// A byte from `low` to `high`, then `out`.
        case range
        /// A byte in `sets[index]`, then `out`.
        case set
        /// `out` first, `index` if that fails.
        case split
        /// Stores the position in slot `index`, then `out`.
        case capture
        /// `low` is an `Assertion`, then `out`.
        case assertion
        case match
        case fail
    }

    struct Instruction: Sendable {
        var operation: Operation
        var low: UInt8 = 0
        var high: UInt8 = 0
        var out: Int32 = 0
        var index: Int32 = 0
    }

    /// `low` of a split that begins a closing `(?s).*`: from there every rest of a text matches.
    static let universal: UInt8 = 1

    var instructions: [Instruction]
    var sets: [ByteSet]
    var start: Int32
    /// Two for the whole match and for each capture.
    var slotCount: Int
    var hasLineAssertions: Bool
    var hasWordAssertions: Bool
    var hasAssertions: Bool
    /// Every match begins where the text begins.
    var isAnchoredAtStart: Bool
    /// Some class holds U+FFFD, which is what a byte that is not UTF-8 counts as.
    var matchesReplacement: Bool
    /// What every match begins with; empty if nothing is known.
    var prefix: [UInt8]
    /// The bytes that a match can begin with; nil where a match may be empty.
    var firstBytes: ByteSet?
    /// The same where they are at most four, the last repeated.
    var fewFirstBytes: SIMD4<UInt8>?

    /// Whether a search can pass over what no match begins with.
    var hasCandidates: Bool { prefix.count > 1 || fewFirstBytes != nil }

    /// The first place at `position` or later where a match can begin.
    @unsafe
    func candidate(_ text: UnsafeBufferPointer<UInt8>, from position: Int) -> Int? {
        if prefix.count > 1 {
            let rest = unsafe UnsafeBufferPointer(rebasing: text[position...])
            return unsafe ByteSearch.find(prefix, in: rest).map { $0 + position }
        }
        guard let firstBytes else { return position }
        if let few = fewFirstBytes {
            let rest = unsafe UnsafeBufferPointer(rebasing: text[position...])
            return unsafe ByteSearch.firstIndex(ofAny: few, in: rest).map { $0 + position }
        }
        var candidate = position
        while candidate < text.count {
            if unsafe firstBytes.contains(text[candidate]) { return candidate }
            candidate += 1
        }
        return nil
    }
}

/// A set of bytes.
struct ByteSet: Hashable, Sendable {
    private var words = SIMD4<UInt64>()

    @inline(__always)
    func contains(_ byte: UInt8) -> Bool {
        words[Int(byte >> 6)] &>> UInt64(byte & 63) & 1 == 1
    }

    mutating func formUnion(_ other: ByteSet) { words |= other.words }

    mutating func insert(_ range: ClosedRange<UInt8>) {
        for byte in range { words[Int(byte >> 6)] |= 1 &<< UInt64(byte & 63) }
    }

    /// The bytes of the set where they are at most four, the last repeated.
    var few: SIMD4<UInt8>? {
        let bytes = (UInt8.min...UInt8.max).filter(contains)
        guard let last = bytes.last, bytes.count <= 4 else { return nil }
        var result = SIMD4(repeating: last)
        for (lane, byte) in bytes.enumerated() { result[lane] = byte }
        return result
    }

    /// The range that the set is, if it is one.
    var singleRange: ClosedRange<UInt8>? {
        guard let first = (UInt8.min...UInt8.max).first(where: contains),
            let last = (UInt8.min...UInt8.max).last(where: contains)
        else { return nil }
        return (first...last).allSatisfy(contains) ? first...last : nil
    }
}
