/// A pull parser over bytes: the caller asks for what it expects, the reader says where it is not there.
///
/// Strict in grammar; broken UTF-8 and lone surrogates in strings are replaced. Nesting is bounded.
package struct JSONReader: Sendable {
    package enum Kind: Sendable { case object, array, string, number, bool, null }

    package static let maximumDepth = 96

    package let bytes: [UInt8]
    package private(set) var offset = 0
    private let start: Int
    private let end: Int
    private var depth = 0
    /// Whether the innermost container has had an element.
    private var isFirst = false

    package init(_ bytes: [UInt8]) { self.init(bytes, 0..<bytes.count) }

    /// Reads a part of the bytes, as one line of many; lines and columns of errors are counted from its start.
    package init(_ bytes: [UInt8], _ range: Range<Int>) {
        self.bytes = bytes
        start = range.lowerBound
        end = range.upperBound
        offset = start
    }

    package func failure(_ reason: String, at place: Int? = nil) -> WireError {
        let position = min(place ?? offset, end)
        var line = 1
        var lineStart = start
        for index in start..<position where bytes[index] == 0x0a {
            line += 1
            lineStart = index + 1
        }
        return .json(reason, offset: position - start, line: line, column: position - lineStart + 1)
    }

    /// What the next value is, without reading it.
    package mutating func peek() throws(WireError) -> Kind {
        skipSpace()
        guard offset < end else { throw failure("a value is missing") }
        switch bytes[offset] {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
        case UInt8(ascii: "n"): return .null
        case UInt8(ascii: "-"), 0x30...0x39: return .number
        default: throw failure("a value cannot begin with this character")
        }
    }

    package mutating func beginObject() throws(WireError) { try begin(UInt8(ascii: "{"), "an object") }
    package mutating func beginArray() throws(WireError) { try begin(UInt8(ascii: "["), "an array") }

    /// The next key of the current object, decoded into `key`; false at the object's end.
    package mutating func nextKey(_ key: inout [UInt8]) throws(WireError) -> Bool {
        guard try nextElement(closing: UInt8(ascii: "}")) else { return false }
        key.removeAll(keepingCapacity: true)
        guard offset < end, bytes[offset] == UInt8(ascii: "\"") else {
            throw failure("a key in quotes is missing")
        }
        try readString(into: &key)
        skipSpace()
        guard offset < end, bytes[offset] == UInt8(ascii: ":") else { throw failure("a colon is missing") }
        offset += 1
        return true
    }

    /// Whether the current array has one more element; false at its end.
    package mutating func nextElement() throws(WireError) -> Bool { try nextElement(closing: UInt8(ascii: "]")) }

    /// Appends the decoded text.
    package mutating func readString(into out: inout [UInt8]) throws(WireError) {
        skipSpace()
        guard offset < end, bytes[offset] == UInt8(ascii: "\"") else { throw failure("a string is missing") }
        offset += 1
        while true {
            let start = offset
            while offset < end, bytes[offset] != UInt8(ascii: "\""), bytes[offset] != UInt8(ascii: "\\"),
                bytes[offset] >= 0x20
            { offset += 1 }
            UTF8Text.append(bytes, start..<offset, to: &out)
            guard offset < end else { throw failure("a string is not closed") }
            if bytes[offset] == UInt8(ascii: "\"") { break }
            guard bytes[offset] == UInt8(ascii: "\\") else {
                throw failure("a control character in a string must be escaped")
            }
            offset += 1
            try readEscape(into: &out)
        }
        offset += 1
    }

    package mutating func readString() throws(WireError) -> String {
        var out: [UInt8] = []
        try readString(into: &out)
        return String(decoding: out, as: UTF8.self)
    }

    /// The bytes of a number as written.
    package mutating func readNumber() throws(WireError) -> Range<Int> {
        skipSpace()
        let start = offset
        if offset < end, bytes[offset] == UInt8(ascii: "-") { offset += 1 }
        let whole = readDigits()
        guard whole > 0 else { throw failure("a number is missing") }
        if whole > 1, bytes[offset - whole] == UInt8(ascii: "0") {
            throw failure("a number must not begin with 0", at: start)
        }
        if offset < end, bytes[offset] == UInt8(ascii: ".") {
            offset += 1
            guard readDigits() > 0 else { throw failure("digits are missing after the point") }
        }
        if offset < end, bytes[offset] | 0x20 == UInt8(ascii: "e") {
            offset += 1
            if offset < end, bytes[offset] == UInt8(ascii: "+") || bytes[offset] == UInt8(ascii: "-") {
                offset += 1
            }
            guard readDigits() > 0 else { throw failure("digits are missing in the exponent") }
        }
        return start..<offset
    }

    package mutating func readBool() throws(WireError) -> Bool {
        if literal("true") { return true }
        if literal("false") { return false }
        throw failure("true or false is missing")
    }

    package mutating func readNull() throws(WireError) {
        guard literal("null") else { throw failure("null is missing") }
    }

    package mutating func skipValue() throws(WireError) {
        var scratch: [UInt8] = []
        try skipValue(&scratch)
    }

    /// After the one outermost value there may only be white space.
    package mutating func finish() throws(WireError) {
        skipSpace()
        guard offset == end else { throw failure("there is more after the end of the value") }
    }

    private mutating func skipValue(_ scratch: inout [UInt8]) throws(WireError) {
        switch try peek() {
        case .object:
            try beginObject()
            while try nextKey(&scratch) { try skipValue(&scratch) }
        case .array:
            try beginArray()
            while try nextElement() { try skipValue(&scratch) }
        case .string:
            scratch.removeAll(keepingCapacity: true)
            try readString(into: &scratch)
        case .number: _ = try readNumber()
        case .bool: _ = try readBool()
        case .null: try readNull()
        }
    }

    private mutating func begin(_ bracket: UInt8, _ name: String) throws(WireError) {
        skipSpace()
        guard offset < end, bytes[offset] == bracket else { throw failure("\(name) is missing") }
        guard depth < JSONReader.maximumDepth else {
            throw failure("values are nested more than \(JSONReader.maximumDepth) deep")
        }
        offset += 1
        depth += 1
        isFirst = true
    }

    private mutating func nextElement(closing: UInt8) throws(WireError) -> Bool {
        skipSpace()
        guard offset < end else { throw failure("an object or array is not closed") }
        if bytes[offset] == closing {
            offset += 1
            depth -= 1
            isFirst = false
            return false
        }
        if !isFirst {
            guard bytes[offset] == UInt8(ascii: ",") else { throw failure("a comma is missing") }
            offset += 1
            skipSpace()
        }
        isFirst = false
        return true
    }

    private mutating func readDigits() -> Int {
        let start = offset
        while offset < end, bytes[offset] >= 0x30, bytes[offset] <= 0x39 { offset += 1 }
        return offset - start
    }

    private mutating func literal(_ word: StaticString) -> Bool {
        skipSpace()
        let stop = offset + word.utf8CodeUnitCount
        guard stop <= end, UTF8Text.equals(bytes, offset..<stop, word) else { return false }
        offset = stop
        return true
    }

    private mutating func skipSpace() {
        while offset < end {
            switch bytes[offset] {
            case 0x20, 0x09, 0x0a, 0x0d: offset += 1
            default: return
            }
        }
    }

    private mutating func readEscape(into out: inout [UInt8]) throws(WireError) {
        guard offset < end else { throw failure("a string is not closed") }
        let escaped = bytes[offset]
        offset += 1
        switch escaped {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(escaped)
        case UInt8(ascii: "b"): out.append(0x08)
        case UInt8(ascii: "f"): out.append(0x0c)
        case UInt8(ascii: "n"): out.append(0x0a)
        case UInt8(ascii: "r"): out.append(0x0d)
        case UInt8(ascii: "t"): out.append(0x09)
        case UInt8(ascii: "u"): try readUnicodeEscape(into: &out)
        default: throw failure("this escape does not exist", at: offset - 1)
        }
    }

    private mutating func readUnicodeEscape(into out: inout [UInt8]) throws(WireError) {
        var code = try fourDigits()
        if code >= 0xd800, code < 0xdc00, offset + 1 < end, bytes[offset] == UInt8(ascii: "\\"),
            bytes[offset + 1] == UInt8(ascii: "u")
        {
            let before = offset
            offset += 2
            let low = try fourDigits()
            if low >= 0xdc00, low < 0xe000 {
                code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
            } else {
                offset = before
            }
        }
        let scalar = Unicode.Scalar(code) ?? "\u{fffd}"
        out.append(contentsOf: UTF8.encode(scalar).map(Array.init) ?? [])
    }

    private mutating func fourDigits() throws(WireError) -> UInt32 {
        guard end - offset >= 4 else { throw failure("\\u needs four hexadecimal digits") }
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = HexText.digit(bytes[offset]) else { throw failure("\\u needs four hexadecimal digits") }
            code = code << 4 | UInt32(digit)
            offset += 1
        }
        return code
    }
}
