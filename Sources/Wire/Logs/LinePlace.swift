/// Where in a line a key stands: a field of its own, or text inside another field's value. Walks the line once, and only
/// as far as there is something to ask for.
struct LinePlace {
    enum Kind { case field, quoted, deep }

    /// Loki looks into the objects of an object, and no deeper.
    private static let deepest = 2

    private let isObject: Bool
    private var at = 0
    private var depth = 0
    private var isQuoted = false
    /// Of the quotes that are open, or were last.
    private var opened = 0

    init(isObject: Bool) { self.isObject = isObject }

    /// Places are asked for in ascending order.
    mutating func kind(of target: Int, _ line: Span<UInt8>) -> Kind {
        if at == 0, isSurelyField(target, line) { return .field }
        walk(to: target, line)
        guard isObject else { return isQuoted ? .quoted : .field }
        if isQuoted, !beginsKey(line, opened) { return .quoted }
        return depth > LinePlace.deepest ? .deep : .field
    }

    /// What most lines are, seen without a walk: nothing is quoted before it, or it is a key of an object with too few
    /// braces before it to be deep in another one.
    private func isSurelyField(_ target: Int, _ line: Span<UInt8>) -> Bool {
        // `[` and `{` differ in one bit.
        let (wanted, fold) = isObject ? (UInt64(0x7b), UInt64(0x20)) : (0x22, 0)
        let ones: UInt64 = 0x0101_0101_0101_0101
        var found = 0
        var at = 0
        while target &- at >= 8 {
            let word = unsafe line.withUnsafeBytes { unsafe $0.loadUnaligned(fromByteOffset: at, as: UInt64.self) }
            let zeros = (word | fold &* ones) ^ (wanted &* ones)
            // May count a byte too many beside a true one: then the walk decides.
            found &+= ((zeros &- ones) & ~zeros & (ones << 7)).nonzeroBitCount
            at &+= 8
        }
        while at < target {
            if UInt64(line[at]) | fold == wanted { found &+= 1 }
            at &+= 1
        }
        guard isObject else { return found == 0 }
        guard found <= LinePlace.deepest else { return false }
        var quotes = target &- 1
        while quotes > 0, line[quotes] != UInt8(ascii: "\"") { quotes &-= 1 }
        return line[quotes] == UInt8(ascii: "\"") && beginsKey(line, quotes)
    }

    private mutating func walk(to target: Int, _ line: Span<UInt8>) {
        while at < target {
            switch line[at] {
            case UInt8(ascii: "\\"): if isQuoted { at &+= 1 }
            case UInt8(ascii: "\""):
                isQuoted.toggle()
                if isQuoted { opened = at }
            case UInt8(ascii: "{"), UInt8(ascii: "["): if !isQuoted { depth &+= 1 }
            case UInt8(ascii: "}"), UInt8(ascii: "]"): if !isQuoted { depth &-= 1 }
            default: break
            }
            at &+= 1
        }
    }

    /// A string behind `{` or a comma is a key; behind a colon it is a value.
    private func beginsKey(_ line: Span<UInt8>, _ quotes: Int) -> Bool {
        var before = quotes &- 1
        while before >= 0, line[before] <= 0x20 { before &-= 1 }
        return before >= 0 && (line[before] == UInt8(ascii: "{") || line[before] == UInt8(ascii: ","))
    }
}
