/// The 16 bytes of a trace id, as two big-endian words so that a set of them needs no heap.
package struct TraceID: Hashable, Sendable, Comparable, CustomStringConvertible {
    package var high: UInt64
    package var low: UInt64

    package init(high: UInt64 = 0, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// At most 16 bytes, the most significant first; fewer are padded left. Nil for more, or for none.
    package init?(bytes: some Collection<UInt8>) {
        guard (1...16).contains(bytes.count) else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for byte in bytes {
            high = high << 8 | low >> 56
            low = low << 8 | UInt64(byte)
        }
        self.init(high: high, low: low)
    }

    package var bytes: [UInt8] { bigEndianBytes(high) + bigEndianBytes(low) }

    /// 32 lower-case hex digits.
    package var hex: String { hexDigits(high) + hexDigits(low) }

    package var description: String { hex }

    package static func < (a: TraceID, b: TraceID) -> Bool { a.high == b.high ? a.low < b.low : a.high < b.high }
}

/// The 8 bytes of a span id.
package struct SpanID: Hashable, Sendable, Comparable, CustomStringConvertible {
    package var value: UInt64

    package init(_ value: UInt64) { self.value = value }

    /// At most 8 bytes, the most significant first.
    package init?(bytes: some Collection<UInt8>) {
        guard (1...8).contains(bytes.count) else { return nil }
        value = bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    package var bytes: [UInt8] { bigEndianBytes(value) }

    /// 16 lower-case hex digits.
    package var hex: String { hexDigits(value) }

    package var description: String { hex }

    package static func < (a: SpanID, b: SpanID) -> Bool { a.value < b.value }
}

/// The 16 bytes of an id written as 1 to 32 hex digits (short ones are padded left, since Tempo's search drops leading
/// zeros) or in X-Ray's form `1-<8 hex>-<24 hex>`. Nil for anything else.
package func parseTraceID(_ text: String) -> [UInt8]? { TraceID(hex: text)?.bytes }

extension TraceID {
    package init?(hex text: String) {
        var digits = Array(text.utf8)
        let dash = UInt8(ascii: "-")
        if digits.contains(dash) {
            let parts = digits.split(separator: dash, omittingEmptySubsequences: false)
            guard parts.count == 3, parts[0].elementsEqual([UInt8(ascii: "1")]), (1...8).contains(parts[1].count),
                parts[2].count == 24
            else { return nil }
            digits = Array(parts[1]) + Array(parts[2])
        }
        guard (1...32).contains(digits.count) else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for digit in digits {
            guard let nibble = hexValue(digit) else { return nil }
            high = high << 4 | low >> 60
            low = low << 4 | UInt64(nibble)
        }
        self.init(high: high, low: low)
    }
}

extension SpanID {
    /// 1 to 16 hex digits.
    package init?(hex text: String) {
        guard (1...16).contains(text.utf8.count) else { return nil }
        var value: UInt64 = 0
        for digit in text.utf8 {
            guard let nibble = hexValue(digit) else { return nil }
            value = value << 4 | UInt64(nibble)
        }
        self.init(value)
    }
}

private func hexValue(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
}

private func bigEndianBytes(_ word: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * $0)) }
}

private func hexDigits(_ word: UInt64) -> String {
    let digits = String(word, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
}
