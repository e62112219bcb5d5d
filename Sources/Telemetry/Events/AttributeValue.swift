/// A typed value of an attribute, as OTLP has it.
package indirect enum AttributeValue: Hashable, Sendable {
    case string(String)
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case bytes([UInt8])
    case array([AttributeValue])
    case map([Attribute])
    case empty
}

package struct Attribute: Hashable, Sendable {
    package var key: String
    package var value: AttributeValue

    package init(_ key: String, _ value: AttributeValue) {
        self.key = key
        self.value = value
    }
}

/// How a value is laid out in a column's bytes.
package enum ValueKind: UInt8, Hashable, Sendable {
    case empty = 0
    /// UTF-8.
    case string = 1
    /// One byte, 0 or 1.
    case bool = 2
    /// Eight bytes, little-endian, two's complement.
    case int = 3
    /// Eight bytes, little-endian, IEEE 754.
    case double = 4
    case bytes = 5
    /// Elements one after the other: kind byte, UInt32 length (little-endian), payload.
    case array = 6
    /// Pairs one after the other: UInt32 length of the key, key, kind byte, UInt32 length, payload.
    case map = 7
}

extension AttributeValue {
    package var kind: ValueKind {
        switch self {
        case .string: .string
        case .bool: .bool
        case .int: .int
        case .double: .double
        case .bytes: .bytes
        case .array: .array
        case .map: .map
        case .empty: .empty
        }
    }

    /// Appends the payload; ``kind`` is kept beside it.
    package func encode(to out: inout [UInt8]) {
        switch self {
        case .string(let text): out.append(contentsOf: text.utf8)
        case .bool(let flag): out.append(flag ? 1 : 0)
        case .int(let number): appendLittleEndian(UInt64(bitPattern: number), to: &out)
        case .double(let number): appendLittleEndian(number.bitPattern, to: &out)
        case .bytes(let bytes): out.append(contentsOf: bytes)
        case .array(let elements):
            for element in elements { element.encodeNested(to: &out) }
        case .map(let attributes):
            for attribute in attributes {
                appendLittleEndian(UInt32(truncatingIfNeeded: attribute.key.utf8.count), to: &out)
                out.append(contentsOf: attribute.key.utf8)
                attribute.value.encodeNested(to: &out)
            }
        case .empty: break
        }
    }

    private func encodeNested(to out: inout [UInt8]) {
        out.append(kind.rawValue)
        let lengthAt = out.count
        appendLittleEndian(UInt32(0), to: &out)
        encode(to: &out)
        let length = UInt32(truncatingIfNeeded: out.count - lengthAt - 4)
        for i in 0..<4 { out[lengthAt + i] = UInt8(truncatingIfNeeded: length >> (8 * UInt32(i))) }
    }

    /// Reads a payload; broken nesting gives what could be read, never a trap. `depth` bounds hostile nesting.
    package init(kind: ValueKind, bytes: ArraySlice<UInt8>, depth: Int = 0) {
        switch kind {
        case .string: self = .string(String(decoding: bytes, as: UTF8.self))
        case .bool: self = .bool((bytes.first ?? 0) != 0)
        case .int: self = .int(Int64(bitPattern: readLittleEndian64(bytes)))
        case .double: self = .double(Double(bitPattern: readLittleEndian64(bytes)))
        case .bytes: self = .bytes(Array(bytes))
        case .empty: self = .empty
        case .array:
            var elements: [AttributeValue] = []
            var cursor = bytes.startIndex
            while depth < 64, let element = AttributeValue.nested(in: bytes, at: &cursor, depth: depth) {
                elements.append(element)
            }
            self = .array(elements)
        case .map:
            var attributes: [Attribute] = []
            var cursor = bytes.startIndex
            while depth < 64, bytes.endIndex - cursor >= 4 {
                let length = Int(readLittleEndian32(bytes[cursor..<cursor + 4]))
                guard length <= bytes.endIndex - cursor - 4 else { break }
                let key = String(decoding: bytes[cursor + 4..<cursor + 4 + length], as: UTF8.self)
                cursor += 4 + length
                guard let value = AttributeValue.nested(in: bytes, at: &cursor, depth: depth) else { break }
                attributes.append(Attribute(key, value))
            }
            self = .map(attributes)
        }
    }

    private static func nested(in bytes: ArraySlice<UInt8>, at cursor: inout Int, depth: Int) -> AttributeValue? {
        guard bytes.endIndex - cursor >= 5, let kind = ValueKind(rawValue: bytes[cursor]) else { return nil }
        let length = Int(readLittleEndian32(bytes[cursor + 1..<cursor + 5]))
        guard length <= bytes.endIndex - cursor - 5 else { return nil }
        let start = cursor + 5
        cursor = start + length
        return AttributeValue(kind: kind, bytes: bytes[start..<cursor], depth: depth + 1)
    }
}

func appendLittleEndian<T: FixedWidthInteger>(_ number: T, to out: inout [UInt8]) {
    var rest = number
    for _ in 0..<(T.bitWidth / 8) {
        out.append(UInt8(truncatingIfNeeded: rest))
        rest >>= 8
    }
}

func readLittleEndian64(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    var n: UInt64 = 0
    for (i, byte) in bytes.prefix(8).enumerated() { n |= UInt64(byte) << UInt64(8 * i) }
    return n
}

func readLittleEndian32(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    UInt32(truncatingIfNeeded: readLittleEndian64(bytes.prefix(4)))
}
