import Codecs
internal import Storage
internal import Telemetry

extension SeriesPart {
    /// One value of a posting page; its series are decoded when they are wanted.
    private struct Posting {
        var value: String
        var count: Int
        var packed: ArraySlice<UInt8>

        func decode(into series: inout [UInt32]) throws(CodecError) {
            var reader = ByteReader(packed)
            series.reserveCapacity(series.count + count)
            var last: UInt32 = 0
            for _ in 0..<count {
                last = last &+ UInt32(truncatingIfNeeded: try reader.readVarint())
                series.append(last)
            }
        }
    }

    private func postings(_ page: PartDirectory.Page, _ body: (Posting) throws -> Void) throws {
        let bytes = try sealed(page.offset, page.length, "label index")
        do {
            var reader = ByteReader(bytes)
            for _ in 0..<(try reader.readCount(limit: PartFormat.pageSize)) {
                let value = try reader.readString()
                let count = try reader.readCount(limit: reader.remaining)
                try body(Posting(value: value, count: count, packed: try reader.readLengthPrefixed()))
            }
        } catch let error as CodecError {
            throw StorageError.corrupt(path: path, offset: page.offset, reason: "label index: \(error.reason)")
        }
    }

    private func pages(of name: String) -> [PartDirectory.Page]? {
        let place = directory.names.partitioningIndex { !$0.name.utf8.lexicographicallyPrecedes(name.utf8) }
        guard place < directory.names.count, directory.names[place].name == name else { return nil }
        return directory.names[place].pages
    }

    func values(of name: String) throws -> [String] {
        var values: [String] = []
        for page in pages(of: name) ?? [] { try postings(page) { values.append($0.value) } }
        return values
    }

    /// Series numbers in ascending order, a superset of those that match; nil where the index does not narrow it.
    func candidates(_ matchers: [CompiledMatcher]) throws -> [UInt32]? {
        var lists: [(count: Int, postings: [Posting])] = []
        for matcher in matchers where !matcher.matchesEmpty {
            guard let literals = matcher.literals else { continue }
            guard let found = try postings(of: matcher.name, literals) else { return [] }
            lists.append((found.reduce(0) { $0 + $1.count }, found))
        }
        lists.sort { $0.count < $1.count }
        if let first = lists.first {
            var best = try decode(first.postings)
            for list in lists.dropFirst() {
                // A list that is much longer takes longer to read than the few series that it would leave out.
                guard best.count > 4, list.count < best.count * 64 else { break }
                best = SeriesPart.intersection(best, try decode(list.postings))
            }
            return best
        }
        for matcher in matchers where !matcher.matchesEmpty {
            guard let pages = pages(of: matcher.name) else { return [] }
            var found: [Posting] = []
            for page in pages { try postings(page) { if matcher.matches(value: $0.value) { found.append($0) } } }
            return try decode(found)
        }
        return nil
    }

    /// Of the values that are there; nil where none is.
    private func postings(of name: String, _ literals: [String]) throws -> [Posting]? {
        guard let pages = pages(of: name) else { return nil }
        var wanted: [Int: Set<String>] = [:]
        for literal in literals {
            let place = pages.partitioningIndex { literal.utf8.lexicographicallyPrecedes($0.firstValue.utf8) }
            if place > 0 { wanted[place - 1, default: []].insert(literal) }
        }
        var found: [Posting] = []
        for (place, values) in wanted {
            try postings(pages[place]) { if values.contains($0.value) { found.append($0) } }
        }
        return found.isEmpty ? nil : found
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

    private func decode(_ postings: [Posting]) throws -> [UInt32] {
        var series: [UInt32] = []
        do {
            for posting in postings { try posting.decode(into: &series) }
        } catch {
            throw StorageError.corrupt(path: path, offset: 0, reason: "label index: \(error)")
        }
        return postings.count > 1 ? series.sorted() : series
    }

}
