/// MessagePack as a sender writes it, independent of the code under test.
indirect enum Pack {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case text(String)
    case binary([UInt8])
    case list([Pack])
    case map([(String, Pack)])
    case eventTime(UInt32, UInt32)

    var bytes: [UInt8] {
        var out: [UInt8] = []
        switch self {
        case .null: out = [0xc0]
        case .bool(let flag): out = [flag ? 0xc3 : 0xc2]
        case .int(let number):
            if (-32...127).contains(number) { return [UInt8(bitPattern: Int8(number))] }
            out = [0xd3]
            out += big(number, 8)
        case .double(let number):
            out = [0xcb]
            out += big(Int64(bitPattern: number.bitPattern), 8)
        case .text(let text):
            head(&out, 0xa0, 32, 0xdb, text.utf8.count)
            out += Array(text.utf8)
        case .binary(let bytes):
            out = [0xc6]
            out += big(Int64(bytes.count), 4)
            out += bytes
        case .list(let parts):
            head(&out, 0x90, 16, 0xdd, parts.count)
            for part in parts { out += part.bytes }
        case .map(let pairs):
            head(&out, 0x80, 16, 0xdf, pairs.count)
            for (key, value) in pairs {
                out += Pack.text(key).bytes
                out += value.bytes
            }
        case .eventTime(let seconds, let nanoseconds):
            out = [0xd7, 0x00]
            out += big(Int64(seconds), 4)
            out += big(Int64(nanoseconds), 4)
        }
        return out
    }

    private func head(_ out: inout [UInt8], _ short: UInt8, _ limit: Int, _ long: UInt8, _ count: Int) {
        if count < limit {
            out.append(short | UInt8(count))
        } else {
            out.append(long)
            out += big(Int64(count), 4)
        }
    }

    private func big(_ number: Int64, _ width: Int) -> [UInt8] {
        (0..<width).reversed().map { UInt8(truncatingIfNeeded: number >> Int64(8 * $0)) }
    }
}
