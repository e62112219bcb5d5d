/// Finds the level of a line. Every line without a level of its own is looked through, so that no byte is touched more
/// often than it has to be.
enum LineLevel {
    /// How much of a line is looked at: a level stands near its beginning, and lines can be megabytes.
    private static let examinedBytes = 1024

    static func find(_ line: Span<UInt8>) -> LogLevel? {
        let end = min(line.count, examinedBytes)
        var start = 0
        while start < end, line[start] == 0x20 || line[start] == 0x09 { start &+= 1 }
        guard start < end else { return nil }
        let isObject = line[start] == UInt8(ascii: "{")
        if let level = keyed(line, end, isObject: isObject) { return level }
        return isObject ? nil : firstWord(line, start, end)
    }

    // MARK: Keys

    /// `level=warn`, `"level":"warn"`, `level: warn`: a word that is a level's key, then punctuation, then a level. All
    /// the keys have a `v`, which is rare, so that eight bytes are passed over at a time. A key inside a quoted text
    /// (`msg="level=error"`) counts only where there is no other.
    private static func keyed(_ line: Span<UInt8>, _ end: Int, isObject: Bool) -> LogLevel? {
        var at = 0
        var place = LinePlace(isObject: isObject)
        var quoted: LogLevel?
        while at < end {
            if end &- at >= 8 {
                let word = unsafe line.withUnsafeBytes { unsafe $0.loadUnaligned(fromByteOffset: at, as: UInt64.self) }
                let zeros = (word | 0x2020_2020_2020_2020) ^ 0x7676_7676_7676_7676
                if (zeros &- 0x0101_0101_0101_0101) & ~zeros & 0x8080_8080_8080_8080 == 0 {
                    at &+= 8
                    continue
                }
            }
            let stop = min(at &+ 8, end)
            while at < stop {
                if line[at] | 0x20 == UInt8(ascii: "v"), let key = key(line, around: at, end),
                    let level = level(line, behind: key, end, isObject)
                {
                    switch place.kind(of: at, line) {
                    case .field: return level
                    case .quoted: quoted = quoted ?? level
                    case .deep: break
                    }
                }
                at &+= 1
            }
        }
        return quoted
    }

    /// The end of the key whose `v` is there.
    @inline(__always)
    private static func key(_ line: Span<UInt8>, around at: Int, _ end: Int) -> Int? {
        guard at > 0, at &+ 1 < end else { return nil }
        switch (line[at &- 1] | 0x20, line[at &+ 1] | 0x20) {
        case (UInt8(ascii: "l"), UInt8(ascii: "l")): return word(line, at &- 1, at &+ 2, end)
        case (UInt8(ascii: "e"), UInt8(ascii: "e")):
            guard at > 1, at &+ 2 < end else { return nil }
            switch (line[at &- 2] | 0x20, line[at &+ 2] | 0x20) {
            case (UInt8(ascii: "l"), UInt8(ascii: "l")): return word(line, at &- 2, at &+ 3, end)
            case (UInt8(ascii: "s"), UInt8(ascii: "r")):
                guard at &+ 5 < end, line[at &+ 3] | 0x20 == UInt8(ascii: "i"),
                    line[at &+ 4] | 0x20 == UInt8(ascii: "t"), line[at &+ 5] | 0x20 == UInt8(ascii: "y")
                else { return nil }
                return word(line, at &- 2, afterText(line, at &+ 6, end), end)
            default: return nil
            }
        default: return nil
        }
    }

    /// Behind `Text` or `_text`, as in OpenTelemetry's `SeverityText`.
    private static func afterText(_ line: Span<UInt8>, _ at: Int, _ end: Int) -> Int {
        let text = at < end && line[at] == UInt8(ascii: "_") ? at &+ 1 : at
        guard text &+ 4 <= end, line[text] | 0x20 == UInt8(ascii: "t"), line[text &+ 1] | 0x20 == UInt8(ascii: "e"),
            line[text &+ 2] | 0x20 == UInt8(ascii: "x"), line[text &+ 3] | 0x20 == UInt8(ascii: "t")
        else { return at }
        return text &+ 4
    }

    /// Its end, where it is a whole word.
    @inline(__always)
    private static func word(_ line: Span<UInt8>, _ start: Int, _ next: Int, _ end: Int) -> Int? {
        if start > 0, isLetter(line[start &- 1]), !endsColour(line, start) { return nil }
        return next < end && isLetter(line[next]) ? nil : next
    }

    /// Whether the letter before is the end of an escape sequence, as of colours: `ESC [ 36 m`.
    private static func endsColour(_ line: Span<UInt8>, _ start: Int) -> Bool {
        var at = start &- 2
        while at > 0, line[at] &- 0x30 < 10 || line[at] == UInt8(ascii: ";") { at &-= 1 }
        return at > 0 && line[at] == UInt8(ascii: "[") && line[at &- 1] == 0x1b
    }

    private static func level(
        _ line: Span<UInt8>, behind key: Int, _ end: Int, _ isObject: Bool
    ) -> LogLevel? {
        var at = key
        var separated = false
        var quotes = 0
        scan: while at < end {
            switch line[at] {
            case UInt8(ascii: "="), UInt8(ascii: ":"):
                separated = true
                quotes = 0
            // A second quote closes an empty value; what follows is another field.
            case UInt8(ascii: "\""), UInt8(ascii: "'"):
                quotes &+= 1
                if separated, quotes > 1 { return nil }
            case 0x1b: at = afterColour(line, at, end) &- 1
            case 0x20, UInt8(ascii: "["), UInt8(ascii: "("), UInt8(ascii: "<"), UInt8(ascii: "\\"): break
            default: break scan
            }
            at &+= 1
        }
        guard separated, at < end else { return nil }
        if !isLetter(line[at]) { return isObject && quotes == 0 ? number(line, at, end) : nil }
        let start = at
        while at < end, isLetter(line[at]) { at &+= 1 }
        return named(line, start..<at)
    }

    /// `"level":30`: the tens of Bunyan and Pino.
    private static func number(_ line: Span<UInt8>, _ start: Int, _ end: Int) -> LogLevel? {
        var at = start
        while at < end, line[at] &- 0x30 < 10 { at &+= 1 }
        guard at &- start == 2, line[start &+ 1] == 0x30, at == end || line[at] != UInt8(ascii: ".") else { return nil }
        return LogLevel(tens: Int64(line[start] &- 0x30) &* 10)
    }

    /// Behind an escape sequence.
    private static func afterColour(_ line: Span<UInt8>, _ start: Int, _ end: Int) -> Int {
        var at = start &+ 1
        guard at < end, line[at] == UInt8(ascii: "[") else { return at }
        at &+= 1
        while at < end, line[at] < 0x40 { at &+= 1 }
        return min(at &+ 1, end)
    }

    // MARK: Words

    private static func firstWord(_ line: Span<UInt8>, _ start: Int, _ end: Int) -> LogLevel? {
        var at = start
        while at < end {
            guard isLetter(line[at]) else {
                at = line[at] == 0x1b ? afterColour(line, at, end) : at &+ 1
                continue
            }
            let first = at
            at &+= 1
            while at < end, isLetter(line[at]) { at &+= 1 }
            // `error=null` is a field like any other.
            if at < end, line[at] == UInt8(ascii: "=") { continue }
            // `information` and `alert` in prose say nothing about the line.
            guard at &- first <= 8, let level = named(line, first..<at) else { continue }
            if level != .critical || at &- first != 5 { return level }
        }
        return nil
    }

    /// The level that a word names, in any case.
    @inline(__always)
    static func named(_ text: Span<UInt8>, _ word: Range<Int>) -> LogLevel? {
        guard word.count >= 3, word.count <= 13 else { return nil }
        // By length the letters that a level of that length can begin with.
        let letter = (text[word.lowerBound] | 0x20) &- 0x61
        guard letter < 26, firstLetters[word.count] >> UInt32(letter) & 1 != 0 else { return nil }
        return compared(text, word)
    }

    private static func compared(_ text: Span<UInt8>, _ word: Range<Int>) -> LogLevel? {
        for (name, level) in names where name.count == word.count {
            var i = 0
            while i < name.count {
                let byte = text[word.lowerBound &+ i]
                guard (byte &- 0x41 < 26 ? byte | 0x20 : byte) == name[i] else { break }
                i &+= 1
            }
            if i == name.count { return level }
        }
        return nil
    }

    private static let spellings: [(name: String, level: LogLevel)] = [
        ("trace", .trace), ("trc", .trace), ("debug", .debug), ("dbg", .debug), ("info", .info), ("inf", .info),
        ("information", .info), ("informational", .info), ("notice", .info), ("warn", .warn), ("wrn", .warn),
        ("warning", .warn), ("error", .error), ("err", .error), ("critical", .critical), ("crit", .critical),
        ("alert", .critical), ("fatal", .fatal), ("panic", .fatal), ("emerg", .fatal), ("emergency", .fatal),
    ]
    private static let names = spellings.map { (Array($0.name.utf8), $0.level) }

    private static let firstLetters: [UInt32] = {
        var out = [UInt32](repeating: 0, count: 14)
        for (name, _) in names { out[name.count] |= 1 << UInt32(name[0] - 0x61) }
        return out
    }()

    @inline(__always)
    private static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }
}
