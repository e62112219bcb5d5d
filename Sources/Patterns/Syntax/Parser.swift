/// RE2 syntax (github.com/google/re2/wiki/Syntax) with Perl classes, as Go's `regexp` accepts it.
struct Parser {
    /// RE2 allows 1000; this keeps recursion within a small thread's stack.
    static let maximumDepth = 999
    static let maximumRepeat = 1000
    /// In scalars: room for an alternation of tens of thousands of values.
    static let maximumLength = 1 << 20

    struct Flags {
        var ignoresCase = false
        var isMultiline = false
        var dotMatchesNewline = false
        var isUngreedy = false
    }

    let scalars: [UInt32]
    var position = 0
    var flags: Flags
    var captureNames: [String?] = [nil]
    var foldedSets: [ScalarSet: ScalarSet] = [:]

    init(_ expression: String, options: Pattern.Options) {
        scalars = expression.unicodeScalars.map(\.value)
        flags = Flags(
            ignoresCase: options.contains(.caseInsensitive),
            dotMatchesNewline: options.contains(.dotMatchesNewline))
    }

    mutating func parse() throws(PatternError) -> Node {
        guard scalars.count <= Parser.maximumLength else { throw failure(.tooLarge, 0..<64) }
        let node = try parseAlternation(depth: 0)
        if position < scalars.count { throw failure(.unexpectedParenthesis, 0..<scalars.count) }
        return node
    }

    func failure(_ reason: PatternError.Reason, _ range: Range<Int>) -> PatternError {
        PatternError(reason: reason, fragment: text(range), offset: range.lowerBound)
    }

    func text(_ range: Range<Int>) -> String {
        var result = String.UnicodeScalarView()
        for index in range where index < scalars.count {
            if let scalar = Unicode.Scalar(scalars[index]) { result.append(scalar) }
        }
        return String(result)
    }

    func peek(_ ahead: Int = 0) -> UInt32? {
        position + ahead < scalars.count ? scalars[position + ahead] : nil
    }

    func isNext(_ expected: String) -> Bool {
        var index = position
        for scalar in expected.unicodeScalars {
            guard index < scalars.count, scalars[index] == scalar.value else { return false }
            index += 1
        }
        return true
    }

    mutating func accept(_ expected: String) -> Bool {
        guard isNext(expected) else { return false }
        position += expected.unicodeScalars.count
        return true
    }

    // MARK: Operators

    mutating func parseAlternation(depth: Int) throws(PatternError) -> Node {
        guard depth <= Parser.maximumDepth else { throw failure(.nestsTooDeeply, 0..<scalars.count) }
        var branches = [try parseConcatenation(depth: depth)]
        while accept("|") { branches.append(try parseConcatenation(depth: depth)) }
        return branches.count == 1 ? branches[0] : .alternation(branches)
    }

    private mutating func parseConcatenation(depth: Int) throws(PatternError) -> Node {
        var parts: [Node] = []
        // Where the last repetition operator began, if nothing came after it: `a**` is an error.
        var lastRepeat: Int?
        while let next = peek(), next != 0x7c, next != 0x29 {
            if let (least, most, start) = try parseRepeatOperator() {
                let isLazy = accept("?")
                guard let operand = parts.popLast() else {
                    throw failure(.missingRepeatArgument, start..<position)
                }
                if let lastRepeat { throw failure(.invalidRepeatOperator, lastRepeat..<position) }
                let node = Node.repetition(operand, least: least, most: most, isGreedy: isLazy == flags.isUngreedy)
                guard Parser.repeatProduct(node, limit: Parser.maximumRepeat) else {
                    throw failure(.invalidRepeatCount, start..<position)
                }
                parts.append(node)
                lastRepeat = start
                continue
            }
            lastRepeat = nil
            // A flag group is no operand: an operator behind it repeats what stands before it.
            if let atoms = try parseAtom(depth: depth) { parts.append(contentsOf: atoms) }
        }
        return Parser.concatenation(parts)
    }

    static func concatenation(_ parts: [Node]) -> Node {
        var merged: [Node] = []
        // Literals next to each other gather here, so that joining them stays linear.
        var literal: [UInt32] = []
        for part in parts {
            if case .literal(let more) = part {
                literal += more
                continue
            }
            if case .empty = part { continue }
            if !literal.isEmpty { merged.append(.literal(literal)) }
            literal = []
            merged.append(part)
        }
        if !literal.isEmpty { merged.append(.literal(literal)) }
        return merged.isEmpty ? .empty : merged.count == 1 ? merged[0] : .concatenation(merged)
    }

    /// `*`, `+`, `?` or `{n,m}`; nil (and nothing consumed) where a brace is only a brace.
    private mutating func parseRepeatOperator() throws(PatternError) -> (least: Int, most: Int?, start: Int)? {
        let start = position
        switch peek() {
        case 0x2a:
            position += 1
            return (0, nil, start)
        case 0x2b:
            position += 1
            return (1, nil, start)
        case 0x3f:
            position += 1
            return (0, 1, start)
        case 0x7b:
            position += 1
            guard let least = parseNumber() else {
                position = start
                return nil
            }
            var most: Int? = least
            if accept(",") { most = peek() == 0x7d ? nil : parseNumber() ?? -1 }
            guard most != -1, accept("}") else {
                position = start
                return nil
            }
            let largest = max(least, most ?? 0)
            guard largest <= Parser.maximumRepeat, least <= most ?? .max else {
                throw failure(.invalidRepeatCount, start..<position)
            }
            return (least, most, start)
        default:
            return nil
        }
    }

    /// Numbers above the limit come back as one above it. Leading zeros are not a repeat count in Go.
    private mutating func parseNumber() -> Int? {
        let start = position
        var value = 0
        while let digit = peek(), (0x30...0x39).contains(digit) {
            value = min(value * 10 + Int(digit - 0x30), Parser.maximumRepeat + 1)
            position += 1
        }
        guard position > start else { return nil }
        if position - start > 1, scalars[start] == 0x30 { return nil }
        return value
    }

    /// RE2's rule: nested counted repetitions must not multiply to more than 1000 copies.
    static func repeatProduct(_ node: Node, limit: Int) -> Bool {
        switch node {
        case .repetition(let inner, let least, let most, _):
            let isCounted = !(least <= 1 && (most == nil || most == 1))
            guard isCounted else { return repeatProduct(inner, limit: limit) }
            let copies = most ?? least
            if copies == 0 { return true }
            guard copies <= limit else { return false }
            return repeatProduct(inner, limit: limit / copies)
        case .capture(_, let inner): return repeatProduct(inner, limit: limit)
        case .concatenation(let parts): return parts.allSatisfy { repeatProduct($0, limit: limit) }
        case .alternation(let branches): return branches.allSatisfy { repeatProduct($0, limit: limit) }
        case .empty, .literal, .scalars, .assertion: return true
        }
    }

    // MARK: Atoms

    /// The next operand: one node but for `\Q…\E`, whose last scalar alone is repeated. nil for a flag group.
    private mutating func parseAtom(depth: Int) throws(PatternError) -> [Node]? {
        guard let next = peek() else { return [] }
        switch next {
        case 0x28:
            return try parseGroup(depth: depth).map { [$0] }
        case 0x5b:
            return [.scalars(try parseClass())]
        case 0x2e:
            position += 1
            return [.scalars(flags.dotMatchesNewline ? .all : .allButNewline)]
        case 0x5e:
            position += 1
            return [.assertion(flags.isMultiline ? .beginLine : .beginText)]
        case 0x24:
            position += 1
            return [.assertion(flags.isMultiline ? .endLine : .endText)]
        case 0x5c:
            return try parseEscape()
        default:
            position += 1
            return [scalar(next)]
        }
    }

    func scalar(_ value: UInt32) -> Node {
        if flags.ignoresCase {
            let others = CaseFolding.others(value)
            if !others.isEmpty { return .scalars(ScalarSet((others + [value]).map { $0...$0 })) }
        }
        return .literal([value])
    }

    private mutating func parseEscape() throws(PatternError) -> [Node] {
        let start = position
        guard let letter = peek(1) else { throw failure(.trailingBackslash, scalars.count..<scalars.count) }
        switch letter {
        case 0x41:  // \A
            position += 2
            return [.assertion(.beginText)]
        case 0x7a:  // \z
            position += 2
            return [.assertion(.endText)]
        case 0x62:  // \b
            position += 2
            return [.assertion(.wordBoundary)]
        case 0x42:  // \B
            position += 2
            return [.assertion(.notWordBoundary)]
        case 0x51:  // \Q
            position += 2
            var quoted: [Node] = []
            while position < scalars.count, !accept("\\E") {
                quoted.append(scalar(scalars[position]))
                position += 1
            }
            return quoted
        default:
            if let set = try parseClassEscape() { return [.scalars(set)] }
            position = start
            return [scalar(try parseScalarEscape())]
        }
    }

    // MARK: Groups

    /// nil for a flag group, which changes the flags for the rest of the group round it.
    private mutating func parseGroup(depth: Int) throws(PatternError) -> Node? {
        let start = position
        position += 1
        let before = flags
        var capture: Int?
        if accept("?") {
            if (isNext("P<") && peek(2) != nil) || (isNext("<") && peek(1) != nil) {
                captureNames.append(try parseName(start: start))
                capture = captureNames.count - 1
            } else if !(try parseFlags(start: start)) {
                return nil
            }
        } else {
            captureNames.append(nil)
            capture = captureNames.count - 1
        }
        let inner = try parseAlternation(depth: depth + 1)
        guard accept(")") else { throw failure(.missingParenthesis, 0..<scalars.count) }
        flags = before
        guard let capture else { return inner }
        return .capture(capture, inner)
    }

    private mutating func parseName(start: Int) throws(PatternError) -> String {
        _ = accept("P")
        position += 1
        let nameStart = position
        while position < scalars.count, scalars[position] != 0x3e { position += 1 }
        guard position < scalars.count else { throw failure(.invalidNamedCapture, start..<scalars.count) }
        let name = nameStart..<position
        position += 1
        let isValid = name.allSatisfy { NamedClasses.word.contains(scalars[$0]) }
        guard !name.isEmpty, isValid else { throw failure(.invalidNamedCapture, start..<position) }
        return text(name)
    }

    /// True for `(?flags:`, false for `(?flags)`.
    private mutating func parseFlags(start: Int) throws(PatternError) -> Bool {
        var isSetting = true
        var hasFlag = false
        while let next = peek() {
            position += 1
            switch next {
            case 0x69: flags.ignoresCase = isSetting
            case 0x6d: flags.isMultiline = isSetting
            case 0x73: flags.dotMatchesNewline = isSetting
            case 0x55: flags.isUngreedy = isSetting
            case 0x2d:
                guard isSetting else { throw failure(.invalidPerlOperator, start..<position) }
                isSetting = false
                hasFlag = false
                continue
            case 0x3a, 0x29:
                guard isSetting || hasFlag else { throw failure(.invalidPerlOperator, start..<position) }
                return next == 0x3a
            default:
                throw failure(.invalidPerlOperator, start..<position)
            }
            hasFlag = true
        }
        throw failure(.invalidPerlOperator, start..<position)
    }
}
