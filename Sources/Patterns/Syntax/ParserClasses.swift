/// Bracket classes and escapes.
extension Parser {
    mutating func parseClass() throws(PatternError) -> ScalarSet {
        let start = position
        position += 1
        let isNegated = accept("^")
        var set: [ClosedRange<UInt32>] = []
        // A negated class does not match a newline only if it lists it: RE2 and Go agree here.
        var isFirst = true
        while isFirst || peek() != 0x5d {
            guard position < scalars.count else { throw failure(.missingBracket, start..<scalars.count) }
            isFirst = false
            if isNext("[:"), let named = try parsePOSIXClass() {
                set.append(contentsOf: named.ranges)
                continue
            }
            if peek() == 0x5c, let named = try parseClassEscape() {
                set.append(contentsOf: named.ranges)
                continue
            }
            set.append(contentsOf: try parseClassRange(classStart: start).ranges)
        }
        position += 1
        let result = ScalarSet(set)
        return isNegated ? result.inverted : result
    }

    private mutating func parseClassRange(classStart: Int) throws(PatternError) -> ScalarSet {
        let start = position
        let low = try parseClassScalar(classStart)
        var high = low
        if peek() == 0x2d, let after = peek(1), after != 0x5d {
            position += 1
            high = try parseClassScalar(classStart)
            guard high >= low else { throw failure(.invalidCharacterRange, start..<position) }
        }
        let set = ScalarSet([low...high])
        return flags.ignoresCase ? set.caseFolded : set
    }

    private mutating func parseClassScalar(_ classStart: Int) throws(PatternError) -> UInt32 {
        guard let next = peek() else { throw failure(.missingBracket, classStart..<scalars.count) }
        if next == 0x5c { return try parseScalarEscape() }
        position += 1
        return next
    }

    /// nil where `[:` does not begin a class name.
    private mutating func parsePOSIXClass() throws(PatternError) -> ScalarSet? {
        let start = position
        var end = position + 2
        while end + 1 < scalars.count, !(scalars[end] == 0x3a && scalars[end + 1] == 0x5d) { end += 1 }
        guard end + 1 < scalars.count else { return nil }
        var name = text((start + 2)..<end)
        let isNegated = name.hasPrefix("^")
        if isNegated { name.removeFirst() }
        guard let set = NamedClasses.posix(name) else { throw failure(.invalidCharacterRange, start..<(end + 2)) }
        position = end + 2
        let folded = flags.ignoresCase ? set.caseFolded : set
        return isNegated ? folded.inverted : folded
    }

    /// `\d`, `\pL`, `\p{Greek}` and their negations; nil (and nothing consumed) for other escapes.
    mutating func parseClassEscape() throws(PatternError) -> ScalarSet? {
        let start = position
        guard let letter = peek(1) else { return nil }
        if let set = NamedClasses.perl(letter) {
            position += 2
            // \w under (?i) takes the Kelvin sign and the long s in, as RE2 does.
            guard flags.ignoresCase, letter == 0x77 || letter == 0x57 else { return set }
            let folded = NamedClasses.word.caseFolded
            return letter == 0x57 ? folded.inverted : folded
        }
        guard letter == 0x70 || letter == 0x50 else { return nil }
        guard let next = peek(2) else { throw failure(.invalidCharacterRange, start..<scalars.count) }
        var isNegated = letter == 0x50
        var name: Range<Int>
        if next == 0x7b {
            guard let close = scalars[position...].firstIndex(of: 0x7d) else {
                throw failure(.invalidCharacterRange, start..<scalars.count)
            }
            name = (position + 3)..<close
            position = close + 1
        } else {
            name = (position + 2)..<(position + 3)
            position += 3
        }
        if let first = name.first, scalars[first] == 0x5e {
            isNegated.toggle()
            name = (first + 1)..<name.upperBound
        }
        guard let set = NamedClasses.unicode(text(name)) else {
            throw failure(.invalidCharacterRange, start..<position)
        }
        let folded = flags.ignoresCase ? caseFolded(set) : set
        return isNegated ? folded.inverted : folded
    }

    /// Remembers what it has folded: a large class may stand in an expression hundreds of times.
    private mutating func caseFolded(_ set: ScalarSet) -> ScalarSet {
        if let known = foldedSets[set] { return known }
        let folded = set.caseFolded
        foldedSets[set] = folded
        return folded
    }

    /// An escape that stands for one scalar.
    mutating func parseScalarEscape() throws(PatternError) -> UInt32 {
        let start = position
        guard let letter = peek(1) else { throw failure(.trailingBackslash, scalars.count..<scalars.count) }
        position += 2
        switch letter {
        case 0x31...0x37:
            // A single digit would be a backreference, which no linear-time engine has.
            guard let next = peek(), (0x30...0x37).contains(next) else { break }
            return octal(letter - 0x30)
        case 0x30: return octal(0)
        case 0x78: return try hexadecimal(start: start)
        case 0x61: return 7
        case 0x66: return 12
        case 0x6e: return 10
        case 0x72: return 13
        case 0x74: return 9
        case 0x76: return 11
        default:
            let isPunctuation = letter < 0x80 && (letter == 0x5f || !NamedClasses.word.contains(letter))
            if isPunctuation { return letter }
        }
        throw failure(.invalidEscape, start..<position)
    }

    private mutating func octal(_ first: UInt32) -> UInt32 {
        var value = first
        for _ in 0..<2 {
            guard let digit = peek(), (0x30...0x37).contains(digit) else { break }
            value = value * 8 + digit - 0x30
            position += 1
        }
        return value
    }

    private mutating func hexadecimal(start: Int) throws(PatternError) -> UInt32 {
        func digit(_ scalar: UInt32) -> UInt32? {
            switch scalar {
            case 0x30...0x39: scalar - 0x30
            case 0x41...0x46: scalar - 0x37
            case 0x61...0x66: scalar - 0x57
            default: nil
            }
        }
        let isBraced = accept("{")
        var value: UInt32 = 0
        var digits = 0
        while let next = peek(), let more = digit(next), isBraced || digits < 2 {
            value = value * 16 + more
            digits += 1
            position += 1
            guard value <= ScalarSet.maximum else { throw failure(.invalidEscape, start..<position) }
        }
        let isComplete = isBraced ? digits > 0 && accept("}") : digits == 2
        guard isComplete else {
            let end = isBraced ? position + 1 : start + 4
            throw failure(.invalidEscape, start..<min(end, scalars.count))
        }
        return value
    }
}
