package enum Token: Hashable, Sendable {
    case string(String)
    case int(Int64)
    case float(Double)
    /// Nanoseconds.
    case duration(Int64)
    /// A keyword, an unscoped intrinsic or the name of a function.
    case word(String)
    case field(FieldReference)
    case symbol(String)
    case end

    /// As the messages call it.
    var text: String {
        switch self {
        case .string: "STRING"
        case .int: "INTEGER"
        case .float: "FLOAT"
        case .duration: "DURATION"
        case .word(let word): word
        case .field(let field): field.description
        case .symbol(let symbol): symbol
        case .end: "$end"
        }
    }
}

/// Nanoseconds of a duration as parameters of URLs have it: `1.2s`, `100ms`, `1h30m`. Nil for anything else.
package func parseTraceDuration(_ text: String) -> Int64? {
    var lexer = Lexer(text)
    guard let first = try? lexer.next(), let end = try? lexer.next(), end.token == .end else { return nil }
    switch first.token {
    case .duration(let nanoseconds): return nanoseconds
    case .int(0): return 0
    default: return nil
    }
}

/// Cuts a query into tokens. Symbols are cut as long as possible; which of its two meanings `>` or `!~` has, the parser
/// knows.
struct Lexer {
    struct Located {
        var token: Token
        /// Byte offset in the text.
        var offset: Int
    }

    private static let symbols: [[UInt8]] = [
        "&>>", "&<<", "!>>", "!<<", "&&", "||", "!=", "!~", "!>", "!<", "=~", ">=", "<=", ">>", "<<", "&>", "&<", "&~",
        "{", "}", "(", ")", ",", "|", "!", "=", ">", "<", "~", "+", "-", "*", "/", "%", "^",
    ].map { Array($0.utf8) }

    let bytes: [UInt8]
    private var cursor = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    static func isLetter(_ byte: UInt8) -> Bool { (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte) }
    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }

    /// What ends the bare name of an attribute.
    static func endsAttribute(_ byte: UInt8) -> Bool { isSpace(byte) || "{}()=~!<>&|^,".utf8.contains(byte) }

    func error(_ message: String, at offset: Int) -> TraceQLError {
        var line = 1
        var column = 1
        for byte in bytes[..<min(offset, bytes.count)] {
            if byte == 0x0a {
                line += 1
                column = 1
            } else if byte & 0xc0 != 0x80 {
                column += 1
            }
        }
        return .parse(message: message, line: line, column: column)
    }

    private func byte(_ ahead: Int = 0) -> UInt8? {
        cursor + ahead < bytes.count ? bytes[cursor + ahead] : nil
    }

    mutating func next() throws(TraceQLError) -> Located {
        while let byte = byte(), Lexer.isSpace(byte) { cursor += 1 }
        let start = cursor
        guard let first = byte() else { return Located(token: .end, offset: start) }
        switch first {
        case UInt8(ascii: "\""): return Located(token: .string(try quotedString()), offset: start)
        case UInt8(ascii: "`"): return Located(token: .string(try rawString()), offset: start)
        case UInt8(ascii: "."):
            if let second = byte(1), Lexer.isDigit(second) { return Located(token: try number(), offset: start) }
            cursor += 1
            return Located(token: .field(try attribute(.none, start: start)), offset: start)
        case _ where Lexer.isDigit(first): return Located(token: try number(), offset: start)
        case _ where Lexer.isLetter(first) || first == UInt8(ascii: "_"):
            return Located(token: try word(), offset: start)
        default: break
        }
        for symbol in Lexer.symbols where bytes[start...].starts(with: symbol) {
            cursor += symbol.count
            return Located(token: .symbol(String(decoding: symbol, as: UTF8.self)), offset: start)
        }
        throw error("syntax error: unexpected \(character(at: start))", at: start)
    }

    private func character(at offset: Int) -> String {
        String(decoding: bytes[offset..<min(offset + 4, bytes.count)], as: UTF8.self).first.map { String($0) } ?? "$end"
    }

    // MARK: Words and attributes

    private mutating func word() throws(TraceQLError) -> Token {
        let start = cursor
        while let byte = byte(), Lexer.isLetter(byte) || Lexer.isDigit(byte) || byte == UInt8(ascii: "_") {
            cursor += 1
        }
        let text = String(decoding: bytes[start..<cursor], as: UTF8.self)
        if byte() == UInt8(ascii: "."), let scope = FieldReference.Scope(rawValue: text), scope != .none {
            cursor += 1
            return .field(try attribute(scope, start: start))
        }
        if byte() == UInt8(ascii: "."), text == "parent" {
            cursor += 1
            for scope in [FieldReference.Scope.span, .resource]
            where bytes[cursor...].starts(with: "\(scope.rawValue).".utf8) {
                cursor += scope.rawValue.utf8.count + 1
                return .field(try attribute(scope, ofParent: true, start: start))
            }
            return .field(try attribute(.none, ofParent: true, start: start))
        }
        if byte() == UInt8(ascii: ":"), Intrinsic.scopesWithIntrinsics.contains(text) {
            cursor += 1
            let nameStart = cursor
            while let byte = byte(), Lexer.isLetter(byte) || Lexer.isDigit(byte) { cursor += 1 }
            let name = String(decoding: bytes[nameStart..<cursor], as: UTF8.self)
            guard let intrinsic = Intrinsic.scoped["\(text):\(name)"] else {
                throw error("syntax error: unexpected \(name.isEmpty ? "END_ATTRIBUTE" : "IDENTIFIER")", at: nameStart)
            }
            return .field(FieldReference(intrinsic))
        }
        return .word(text)
    }

    private mutating func attribute(
        _ scope: FieldReference.Scope, ofParent: Bool = false, start: Int
    ) throws(TraceQLError) -> FieldReference {
        var name: [UInt8] = []
        while let first = byte(), !Lexer.endsAttribute(first) {
            if first == UInt8(ascii: "\"") {
                let open = cursor
                cursor += 1
                while true {
                    guard let inner = byte() else { throw error("unexpected EOF, expecting \"", at: open) }
                    cursor += 1
                    if inner == UInt8(ascii: "\"") { break }
                    if inner == UInt8(ascii: "\\") {
                        guard let escaped = byte(), escaped == UInt8(ascii: "\"") || escaped == UInt8(ascii: "\\")
                        else {
                            throw error("invalid escape sequence in attribute name", at: cursor)
                        }
                        name.append(escaped)
                        cursor += 1
                    } else {
                        name.append(inner)
                    }
                }
            } else {
                name.append(first)
                cursor += 1
            }
        }
        guard !name.isEmpty else {
            throw error("syntax error: unexpected END_ATTRIBUTE, expecting IDENTIFIER", at: cursor)
        }
        return FieldReference(scope: scope, name: String(decoding: name, as: UTF8.self), ofParent: ofParent)
    }

    // MARK: Strings

    private mutating func rawString() throws(TraceQLError) -> String {
        let start = cursor + 1
        guard let end = bytes[start...].firstIndex(of: UInt8(ascii: "`")) else {
            throw error("literal not terminated", at: cursor)
        }
        cursor = end + 1
        return String(decoding: bytes[start..<end], as: UTF8.self)
    }

    private mutating func quotedString() throws(TraceQLError) -> String {
        let start = cursor
        cursor += 1
        var out: [UInt8] = []
        while true {
            guard let first = byte(), first != 0x0a else { throw error("literal not terminated", at: start) }
            cursor += 1
            if first == UInt8(ascii: "\"") { return String(decoding: out, as: UTF8.self) }
            if first != UInt8(ascii: "\\") {
                out.append(first)
                continue
            }
            try escape(into: &out)
        }
    }

    /// Go's escapes.
    private mutating func escape(into out: inout [UInt8]) throws(TraceQLError) {
        let at = cursor
        guard let kind = byte() else { throw error("literal not terminated", at: at) }
        cursor += 1
        switch kind {
        case UInt8(ascii: "n"): out.append(0x0a)
        case UInt8(ascii: "t"): out.append(0x09)
        case UInt8(ascii: "r"): out.append(0x0d)
        case UInt8(ascii: "a"): out.append(0x07)
        case UInt8(ascii: "b"): out.append(0x08)
        case UInt8(ascii: "f"): out.append(0x0c)
        case UInt8(ascii: "v"): out.append(0x0b)
        case UInt8(ascii: "\\"), UInt8(ascii: "\""): out.append(kind)
        case UInt8(ascii: "x"):
            guard let code = digits(2, radix: 16) else { throw error("invalid char escape", at: at) }
            out.append(UInt8(truncatingIfNeeded: code))
        case UInt8(ascii: "u"), UInt8(ascii: "U"):
            guard let code = digits(kind == UInt8(ascii: "u") ? 4 : 8, radix: 16), let scalar = Unicode.Scalar(code)
            else {
                throw error("invalid char escape", at: at)
            }
            out.append(contentsOf: String(Character(scalar)).utf8)
        case UInt8(ascii: "0")...UInt8(ascii: "7"):
            cursor = at
            guard let code = digits(3, radix: 8), code < 256 else { throw error("invalid char escape", at: at) }
            out.append(UInt8(truncatingIfNeeded: code))
        default: throw error("invalid char escape", at: at)
        }
    }

    private mutating func digits(_ count: Int, radix: Int) -> UInt32? {
        guard cursor + count <= bytes.count else { return nil }
        let text = String(decoding: bytes[cursor..<cursor + count], as: UTF8.self)
        guard let first = text.utf8.first, first != UInt8(ascii: "+"), first != UInt8(ascii: "-"),
            let code = UInt32(text, radix: radix)
        else { return nil }
        cursor += count
        return code
    }

    // MARK: Numbers

    private mutating func number() throws(TraceQLError) -> Token {
        let start = cursor
        var isFloat = false
        skipDigits()
        if byte() == UInt8(ascii: ".") {
            isFloat = true
            cursor += 1
            skipDigits()
        }
        if let e = byte(), e == UInt8(ascii: "e") || e == UInt8(ascii: "E") {
            let signed = byte(1) == UInt8(ascii: "+") || byte(1) == UInt8(ascii: "-")
            if let digit = byte(signed ? 2 : 1), Lexer.isDigit(digit) {
                isFloat = true
                cursor += signed ? 2 : 1
                skipDigits()
            }
        }
        if let unit = byte(), Lexer.isLetter(unit) || unit == 0xc2 || unit == 0xce {
            return .duration(try duration(from: start))
        }
        let text = String(decoding: bytes[start..<cursor], as: UTF8.self)
        if isFloat {
            guard let value = Double(text.hasSuffix(".") ? text + "0" : text), value.isFinite else {
                throw error("invalid number \(text)", at: start)
            }
            return .float(value)
        }
        guard let value = Int64(text) else { throw error("value out of range: \(text)", at: start) }
        return .int(value)
    }

    private mutating func skipDigits() {
        while let byte = byte(), Lexer.isDigit(byte) { cursor += 1 }
    }

    private static let units: [(name: [UInt8], nanoseconds: Double)] = [
        ("ns", 1), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12),
        ("d", 8.64e13), ("w", 6.048e14), ("y", 3.1536e16),
    ].map { (Array($0.0.utf8), $0.1) }

    /// Prometheus' or Go's form: numbers, each with a unit.
    private mutating func duration(from start: Int) throws(TraceQLError) -> Int64 {
        cursor = start
        var whole: Int64 = 0
        while let first = byte(), Lexer.isDigit(first) || first == UInt8(ascii: ".") {
            let numberStart = cursor
            skipDigits()
            if byte() == UInt8(ascii: ".") {
                cursor += 1
                skipDigits()
            }
            let text = String(decoding: bytes[numberStart..<cursor], as: UTF8.self)
            let unitStart = cursor
            while let letter = byte(), Lexer.isLetter(letter) || letter >= 0x80 { cursor += 1 }
            guard let unit = Lexer.units.first(where: { bytes[unitStart..<cursor].elementsEqual($0.name) }),
                let value = Double(text.hasPrefix(".") ? "0" + text : text.hasSuffix(".") ? text + "0" : text)
            else {
                throw error("syntax error: unexpected IDENTIFIER", at: unitStart)
            }
            // Whole numbers are multiplied as integers: a double would lose nanoseconds beyond 104 days.
            let part: Int64?
            if let integer = Int64(text) {
                let (product, overflow) = integer.multipliedReportingOverflow(by: Int64(unit.nanoseconds))
                part = overflow ? nil : product
            } else {
                part = Int64(exactly: (value * unit.nanoseconds).rounded())
            }
            guard let part, case (let sum, let overflow) = whole.addingReportingOverflow(part), !overflow else {
                throw error("duration out of range", at: start)
            }
            whole = sum
        }
        return whole
    }
}
