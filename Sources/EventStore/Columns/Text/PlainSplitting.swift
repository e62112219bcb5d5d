extension LineSplitter {
    /// Runs of letters and digits that hold a digit are holes; so are quoted texts, times, and a word after `=`.
    mutating func plain(_ text: Span<UInt8>, _ start: Int, _ end: Int) {
        let table = ByteClass.table
        let classes = table.span
        var position = start
        while position < end {
            let byte = unsafe text[unchecked: position]
            if unsafe classes[unchecked: Int(byte)] == ByteClass.delimiter {
                if byte == 0x22, let close = quoted(text, position, start, end) {
                    if close > position &+ 1 { holes.append(TextSlice(position &+ 1, close)) }
                    position = close
                }
                position &+= 1
                continue
            }
            let first = position
            var seen: UInt8 = 0
            while position < end {
                // What begins like a long id may be one.
                if position &- first == 4, seen & ~ByteClass.hexadecimal == 0 {
                    while position &+ 8 <= end, let some = HexadecimalDigits.classes(text, position) {
                        seen |= some
                        position &+= 8
                    }
                    if position == end { break }
                }
                let kind = unsafe classes[unchecked: Int(text[unchecked: position])]
                if kind == ByteClass.delimiter { break }
                seen |= kind
                position &+= 1
            }
            if position &- first == 8, isIdentifier(text, first, end, seen) {
                for (from, to) in LineSplitter.identifierParts {
                    holes.append(TextSlice(first &+ from, first &+ to))
                }
                position = first &+ LineSplitter.identifierLength
            } else if seen & ByteClass.digit == 0 {
                if first > start, text[first &- 1] == 0x3d { holes.append(TextSlice(first, position)) }
            } else if seen == ByteClass.digit {
                if let last = LineTime.end(text, first, position, end) { position = last }
                holes.append(TextSlice(first, position))
            } else {
                holes.append(LineSplitter.variable(text, first, position, seen))
            }
        }
    }

    /// Of a UUID as it is written, from 8 to 12 digits between its hyphens.
    private static let identifierParts = [(0, 8), (9, 13), (14, 18), (19, 23), (24, 36)]
    private static let identifierLength = 36

    /// Whether eight digits begin a UUID. One in sixteen has a part without a decimal digit, which alone would be a
    /// word.
    private func isIdentifier(_ text: Span<UInt8>, _ first: Int, _ end: Int, _ seen: UInt8) -> Bool {
        guard end &- first >= LineSplitter.identifierLength, text[first &+ 8] == 0x2d, text[first &+ 13] == 0x2d,
            text[first &+ 18] == 0x2d, text[first &+ 23] == 0x2d
        else { return false }
        let last = first &+ LineSplitter.identifierLength
        if last < end, ByteClass.of(text[last]) != ByteClass.delimiter { return false }
        var all = seen
        for (from, to) in LineSplitter.identifierParts.dropFirst() {
            for at in first &+ from..<first &+ to { all |= ByteClass.of(text[at]) }
        }
        return all & ~(ByteClass.digit | ByteClass.lowerHexadecimal) == 0
            || all & ~(ByteClass.digit | ByteClass.upperHexadecimal) == 0
    }

    /// The closing quote of a text that stands by itself: not the apostrophe of `5"` or a quote inside of a word.
    private func quoted(_ text: Span<UInt8>, _ open: Int, _ start: Int, _ end: Int) -> Int? {
        if open > start, ByteClass.of(text[open &- 1]) != ByteClass.delimiter || text[open &- 1] == 0x5c { return nil }
        var position = open &+ 1
        let limit = min(end, open &+ 4096)
        while position < limit {
            let byte = unsafe text[unchecked: position]
            if byte == 0x22 {
                if position &+ 1 < end, ByteClass.of(text[position &+ 1]) != ByteClass.delimiter { return nil }
                return position
            }
            position &+= byte == 0x5c ? 2 : 1
        }
        return nil
    }

    /// Of `item42` and `15ms` only the number varies; of `7f3a9c` and `aB3xQ9` everything does.
    private static func variable(_ text: Span<UInt8>, _ first: Int, _ end: Int, _ seen: UInt8) -> TextSlice {
        let isHexadecimal =
            seen & ~(ByteClass.digit | ByteClass.lowerHexadecimal) == 0
            || seen & ~(ByteClass.digit | ByteClass.upperHexadecimal) == 0
        if isHexadecimal, end &- first >= 4 { return TextSlice(first, end) }
        var digits = first
        while digits < end, !isDigit(text[digits]) { digits &+= 1 }
        var digitsEnd = digits
        while digitsEnd < end, isDigit(text[digitsEnd]) { digitsEnd &+= 1 }
        if digitsEnd == end { return TextSlice(digits, end) }
        if digits == first, end &- digitsEnd <= 3 {
            var rest = digitsEnd
            while rest < end, !isDigit(text[rest]) { rest &+= 1 }
            if rest == end { return TextSlice(first, digitsEnd) }
        }
        return TextSlice(first, end)
    }

    @inline(__always)
    private static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }
}
