/// Finds the template of a line: the lines whose static text is the same byte for byte have the same template.
struct TemplateTable {
    struct Entry {
        var hash: UInt64
        /// The first line that has it, and where its holes are.
        var line: TextSlice
        var firstHole: Int
        var holeCount: Int
        var mode: LineMode
        var rows = 0
    }

    private(set) var entries: [Entry] = []
    private var slots = [UInt32](repeating: 0, count: 256)
    /// Of the line before.
    private var last = 0

    /// The template's number. `holes` are all holes of the block, the line's begin at `firstHole`.
    mutating func number(
        _ text: Span<UInt8>, _ line: TextSlice, _ holes: Span<TextSlice>, firstHole: Int, holeCount: Int,
        _ mode: LineMode
    ) -> Int {
        // Many lines are like the one before.
        if last < entries.count, entries[last].mode == mode,
            isSame(entries[last], text, line, holes, firstHole, holeCount)
        {
            entries[last].rows &+= 1
            return last
        }
        let hash = TemplateTable.hash(text, line, holes, firstHole, holeCount)
        if entries.count &* 2 >= slots.count { grow() }
        let mask = UInt64(slots.count &- 1)
        var slot = hash & mask
        while true {
            let known = slots[Int(slot)]
            if known == 0 { break }
            let number = Int(known &- 1)
            if entries[number].hash == hash, entries[number].mode == mode,
                isSame(entries[number], text, line, holes, firstHole, holeCount)
            {
                entries[number].rows &+= 1
                last = number
                return number
            }
            slot = (slot &+ 1) & mask
        }
        entries.append(
            Entry(hash: hash, line: line, firstHole: firstHole, holeCount: holeCount, mode: mode, rows: 1))
        slots[Int(slot)] = UInt32(truncatingIfNeeded: entries.count)
        last = entries.count &- 1
        return last
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: slots.count &* 2)
        let mask = UInt64(slots.count &- 1)
        for (number, entry) in entries.enumerated() {
            var slot = entry.hash & mask
            while slots[Int(slot)] != 0 { slot = (slot &+ 1) & mask }
            slots[Int(slot)] = UInt32(truncatingIfNeeded: number &+ 1)
        }
    }

    /// Two lines with one hash and different text are kept apart here.
    private func isSame(
        _ entry: Entry, _ text: Span<UInt8>, _ line: TextSlice, _ holes: Span<TextSlice>, _ firstHole: Int,
        _ holeCount: Int
    ) -> Bool {
        guard entry.holeCount == holeCount else { return false }
        var at = line.lower
        var other = entry.line.lower
        for i in 0...holeCount {
            let end = i < holeCount ? holes[firstHole &+ i].lower : line.upper
            let otherEnd = i < holeCount ? holes[entry.firstHole &+ i].lower : entry.line.upper
            guard end &- at == otherEnd &- other, TextBytes.isEqual(text, at, other, count: end &- at) else {
                return false
            }
            if i < holeCount {
                at = holes[firstHole &+ i].upper
                other = holes[entry.firstHole &+ i].upper
            }
        }
        return true
    }

    private static func hash(
        _ text: Span<UInt8>, _ line: TextSlice, _ holes: Span<TextSlice>, _ firstHole: Int, _ holeCount: Int
    ) -> UInt64 {
        var state = UInt64(truncatingIfNeeded: holeCount) &* 0x9e37_79b9_7f4a_7c15
        var at = line.lower
        for i in firstHole..<firstHole &+ holeCount {
            let hole = holes[i]
            state = TextBytes.hash(text, at, count: hole.lower &- at, state)
            at = hole.upper
        }
        return TextBytes.finish(TextBytes.hash(text, at, count: line.upper &- at, state))
    }
}
