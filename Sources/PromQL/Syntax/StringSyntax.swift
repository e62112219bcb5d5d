internal import Vectors

/// Reads a quoted string with Go's escapes.
package struct StringSyntax {
    struct Problem: Error { let message: String }

    private let bytes: [UInt8]
    private(set) var at: Int
    private let quote: UInt8

    /// `at` is behind the opening quote.
    init(bytes: [UInt8], at: Int, quote: UInt8) {
        self.bytes = bytes
        self.at = at
        self.quote = quote
    }

    /// The text of a whole quoted string, nil where it is none.
    package static func unquote(_ text: String) -> String? {
        let bytes = Array(text.utf8)
        guard let quote = bytes.first, quote == 0x22 || quote == 0x27 || quote == 0x60 else { return nil }
        var reader = StringSyntax(bytes: bytes, at: 1, quote: quote)
        guard case .success(let value) = reader.read(), reader.at == bytes.count else { return nil }
        return value
    }

    /// A literal's bytes in Go's quotes: what is no UTF-8 as `\xc5`, where a `String` would have a replacement character.
    static func quotedBytes(ofLiteralAt range: SourceRange, in query: String) -> String {
        let bytes = Array(query.utf8)
        guard range.start >= 0, range.end <= bytes.count, range.start < range.end else { return "\"\"" }
        var reader = StringSyntax(bytes: Array(bytes[range.start..<range.end]), at: 1, quote: bytes[range.start])
        guard case .success(let content) = reader.readBytes() else { return "\"\"" }
        var out = ""
        var at = 0
        while at < content.count {
            let rest = content[at...]
            let length = (1...4).first { rest.count >= $0 && String(validating: rest.prefix($0), as: UTF8.self) != nil }
            if let length {
                out += quoteGo(String(decoding: rest.prefix(length), as: UTF8.self)).dropFirst().dropLast()
            } else {
                out += "\\x" + String(content[at], radix: 16)
            }
            at += length ?? 1
        }
        return "\"" + out + "\""
    }

    mutating func read() -> Result<String, Problem> {
        readBytes().map { String(decoding: $0, as: UTF8.self) }
    }

    private mutating func readBytes() -> Result<[UInt8], Problem> {
        let raw = quote == UInt8(ascii: "`")
        var out: [UInt8] = []
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            if byte == quote { return .success(out) }
            if raw {
                out.append(byte)
            } else if byte == UInt8(ascii: "\n") {
                return .failure(Problem(message: "unterminated quoted string"))
            } else if byte == UInt8(ascii: "\\") {
                if let problem = escape(&out) { return .failure(problem) }
            } else {
                out.append(byte)
            }
        }
        return .failure(Problem(message: raw ? "unterminated raw string" : "unterminated quoted string"))
    }

    private mutating func escape(_ out: inout [UInt8]) -> Problem? {
        guard at < bytes.count else { return Problem(message: "escape sequence not terminated") }
        let byte = bytes[at]
        at += 1
        switch byte {
        case UInt8(ascii: "a"): out.append(0x07)
        case UInt8(ascii: "b"): out.append(0x08)
        case UInt8(ascii: "f"): out.append(0x0c)
        case UInt8(ascii: "n"): out.append(0x0a)
        case UInt8(ascii: "r"): out.append(0x0d)
        case UInt8(ascii: "t"): out.append(0x09)
        case UInt8(ascii: "v"): out.append(0x0b)
        case UInt8(ascii: "\\"), quote: out.append(byte)
        case UInt8(ascii: "0")...UInt8(ascii: "7"):
            at -= 1
            return code(digits: 3, radix: 8, &out)
        case UInt8(ascii: "x"): return code(digits: 2, radix: 16, &out)
        case UInt8(ascii: "u"): return code(digits: 4, radix: 16, &out)
        case UInt8(ascii: "U"): return code(digits: 8, radix: 16, &out)
        default:
            return Problem(
                message:
                    "unknown escape sequence U+00\(String(byte, radix: 16, uppercase: true)) '\(Character(UnicodeScalar(byte)))'"
            )
        }
        return nil
    }

    /// Go's `%#U`.
    private static func illegal(_ scalar: Unicode.Scalar) -> String {
        let code = String(scalar.value, radix: 16, uppercase: true)
        return "illegal character U+\(String(repeating: "0", count: max(0, 4 - code.count)))\(code) '\(scalar)' "
            + "in escape sequence"
    }

    private mutating func code(digits: Int, radix: Int, _ out: inout [UInt8]) -> Problem? {
        for place in at..<at + digits {
            guard place < bytes.count else { return Problem(message: "escape sequence not terminated") }
            guard let digit = Character(UnicodeScalar(bytes[place])).hexDigitValue, digit < radix else {
                let rest = String(decoding: bytes[place..<min(bytes.count, place + 4)], as: UTF8.self)
                return Problem(message: StringSyntax.illegal(rest.unicodeScalars.first ?? "\u{fffd}"))
            }
        }
        guard let value = UInt32(String(decoding: bytes[at..<at + digits], as: UTF8.self), radix: radix) else {
            return Problem(message: "escape sequence is an invalid Unicode code point")
        }
        at += digits
        if digits <= 3 {
            guard let byte = UInt8(exactly: value) else {
                return Problem(message: "escape sequence is an invalid Unicode code point")
            }
            out.append(byte)
            return nil
        }
        guard let scalar = Unicode.Scalar(value) else {
            return Problem(message: "escape sequence is an invalid Unicode code point")
        }
        out.append(contentsOf: String(Character(scalar)).utf8)
        return nil
    }
}
