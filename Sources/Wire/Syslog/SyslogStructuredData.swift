/// `[id name="value" …][id2 …]` of RFC 5424.
enum SyslogStructuredData {
    /// Whether whole elements begin at `index`, which goes behind them.
    static func end(_ bytes: [UInt8], _ index: inout Int, _ end: Int) -> Bool {
        walk(bytes, &index, end) { _, _, _ in }
    }

    /// Values are not unescaped yet.
    static func forEach(
        _ bytes: [UInt8], _ range: Range<Int>,
        _ body: (_ id: Range<Int>, _ name: Range<Int>, _ value: Range<Int>) -> Void
    ) {
        var index = range.lowerBound
        _ = walk(bytes, &index, range.upperBound, body)
    }

    /// `\"`, `\\` and `\]`; a backslash before anything else stands for itself.
    static func unescape(_ bytes: [UInt8], _ range: Range<Int>, to out: inout [UInt8]) {
        var index = range.lowerBound
        while index < range.upperBound {
            let byte = bytes[index]
            if byte == UInt8(ascii: "\\"), index + 1 < range.upperBound {
                let next = bytes[index + 1]
                if next == UInt8(ascii: "\"") || next == UInt8(ascii: "\\") || next == UInt8(ascii: "]") {
                    out.append(next)
                    index += 2
                    continue
                }
            }
            out.append(byte)
            index += 1
        }
    }

    private static func walk(
        _ bytes: [UInt8], _ index: inout Int, _ end: Int, _ body: (Range<Int>, Range<Int>, Range<Int>) -> Void
    ) -> Bool {
        guard index < end, bytes[index] == UInt8(ascii: "[") else { return false }
        while index < end, bytes[index] == UInt8(ascii: "[") {
            index += 1
            let idStart = index
            while index < end, bytes[index] != 0x20, bytes[index] != UInt8(ascii: "]") { index += 1 }
            let id = idStart..<index
            guard !id.isEmpty else { return false }
            while index < end, bytes[index] == 0x20 {
                while index < end, bytes[index] == 0x20 { index += 1 }
                if index < end, bytes[index] == UInt8(ascii: "]") { break }
                let nameStart = index
                while index < end, bytes[index] != UInt8(ascii: "="), bytes[index] != 0x20 { index += 1 }
                let name = nameStart..<index
                guard end - index >= 2, bytes[index] == UInt8(ascii: "="), bytes[index + 1] == UInt8(ascii: "\"") else {
                    return false
                }
                index += 2
                let valueStart = index
                while index < end, bytes[index] != UInt8(ascii: "\"") {
                    index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
                }
                guard index < end else { return false }
                body(id, name, valueStart..<index)
                index += 1
            }
            guard index < end, bytes[index] == UInt8(ascii: "]") else { return false }
            index += 1
        }
        return true
    }
}
