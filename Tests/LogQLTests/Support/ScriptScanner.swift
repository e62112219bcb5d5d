import GoTemplates
import Telemetry

/// Words, labels, times and quoted texts of a line of a script.
struct ScriptScanner {
    private var text: Substring

    init(_ text: String) { self.text = Substring(text) }

    private mutating func skipSpace() { text = text.drop { $0 == " " || $0 == "\t" } }

    var rest: String { String(text.drop { $0 == " " || $0 == "\t" }) }
    var peek: Character? { text.first { $0 != " " && $0 != "\t" } }

    mutating func word() -> String {
        skipSpace()
        let word = text.prefix { $0 != " " && $0 != "\t" }
        text = text.dropFirst(word.count)
        return String(word)
    }

    mutating func expect(_ wanted: String) throws {
        guard word() == wanted else { throw LogScript.Broken(description: "\(wanted) expected before \(text)") }
    }

    /// Nanoseconds.
    mutating func time() throws -> Int64 {
        let word = word()
        let digits = word.prefix { $0.isNumber || $0 == "." || $0 == "-" }
        let scales: [Substring: Double] = ["": 1e9, "ms": 1e6, "s": 1e9, "m": 6e10, "h": 3.6e12]
        guard let number = Double(digits), let scale = scales[word.dropFirst(digits.count)] else {
            throw LogScript.Broken(description: "\(word) is no time")
        }
        return Int64(number * scale)
    }

    mutating func quoted() throws -> String {
        skipSpace()
        guard let quote = text.first, quote == "\"" || quote == "`" else {
            throw LogScript.Broken(description: "a quoted text expected before \(text)")
        }
        text.removeFirst()
        var inner = ""
        while let character = text.popFirst() {
            if character == quote {
                return quote == "`" ? inner : GoQuoting.unescape(Array(inner.utf8)[...]) ?? inner
            }
            inner.append(character)
            if character == "\\", quote == "\"", let next = text.popFirst() { inner.append(next) }
        }
        throw LogScript.Broken(description: "the text is not closed")
    }

    /// `{a="b", c=""}`: labels without text count.
    mutating func labels() throws -> LabelSet {
        skipSpace()
        guard text.popFirst() == "{" else { throw LogScript.Broken(description: "{ expected") }
        return try pairs(until: "}")
    }

    private mutating func pairs(until end: Character) throws -> LabelSet {
        var labels: [Label] = []
        while true {
            text = text.drop { $0 == " " || $0 == "," }
            if text.first == end {
                text.removeFirst()
                return LabelSet(keepingEmpty: labels)
            }
            let name = text.prefix { $0 != "=" && $0 != end }
            text = text.dropFirst(name.count)
            guard text.popFirst() == "=" else { throw LogScript.Broken(description: "= expected behind \(name)") }
            labels.append(Label(String(name), try quoted()))
        }
    }

    mutating func entries() throws -> [LogScript.Entry] { try entries(of: try labels()) }

    /// `"line" @ 20s [repeat every 20s for 4] [metadata a="b"] [parsed c="d"]`.
    mutating func entries(of stream: LabelSet) throws -> [LogScript.Entry] {
        let line = try quoted()
        try expect("@")
        var entry = LogScript.Entry(stream: stream, line: line, time: try time())
        var every: Int64 = 0
        var count = 1
        while peek == "[" {
            skipSpace()
            text.removeFirst()
            switch word() {
            case "repeat":
                try expect("every")
                every = try time()
                try expect("for")
                skipSpace()
                let digits = text.prefix { $0 != "]" }
                text = text.dropFirst(digits.count + 1)
                count = Int(digits) ?? 1
            case "metadata": entry.metadata = try pairs(until: "]")
            case "parsed": entry.parsed = try pairs(until: "]")
            case let word: throw LogScript.Broken(description: "unknown option \(word)")
            }
        }
        return (0..<count).map { number in
            var copy = entry
            copy.time += every * Int64(number)
            if let place = copy.line.range(of: "{{.i}}") { copy.line.replaceSubrange(place, with: String(number)) }
            return copy
        }
    }
}

extension String {
    fileprivate func range(of part: String) -> Range<String.Index>? { self.firstRange(of: part) }
}
