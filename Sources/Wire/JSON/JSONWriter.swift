/// Appends JSON to bytes; commas are set by the writer, nesting is the caller's duty.
package struct JSONWriter: Sendable {
    package private(set) var bytes: [UInt8] = []
    private var needsComma = false

    package init(reservingCapacity capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    /// Hands out what is written so far and starts anew after it, for a response that is streamed.
    package mutating func takeBytes() -> [UInt8] {
        defer { bytes = [] }
        return bytes
    }

    package mutating func beginObject() { open(UInt8(ascii: "{")) }
    package mutating func endObject() { close(UInt8(ascii: "}")) }
    package mutating func beginArray() { open(UInt8(ascii: "[")) }
    package mutating func endArray() { close(UInt8(ascii: "]")) }

    package mutating func key(_ name: String) {
        string(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    package mutating func key(_ name: ArraySlice<UInt8>) {
        string(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    package mutating func string(_ text: String) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 { appendEscaped(byte) }
        bytes.append(UInt8(ascii: "\""))
    }

    /// UTF-8; what is not is replaced by U+FFFD.
    package mutating func string(_ text: ArraySlice<UInt8>) {
        var seen: UInt8 = 0
        for byte in text { seen |= byte }
        guard seen < 0x80 || String(validating: text, as: UTF8.self) != nil else {
            return string(String(decoding: text, as: UTF8.self))
        }
        separate()
        bytes.append(UInt8(ascii: "\""))
        for byte in text { appendEscaped(byte) }
        bytes.append(UInt8(ascii: "\""))
    }

    package mutating func string(_ text: [UInt8]) { string(text[...]) }

    package mutating func integer(_ value: some BinaryInteger) {
        separate()
        bytes.append(contentsOf: String(value).utf8)
    }

    /// A number; `"NaN"`, `"Infinity"` and `"-Infinity"` as strings, as protobuf's JSON form has them.
    package mutating func double(_ value: Double) {
        if value.isFinite {
            separate()
            FloatText.append(value, .json, to: &bytes)
        } else {
            string(value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity")
        }
    }

    /// A string that holds a number in a style of ``FloatText``.
    package mutating func quotedDouble(_ value: Double, _ style: FloatText.Style) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        FloatText.append(value, style, to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    package mutating func quotedInteger(_ value: some BinaryInteger) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: String(value).utf8)
        bytes.append(UInt8(ascii: "\""))
    }

    package mutating func bool(_ value: Bool) {
        separate()
        bytes.append(contentsOf: (value ? "true" : "false").utf8)
    }

    package mutating func null() {
        separate()
        bytes.append(contentsOf: "null".utf8)
    }

    /// One whole value that is JSON already.
    package mutating func raw(_ json: some Sequence<UInt8>) {
        separate()
        bytes.append(contentsOf: json)
    }

    package mutating func raw(_ json: [UInt8]) {
        separate()
        bytes.append(contentsOf: json)
    }

    package mutating func field(_ name: String, _ value: String) {
        key(name)
        string(value)
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    private mutating func appendEscaped(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): bytes.append(contentsOf: [0x5c, 0x22])
        case UInt8(ascii: "\\"): bytes.append(contentsOf: [0x5c, 0x5c])
        case 0x0a: bytes.append(contentsOf: [0x5c, 0x6e])
        case 0x0d: bytes.append(contentsOf: [0x5c, 0x72])
        case 0x09: bytes.append(contentsOf: [0x5c, 0x74])
        case 0..<0x20:
            bytes.append(contentsOf: "\\u00".utf8)
            HexText.append([byte], to: &bytes)
        default: bytes.append(byte)
        }
    }
}
