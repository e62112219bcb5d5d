/// As much of MessagePack as answers need.
package struct MessagePackWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func array(_ count: Int) { bytes.append(0x90 | UInt8(truncatingIfNeeded: count & 0x0f)) }
    package mutating func map(_ count: Int) { bytes.append(0x80 | UInt8(truncatingIfNeeded: count & 0x0f)) }
    package mutating func bool(_ flag: Bool) { bytes.append(flag ? 0xc3 : 0xc2) }
    package mutating func string(_ text: String) { string(Array(text.utf8)[...]) }

    package mutating func string(_ text: ArraySlice<UInt8>) {
        if text.count < 32 {
            bytes.append(0xa0 | UInt8(truncatingIfNeeded: text.count))
        } else {
            head(0xd9, text.count)
        }
        bytes.append(contentsOf: text)
    }

    package mutating func binary(_ data: ArraySlice<UInt8>) {
        head(0xc4, data.count)
        bytes.append(contentsOf: data)
    }

    private mutating func head(_ code: UInt8, _ count: Int) {
        let width = count < 1 << 8 ? 0 : count < 1 << 16 ? 1 : 2
        bytes.append(code + UInt8(width))
        for i in (0..<(1 << width)).reversed() { bytes.append(UInt8(truncatingIfNeeded: count >> (8 * i))) }
    }
}
