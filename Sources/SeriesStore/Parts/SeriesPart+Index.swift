import Codecs
internal import Storage
internal import Telemetry

extension SeriesPart {
    private func page(_ page: PartDirectory.Page, _ cache: QueryIndex?) throws -> PostingPage {
        guard let cache else { return try read(page) }
        return try cache.page(page.offset, of: self) { try read(page) }
    }

    private func read(_ page: PartDirectory.Page) throws -> PostingPage {
        let bytes = try sealed(page.offset, page.length, "label index")
        do {
            var reader = ByteReader(bytes)
            var entries: [PostingPage.Entry] = []
            for _ in 0..<(try reader.readCount(limit: PartFormat.pageSize)) {
                let value = try reader.readLengthPrefixed().indices
                let count = try reader.readCount(limit: reader.remaining)
                entries.append(
                    PostingPage.Entry(value: value, count: count, packed: try reader.readLengthPrefixed().indices))
            }
            return PostingPage(bytes, entries)
        } catch {
            throw StorageError.corrupt(path: path, offset: page.offset, reason: "label index: \(error.reason)")
        }
    }

    private func pages(of name: String) -> [PartDirectory.Page]? {
        let place = directory.names.partitioningIndex { !$0.name.utf8.lexicographicallyPrecedes(name.utf8) }
        guard place < directory.names.count, directory.names[place].name == name else { return nil }
        return directory.names[place].pages
    }

    func values(of name: String, _ cache: QueryIndex? = nil) throws -> [String] {
        var values: [String] = []
        for place in pages(of: name) ?? [] {
            let page = try page(place, cache)
            for entry in page.entries { values.append(String(decoding: page.bytes[entry.value], as: UTF8.self)) }
        }
        return values
    }

    /// Of several values of one name.
    private struct Postings {
        var found: [(page: PostingPage, entry: Int)] = []
        var count: Int { found.reduce(0) { $0 + $1.page.entries[$1.entry].count } }

        /// Series numbers, ascending.
        func decode() throws(CodecError) -> [UInt32] {
            var series: [UInt32] = []
            series.reserveCapacity(count)
            for (page, place) in found {
                let entry = page.entries[place]
                var reader = ByteReader(page.bytes[entry.packed])
                var last: UInt32 = 0
                for _ in 0..<entry.count {
                    last = last &+ UInt32(truncatingIfNeeded: try reader.readVarint())
                    series.append(last)
                }
            }
            return found.count > 1 ? series.sorted() : series
        }
    }

    /// Series numbers in ascending order, a superset of those that match; nil where the index does not narrow it.
    func candidates(_ matchers: [CompiledMatcher], _ cache: QueryIndex? = nil) throws -> [UInt32]? {
        var lists: [(count: Int, postings: Postings)] = []
        for matcher in matchers where !matcher.matchesEmpty {
            guard let literals = matcher.literals else { continue }
            guard let found = try postings(of: matcher.name, literals, cache) else { return [] }
            lists.append((found.count, found))
        }
        for matcher in matchers where !matcher.matchesEmpty && matcher.literals == nil {
            guard let pages = pages(of: matcher.name) else { return [] }
            let some = SeriesPart.pages(pages, from: matcher.prefix)
            // To look at a value costs less than to look at a series.
            let fewest = lists.map(\.count).min() ?? .max
            guard fewest > SeriesPart.few,
                some.count < pages.count || some.count * PartFormat.pageSize / 2 <= fewest
            else { continue }
            let found = try postings(matching: matcher, some, cache)
            lists.append((found.count, found))
        }
        lists.sort { $0.count < $1.count }
        guard let first = lists.first else { return nil }
        var best = try decode(first.postings)
        for list in lists.dropFirst() {
            // A list that is much longer takes longer to read than the few series that it would leave out.
            guard best.count > SeriesPart.few, list.count < best.count * 16 else { break }
            best = SeriesPart.intersection(best, try decode(list.postings))
        }
        return best
    }

    /// So few series need no further narrowing.
    private static let few = 4
    /// More pages than these at a time are not kept: they would drive out what other queries need.
    private static let keptPages = 64

    /// Those that have values with the prefix.
    private static func pages(_ pages: [PartDirectory.Page], from prefix: [UInt8]) -> ArraySlice<PartDirectory.Page> {
        guard !prefix.isEmpty else { return pages[...] }
        // The last page that begins before the prefix may hold values with it; none does that begins behind all of them.
        let first = pages.partitioningIndex { !$0.firstValue.utf8.lexicographicallyPrecedes(prefix) }
        let end = pages.partitioningIndex { page in
            !page.firstValue.utf8.lexicographicallyPrecedes(prefix) && !page.firstValue.utf8.starts(with: prefix)
        }
        return pages[max(0, first - 1)..<max(end, max(0, first - 1))]
    }

    private func postings(
        matching matcher: CompiledMatcher, _ pages: ArraySlice<PartDirectory.Page>, _ cache: QueryIndex?
    ) throws -> Postings {
        var found = Postings()
        for place in pages {
            let page = try page(place, pages.count > SeriesPart.keptPages ? nil : cache)
            for entry in page.entries.indices where matcher.matches(value: page.bytes[page.entries[entry].value]) {
                found.found.append((page, entry))
            }
        }
        return found
    }

    /// Of the values that are there; nil where none is.
    private func postings(of name: String, _ literals: [String], _ cache: QueryIndex?) throws -> Postings? {
        guard let pages = pages(of: name) else { return nil }
        var found = Postings()
        var lastPlace = -1
        var last: PostingPage?
        for literal in literals {
            let place = pages.partitioningIndex { literal.utf8.lexicographicallyPrecedes($0.firstValue.utf8) } - 1
            guard place >= 0 else { continue }
            let page: PostingPage
            if place == lastPlace, let last {
                page = last
            } else {
                page = try self.page(pages[place], cache)
                (lastPlace, last) = (place, page)
            }
            if let entry = page.find(Array(literal.utf8)) { found.found.append((page, entry)) }
        }
        return found.found.isEmpty ? nil : found
    }

    private static func intersection(_ a: [UInt32], _ b: [UInt32]) -> [UInt32] {
        var both: [UInt32] = []
        var place = 0
        for one in a {
            while place < b.count, b[place] < one { place += 1 }
            if place < b.count, b[place] == one { both.append(one) }
        }
        return both
    }

    private func decode(_ postings: Postings) throws -> [UInt32] {
        do {
            return try postings.decode()
        } catch {
            throw StorageError.corrupt(path: path, offset: 0, reason: "label index: \(error)")
        }
    }
}
