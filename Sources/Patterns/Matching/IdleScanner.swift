/// Says of pieces of a text whether a match can begin in them, so that a text which is kept in pieces has to be put
/// together only where one can: if no piece leaves the automaton in the middle of a match, or at the end of one, then
/// the whole text holds none.
package struct IdleScanner: ~Copyable {
    private let storage: PatternStorage
    private let borrowed: Borrowed<Automaton>
    /// By byte: whether it can begin a match.
    private var begins = [Bool](repeating: false, count: 256)
    /// A byte that is not UTF-8 reads as U+FFFD, and it may be one together with its neighbour.
    private let mindsEncoding: Bool

    /// nil for expressions that look at what is around a match, or match nothing at all everywhere.
    package init?(_ pattern: Pattern) {
        let program = pattern.storage.program
        guard !program.hasAssertions, !program.isAnchoredAtStart, !pattern.isFound(in: [UInt8]()) else { return nil }
        storage = pattern.storage
        borrowed = pattern.storage.borrowIdle()
        mindsEncoding = program.matchesReplacement
        for byte in 0...255 {
            begins[byte] = !borrowed.value.staysIdle([UInt8(byte)].span) || (mindsEncoding && byte >= 0x80)
        }
    }

    deinit { storage.giveBackIdle(borrowed) }

    /// Whether a match may begin, or is, in a piece.
    package func excites(_ bytes: ArraySlice<UInt8>) -> Bool { excites(bytes.span) }

    package func excites(_ text: Span<UInt8>) -> Bool {
        var position = 0
        while position < text.count, !begins[Int(text[position])] { position &+= 1 }
        if position == text.count { return false }
        if mindsEncoding {
            for i in position..<text.count where text[i] >= 0x80 { return true }
        }
        return !borrowed.value.staysIdle(text.extracting(position..<text.count))
    }

    package func begins(_ byte: UInt8) -> Bool { begins[Int(byte)] }

    // MARK: Piece by piece

    /// Where a text is behind some of its pieces.
    package enum Position: Equatable {
        case idle
        case inside(Int32)
        case found
        /// The text has to be read in one.
        case lost
    }

    package func advance(_ position: Position, over text: Span<UInt8>) -> Position {
        let state: Int32
        switch position {
        case .found, .lost: return position
        case .idle:
            guard excites(text) else { return .idle }
            state = borrowed.value.idle
        case .inside(let inside): state = inside
        }
        if mindsEncoding { for i in 0..<text.count where text[i] >= 0x80 { return .lost } }
        let resets = borrowed.value.resets
        let next = borrowed.value.advance(state, over: text)
        if next == Automaton.found { return .found }
        guard next >= 0, borrowed.value.resets == resets else { return .lost }
        return next == borrowed.value.idle ? .idle : .inside(next)
    }

    /// Whether a text that ends there matches; nil where it has to be read in one.
    package func isMatch(atEndOf position: Position) -> Bool? {
        switch position {
        case .idle: return false
        case .found: return true
        case .lost: return nil
        case .inside(let state): return borrowed.value.matchesAtEnd(of: state)
        }
    }

    /// Positions are good while this is the same.
    package var epoch: Int { borrowed.value.resets }
}
