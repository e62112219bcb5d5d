import Telemetry

/// Loki's `detected_level`: what Grafana colours log volumes by.
package enum LogLevel: String, Sendable, CaseIterable {
    case trace, debug, info, warn, error, critical, fatal, unknown

    /// Names of labels, of structured metadata and of fields of the line that may hold the level.
    package static let fieldNames: Set<String> = [
        "level", "LEVEL", "Level", "log.level", "severity", "SEVERITY", "Severity", "SeverityText", "lvl", "LVL", "Lvl",
        "severity_text", "Severity_Text", "SEVERITY_TEXT", "log_level", "detected_level",
    ]
    /// A word that names a level, in any case; nil where it does not.
    package init?(word: ArraySlice<UInt8>) {
        guard let level = LineLevel.named(word.span, 0..<word.count) else { return nil }
        self = level
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
    package init(line: ArraySlice<UInt8>) { self = LineLevel.find(line.span) ?? .unknown }
}
