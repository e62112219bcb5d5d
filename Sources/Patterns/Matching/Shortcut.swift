/// A way to answer "whole?" or "anywhere?" without an automaton: literals with anything in between.
struct Shortcut: Sendable {
    /// In order, not overlapping.
    private var pieces: [[UInt8]] = []
    private var isOpenAtStart: Bool
    private var isOpenAtEnd: Bool
    /// A `.` that does not match a newline was taken for anything: then texts with newlines need the automaton.
    private var minds: Bool = false
    /// `.+` alone.
    private var needsOne = false

    /// nil where the expression is not of this shape.
    init?(_ node: Node, _ question: Automaton.Question) {
        isOpenAtStart = question == .anywhere
        isOpenAtEnd = question == .anywhere
        var parts = Shortcut.flattened(node)
        if case .assertion(.beginText)? = parts.first {
            parts.removeFirst()
            isOpenAtStart = false
        }
        if case .assertion(.endText)? = parts.last {
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
            minds = set != .all
            isOpenAtStart = true
            isOpenAtEnd = true
            return
        }
        var afterGap = true
        for (index, part) in parts.enumerated() {
            if let crossesNewlines = Shortcut.star(part) {
                minds = minds || !crossesNewlines
                if index == 0 { isOpenAtStart = true }
                if index == parts.count - 1 { isOpenAtEnd = true }
                afterGap = true
            } else if case .literal(let scalars) = part, let bytes = Literals.bytes(scalars) {
                if afterGap { pieces.append(bytes) } else { pieces[pieces.count - 1] += bytes }
                afterGap = false
            } else {
                return nil
            }
        }
    }

    /// `.*` or `.*?`: true where it crosses newlines, nil for anything else.
    private static func star(_ node: Node) -> Bool? {
        guard case .repetition(.scalars(let set), 0, nil, _) = node else { return nil }
        return set == .all ? true : set == .allButNewline ? false : nil
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
        if minds, unsafe text.withUnsafeBufferPointer({ unsafe ByteSearch.firstIndex(of: 0x0a, in: $0) }) != nil {
            return nil
        }
        if needsOne { return text.count > 0 }
        return unsafe text.withUnsafeBufferPointer { unsafe matches($0) }
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
            guard unsafe ByteSearch.hasBytes(first, at: 0, in: text) else { return false }
            if pieces.count == 1, !isOpenAtEnd { return text.count == first.count }
            low = first.count
            middle = middle.dropFirst()
        }
        if !isOpenAtEnd, !middle.isEmpty {
            guard high - low >= last.count,
                unsafe ByteSearch.hasBytes(last, at: high - last.count, in: text)
            else { return false }
            high -= last.count
            middle = middle.dropLast()
        }
        for piece in middle {
            guard let found = unsafe ByteSearch.find(piece, in: UnsafeBufferPointer(rebasing: text[low..<high])) else {
                return false
            }
            low += found + piece.count
        }
        return true
    }
}
