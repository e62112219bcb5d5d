/// Cuts a query into tokens. Keywords are identifiers here: whether `json` is a stage or a label's name is for the
/// parser to say.
struct Lexer {
    /// Loki's own limit.
    static let maximumLength = 131_072

    private let bytes: [UInt8]
    private var cursor = 0
    private var line = 1
    private var column = 1

    static func tokens(of text: String) throws(LogQLError) -> [Token] {
        let bytes = Array(text.utf8)
        guard bytes.count <= maximumLength else {
            throw .parse(
                line: 1, column: 1,
                message: "input size too long (\(bytes.count) > \(maximumLength)); shorten the query")
        }
        var lexer = Lexer(bytes: bytes)
        var out: [Token] = []
        while true {
            let token = try lexer.next()
            out.append(token)
            if token.kind == .end { return out }
        }
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private var position: SourcePosition { SourcePosition(line: line, column: column) }
    private func peek(_ offset: Int = 0) -> UInt8? { cursor + offset < bytes.count ? bytes[cursor + offset] : nil }

    private mutating func advance(_ count: Int = 1) {
        for _ in 0..<count where cursor < bytes.count {
            if bytes[cursor] == 10 {
                line += 1
                column = 1
            } else if bytes[cursor] & 0xc0 != 0x80 {
                column += 1
            }
            cursor += 1
        }
    }

    private mutating func skipSpace() {
        while let byte = peek() {
            if byte == 32 || byte == 9 || byte == 10 || byte == 13 {
                advance()
            } else if byte == UInt8(ascii: "#") {
                while let next = peek(), next != 10 {
                    _ = next
                    advance()
                }
            } else {
                return
            }
        }
    }

    private mutating func next() throws(LogQLError) -> Token {
        skipSpace()
        let start = position
        guard let byte = peek() else { return Token(kind: .end, position: start) }
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "`"):
            return Token(kind: .string(try string(quote: byte)), position: start)
        case UInt8(ascii: "["):
            return Token(kind: try range(), position: start.withoutLine)
        case 48...57: return try numberToken(at: start)
        case UInt8(ascii: ".") where peek(1).map { $0 >= 48 && $0 <= 57 } ?? false: return try numberToken(at: start)
        case UInt8(ascii: "-") where peek(1) == UInt8(ascii: "-") && (peek(2).map(Lexer.isLetter) ?? false):
            return Token(kind: .flag(flag()), position: start.withoutLine)
        default: break
        }
        if Lexer.isLetter(byte) { return Token(kind: .identifier(identifier()), position: start) }
        for symbol in ["=~", "==", "!=", "!~", "!>", "|=", "|~", "|>", ">=", "<="] where peek(1) != nil {
            let utf8 = Array(symbol.utf8)
            if utf8[0] == byte, utf8[1] == peek(1) {
                advance(2)
                return Token(kind: .symbol(symbol), position: start.withoutLine)
            }
        }
        guard "{}()],|=<>+-*/%^".utf8.contains(byte) else {
            throw start.error("syntax error: unexpected character \(quotedCharacter())")
        }
        advance()
        return Token(kind: .symbol(String(decoding: [byte], as: UTF8.self)), position: start)
    }

    private mutating func numberToken(at start: SourcePosition) throws(LogQLError) -> Token {
        let kind = try number()
        if case .number = kind { return Token(kind: kind, position: start) }
        return Token(kind: kind, position: start.withoutLine)
    }

    private func quotedCharacter() -> String {
        let text = String(decoding: bytes[cursor..<min(cursor + 4, bytes.count)], as: UTF8.self)
        return QuotedText.quote(text.unicodeScalars.first.map { String($0) } ?? "")
    }

    static func isLetter(_ byte: UInt8) -> Bool {
        (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122) || byte == 95
    }

    private mutating func identifier() -> String {
        let start = cursor
        while let byte = peek(), Lexer.isLetter(byte) || (byte >= 48 && byte <= 57) {
            _ = byte
            advance()
        }
        return String(decoding: bytes[start..<cursor], as: UTF8.self)
    }

    private mutating func flag() -> String {
        let start = cursor
        advance(2)
        while let byte = peek(), Lexer.isLetter(byte) || byte == UInt8(ascii: "-") {
            _ = byte
            advance()
        }
        return String(decoding: bytes[start..<cursor], as: UTF8.self)
    }

    /// `[` to `]`: spaces are allowed inside.
    private mutating func range() throws(LogQLError) -> TokenKind {
        let start = position.withoutLine
        let opening = cursor
        guard let closing = bytes[opening...].firstIndex(of: UInt8(ascii: "]")) else {
            throw start.error("missing closing ']' in duration")
        }
        let inner = bytes[(opening + 1)..<closing].filter { $0 != 32 && $0 != 9 && $0 != 10 && $0 != 13 }
        if let colon = inner.firstIndex(of: UInt8(ascii: ":")) {
            let step = inner[(colon + 1)...]
            let parsedStep = DurationText.parse(step)
            if let range = DurationText.parse(inner[..<colon]), range > 0, step.isEmpty || parsedStep ?? 0 > 0 {
                advance(closing + 1 - opening)
                return .subquery(range: range, step: parsedStep)
            }
        }
        guard let duration = DurationText.parse(inner), duration > 0 else {
            let text = String(decoding: bytes[(opening + 1)..<closing], as: UTF8.self)
            throw start.error("not a valid duration string: \(QuotedText.quote(text))")
        }
        advance(closing + 1 - opening)
        return .range(duration)
    }

    /// As Loki's scanner: a number, and where the characters behind it make it a duration or a size, that. `1mb` is the
    /// duration `1m` and the name `b`.
    private mutating func number() throws(LogQLError) -> TokenKind {
        let start = position
        let begin = cursor
        skipNumber()
        let text = bytes[begin..<cursor]
        let durationEnd = end(of: "numshdwyµ".utf8)
        if durationEnd > cursor, let duration = DurationText.parse(bytes[begin..<durationEnd]) {
            advance(durationEnd - cursor)
            return .duration(duration)
        }
        let sizeEnd = end(of: "BikKMGTP".utf8)
        if sizeEnd > cursor, let size = ByteCountText.parse(bytes[begin..<sizeEnd], unitNeeded: true) {
            advance(sizeEnd - cursor)
            return .bytes(size)
        }
        guard text.allSatisfy({ !Lexer.isLetter($0) || $0 | 32 == UInt8(ascii: "e") }),
            let value = Double(String(decoding: text, as: UTF8.self))
        else {
            let quoted = QuotedText.quote(String(decoding: text, as: UTF8.self))
            throw .meaningless(
                "unable to parse literal as a float: strconv.ParseFloat: parsing \(quoted): invalid syntax")
        }
        guard value.isFinite else {
            throw start.error("syntax error: \(String(decoding: text, as: UTF8.self)) is out of range")
        }
        return .number(value)
    }

    /// Digits with a point and an exponent, or Go's `0x`, `0o` and `0b`.
    private mutating func skipNumber() {
        func isDigit(_ byte: UInt8?) -> Bool { byte.map { $0 >= 48 && $0 <= 57 } ?? false }
        if peek() == 48, let next = peek(1), "xXoObB".utf8.contains(next), next != UInt8(ascii: "B") {
            advance(2)
            while let byte = peek(), isDigit(byte) || (byte | 32 >= 97 && byte | 32 <= 102) { advance() }
            return
        }
        while isDigit(peek()) { advance() }
        if peek() == UInt8(ascii: ".") {
            advance()
            while isDigit(peek()) { advance() }
        }
        guard let mark = peek(), mark | 32 == UInt8(ascii: "e") else { return }
        let isSigned = peek(1) == UInt8(ascii: "+") || peek(1) == UInt8(ascii: "-")
        guard isDigit(peek(isSigned ? 2 : 1)) else { return }
        advance(isSigned ? 2 : 1)
        while isDigit(peek()) { advance() }
    }

    /// Where the run of digits, points and `units` ends that begins here.
    private func end(of units: String.UTF8View) -> Int {
        var end = cursor
        while end < bytes.count,
            units.contains(bytes[end]) || (bytes[end] >= 48 && bytes[end] <= 57) || bytes[end] == UInt8(ascii: ".")
        {
            end += 1
        }
        return end
    }

    private mutating func string(quote: UInt8) throws(LogQLError) -> String {
        let start = position
        advance()
        let begin = cursor
        while let byte = peek() {
            if byte == quote {
                let inner = bytes[begin..<cursor]
                advance()
                if quote == UInt8(ascii: "`") { return String(decoding: inner, as: UTF8.self) }
                guard let text = QuotedText.unescape(inner) else {
                    throw start.error(
                        "invalid syntax in string literal: unknown escape; double each backslash or use backticks")
                }
                return text
            }
            if quote == UInt8(ascii: "\""), byte == 10 { break }
            advance(byte == UInt8(ascii: "\\") && quote == UInt8(ascii: "\"") ? 2 : 1)
        }
        throw start.error("literal not terminated")
    }
}
