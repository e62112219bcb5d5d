struct PatternSyntaxError: Error, Hashable, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}

/// `a.b[0]["c d"]` of `| json x="…"`.
struct JSONPath: Sendable, Hashable {
    enum Step: Sendable, Hashable {
        case key([UInt8])
        case index(Int)
    }

    let steps: [Step]

    static func check(_ text: String) throws(PatternSyntaxError) { _ = try JSONPath(text) }

    init(_ text: String) throws(PatternSyntaxError) {
        var steps: [Step] = []
        var rest = Array(text.utf8)[...]
        var needsKey = true
        while let first = rest.first {
            switch first {
            case UInt8(ascii: "["):
                guard let close = rest.firstIndex(of: UInt8(ascii: "]")) else {
                    throw PatternSyntaxError("missing closing ]")
                }
                let inner = rest[rest.index(after: rest.startIndex)..<close]
                if inner.first == UInt8(ascii: "\"") {
                    guard let end = rest.dropFirst(2).firstIndex(of: UInt8(ascii: "\"")), end + 1 < rest.endIndex,
                        rest[end + 1] == UInt8(ascii: "]")
                    else { throw PatternSyntaxError("a key in brackets must be quoted, as in [\"key\"]") }
                    steps.append(.key(Array(rest[(rest.startIndex + 2)..<end])))
                    rest = rest[(end + 2)...]
                } else {
                    guard let index = Int(String(decoding: inner, as: UTF8.self)), index >= 0 else {
                        throw PatternSyntaxError(
                            "unexpected \(QuotedText.quote(String(decoding: inner, as: UTF8.self))) in brackets")
                    }
                    steps.append(.index(index))
                    rest = rest[(close + 1)...]
                }
                needsKey = false
            case UInt8(ascii: "."):
                guard !needsKey else { throw PatternSyntaxError("unexpected .") }
                rest = rest.dropFirst()
                needsKey = true
            default:
                guard needsKey else { throw PatternSyntaxError("expected . or [ before a key") }
                let key = rest.prefix { $0 != UInt8(ascii: ".") && $0 != UInt8(ascii: "[") }
                steps.append(.key(Array(key)))
                rest = rest.dropFirst(key.count)
                needsKey = false
            }
        }
        guard !needsKey else { throw PatternSyntaxError(text.isEmpty ? "the path is empty" : "the path ends with .") }
        self.steps = steps
    }

    /// Appends what stands at the path: the text of a string, the raw JSON of anything else. False where there is
    /// nothing.
    func extract(_ line: ArraySlice<UInt8>, into out: inout [UInt8]) -> Bool {
        var place = line.startIndex..<line.endIndex
        for step in steps {
            var scanner = JSONScanner(line[place])
            scanner.skipSpace()
            var found: Range<Int>?
            switch step {
            case .key(let wanted):
                var text: [UInt8] = []
                _ = scanner.object(depth: 0) { key, value in
                    if key.hasEscapes {
                        text.removeAll(keepingCapacity: true)
                        JSONScanner.unescape(line[key.inner], into: &text)
                        if text == wanted { found = value }
                    } else if line[key.inner].elementsEqual(wanted) {
                        found = value
                    }
                    return found == nil
                }
            case .index(let wanted):
                _ = scanner.array(depth: 0) { index, value in
                    if index == wanted { found = value }
                    return found == nil
                }
            }
            guard let found else { return false }
            place = found
        }
        var scanner = JSONScanner(line[place])
        scanner.skipSpace()
        if scanner.current == UInt8(ascii: "\"") {
            guard let text = scanner.string() else { return false }
            JSONScanner.unescape(line[text.inner], into: &out)
            return true
        }
        if line[place].elementsEqual("null".utf8) { return false }
        out.append(contentsOf: line[place])
        return true
    }
}
