import Foundation
import Telemetry

/// Prints lines in one of the formats; what a line says never moves the cursor or colours the screen.
struct LinePrinter {
    let format: OutputFormat
    /// Names behind the line; nil for all.
    private let names: [String]?
    private var serviceWidth = 0
    private static let widestService = 24

    init(format: OutputFormat, fields: String) {
        self.format = format
        names =
            switch fields {
            case "all": nil
            case "none", "": []
            default: fields.split(separator: ",").map { String($0) }
            }
    }

    func begin() {
        if format == .csv { Terminal.line("time,level,service,trace_id,line") }
    }

    /// Makes room for the longest name of a service in what is going to be printed.
    mutating func align(_ lines: [LogLine]) {
        for line in lines { widen(line) }
    }

    private mutating func widen(_ line: LogLine) {
        let width = (line["service_name"] ?? "").columns
        serviceWidth = max(serviceWidth, min(width, LinePrinter.widestService))
    }

    /// - Parameter mark: of a line among its neighbours, whether it is one that was asked for.
    mutating func print(_ line: LogLine, mark: Bool? = nil) {
        let time = RFC3339.format(milliseconds: line.time / 1_000_000)
        switch format {
        case .raw: Terminal.line(line.text)
        case .csv:
            let cells = [time, line.level, line["service_name"] ?? "", line["trace_id"] ?? "", line.text]
            Terminal.line(cells.map(Table.quoted).joined(separator: ","))
        case .json: printJSON(line, time, mark)
        case .table: Terminal.line(pretty(line, time, mark))
        }
    }

    private func printJSON(_ line: LogLine, _ time: String, _ mark: Bool?) {
        struct Entry: Encodable {
            var time: String
            var timestamp: String
            var line: String
            var labels: [String: String]
            var match: Bool?
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let entry = Entry(
            time: time, timestamp: "\(line.time)", line: line.text,
            labels: line.stream.merging(line.fields) { $1 }, match: mark)
        if let data = try? encoder.encode(entry) { Terminal.json(data) }
    }

    private mutating func pretty(_ line: LogLine, _ time: String, _ mark: Bool?) -> String {
        widen(line)
        let level = line.level
        let shown = LogLevel.short(level)
        let service = (line["service_name"] ?? "").withoutControls
        let room = String(repeating: " ", count: max(0, serviceWidth - service.columns))
        let text = line.text.withoutControls
        var out = mark.map { $0 ? Style.bold("▸ ") : "  " } ?? ""
        out += "\(Style.dim(time)) \(LogLevel.style(level)?(shown) ?? shown) \(Style.cyan(service))\(room) "
        out += mark == false ? Style.dim(text) : text
        for (name, value) in extras(line) { out += Style.dim(" \(name)=\(value.withoutControls)") }
        return out
    }

    private func extras(_ line: LogLine) -> [(String, String)] {
        if let names { return names.compactMap { name in line[name].map { (name, $0) } } }
        let all = line.stream.merging(line.fields) { $1 }
        return all.filter { $0.key != "service_name" && $0.key != "detected_level" }.sorted { $0.key < $1.key }
    }
}

enum LogLevel {
    /// From worst to least.
    static let all = ["critical", "fatal", "error", "warn", "info", "debug", "trace", "unknown"]

    static func style(_ level: String) -> Style? {
        switch level {
        case "error", "critical", "fatal": .red
        case "warn", "warning": .yellow
        case "info": .green
        case "debug", "trace": .dim
        default: nil
        }
    }

    /// In five columns: no level is cut in the middle of its word.
    static func short(_ level: String) -> String {
        let name =
            switch level {
            case "", "unknown": "-"
            case "critical": "crit"
            case "warning": "warn"
            case "information", "informational": "info"
            case "emergency": "emerg"
            case "notice": "note"
            default: level.withoutControls
            }
        return name.padding(toLength: 5, withPad: " ", startingAt: 0)
    }

    static func rank(_ level: String) -> Int { all.firstIndex(of: level) ?? all.count - 1 }
}
