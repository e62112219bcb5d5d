internal import Telemetry
internal import Vectors

/// How a typed value reads in a query, where everything is text.
enum FieldText {
    static func append(kind: ValueKind, _ payload: ArraySlice<UInt8>, to out: inout [UInt8]) {
        switch kind {
        case .string: out.append(contentsOf: payload)
        case .empty: break
        default: append(AttributeValue(kind: kind, bytes: payload), to: &out)
        }
    }

    static func append(_ value: AttributeValue, to out: inout [UInt8]) {
        switch value {
        case .string(let text): out.append(contentsOf: text.utf8)
        case .bool(let flag): out.append(contentsOf: (flag ? "true" : "false").utf8)
        case .int(let number): out.append(contentsOf: String(number).utf8)
        case .double(let number): out.append(contentsOf: formatValue(number).utf8)
        case .bytes(let bytes): out.append(contentsOf: Base64Text.encode(bytes).utf8)
        case .array, .map: appendJSON(value, to: &out)
        case .empty: break
        }
    }

    private static func appendJSON(_ value: AttributeValue, to out: inout [UInt8]) {
        switch value {
        case .array(let elements):
            out.append(UInt8(ascii: "["))
            for (i, element) in elements.enumerated() {
                if i > 0 { out.append(UInt8(ascii: ",")) }
                appendJSON(element, to: &out)
            }
            out.append(UInt8(ascii: "]"))
        case .map(let attributes):
            out.append(UInt8(ascii: "{"))
            for (i, attribute) in attributes.enumerated() {
                if i > 0 { out.append(UInt8(ascii: ",")) }
                appendQuoted(attribute.key, to: &out)
                out.append(UInt8(ascii: ":"))
                appendJSON(attribute.value, to: &out)
            }
            out.append(UInt8(ascii: "}"))
        case .string(let text): appendQuoted(text, to: &out)
        case .bytes(let bytes): appendQuoted(Base64Text.encode(bytes), to: &out)
        case .empty: out.append(contentsOf: "null".utf8)
        case .double(let number) where !number.isFinite: appendQuoted(formatValue(number), to: &out)
        default: append(value, to: &out)
        }
    }

    private static func appendQuoted(_ text: String, to out: inout [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        out.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): out += [UInt8(ascii: "\\"), byte]
            case 10: out += Array("\\n".utf8)
            case 9: out += Array("\\t".utf8)
            case 13: out += Array("\\r".utf8)
            case 0..<0x20: out += Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: out.append(byte)
            }
        }
        out.append(UInt8(ascii: "\""))
    }
}
