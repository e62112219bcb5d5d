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
    package func excites(_ bytes: ArraySlice<UInt8>) -> Bool {
        let text = bytes.span
        var position = 0
        while position < text.count, !begins[Int(text[position])] { position &+= 1 }
        if position == text.count { return false }
        if mindsEncoding {
            for i in position..<text.count where text[i] >= 0x80 { return true }
        }
        return !borrowed.value.staysIdle(text.extracting(position..<text.count))
    }

    package func begins(_ byte: UInt8) -> Bool { begins[Int(byte)] }
}
