/// A way to answer "whole?" or "anywhere?" without an automaton: literals, in either case or not, with anything in
/// between.
struct Shortcut: Sendable {
    struct Piece: Sendable {
        var bytes: [UInt8]
        /// ASCII letters match in either case.
        var ignoresCase = false
        /// Holds a letter that a scalar outside ASCII folds to: the Kelvin sign to k, the long s to s.
        var isWide = false
    }

    /// In order, not overlapping.
    private var pieces: [Piece] = []
    private var isOpenAtStart: Bool
    private var isOpenAtEnd: Bool
    /// A `.` that does not match a newline was taken for anything: then texts with newlines need the automaton.
    private var mindsNewlines = false
    /// `.+` alone.
    private var needsOne = false
    private var isWide = false

    /// nil where the expression is not of this shape.
    init?(_ node: Node, _ question: Automaton.Question) {
        isOpenAtStart = question == .anywhere
        isOpenAtEnd = question == .anywhere
        var parts = Shortcut.flattened(node)
        while case .assertion(.beginText)? = parts.first {
            parts.removeFirst()
            isOpenAtStart = false
        }
        while case .assertion(.endText)? = parts.last {
            parts.removeLast()
            isOpenAtEnd = false
        }
        // Where anything may come before, a leading `.*` says nothing.
        while isOpenAtStart, let first = parts.first, Shortcut.star(first) != nil { parts.removeFirst() }
        while isOpenAtEnd, let last = parts.last, Shortcut.star(last) != nil { parts.removeLast() }
        if parts.count == 1, !isOpenAtStart, !isOpenAtEnd,
            case .repetition(.scalars(let set), 1, nil, _) = parts[0], set == .all || set == .allButNewline
        {
            needsOne = true
            mindsNewlines = set != .all
            isOpenAtStart = true
            isOpenAtEnd = true
            return
        }
        var afterGap = true
        for (index, part) in parts.enumerated() {
            if let crossesNewlines = Shortcut.star(part) {
                mindsNewlines = mindsNewlines || !crossesNewlines
                if index == 0 { isOpenAtStart = true }
                if index == parts.count - 1 { isOpenAtEnd = true }
                afterGap = true
                continue
            }
            guard let piece = Shortcut.piece(part) else { return nil }
            if afterGap {
                pieces.append(piece)
            } else if !pieces[pieces.count - 1].append(piece) {
                return nil
            }
            afterGap = false
        }
        isWide = pieces.contains(where: \.isWide)
    }

    /// `.*` or `.*?`: true where it crosses newlines, nil for anything else.
    private static func star(_ node: Node) -> Bool? {
        guard case .repetition(.scalars(let set), 0, nil, _) = node else { return nil }
        return set == .all ? true : set == .allButNewline ? false : nil
    }

    private static func piece(_ node: Node) -> Piece? {
        switch node {
        case .literal(let scalars): return Literals.bytes(scalars).map { Piece(bytes: $0) }
        case .scalars(let set):
            // What the parser makes of a letter under `(?i)`.
            guard set.ranges.count <= 3, let upper = set.ranges.first?.lowerBound, (0x41...0x5a).contains(upper) else {
                return nil
            }
            let others = CaseFolding.others(upper)
            guard set == ScalarSet(([upper] + others).map { $0...$0 }) else { return nil }
            return Piece(bytes: [UInt8(upper) | 0x20], ignoresCase: true, isWide: others.count > 1)
        default: return nil
        }
    }

    private static func flattened(_ node: Node) -> [Node] {
        switch node {
        case .capture(_, let inner): flattened(inner)
        case .concatenation(let parts): parts.flatMap(flattened)
        case .empty: []
        default: [node]
        }
    }

    /// nil: ask the automaton.
    func matches(_ text: Span<UInt8>) -> Bool? {
        if mindsNewlines, unsafe text.withUnsafeBufferPointer({ unsafe ByteSearch.firstIndex(of: 0x0a, in: $0) }) != nil
        {
            return nil
        }
        if needsOne { return text.count > 0 }
        if unsafe text.withUnsafeBufferPointer({ unsafe matches($0) }) { return true }
        return isWide && !ValidText.isASCII(text) ? nil : false
    }

    @unsafe
    private func matches(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let first = pieces.first, let last = pieces.last else {
            return isOpenAtStart || isOpenAtEnd || text.isEmpty
        }
        var low = 0
        var high = text.count
        var middle = pieces[...]
        if !isOpenAtStart {
            guard unsafe first.stands(at: 0, in: text) else { return false }
            if pieces.count == 1, !isOpenAtEnd { return text.count == first.bytes.count }
            low = first.bytes.count
            middle = middle.dropFirst()
        }
        if !isOpenAtEnd, !middle.isEmpty {
            guard high - low >= last.bytes.count, unsafe last.stands(at: high - last.bytes.count, in: text) else {
                return false
            }
            high -= last.bytes.count
            middle = middle.dropLast()
        }
        for piece in middle {
            guard let found = unsafe piece.find(in: UnsafeBufferPointer(rebasing: text[low..<high])) else {
                return false
            }
            low += found + piece.bytes.count
        }
        return true
    }
}

extension Shortcut.Piece {
    private var hasLetters: Bool { bytes.contains { ($0 | 0x20) >= 0x61 && ($0 | 0x20) <= 0x7a } }

    /// False where one of the two minds the case of letters and the other does not.
    mutating func append(_ other: Self) -> Bool {
        guard ignoresCase == other.ignoresCase || !(ignoresCase ? other : self).hasLetters else { return false }
        bytes += other.bytes
        ignoresCase = ignoresCase || other.ignoresCase
        isWide = isWide || other.isWide
        return true
    }

    @unsafe
    func stands(at position: Int, in text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard text.count - position >= bytes.count else { return false }
        return ignoresCase
            ? unsafe ByteSearch.isEqualIgnoringCase(bytes, at: position, in: text)
            : unsafe ByteSearch.hasBytes(bytes, at: position, in: text)
    }

    @unsafe
    func find(in text: UnsafeBufferPointer<UInt8>) -> Int? {
        ignoresCase ? unsafe ByteSearch.findIgnoringCase(bytes, in: text) : unsafe ByteSearch.find(bytes, in: text)
    }
}
