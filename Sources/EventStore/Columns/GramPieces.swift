/// Pieces of a block's texts that together have every run of word bytes that the texts have: where lines have been
/// taken apart, what comes again and again need not be looked at in every line.
struct GramPieces {
    /// Seen once: the first line of each template, the entries of dictionaries.
    var once: [TextSlice] = []
    /// Values, most of which are new.
    var each: [TextSlice] = []
    /// Bytes of values that are ids in planes.
    var idBytes = 0

    init() {}

    /// Whether much of it is found with a quarter of the reading, so that filters need exclude less.
    var isMostlyIds: Bool { idBytes > 0 && idBytes * 4 >= each.reduce(0) { $0 + $1.count } }

    /// The texts themselves.
    init(linesEndingAt ends: [UInt32]) {
        each.reserveCapacity(ends.count)
        var start = 0
        for end in ends {
            each.append(TextSlice(start, Int(end)))
            start = Int(end)
        }
    }
}

extension TextDraft {
    /// A run is no longer: so many bytes less one beside a value can be in a run with it.
    private static let reach = Gram.longLength - 1

    /// Neighbouring holes of a template with word bytes between them, and how many there are beside them.
    private struct Word {
        var firstHole: Int
        var lastHole: Int
        var before: Int
        var behind: Int

        var isValue: Bool { firstHole == lastHole && before == 0 && behind == 0 }
    }

    /// The first line of each template, and of the others the words that are a value in part only. What is left are the
    /// values of the columns of which no value touches a word byte.
    func gramPieces(_ text: Span<UInt8>, lines: [TextSlice]) -> (pieces: GramPieces, isLeft: [Bool]) {
        var pieces = GramPieces()
        var isLeft = [Bool](repeating: true, count: columns.count)
        let words = templates.map { self.words(of: $0, text) }
        for (template, words) in zip(templates, words) {
            pieces.once.append(lines[template.firstRow])
            for word in words where !word.isValue {
                for hole in word.firstHole...word.lastHole { isLeft[template.columns[hole]] = false }
            }
        }
        guard isLeft.contains(false) else { return (pieces, isLeft) }
        // Words of which a column's values are to be looked at line by line.
        let own = zip(templates, words).map { template, words in
            words.filter { word in (word.firstHole...word.lastHole).contains { !isLeft[template.columns[$0]] } }
        }
        var next = [Int](repeating: 0, count: columns.count)
        var values: [TextSlice] = []
        for number in templateOfLine {
            let template = templates[Int(number)]
            guard !own[Int(number)].isEmpty else {
                for column in template.columns { next[column] &+= 1 }
                continue
            }
            values.removeAll(keepingCapacity: true)
            for column in template.columns {
                values.append(columns[column].values[next[column]])
                next[column] &+= 1
            }
            for word in own[Int(number)] {
                pieces.each.append(
                    TextSlice(values[word.firstHole].lower &- word.before, values[word.lastHole].upper &+ word.behind))
            }
        }
        return (pieces, isLeft)
    }

    private func words(of template: Template, _ text: Span<UInt8>) -> [Word] {
        var out: [Word] = []
        for hole in template.columns.indices {
            let piece = template.pieces[hole]
            let following = template.pieces[hole + 1]
            var behind = 0
            while behind < min(following.count, TextDraft.reach), Gram.isWord(text[following.lower &+ behind]) {
                behind &+= 1
            }
            var before = 0
            while before < min(piece.count, TextDraft.reach), Gram.isWord(text[piece.upper &- 1 &- before]) {
                before &+= 1
            }
            // A run can hold the whole of a short piece and bytes of both values around it.
            if hole > 0, before == piece.count, let last = out.last {
                out[out.count - 1] = Word(
                    firstHole: last.firstHole, lastHole: hole, before: last.before, behind: behind)
            } else {
                out.append(Word(firstHole: hole, lastHole: hole, before: before, behind: behind))
            }
        }
        return out
    }
}
