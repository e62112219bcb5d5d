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
        walk(to: target, line)
        guard isObject else { return isQuoted ? .quoted : .field }
        if isQuoted, !beginsKey(line) { return .quoted }
        return depth > LinePlace.deepest ? .deep : .field
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
    private func beginsKey(_ line: Span<UInt8>) -> Bool {
        var before = opened &- 1
        while before >= 0, line[before] <= 0x20 { before &-= 1 }
        return before >= 0 && (line[before] == UInt8(ascii: "{") || line[before] == UInt8(ascii: ","))
    }
}
