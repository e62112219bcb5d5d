import Foundation

/// All figures of a run, and ours divided by the better of the others.
struct LogReport {
    let load: LogLoad
    let zstdBytes: Int
    let grepMilliseconds: Double
    let servers: [LogFigures]

    private struct Row: Encodable {
        var name: String
        var unit: String
        var values: [String: Double]
        var ratio: Double?
        var goal: Double?
        /// What the ratio is against where it is no server.
        var against: String?
    }

    private var rows: [Row] {
        var rows: [Row] = []
        func add(_ name: String, _ unit: String, _ goal: Double?, _ figure: (LogFigures) -> Double) {
            let values = Dictionary(uniqueKeysWithValues: servers.map { ($0.name, figure($0)) })
            let best = servers.dropFirst().map(figure).filter(\.isFinite).min()
            let ours = servers.first.map(figure)
            rows.append(Row(name: name, unit: unit, values: values, ratio: best.flatMap { b in ours.map { $0 / b } }, goal: goal))
        }
        let gigabytes = Double(load.rawBytes) / 1e9
        add("ingest, server CPU", "s/GB raw", 0.5) { $0.cpuSecondsPerGB }
        add("ingest, wall time (noisy)", "s/GB raw", nil) { $0.wallSeconds / gigabytes }
        add("peak memory while ingesting (RSS)", "MiB", 0.5) { Double($0.peakRSS) / 1_048_576 }
        add("memory after settling (RSS)", "MiB", nil) { Double($0.settledRSS) / 1_048_576 }
        add("disk, everything included", "of raw", 0.7) { Double($0.diskBytes) / Double(load.rawBytes) }
        if let ours = servers.first {
            rows.append(
                Row(
                    name: "disk against zstd -3", unit: "of raw",
                    values: [ours.name: Double(ours.diskBytes) / Double(load.rawBytes)],
                    ratio: Double(ours.diskBytes) / Double(zstdBytes), goal: 0.67, against: "zstd -3 in 4 MiB blocks"))
        }
        add("restart to first answer (noisy)", "ms", 0.5) { median($0.restartMilliseconds) }
        add("needle by substring, p50", "ms", 0.1) { median($0.needleMilliseconds) }
        add("  slowest needle", "ms", nil) { $0.needleMilliseconds.max() ?? .nan }
        add("  read for a needle, mean", "of disk", nil) {
            $0.needleReadBytes.reduce(0, +) / Double(max(1, $0.needleReadBytes.count)) / Double(max(1, $0.diskBytes))
        }
        if let ours = servers.first {
            rows.append(
                Row(
                    name: "needle against zstdcat | grep -F", unit: "ms",
                    values: [ours.name: median(ours.needleMilliseconds)],
                    ratio: median(ours.needleMilliseconds) / grepMilliseconds, goal: nil, against: "zstdcat | grep -F"))
        }
        for question in LogQuestion.all {
            add("\(question.name), p50", "ms", 1) { $0.questions[question.name]?.first ?? .nan }
            add("  server CPU", "ms", 1) { $0.questions[question.name]?.last ?? .nan }
        }
        return rows
    }

    private func median(_ values: [Double]) -> Double { values.isEmpty ? .nan : values.sorted()[values.count / 2] }

    var json: String {
        get throws {
            struct Output: Encodable {
                var lines: Int
                var rawBytes: Int
                var zstdBytes: Int
                var grepMilliseconds: Double
                var rows: [Row]
                var servers: [LogFigures]
            }
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            encoder.nonConformingFloatEncodingStrategy = .convertToString(
                positiveInfinity: "+Inf", negativeInfinity: "-Inf", nan: "NaN")
            let output = Output(
                lines: load.options.lines, rawBytes: load.rawBytes, zstdBytes: zstdBytes,
                grepMilliseconds: grepMilliseconds, rows: rows, servers: servers)
            return String(decoding: try encoder.encode(output), as: UTF8.self)
        }
    }

    var text: String {
        func number(_ value: Double) -> String {
            value.isFinite ? String(format: value.magnitude < 1 ? "%.4f" : value.magnitude < 100 ? "%.2f" : "%.0f", value) : "-"
        }
        func pad(_ text: String, _ width: Int) -> String {
            text + String(repeating: " ", count: max(0, width - text.count))
        }
        func right(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(1, width - text.count)) + text
        }
        var lines = [
            "\(load.options.lines) lines, \(load.rawBytes >> 20) MiB raw, \(zstdBytes >> 20) MiB as zstd -3 "
                + "(\(number(Double(zstdBytes) / Double(load.rawBytes))) of raw), seed \(load.options.seed); "
                + "zstdcat | grep -F takes \(number(grepMilliseconds)) ms.", "",
        ]
        let names = servers.map(\.name)
        lines.append(pad("", 40) + pad("", 10) + names.map { right($0, 16) }.joined() + right("ratio", 10) + "  goal")
        for row in rows {
            let cells = names.map { right(row.values[$0].map(number) ?? "-", 16) }.joined()
            let verdict = row.ratio.flatMap { ratio in row.goal.map { ratio <= $0 ? " reached" : " missed" } } ?? ""
            let goal = row.goal.map { "≤ \(number($0))" } ?? ""
            let against = row.against.map { " against \($0)" } ?? ""
            lines.append(
                pad(row.name, 40) + pad(row.unit, 10) + cells + right(row.ratio.map(number) ?? "-", 10) + "  \(goal)\(verdict)\(against)")
        }
        for server in servers { lines += server.failures.map { "\(server.name) failed: \($0)" } }
        if servers.count == 1 { lines.append("no peer: NEEDLETAIL_VICTORIA_LOGS and NEEDLETAIL_LOKI are not set") }
        return lines.joined(separator: "\n")
    }
}
