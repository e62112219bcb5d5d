internal import Storage
import Synchronization
internal import Telemetry

/// What queries remember of parts: the dictionary, series tables, posting pages and, of the last selectors that found
/// little, what they found, up to a number of bytes. Over it
/// all is forgotten and begins anew: what is asked often is back after a query.
final class QueryIndex: Sendable {
    struct Key: Hashable {
        var part: Int64
        /// A group's number, or ``page(_:)``.
        var item: Int

        static func page(_ offset: Int) -> Int { -1 - offset }
    }

    private struct State {
        var dictionary = SeriesDictionary()
        var groups: [Key: GroupIndex] = [:]
        var pages: [Key: PostingPage] = [:]
        var selectors: [[Matcher]: SelectorMemory] = [:]
        var bytes = 0
    }

    /// Selectors that are remembered, at most.
    private static let mostSelectors = 256

    private let state = Mutex(State())
    private let limit: Int

    /// A sixteenth of what the process may hold.
    init(_ budget: MemoryBudget?) { limit = budget.map { min(256 << 20, max(8 << 20, $0.limit / 16)) } ?? 64 << 20 }

    /// For one query from its beginning to its end. Too large a cache is emptied here, when nobody waits for it, and any
    /// where memory is short.
    func dictionary(isShort: Bool) -> SeriesDictionary {
        let (current, bytes) = state.withLock { ($0.dictionary, $0.bytes) }
        guard isShort || bytes + current.byteCount > limit else { return current }
        return state.withLock { state in
            if state.dictionary === current { state = State() }
            return state.dictionary
        }
    }

    /// - Parameter charge: told how many bytes more are held, before they count as the cache's own.
    func group(
        _ index: Int, of part: SeriesPart, _ dictionary: SeriesDictionary, charge: (Int) throws -> Void
    ) throws -> GroupIndex {
        let key = Key(part: part.record.id, item: index)
        if let known = state.withLock({ $0.groups[key] }), known.dictionary === dictionary { return known }
        // Its own and what it may add to the dictionary, about.
        try charge(part.directory.groups[index].count * 160)
        let made = try GroupIndex(part, group: index, dictionary)
        state.withLock { state in
            // A query that outlived its dictionary must not leave numbers of the old one behind.
            guard state.dictionary === dictionary else { return }
            state.groups[key] = made
            state.bytes += made.byteCount
        }
        return made
    }

    func memory(of matchers: [Matcher]) -> SelectorMemory {
        state.withLock { state in
            if let known = state.selectors[matchers] { return known }
            if state.selectors.count >= QueryIndex.mostSelectors { state.selectors = [:] }
            let made = SelectorMemory()
            state.selectors[matchers] = made
            return made
        }
    }

    func page(_ offset: Int, of part: SeriesPart, _ make: () throws -> PostingPage) rethrows -> PostingPage {
        let key = Key(part: part.record.id, item: Key.page(offset))
        if let known = state.withLock({ $0.pages[key] }) { return known }
        let made = try make()
        state.withLock { state in
            state.pages[key] = made
            state.bytes += made.byteCount
        }
        return made
    }

    /// Of parts that are not there any more.
    func forget(_ parts: [SeriesPart]) {
        let gone = Set(parts.map(\.record.id))
        state.withLock { state in
            for (key, group) in state.groups where gone.contains(key.part) {
                state.bytes -= group.byteCount
                state.groups[key] = nil
            }
            for (key, page) in state.pages where gone.contains(key.part) {
                state.bytes -= page.byteCount
                state.pages[key] = nil
            }
            for memory in state.selectors.values { memory.forget(gone) }
        }
    }
}

/// The values of a posting page; their series are decoded when they are wanted.
final class PostingPage: Sendable {
    struct Entry {
        /// In ``bytes``.
        var value: Range<Int>
        var count: Int
        var packed: Range<Int>
    }

    let bytes: [UInt8]
    let entries: [Entry]

    var byteCount: Int { bytes.count + entries.count * 40 + 100 }

    init(_ bytes: [UInt8], _ entries: [Entry]) {
        self.bytes = bytes
        self.entries = entries
    }

    /// The entry of the value, which are ascending.
    func find(_ value: [UInt8]) -> Int? {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if bytes[entries[middle].value].lexicographicallyPrecedes(value) { low = middle + 1 } else { high = middle }
        }
        return low < entries.count && bytes[entries[low].value].elementsEqual(value) ? low : nil
    }
}
