/// A pattern with automata of its own, for a loop over many texts in one task.
package struct PatternMatcher: Sendable {
    private let storage: PatternStorage
    private var whole: Automaton?
    private var anywhere: Automaton?

    init(_ storage: PatternStorage) {
        self.storage = storage
    }

    package mutating func matchesWhole(_ text: Span<UInt8>) -> Bool {
        if let quick = storage.quickAnswer(.whole, text) { return quick }
        // Taken out and put back, so that the arrays in it stay unshared.
        var automaton = whole.take() ?? Automaton(storage.program, .whole)
        defer { whole = automaton }
        return storage.run(&automaton, text)
    }

    package mutating func isFound(in text: Span<UInt8>) -> Bool {
        if let quick = storage.quickAnswer(.anywhere, text) { return quick }
        var automaton = anywhere.take() ?? Automaton(storage.program, .anywhere)
        defer { anywhere = automaton }
        return storage.run(&automaton, text)
    }

    package mutating func matchesWhole(_ bytes: ArraySlice<UInt8>) -> Bool { matchesWhole(bytes.span) }
    package mutating func isFound(in bytes: ArraySlice<UInt8>) -> Bool { isFound(in: bytes.span) }
}
