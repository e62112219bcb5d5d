/// Names as a query can spell them.
enum LabelName {
    @inline(__always)
    static func isAllowed(_ byte: UInt8) -> Bool {
        (byte | 32 >= 97 && byte | 32 <= 122) || (byte >= 48 && byte <= 57) || byte == 95
    }

    /// Appends with `_` for every other byte's character, and a leading `_` before a digit at the start of a name.
    static func append(_ name: some Collection<UInt8>, to out: inout [UInt8], isStart: Bool) {
        if isStart, let first = name.first, first >= 48, first <= 57 { out.append(95) }
        for byte in name {
            if isAllowed(byte) {
                out.append(byte)
            } else if byte & 0xc0 != 0x80 {
                out.append(95)
            }
        }
    }

    static func sanitised(_ name: String) -> String {
        var out: [UInt8] = []
        append(name.utf8, to: &out, isStart: true)
        return String(decoding: out, as: UTF8.self)
    }
}
