/// What an assertion looks at: the byte before and the byte after a position. nil is the text's edge.
struct Surroundings {
    var before: UInt8?
    var after: UInt8?

    @inline(__always)
    static func isWord(_ byte: UInt8?) -> Bool {
        guard let byte else { return false }
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x5f, 0x61...0x7a: return true
        default: return false
        }
    }

    func holds(_ assertion: UInt8) -> Bool {
        switch Assertion(rawValue: assertion) {
        case .beginText: before == nil
        case .endText: after == nil
        case .beginLine: before == nil || before == 0x0a
        case .endLine: after == nil || after == 0x0a
        case .wordBoundary: Surroundings.isWord(before) != Surroundings.isWord(after)
        case .notWordBoundary: Surroundings.isWord(before) == Surroundings.isWord(after)
        case nil: false
        }
    }
}
