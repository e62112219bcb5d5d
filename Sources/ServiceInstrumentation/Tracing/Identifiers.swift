/// A W3C trace id: 16 bytes, never all zero when valid.
public struct TraceID: Hashable, Sendable, CustomStringConvertible {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    public var isValid: Bool { high != 0 || low != 0 }

    /// 32 lower-case hexadecimal digits, as in `traceparent` and in log records.
    public var description: String { Hexadecimal.text(high) + Hexadecimal.text(low) }

    /// The 16 bytes in network order, as OTLP carries them.
    public var bytes: [UInt8] { Hexadecimal.bytes(high) + Hexadecimal.bytes(low) }

    public static func random(using generator: inout some RandomNumberGenerator) -> TraceID {
        TraceID(high: generator.next(), low: generator.next() | 1)
    }

    public static func random() -> TraceID {
        var generator = SystemRandomNumberGenerator()
        return random(using: &generator)
    }
}

/// A W3C span (parent) id: 8 bytes, never zero when valid.
public struct SpanID: Hashable, Sendable, CustomStringConvertible {
    public let value: UInt64

    public init(_ value: UInt64) { self.value = value }

    public var isValid: Bool { value != 0 }

    /// 16 lower-case hexadecimal digits.
    public var description: String { Hexadecimal.text(value) }

    public var bytes: [UInt8] { Hexadecimal.bytes(value) }

    public static func random(using generator: inout some RandomNumberGenerator) -> SpanID {
        let value: UInt64 = generator.next()
        return SpanID(value == 0 ? 1 : value)
    }

    public static func random() -> SpanID {
        var generator = SystemRandomNumberGenerator()
        return random(using: &generator)
    }
}

enum Hexadecimal {
    private static let digits = Array("0123456789abcdef".utf8)

    static func text(_ value: UInt64) -> String {
        String(unsafeUninitializedCapacity: 16) { buffer in
            for position in 0..<16 {
                buffer[position] = digits[Int(truncatingIfNeeded: value >> UInt64(60 - 4 * position)) & 0xf]
            }
            return 16
        }
    }

    static func bytes(_ value: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(56 - 8 * $0)) }
    }

    /// Reads lower-case digits only: W3C trace context forbids upper case in `traceparent`.
    static func value(_ digits: some Sequence<UInt8>) -> UInt64? {
        var result: UInt64 = 0
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): result = result << 4 | UInt64(digit &- UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): result = result << 4 | UInt64(digit &- UInt8(ascii: "a") &+ 10)
            default: return nil
            }
        }
        return result
    }
}
