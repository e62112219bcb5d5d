internal import Vectors

/// Cuts a query into tokens. Stops at the first thing that cannot be one, with an error token.
struct Lexer {
    private let bytes: [UInt8]
    private let query: String
    private var at = 0
    private var tokens: [Token] = []
    private var parentheses = 0
    private var inBraces = false
    private var inBrackets = false

    init(_ query: String) {
        self.query = query
        bytes = Array(query.utf8)
    }

    static func tokens(of query: String) -> [Token] {
        var lexer = Lexer(query)
        while lexer.next() {}
        return lexer.tokens
    }

    private func byte(_ ahead: Int = 0) -> UInt8 { at + ahead < bytes.count ? bytes[at + ahead] : 0 }

    private mutating func emit(_ kind: Token.Kind, from start: Int) -> Bool {
        let text = Substring(String(decoding: bytes[start..<at], as: UTF8.self))
        tokens.append(Token(kind: kind, range: SourceRange(start, at), text: text))
        switch kind {
        case .end, .error: return false
        default: return true
        }
    }

    private mutating func fail(_ message: String, at position: Int? = nil) -> Bool {
        tokens.append(Token(kind: .error(message), range: SourceRange(position ?? at, bytes.count), text: ""))
        return false
    }

    private mutating func skipBlanks() {
        while at < bytes.count {
            if isSpace(bytes[at]) {
                at += 1
            } else if bytes[at] == UInt8(ascii: "#") {
                while at < bytes.count, bytes[at] != UInt8(ascii: "\n") { at += 1 }
            } else {
                return
            }
        }
    }

    private mutating func next() -> Bool {
        skipBlanks()
        let start = at
        guard at < bytes.count else {
            if inBraces { return fail("unexpected end of input inside braces") }
            if inBrackets { return fail("unexpected end of input in duration expression") }
            if parentheses > 0 { return fail("unclosed left parenthesis") }
            return emit(.end, from: start)
        }
        let head = bytes[at]
        if inBrackets, head == UInt8(ascii: "\"") || head == UInt8(ascii: "'") || head == UInt8(ascii: "`") {
            return fail("unexpected character in duration expression: \(quotedCharacter(start))", at: start)
        }
        if head == UInt8(ascii: "\"") || head == UInt8(ascii: "'") || head == UInt8(ascii: "`") { return string() }
        if inBraces { return insideBraces(head, start) }
        if isDigit(head) || (head == UInt8(ascii: ".") && isDigit(byte(1))) { return number() }
        if isLetter(head) || (head == UInt8(ascii: ":") && !inBrackets) { return word() }
        return symbol(head, start)
    }

    private mutating func symbol(_ head: UInt8, _ start: Int) -> Bool {
        at += 1
        switch head {
        case UInt8(ascii: ","): return emit(.comma, from: start)
        case UInt8(ascii: "@"): return emit(.at, from: start)
        case UInt8(ascii: "+"): return emit(.op(.add), from: start)
        case UInt8(ascii: "-"): return emit(.op(.subtract), from: start)
        case UInt8(ascii: "*"): return emit(.op(.multiply), from: start)
        case UInt8(ascii: "/"): return emit(.op(.divide), from: start)
        case UInt8(ascii: "%"): return emit(.op(.modulo), from: start)
        case UInt8(ascii: "^"): return emit(.op(.power), from: start)
        case UInt8(ascii: ":") where inBrackets: return emit(.colon, from: start)
        case UInt8(ascii: "("):
            parentheses += 1
            return emit(.leftParenthesis, from: start)
        case UInt8(ascii: ")"):
            parentheses -= 1
            if parentheses < 0 { return fail("unexpected right parenthesis ')'") }
            return emit(.rightParenthesis, from: start)
        case UInt8(ascii: "{"):
            inBraces = true
            return emit(.leftBrace, from: start)
        case UInt8(ascii: "["):
            if inBrackets { return fail("unexpected left bracket '['", at: start) }
            inBrackets = true
            return emit(.leftBracket, from: start)
        case UInt8(ascii: "]"):
            if !inBrackets { return fail("unexpected right bracket ']'", at: start) }
            inBrackets = false
            return emit(.rightBracket, from: start)
        case UInt8(ascii: "="), UInt8(ascii: "!"), UInt8(ascii: "<"), UInt8(ascii: ">"): return comparison(head, start)
        default: return fail("unexpected character: \(quotedCharacter(start))", at: start)
        }
    }

    private mutating func comparison(_ head: UInt8, _ start: Int) -> Bool {
        let follows = byte()
        let isEqualSign = follows == UInt8(ascii: "=")
        switch head {
        case UInt8(ascii: "="):
            if follows == UInt8(ascii: "~") { return fail("unexpected character after '=': '~'", at: start) }
            guard isEqualSign else { return emit(.equals, from: start) }
            at += 1
            return emit(.op(.equal), from: start)
        case UInt8(ascii: "!"):
            guard isEqualSign else { return fail("unexpected character after '!': \(quotedCharacter(at))", at: start) }
            at += 1
            return emit(.op(.notEqual), from: start)
        case UInt8(ascii: "<"):
            if follows == UInt8(ascii: "/") {
                at += 1
                return emit(.op(.trimUpper), from: start)
            }
            if isEqualSign { at += 1 }
            return emit(.op(isEqualSign ? .lessOrEqual : .less), from: start)
        default:
            if follows == UInt8(ascii: "/") {
                at += 1
                return emit(.op(.trimLower), from: start)
            }
            if isEqualSign { at += 1 }
            return emit(.op(isEqualSign ? .greaterOrEqual : .greater), from: start)
        }
    }

    private mutating func insideBraces(_ head: UInt8, _ start: Int) -> Bool {
        if isLetter(head) {
            while at < bytes.count, isLetter(bytes[at]) || isDigit(bytes[at]) { at += 1 }
            return emit(.identifier, from: start)
        }
        at += 1
        switch head {
        case UInt8(ascii: "{"): return fail("unexpected left brace '{'", at: start)
        case UInt8(ascii: "}"):
            inBraces = false
            return emit(.rightBrace, from: start)
        case UInt8(ascii: ","): return emit(.comma, from: start)
        case UInt8(ascii: "="):
            guard byte() == UInt8(ascii: "~") else { return emit(.equals, from: start) }
            at += 1
            return emit(.matchesRegex, from: start)
        case UInt8(ascii: "!"):
            if byte() == UInt8(ascii: "~") {
                at += 1
                return emit(.matchesNotRegex, from: start)
            }
            guard byte() == UInt8(ascii: "=") else {
                return fail("unexpected character after '!' inside braces: \(quotedCharacter(at))", at: start)
            }
            at += 1
            return emit(.op(.notEqual), from: start)
        default: return fail("unexpected character inside braces: \(quotedCharacter(start))", at: start)
        }
    }

    private func quotedCharacter(_ position: Int) -> String {
        guard position < bytes.count else { return "end of input" }
        let rest = String(decoding: bytes[position..<min(bytes.count, position + 4)], as: UTF8.self)
        return "'" + String(rest.unicodeScalars.prefix(1)) + "'"
    }

    private mutating func word() -> Bool {
        let start = at
        var hasColon = false
        while at < bytes.count {
            if bytes[at] == UInt8(ascii: ":") {
                if inBrackets { break }
                hasColon = true
            } else if !isLetter(bytes[at]), !isDigit(bytes[at]) {
                break
            }
            at += 1
        }
        let lowered = String(decoding: bytes[start..<at], as: UTF8.self).lowercased()
        if hasColon { return emit(.metricIdentifier, from: start) }
        if lowered == "inf" { return emit(.number(.infinity), from: start) }
        if lowered == "nan" { return emit(.number(.nan), from: start) }
        if let keyword = Keyword.byName[lowered] { return emit(.keyword(keyword), from: start) }
        return emit(.identifier, from: start)
    }

    private mutating func number() -> Bool {
        let start = at
        while at < bytes.count {
            let here = bytes[at]
            let signed = here == UInt8(ascii: "+") || here == UInt8(ascii: "-")
            let before = at > start ? bytes[at - 1] | 0x20 : 0
            let isHex =
                bytes[start] == UInt8(ascii: "0") && start + 1 < bytes.count
                && bytes[start + 1] | 0x20 == UInt8(ascii: "x")
            if isLetter(here) || isDigit(here) || here == UInt8(ascii: ".")
                || (signed && before == UInt8(ascii: "e") && !isHex && (isDigit(byte(1))))
            {
                at += 1
            } else {
                break
            }
        }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        if let value = NumberSyntax.number(text) {
            guard value.isFinite else {
                return fail(
                    "error parsing number: strconv.ParseFloat: parsing \(quoteGo(text)): value out of range", at: start)
            }
            return emit(.number(value), from: start)
        }
        switch NumberSyntax.duration(text) {
        case .success(let seconds): return emit(.duration(seconds), from: start)
        case .failure(.syntax): return fail(NumberSyntax.complaint(about: text), at: start)
        case .failure(.overflow): return fail("duration out of range", at: start)
        }
    }

    private mutating func string() -> Bool {
        let start = at
        let quote = bytes[at]
        at += 1
        var scan = StringSyntax(bytes: bytes, at: at, quote: quote)
        switch scan.read() {
        case .success(let text):
            at = scan.at
            return emit(.string(text), from: start)
        case .failure(let problem): return fail(problem.message, at: start)
        }
    }
}

func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 0x09 && byte <= 0x0d && byte != 0x0b && byte != 0x0c) }
func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a) || byte == 0x5f }
