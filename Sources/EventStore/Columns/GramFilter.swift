/// What runs of bytes a filter knows. On disk; what each takes in must never change (docs/formats/gram-filters.md).
package enum GramKind: UInt8, CaseIterable, Sendable {
    /// Every run of four bytes without a digit: words, parts of words, punctuation.
    case text = 1
    /// Every run of four letters and digits, with a digit and a letter that is no hexadecimal digit: `x7k9`.
    case mixed = 2
    /// Of every eight digits in a row one run of six.
    case digits = 3
    /// Of every 16, 24 or 32 letters, digits and dashes in a row one run of six, where it has a digit: what ids are
    /// found by. All runs of them would fill any filter; the one with the least hash is found again in any piece of
    /// the id that is as long (winnowing, SIGMOD 2003).
    case identifiers16 = 4
    case identifiers24 = 5
    case identifiers32 = 6

    /// Length of the pieces of which each has a run in the filter.
    var guaranteed: Int {
        switch self {
        case .text, .mixed: 4
        case .digits: 8
        case .identifiers16: 16
        case .identifiers24: 24
        case .identifiers32: 32
        }
    }
}

/// A Bloom filter over some of the runs of bytes of a block's texts, for substring search. Its size is a power of two,
/// and places are taken modulo its bits, so that a large one can be folded into a smaller one.
package struct GramFilter: Equatable, Sendable {
    package var kind: GramKind
    package var bits: [UInt8]

    static let gramLength = 6

    /// The filters of a block's texts, of about `budget` bytes at most. Kinds that would be too full are left out.
    package static func build(bytes: [UInt8], ends: [UInt32], budget: Int) -> [GramFilter] {
        var collector = GramCollector(sizeLimit: min(max(bytes.count / 24, 1024), 1 << 15), budget: budget)
        collector.add(bytes.span, ends)
        return collector.filters(budget: budget)
    }

    /// The places that are set in every filter of a kind over texts of which one contains the needle; to be taken
    /// modulo the filter's bits. None where the kind says nothing about the needle.
    package static func places(of needle: [UInt8], kind: GramKind) -> [UInt32] {
        var out: [UInt32] = []
        let text = needle.span
        switch kind {
        case .text, .mixed:
            guard needle.count >= 4 else { return [] }
            for i in 0..<needle.count - 3 where out.count < 64 {
                let gram = Gram.four(text, i)
                if Gram.kind(gram) == kind { out.append(Gram.place(gram)) }
            }
        case .digits, .identifiers16, .identifiers24, .identifiers32:
            var found: [UInt64] = []
            var hashes: [UInt64] = []
            var chosen: [Int] = []
            Gram.forEachRun(text, 0, needle.count, digitsOnly: kind == .digits) { first, end in
                Gram.hashes(text, first, end, into: &hashes)
                Gram.winnow(hashes, length: kind.guaranteed, into: &chosen)
                for at in chosen where Gram.hasDigit(text, first + at) { found.append(hashes[at]) }
            }
            for hash in found.prefix(16) {
                for i in 0..<Gram.placesOfIdentifiers { out.append(Gram.place(hash, i)) }
            }
        }
        return out
    }
}

/// Collects the grams of all kinds in one pass.
private struct GramCollector {
    private var text: [UInt64]
    private var mixed: [UInt64]
    private var digits: [UInt64]
    private var identifiers: [[UInt64]]
    /// How many runs may still be put in before a kind is given up.
    private var room: [Int]
    private var hashes: [UInt64] = []
    private var chosen: [Int] = []
    private let table = ByteClass.table

    init(sizeLimit: Int, budget: Int) {
        // A run takes about six bits; ids may come twice.
        room = [Int](repeating: max(budget, 64) * 8 / 6 * 2, count: 3)
        var words = 64
        while words * 16 <= sizeLimit { words *= 2 }
        text = [UInt64](repeating: 0, count: words)
        mixed = text
        digits = text
        identifiers = [text, text, text]
    }

    mutating func add(_ bytes: Span<UInt8>, _ ends: [UInt32]) {
        // Out of the structure, so that the loop over all bytes does not ask each time whether it may write.
        var words: [UInt64] = []
        swap(&words, &text)
        var places = words.mutableSpan
        let classTable = table
        let classes = classTable.span
        var start = 0
        let all = room
        for (number, end) in ends.enumerated() {
            addLine(bytes, start, Int(end), classes, &places)
            start = Int(end)
            // A kind that will not fit is given up early: it is what costs most.
            guard number == ends.count / 16 else { continue }
            for i in 0..<3 where (all[i] &- room[i]) &* ends.count > all[i] &* (number &+ 1) { room[i] = 0 }
        }
        swap(&words, &text)
    }

    @inline(__always)
    private mutating func addLine(
        _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ classes: Span<UInt8>, _ text: inout MutableSpan<UInt64>
    ) {
        let mask = UInt32(truncatingIfNeeded: text.count &* 64 &- 1)
        var position = start
        var gram: UInt32 = 0
        // Bytes since the last digit, and of the run of word or digits that goes on.
        var sinceDigit = 0
        var wordRun = 0
        var wordKinds: UInt8 = 0
        var digitRun = 0
        while position < end {
            let byte = unsafe bytes[unchecked: position]
            let kind = unsafe classes[unchecked: Int(byte)]
            gram = gram >> 8 | UInt32(byte) << 24
            if kind == ByteClass.digit {
                sinceDigit = 0
                digitRun &+= 1
            } else {
                if digitRun >= GramKind.digits.guaranteed { addDigits(bytes, position &- digitRun, position) }
                digitRun = 0
                sinceDigit &+= 1
                if sinceDigit >= 4 {
                    let place = Gram.place(gram) & mask
                    text[Int(place >> 6)] |= 1 &<< UInt64(place & 63)
                }
            }
            if kind == ByteClass.delimiter, byte != 0x2d {
                if wordKinds & ByteClass.digit != 0 { addWord(bytes, position &- wordRun, position, wordKinds) }
                wordRun = 0
                wordKinds = 0
            } else {
                wordRun &+= 1
                wordKinds |= kind
            }
            position &+= 1
        }
        if digitRun >= GramKind.digits.guaranteed { addDigits(bytes, end &- digitRun, end) }
        if wordKinds & ByteClass.digit != 0 { addWord(bytes, end &- wordRun, end, wordKinds) }
    }

    private mutating func addDigits(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) {
        Gram.hashes(bytes, start, end, into: &hashes)
        Gram.winnow(hashes, length: GramKind.digits.guaranteed, into: &chosen)
        for at in chosen { Gram.set(hashes[at], in: &digits) }
    }

    /// A run of letters, digits and dashes with a digit in it.
    private mutating func addWord(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ kinds: UInt8) {
        if end &- start >= 4, kinds & (ByteClass.lower | ByteClass.other) != 0 {
            let mask = UInt32(truncatingIfNeeded: mixed.count &* 64 &- 1)
            for i in start...end &- 4 {
                let gram = Gram.four(bytes, i)
                guard Gram.kind(gram) == .mixed else { continue }
                let place = Gram.place(gram) & mask
                mixed[Int(place >> 6)] |= 1 &<< UInt64(place & 63)
            }
        }
        guard end &- start >= 16 else { return }
        Gram.hashes(bytes, start, end, into: &hashes)
        for number in 0..<3 where room[number] > 0 && end &- start >= 16 + 8 * number {
            Gram.winnow(hashes, length: 16 + 8 * number, into: &chosen)
            for at in chosen where Gram.hasDigit(bytes, start &+ at) { Gram.set(hashes[at], in: &identifiers[number]) }
            room[number] &-= chosen.count
        }
    }

    func filters(budget: Int) -> [GramFilter] {
        var out: [GramFilter] = []
        var left = budget
        func add(_ kind: GramKind, _ words: [UInt64], target: Double, fullest: Double, share: Double) -> Bool {
            guard words.contains(where: { $0 != 0 }) else { return true }
            var folded = words
            while folded.count > 1 {
                let half = folded.count / 2
                var next = [UInt64](folded[..<half])
                for i in 0..<half { next[i] |= folded[half + i] }
                let isTooLarge = Double(folded.count * 8) > share * Double(left)
                if Gram.density(next) > (isTooLarge ? fullest : target) { break }
                folded = next
            }
            if Double(folded.count * 8) > share * Double(left) || Gram.density(folded) > fullest { return false }
            left -= folded.count * 8
            var bytes: [UInt8] = []
            bytes.reserveCapacity(folded.count * 8)
            for word in folded { for i in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(8 * i))) } }
            out.append(GramFilter(kind: kind, bits: bytes))
            return true
        }
        _ = add(.text, text, target: 0.3, fullest: 0.6, share: 0.6)
        _ = add(.mixed, mixed, target: 0.3, fullest: 0.6, share: 0.4)
        let kinds: [GramKind] = [.identifiers16, .identifiers24, .identifiers32]
        for (i, kind) in kinds.enumerated()
        where room[i] > 0 && add(kind, identifiers[i], target: 0.4, fullest: 0.6, share: 0.8) { break }
        _ = add(.digits, digits, target: 0.4, fullest: 0.6, share: 1)
        return out
    }
}

/// Runs of bytes and their places. All of it is on disk and must never change.
private enum Gram {
    static let placesOfIdentifiers: UInt32 = 4

    @inline(__always)
    static func four(_ text: Span<UInt8>, _ i: Int) -> UInt32 {
        UInt32(text[i]) | UInt32(text[i &+ 1]) << 8 | UInt32(text[i &+ 2]) << 16 | UInt32(text[i &+ 3]) << 24
    }

    /// nil: in no filter.
    static func kind(_ gram: UInt32) -> GramKind? {
        var seen: UInt8 = 0
        for i: UInt32 in 0..<4 { seen |= ByteClass.of(UInt8(truncatingIfNeeded: gram >> (8 * i))) }
        if seen & ByteClass.digit == 0 { return .text }
        if seen & ByteClass.delimiter == 0, seen & (ByteClass.lower | ByteClass.other) != 0 { return .mixed }
        return nil
    }

    @inline(__always)
    static func place(_ gram: UInt32) -> UInt32 {
        UInt32(truncatingIfNeeded: (UInt64(gram) &* 0x9e37_79b9_7f4a_7c15) >> 29)
    }

    @inline(__always)
    static func place(_ hash: UInt64, _ number: UInt32) -> UInt32 {
        UInt32(truncatingIfNeeded: hash) &+ number &* (UInt32(truncatingIfNeeded: hash >> 32) | 1)
    }

    @inline(__always)
    static func set(_ hash: UInt64, in words: inout [UInt64]) {
        let mask = UInt32(truncatingIfNeeded: words.count &* 64 &- 1)
        for i in 0..<placesOfIdentifiers {
            let place = place(hash, i) & mask
            words[Int(place >> 6)] |= 1 &<< UInt64(place & 63)
        }
    }

    static func density(_ words: [UInt64]) -> Double {
        Double(words.reduce(0) { $0 + $1.nonzeroBitCount }) / Double(words.count * 64)
    }

    static func forEachRun(
        _ text: Span<UInt8>, _ start: Int, _ end: Int, digitsOnly: Bool, _ body: (_ first: Int, _ end: Int) -> Void
    ) {
        var first = start
        for i in start...end {
            let isInside: Bool
            if i == end {
                isInside = false
            } else {
                let kind = ByteClass.of(text[i])
                isInside = digitsOnly ? kind == ByteClass.digit : kind != ByteClass.delimiter || text[i] == 0x2d
            }
            if isInside { continue }
            if i > first { body(first, i) }
            first = i + 1
        }
    }

    /// Of all runs of six bytes.
    static func hashes(_ text: Span<UInt8>, _ start: Int, _ end: Int, into out: inout [UInt64]) {
        out.removeAll(keepingCapacity: true)
        guard end &- start >= GramFilter.gramLength else { return }
        for i in start...end &- GramFilter.gramLength { out.append(hash(text, i)) }
    }

    /// Where the least hash is of each window of `length` bytes; the first of equals.
    static func winnow(_ hashes: [UInt64], length: Int, into out: inout [Int]) {
        out.removeAll(keepingCapacity: true)
        let window = length &- GramFilter.gramLength &+ 1
        guard hashes.count >= window else { return }
        var leastAt = -1
        for last in window &- 1..<hashes.count {
            let first = last &- window &+ 1
            let before = leastAt
            if leastAt < first {
                leastAt = first
                for i in first &+ 1...last where hashes[i] < hashes[leastAt] { leastAt = i }
            } else if hashes[last] < hashes[leastAt] {
                leastAt = last
            }
            if leastAt != before { out.append(leastAt) }
        }
    }

    @inline(__always)
    private static func hash(_ text: Span<UInt8>, _ i: Int) -> UInt64 {
        let low = UInt64(four(text, i))
        let high = UInt64(text[i &+ 4]) | UInt64(text[i &+ 5]) << 8
        let product = (low | high << 32).multipliedFullWidth(by: 0x9fb2_1c65_1e98_df25)
        return (product.high ^ product.low) &* 0xd6e8_feb8_6659_fd93
    }

    static func hasDigit(_ text: Span<UInt8>, _ i: Int) -> Bool {
        for at in i..<i &+ GramFilter.gramLength where text[at] &- 0x30 < 10 { return true }
        return false
    }
}
