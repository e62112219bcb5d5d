/// Go's interpreted string literals.
package enum GoQuoting {
    package static func quote(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\t": out += "\\t"
            case "\r": out += "\\r"
            default:
                if scalar.value < 0x20 || scalar.value == 0x7f {
                    let hex = String(scalar.value, radix: 16)
                    out += "\\x" + (hex.utf8.count < 2 ? "0" + hex : hex)
                } else {
                    out.unicodeScalars.append(scalar)
                }
            }
        }
        return out + "\""
    }

    /// What stands between the quotes, escapes resolved; nil where an escape is none of Go's.
    package static func unescape(_ inner: ArraySlice<UInt8>) -> String? {
        guard inner.contains(UInt8(ascii: "\\")) else { return String(decoding: inner, as: UTF8.self) }
        var out: [UInt8] = []
        var i = inner.startIndex
        while i < inner.endIndex {
            guard inner[i] == UInt8(ascii: "\\") else {
                out.append(inner[i])
                i += 1
                continue
            }
            i += 1
            guard i < inner.endIndex else { return nil }
            let escape = inner[i]
            i += 1
            switch escape {
            case UInt8(ascii: "a"): out.append(7)
            case UInt8(ascii: "b"): out.append(8)
            case UInt8(ascii: "f"): out.append(12)
            case UInt8(ascii: "n"): out.append(10)
            case UInt8(ascii: "r"): out.append(13)
            case UInt8(ascii: "t"): out.append(9)
            case UInt8(ascii: "v"): out.append(11)
            case UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "'"): out.append(escape)
            case UInt8(ascii: "x"):
                guard let value = number(inner, &i, digits: 2, radix: 16) else { return nil }
                out.append(UInt8(truncatingIfNeeded: value))
            case UInt8(ascii: "u"), UInt8(ascii: "U"):
                let digits = escape == UInt8(ascii: "u") ? 4 : 8
                guard let value = number(inner, &i, digits: digits, radix: 16), let scalar = Unicode.Scalar(value)
                else {
                    return nil
                }
                out.append(contentsOf: String(scalar).utf8)
            case 48...55:
                i -= 1
                guard let value = number(inner, &i, digits: 3, radix: 8), value < 256 else { return nil }
                out.append(UInt8(truncatingIfNeeded: value))
            default: return nil
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func number(_ bytes: ArraySlice<UInt8>, _ i: inout Int, digits: Int, radix: Int) -> UInt32? {
        guard bytes.endIndex - i >= digits else { return nil }
        let text = bytes[i..<(i + digits)]
        guard text.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }) else { return nil }
        i += digits
        return UInt32(String(decoding: text, as: UTF8.self), radix: radix)
    }
}
