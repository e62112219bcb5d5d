/// Walks over JSON text without building it. Every method is nil or false where the text is not JSON.
struct JSONScanner {
    static let maximumDepth = 128

    let bytes: ArraySlice<UInt8>
    var i: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        i = bytes.startIndex
    }

    @inline(__always)
    var current: UInt8? { i < bytes.endIndex ? bytes[i] : nil }

    @inline(__always)
    mutating func skipSpace() {
        while i < bytes.endIndex {
            let byte = bytes[i]
            guard byte == 32 || byte == 10 || byte == 13 || byte == 9 else { return }
            i += 1
        }
    }

    @inline(__always)
    mutating func take(_ byte: UInt8) -> Bool {
        guard i < bytes.endIndex, bytes[i] == byte else { return false }
        i += 1
        return true
    }

    /// The text between the quotes, and whether it has escapes. The cursor stands on the opening quote.
    mutating func string() -> (inner: Range<Int>, hasEscapes: Bool)? {
        guard take(UInt8(ascii: "\"")) else { return nil }
        let start = i
        var hasEscapes = false
        while i < bytes.endIndex {
            let byte = bytes[i]
            if byte == UInt8(ascii: "\"") {
                i += 1
                return (start..<(i - 1), hasEscapes)
            }
            if byte == UInt8(ascii: "\\") {
                hasEscapes = true
                i += 1
            }
            i += 1
        }
        return nil
    }

    /// Number, true, false or null.
    mutating func scalar() -> Range<Int>? {
        let start = i
        while i < bytes.endIndex, LabelName.isAllowed(bytes[i]) || "+-.".utf8.contains(bytes[i]) { i += 1 }
        let text = bytes[start..<i]
        guard let first = text.first else { return nil }
        switch first {
        case UInt8(ascii: "t"): return text.elementsEqual("true".utf8) ? start..<i : nil
        case UInt8(ascii: "f"): return text.elementsEqual("false".utf8) ? start..<i : nil
        case UInt8(ascii: "n"): return text.elementsEqual("null".utf8) ? start..<i : nil
        default: return JSONScanner.isNumber(text) ? start..<i : nil
        }
    }

    private static func isNumber(_ text: ArraySlice<UInt8>) -> Bool {
        var rest = text
        func digits() -> Int {
            let run = rest.prefix { $0 >= 48 && $0 <= 57 }.count
            rest = rest.dropFirst(run)
            return run
        }
        if rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
        guard digits() > 0 else { return false }
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            guard digits() > 0 else { return false }
        }
        if let mark = rest.first, mark | 32 == UInt8(ascii: "e") {
            rest = rest.dropFirst()
            if let sign = rest.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { rest = rest.dropFirst() }
            guard digits() > 0 else { return false }
        }
        return rest.isEmpty
    }

    /// Skips any value and answers where it stood.
    mutating func value(depth: Int = 0) -> Range<Int>? {
        skipSpace()
        let start = i
        guard depth < JSONScanner.maximumDepth, let byte = current else { return nil }
        switch byte {
        case UInt8(ascii: "\""): guard string() != nil else { return nil }
        case UInt8(ascii: "{"): guard object(depth: depth, { _, _ in true }) else { return nil }
        case UInt8(ascii: "["): guard array(depth: depth, { _, _ in true }) else { return nil }
        default: guard scalar() != nil else { return nil }
        }
        return start..<i
    }

    /// Calls `body` with each key's inner text and its value's place.
    mutating func object(depth: Int, _ body: ((inner: Range<Int>, hasEscapes: Bool), Range<Int>) -> Bool) -> Bool {
        guard take(UInt8(ascii: "{")) else { return false }
        skipSpace()
        if take(UInt8(ascii: "}")) { return true }
        while true {
            skipSpace()
            guard let key = string() else { return false }
            skipSpace()
            guard take(UInt8(ascii: ":")), let place = value(depth: depth + 1), body(key, place) else { return false }
            skipSpace()
            if take(UInt8(ascii: "}")) { return true }
            guard take(UInt8(ascii: ",")) else { return false }
        }
    }

    mutating func array(depth: Int, _ body: (Int, Range<Int>) -> Bool) -> Bool {
        guard take(UInt8(ascii: "[")) else { return false }
        skipSpace()
        if take(UInt8(ascii: "]")) { return true }
        var index = 0
        while true {
            guard let place = value(depth: depth + 1), body(index, place) else { return false }
            index += 1
            skipSpace()
            if take(UInt8(ascii: "]")) { return true }
            guard take(UInt8(ascii: ",")) else { return false }
        }
    }

    /// Appends the text of a JSON string, escapes resolved; broken ones become U+FFFD.
    static func unescape(_ inner: ArraySlice<UInt8>, into out: inout [UInt8]) {
        var i = inner.startIndex
        while i < inner.endIndex {
            guard inner[i] == UInt8(ascii: "\\"), i + 1 < inner.endIndex else {
                out.append(inner[i])
                i += 1
                continue
            }
            let escape = inner[i + 1]
            i += 2
            switch escape {
            case UInt8(ascii: "n"): out.append(10)
            case UInt8(ascii: "t"): out.append(9)
            case UInt8(ascii: "r"): out.append(13)
            case UInt8(ascii: "b"): out.append(8)
            case UInt8(ascii: "f"): out.append(12)
            case UInt8(ascii: "u"):
                var scalar = unit(inner, at: i)
                i = min(inner.endIndex, i + 4)
                if let high = scalar, high >= 0xd800, high < 0xdc00, i + 1 < inner.endIndex,
                    inner[i] == UInt8(ascii: "\\"),
                    inner[i + 1] == UInt8(ascii: "u"), let low = unit(inner, at: i + 2), low >= 0xdc00, low < 0xe000
                {
                    scalar = 0x10000 + (high - 0xd800) << 10 + (low - 0xdc00)
                    i += 6
                }
                out.append(contentsOf: String(scalar.flatMap(Unicode.Scalar.init) ?? "\u{fffd}").utf8)
            default: out.append(escape)
            }
        }
    }

    private static func unit(_ bytes: ArraySlice<UInt8>, at i: Int) -> UInt32? {
        guard i + 4 <= bytes.endIndex else { return nil }
        return UInt32(String(decoding: bytes[i..<(i + 4)], as: UTF8.self), radix: 16)
    }
}
