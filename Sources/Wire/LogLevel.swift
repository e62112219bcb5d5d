import Telemetry

/// Loki's `detected_level`: what Grafana colours log volumes by.
package enum LogLevel: String, Sendable, CaseIterable {
    case trace, debug, info, warn, error, critical, fatal, unknown

    /// Names of labels, of structured metadata and of fields of the line that may hold the level.
    package static let fieldNames: Set<String> = [
        "level", "LEVEL", "Level", "log.level", "severity", "SEVERITY", "Severity", "SeverityText", "lvl", "LVL", "Lvl",
        "severity_text", "Severity_Text", "SEVERITY_TEXT", "log_level", "detected_level",
    ]
    /// How much of a line is looked at: a level stands near its beginning, and lines can be megabytes.
    private static let examinedBytes = 1024

    /// A word that names a level, in any case; nil where it does not.
    package init?(word: ArraySlice<UInt8>) {
        guard word.count >= 3, word.count <= 13 else { return nil }
        var lower = Array(word)
        for i in lower.indices where lower[i] >= 0x41 && lower[i] <= 0x5a { lower[i] |= 0x20 }
        switch String(decoding: lower, as: UTF8.self) {
        case "trace", "trc": self = .trace
        case "debug", "dbg": self = .debug
        case "info", "inf", "information", "informational", "notice": self = .info
        case "warn", "wrn", "warning": self = .warn
        case "error", "err": self = .error
        case "critical", "crit", "alert": self = .critical
        case "fatal", "panic", "emerg", "emergency": self = .fatal
        default: return nil
        }
    }

    package init?(word: String) { self.init(word: Array(word.utf8)[...]) }

    /// OTLP's severity number, 1...24.
    package init?(severityNumber: Int64) {
        switch severityNumber {
        case 1...4: self = .trace
        case 5...8: self = .debug
        case 9...12: self = .info
        case 13...16: self = .warn
        case 17...20: self = .error
        case 21...24: self = .fatal
        default: return nil
        }
    }

    /// Bunyan's and pino's numbers, in tens.
    package init?(tens: Int64) {
        switch tens {
        case 10: self = .trace
        case 20: self = .debug
        case 30: self = .info
        case 40: self = .warn
        case 50: self = .error
        case 60: self = .fatal
        default: return nil
        }
    }

    /// The name, without an array for each line.
    var bytes: ArraySlice<UInt8> {
        switch self {
        case .trace: LogLevel.spelled[0][...]
        case .debug: LogLevel.spelled[1][...]
        case .info: LogLevel.spelled[2][...]
        case .warn: LogLevel.spelled[3][...]
        case .error: LogLevel.spelled[4][...]
        case .critical: LogLevel.spelled[5][...]
        case .fatal: LogLevel.spelled[6][...]
        case .unknown: LogLevel.spelled[7][...]
        }
    }

    private static let spelled = allCases.map { Array($0.rawValue.utf8) }

    /// The first stream label that names a level.
    package init?(labels: LabelSet) {
        var found: LogLevel?
        labels.forEach { name, value in
            if found == nil, LogLevel.fieldNames.contains(name) { found = LogLevel(word: value) }
        }
        guard let found else { return nil }
        self = found
    }

    /// From the text itself: a key of a JSON object or of logfmt, else the first word that is a level.
    package init(line: ArraySlice<UInt8>) {
        let head = line.prefix(LogLevel.examinedBytes)
        let start = head.first { $0 != 0x20 && $0 != 0x09 }
        self = LogLevel.keyed(head) ?? (start == UInt8(ascii: "{") ? nil : LogLevel.firstWord(head)) ?? .unknown
    }

    /// `level=warn`, `"level":"warn"`, `level: warn`: a word that is a level's key, then punctuation, then a level.
    private static func keyed(_ line: ArraySlice<UInt8>) -> LogLevel? {
        var index = line.startIndex
        while let word = nextWord(line, &index) {
            guard isKey(line[word]) else { continue }
            var cursor = word.upperBound
            var separated = false
            while cursor < line.endIndex, let isSeparator = separator(line[cursor]) {
                separated = separated || isSeparator
                cursor += 1
            }
            guard separated, let value = nextWord(line, &cursor) else { continue }
            if let level = LogLevel(word: line[value]) { return level }
        }
        return nil
    }

    private static func separator(_ byte: UInt8) -> Bool? {
        switch byte {
        case UInt8(ascii: "="), UInt8(ascii: ":"): true
        case 0x20, UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "["): false
        default: nil
        }
    }

    private static func isKey(_ word: ArraySlice<UInt8>) -> Bool {
        guard word.count == 3 || word.count == 5 || word.count == 8 || word.count == 12 else { return false }
        let lower = word.lazy.map { $0 | 0x20 }
        return lower.elementsEqual("level".utf8) || lower.elementsEqual("lvl".utf8)
            || lower.elementsEqual("severity".utf8)
    }

    private static func firstWord(_ line: ArraySlice<UInt8>) -> LogLevel? {
        var index = line.startIndex
        while let word = nextWord(line, &index) {
            // `information` and `alert` in prose say nothing about the line.
            guard word.count <= 8, let level = LogLevel(word: line[word]) else { continue }
            if level != .critical || word.count != 5 { return level }
        }
        return nil
    }

    /// The next run of letters; `index` goes behind it.
    private static func nextWord(_ line: ArraySlice<UInt8>, _ index: inout Int) -> Range<Int>? {
        while index < line.endIndex, !isLetter(line[index]) { index += 1 }
        let start = index
        while index < line.endIndex, isLetter(line[index]) { index += 1 }
        return start < index ? start..<index : nil
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }
}
