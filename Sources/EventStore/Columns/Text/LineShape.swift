/// How a line was taken apart; the holes of a template have names where it is not plain.
enum LineMode: UInt8 {
    case plain = 0
    /// One JSON object: each value that is a scalar or an array is a hole, strings without their quotes.
    case json = 1
    /// `key=value` pairs parted by single spaces.
    case logfmt = 2
}

/// Takes lines apart into static text and holes. Every byte is in one of the two, so that nothing can be lost whatever
/// is recognised; what is recognised only decides how small the columns become.
struct LineSplitter {
    /// The holes of all lines so far, each line's in order.
    var holes: [TextSlice] = []
    private let classes = ByteClass.table

    /// Deeper objects are one value.
    private static let maximumDepth = 6
    /// A quoted text that is longer is not taken as one value.
    private static let longestQuoted = 4096

    mutating func split(_ text: Span<UInt8>, _ line: TextSlice, nested: Bool) -> LineMode {
        let mark = holes.count
        let start = line.lower
        let end = line.upper
        guard start < end else { return .plain }
        if text[start] == 0x7b {
            var position = start
            if object(text, &position, end, depth: 0), position == end { return .json }
            holes.removeLast(holes.count &- mark)
        } else if !nested, pairs(text, start, end) {
            return .logfmt
        } else {
            holes.removeLast(holes.count &- mark)
        }
        plain(text, start, end)
        return .plain
    }

    // MARK: JSON

    @inline(__always)
    private func skipSpace(_ text: Span<UInt8>, _ position: inout Int, _ end: Int) {
        while position < end, text[position] <= 0x20 { position &+= 1 }
    }

    /// After the opening quote; answers the place of the closing one.
    @inline(__always)
    private func closingQuote(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> Int? {
        var position = start
        while position < end {
            position = TextBytes.quoteOrBackslash(text, position, end)
            guard position < end else { return nil }
            if unsafe text[unchecked: position] == 0x22 { return position }
            position &+= 2
        }
        return nil
    }

    private mutating func object(_ text: Span<UInt8>, _ position: inout Int, _ end: Int, depth: Int) -> Bool {
        position &+= 1
        skipSpace(text, &position, end)
        if position < end, text[position] == 0x7d {
            position &+= 1
            return true
        }
        while position < end {
            guard text[position] == 0x22, let keyEnd = closingQuote(text, position &+ 1, end) else { return false }
            position = keyEnd &+ 1
            skipSpace(text, &position, end)
            guard position < end, text[position] == 0x3a else { return false }
            position &+= 1
            skipSpace(text, &position, end)
            guard position < end, value(text, &position, end, depth: depth) else { return false }
            skipSpace(text, &position, end)
            guard position < end else { return false }
            let next = text[position]
            position &+= 1
            if next == 0x7d { return true }
            guard next == 0x2c else { return false }
            skipSpace(text, &position, end)
        }
        return false
    }

    private mutating func value(_ text: Span<UInt8>, _ position: inout Int, _ end: Int, depth: Int) -> Bool {
        let start = position
        switch text[position] {
        case 0x22:
            guard let close = closingQuote(text, start &+ 1, end) else { return false }
            holes.append(TextSlice(start &+ 1, close))
            position = close &+ 1
            return true
        case 0x7b where depth < LineSplitter.maximumDepth: return object(text, &position, end, depth: depth &+ 1)
        case 0x7b, 0x5b:
            guard skipNested(text, &position, end) else { return false }
        default:
            while position < end {
                let byte = text[position]
                if byte == 0x2c || byte == 0x7d || byte <= 0x20 || byte == 0x22 { break }
                position &+= 1
            }
            guard position > start else { return false }
        }
        holes.append(TextSlice(start, position))
        return true
    }

    /// Over an array or object to behind its end.
    private func skipNested(_ text: Span<UInt8>, _ position: inout Int, _ end: Int) -> Bool {
        var open = 0
        while position < end {
            switch text[position] {
            case 0x22:
                guard let close = closingQuote(text, position &+ 1, end) else { return false }
                position = close
            case 0x5b, 0x7b: open &+= 1
            case 0x5d, 0x7d:
                open &-= 1
                if open == 0 {
                    position &+= 1
                    return true
                }
            default: break
            }
            position &+= 1
        }
        return false
    }

    // MARK: logfmt

    private mutating func pairs(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
        var position = start
        while true {
            let key = position
            while position < end, isKey(text[position]) { position &+= 1 }
            guard position > key, position < end, text[position] == 0x3d else { return false }
            position &+= 1
            if position < end, text[position] == 0x22 {
                guard let close = closingQuote(text, position &+ 1, end) else { return false }
                holes.append(TextSlice(position &+ 1, close))
                position = close &+ 1
            } else {
                let value = position
                while position &+ 8 <= end, HexadecimalDigits.classes(text, position) != nil { position &+= 8 }
                while position < end, text[position] != 0x20 {
                    if text[position] == 0x22 || text[position] == 0x3d { return false }
                    position &+= 1
                }
                holes.append(TextSlice(value, position))
            }
            if position == end { return true }
            guard text[position] == 0x20 else { return false }
            position &+= 1
        }
    }

    @inline(__always)
    private func isKey(_ byte: UInt8) -> Bool {
        classes[Int(byte)] != ByteClass.delimiter || byte == 0x2e || byte == 0x2d || byte == 0x2f || byte == 0x40
    }
}
