/// How static text and holes become a pattern: text that people read, and that LogQL's `|>` finds the lines by.
enum PatternText {
    static let hole: [UInt8] = Array("<_>".utf8)
    /// Longer ones end with a hole.
    static let longest = 1000

    /// What a text is.
    enum Kind {
        case line
        /// Of a field: taken for plain text whatever it looks like.
        case value
    }

    /// Fields that hold what a structured line says, the first that is there: Loki's list, then others' habits.
    private static let messageKeys: [[UInt8]] = [
        "log", "message", "msg", "msg_", "_msg", "content", "event", "body", "MESSAGE", "Message", "M",
    ].map { Array($0.utf8) }

    /// The hole whose value belongs to the pattern: of JSON and logfmt the message, of plain text the first quoted
    /// text (an access log's request). nil where all values are just values.
    static func messageHole(_ pieces: [ArraySlice<UInt8>], _ mode: LineMode) -> Int? {
        switch mode {
        case .plain:
            return pieces.indices.dropLast().first { pieces[$0].last == 0x22 && pieces[$0 + 1].first == 0x22 }
        case .json, .logfmt:
            let fields = TemplateFields(pieces: pieces, mode: mode).holes
            for key in messageKeys {
                let found = fields.firstIndex { $0.path.count == 1 && $0.path[0] == key }
                if let found, mode == .logfmt || fields[found].isQuoted { return found }
            }
            return nil
        }
    }

    /// - Parameter message: the pattern of the value of hole `hole`.
    static func join(
        _ pieces: [ArraySlice<UInt8>], _ mode: LineMode, hole at: Int? = nil, message: [UInt8] = []
    ) -> [UInt8] {
        var out: [UInt8] = []
        if mode == .json, at != nil {
            // As Loki has it: whatever else there is in the object, lines that say the same are of one pattern.
            out = hole + message + hole
        } else {
            for (number, piece) in pieces.enumerated() {
                out.append(contentsOf: piece)
                if number < pieces.count - 1 { out.append(contentsOf: number == at ? message : hole) }
            }
        }
        return finished(out)
    }

    /// What parts the numbers of an address, a time, a version or a fraction: `<_>.<_>` is one value.
    private static func isWithinNumber(_ byte: UInt8) -> Bool {
        byte == 0x2e || byte == 0x3a || byte == 0x2c || byte == 0x2d || byte == 0x2f
    }

    /// One line, not too long, no hole beside another: `|>` takes no two of them together.
    static func finished(_ pattern: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(pattern.count)
        var at = 0
        while at < pattern.count {
            if pattern[at] == 0x0a || out.count >= longest {
                while let last = out.last, last & 0xc0 == 0x80 { out.removeLast() }
                if let last = out.last, last >= 0xc0 { out.removeLast() }
                appendHole(&out)
                break
            }
            if pattern[at] == 0x3c, pattern[at...].starts(with: hole) {
                appendHole(&out)
                at += hole.count
                while at + 1 < pattern.count, isWithinNumber(pattern[at]), pattern[(at + 1)...].starts(with: hole) {
                    at += 1 + hole.count
                }
            } else {
                out.append(pattern[at])
                at += 1
            }
        }
        return out
    }

    private static func appendHole(_ out: inout [UInt8]) {
        if !out.suffix(hole.count).elementsEqual(hole) { out.append(contentsOf: hole) }
    }
}

/// The pattern of each of some lines.
struct LinePatterns {
    var patterns: [[UInt8]] = []
    /// By line.
    var numbers: [UInt32] = []
}

/// Patterns by number. Beyond ``most`` all further ones are one: text without any shape.
struct PatternTable {
    private(set) var patterns: [[UInt8]] = []
    private var numbers: [[UInt8]: UInt32] = [:]

    static let most = 4000

    mutating func number(of pattern: [UInt8]) -> UInt32 {
        if let known = numbers[pattern] { return known }
        if patterns.count >= PatternTable.most, pattern != PatternText.hole { return number(of: PatternText.hole) }
        let number = UInt32(truncatingIfNeeded: patterns.count)
        patterns.append(pattern)
        numbers[pattern] = number
        return number
    }
}
