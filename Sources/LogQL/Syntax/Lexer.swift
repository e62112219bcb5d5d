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
            return Token(kind: .range(try range()), position: start.withoutLine)
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
    private mutating func range() throws(LogQLError) -> Int64 {
        let start = position.withoutLine
        let opening = cursor
        guard let closing = bytes[opening...].firstIndex(of: UInt8(ascii: "]")) else {
            throw start.error("missing closing ']' in duration")
        }
        let inner = bytes[(opening + 1)..<closing].filter { $0 != 32 && $0 != 9 && $0 != 10 && $0 != 13 }
        guard let duration = DurationText.parse(inner), duration > 0 else {
            let text = String(decoding: bytes[(opening + 1)..<closing], as: UTF8.self)
            throw start.error("not a valid duration string: \(QuotedText.quote(text))")
        }
        advance(closing + 1 - opening)
        return duration
    }

    private mutating func number() throws(LogQLError) -> TokenKind {
        let start = position
        let begin = cursor
        while let byte = peek() {
            let isExponentSign =
                (byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-"))
                && (bytes[cursor - 1] | 32) == UInt8(ascii: "e") && cursor > begin
                && bytes[begin..<(cursor - 1)].allSatisfy { ($0 >= 48 && $0 <= 57) || $0 == UInt8(ascii: ".") }
                && (peek(1).map { $0 >= 48 && $0 <= 57 } ?? false)
            guard
                Lexer.isLetter(byte) || (byte >= 48 && byte <= 57) || byte == UInt8(ascii: ".") || byte >= 0x80
                    || isExponentSign
            else { break }
            advance()
        }
        let text = bytes[begin..<cursor]
        if text.allSatisfy({ !Lexer.isLetter($0) || ($0 | 32) == UInt8(ascii: "e") }),
            let value = Double(String(decoding: text, as: UTF8.self)), value.isFinite
        {
            return .number(value)
        }
        if let duration = DurationText.parse(text) { return .duration(duration) }
        if let bytes = ByteCountText.parse(text, unitNeeded: true) { return .bytes(bytes) }
        if text.first == 48, let second = text.dropFirst().first, "xXoObB".utf8.contains(second) {
            let quoted = QuotedText.quote(String(decoding: text, as: UTF8.self))
            throw .meaningless(
                "unable to parse literal as a float: strconv.ParseFloat: parsing \(quoted): invalid syntax")
        }
        throw start.error("syntax error: \(String(decoding: text, as: UTF8.self)) is no number, duration or size")
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
