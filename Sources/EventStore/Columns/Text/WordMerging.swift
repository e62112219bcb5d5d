/// Templates that differ in words only, and have few lines each, become one with holes for the words that vary most:
/// names without digits, paths, cities.
enum WordMerging {
    /// Templates with this many lines stay as they are: their words are part of the message.
    private static let stable = 24
    private static let fewest = 6
    private static let maximumWords = 64

    static func run(
        _ text: Span<UInt8>, _ lines: [TextSlice], _ holes: inout [TextSlice], _ places: inout [HolePlace],
        _ found: inout [UInt32], _ table: inout TemplateTable
    ) {
        let limit = min(stable, max(2, lines.count / 64))
        var groups: [UInt64: [Int]] = [:]
        var words = [[TextSlice]](repeating: [], count: table.entries.count)
        for (number, entry) in table.entries.enumerated() where entry.mode == .plain && entry.rows < limit {
            words[number] = self.words(text, entry, holes)
            guard !words[number].isEmpty, words[number].count <= maximumWords else { continue }
            groups[shape(text, entry, holes, words[number]), default: []].append(number)
        }
        // The set of words that become holes, by template.
        var opened = [UInt64](repeating: 0, count: table.entries.count)
        var hasAny = false
        for (_, members) in groups where members.count >= fewest {
            let set = wordsToOpen(text, members, words)
            for member in members { opened[member] = set }
            hasAny = hasAny || set != 0
        }
        guard hasAny else { return }
        for (line, slice) in lines.enumerated() {
            let number = Int(found[line])
            guard number < opened.count, opened[number] != 0 else { continue }
            let entry = table.entries[number]
            let place = places[line]
            var merged = TemplateTable.Entry(
                hash: 0, line: slice, firstHole: place.first, holeCount: place.count, mode: .plain)
            let own = self.words(text, merged, holes)
            merged.firstHole = holes.count
            var all = Array(holes[place.first..<place.first &+ place.count])
            for (i, word) in own.enumerated() where i < maximumWords && opened[number] >> UInt64(i) & 1 != 0 {
                all.append(word)
            }
            all.sort { $0.start < $1.start }
            holes.append(contentsOf: all)
            places[line] = HolePlace(first: merged.firstHole, count: all.count)
            found[line] = UInt32(
                truncatingIfNeeded: table.number(
                    text, slice, holes.span, firstHole: merged.firstHole, holeCount: all.count, entry.mode))
        }
    }

    /// The words of the static text.
    private static func words(_ text: Span<UInt8>, _ entry: TemplateTable.Entry, _ holes: [TextSlice]) -> [TextSlice] {
        var out: [TextSlice] = []
        var at = entry.line.lower
        for i in 0...entry.holeCount {
            let end = i < entry.holeCount ? holes[entry.firstHole &+ i].lower : entry.line.upper
            while at < end {
                if ByteClass.of(text[at]) == ByteClass.delimiter {
                    at &+= 1
                    continue
                }
                let start = at
                while at < end, ByteClass.of(text[at]) != ByteClass.delimiter { at &+= 1 }
                // A word that touches a hole is part of what the hole was cut out of.
                let touches =
                    i < entry.holeCount && at == end
                    || i > 0 && start == holes[entry.firstHole &+ i &- 1].upper
                if !touches { out.append(TextSlice(start, at)) }
            }
            if i < entry.holeCount { at = holes[entry.firstHole &+ i].upper }
        }
        return out
    }

    /// A hash of everything but words and values.
    private static func shape(
        _ text: Span<UInt8>, _ entry: TemplateTable.Entry, _ holes: [TextSlice], _ words: [TextSlice]
    ) -> UInt64 {
        var state: UInt64 = 0
        var at = entry.line.lower
        var hole = entry.firstHole
        var word = 0
        while at <= entry.line.upper {
            let nextHole = hole < entry.firstHole &+ entry.holeCount ? holes[hole].lower : Int.max
            let nextWord = word < words.count ? words[word].lower : Int.max
            let next = min(nextHole, nextWord, entry.line.upper)
            state = TextBytes.hash(text, at, count: next &- at, state)
            if next == nextHole {
                at = holes[hole].upper
                hole &+= 1
                state ^= 0x517c_c1b7_2722_0a95
            } else if next == nextWord {
                at = words[word].upper
                word &+= 1
                state &+= 0x2545_f491_4f6c_dd1d
            } else {
                break
            }
        }
        return TextBytes.finish(state)
    }

    /// Opens the word with the most values again and again until the members are a handful of templates.
    private static func wordsToOpen(_ text: Span<UInt8>, _ members: [Int], _ words: [[TextSlice]]) -> UInt64 {
        let count = words[members[0]].count
        var hashes: [[UInt64]] = []
        for member in members {
            guard words[member].count == count else { return 0 }
            hashes.append(words[member].map { TextBytes.finish(TextBytes.hash(text, $0.lower, count: $0.count, 7)) })
        }
        let distinct = (0..<count).map { position in Set(hashes.map { $0[position] }).count }
        let order = (0..<count).filter { distinct[$0] > 1 }.sorted { distinct[$0] > distinct[$1] }
        var opened: UInt64 = 0
        for position in order {
            opened |= 1 << UInt64(position)
            let left = Set(
                hashes.map { one in
                    (0..<count).reduce(UInt64(0)) { state, i in
                        opened >> UInt64(i) & 1 != 0 ? state : TextBytes.finish(state ^ one[i] &+ UInt64(i))
                    }
                }
            ).count
            if left <= max(1, members.count / 8) { break }
        }
        return opened
    }
}
