/// Finds the patterns of lines that are there as text: rows in memory, and columns that are not kept as templates.
struct TextMiner {
    private var facts: [Facts] = []
    private var messagePatterns: [[UInt8]] = []
    private var known: [UInt64: UInt32] = [:]
    private var table = PatternTable()

    private struct Facts {
        var pieces: [ArraySlice<UInt8>]
        var mode: LineMode
        var hole: Int?
    }

    static func mine(_ bytes: [UInt8], ends: some Sequence<UInt32>, as kind: PatternText.Kind) -> LinePatterns {
        var miner = TextMiner()
        let text = bytes.span
        // Holes of the first line of each template stay, since the table refers to them.
        var splitter = LineSplitter()
        var templates = TemplateTable()
        var messageSplitter = LineSplitter()
        var messages = TemplateTable()
        var numbers: [UInt32] = []
        var start = 0
        for end in ends {
            let whole = TextSlice(start, Int(end))
            start = Int(end)
            let line = firstLine(text, whole)
            let mark = splitter.holes.count
            var mode = LineMode.plain
            switch kind {
            case .line: mode = splitter.split(text, line, nested: false)
            case .value: splitter.plain(text, line.lower, line.upper)
            }
            let count = splitter.holes.count &- mark
            let template = templates.number(
                text, line, splitter.holes.span, firstHole: mark, holeCount: count, mode)
            let isNew = template == miner.facts.count
            if isNew { miner.add(pieces(text, templates.entries[template], splitter.holes), mode, kind) }
            var message: Int?
            if let hole = miner.facts[template].hole, hole < count {
                let value = splitter.holes[mark &+ hole]
                let mark = messageSplitter.holes.count
                messageSplitter.plain(text, value.lower, value.upper)
                let count = messageSplitter.holes.count &- mark
                let number = messages.number(
                    text, value, messageSplitter.holes.span, firstHole: mark, holeCount: count, .plain)
                if number == miner.messagePatterns.count {
                    let pieces = pieces(text, messages.entries[number], messageSplitter.holes)
                    miner.messagePatterns.append(PatternText.join(pieces, .plain))
                } else {
                    messageSplitter.holes.removeLast(count)
                }
                message = number
            }
            if !isNew { splitter.holes.removeLast(count) }
            numbers.append(miner.number(template, message, isCut: line.count < whole.count))
        }
        return LinePatterns(patterns: miner.table.patterns, numbers: numbers)
    }

    /// Of a stack trace the first line says what it is; a JSON object may be written over several.
    private static func firstLine(_ text: Span<UInt8>, _ whole: TextSlice) -> TextSlice {
        guard whole.count > 0, text[whole.lower] != 0x7b else { return whole }
        var at = whole.lower
        while at < whole.upper, text[at] != 0x0a { at &+= 1 }
        return TextSlice(whole.lower, at)
    }

    private mutating func add(_ pieces: [ArraySlice<UInt8>], _ mode: LineMode, _ kind: PatternText.Kind) {
        let hole = kind == .line ? PatternText.messageHole(pieces, mode) : nil
        facts.append(Facts(pieces: pieces, mode: mode, hole: hole))
    }

    private mutating func number(_ template: Int, _ message: Int?, isCut: Bool) -> UInt32 {
        let key = UInt64(template) << 32 | UInt64((message ?? -1) &+ 1) << 1 | (isCut ? 1 : 0)
        if let number = known[key] { return number }
        let one = facts[template]
        var pattern = PatternText.join(
            one.pieces, one.mode, hole: message == nil ? nil : one.hole,
            message: message.map { messagePatterns[$0] } ?? [])
        if isCut { pattern = PatternText.finished(pattern + PatternText.hole) }
        let number = table.number(of: pattern)
        known[key] = number
        return number
    }

    private static func pieces(
        _ text: Span<UInt8>, _ entry: TemplateTable.Entry, _ holes: [TextSlice]
    ) -> [ArraySlice<UInt8>] {
        var out: [ArraySlice<UInt8>] = []
        var at = entry.line.lower
        for hole in holes[entry.firstHole..<entry.firstHole &+ entry.holeCount] {
            out.append((at..<hole.lower).map { text[$0] }[...])
            at = hole.upper
        }
        out.append((at..<entry.line.upper).map { text[$0] }[...])
        return out
    }
}
