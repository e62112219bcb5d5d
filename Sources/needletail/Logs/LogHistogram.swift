import Foundation
import Telemetry

/// How many lines of which level there were over time, one bar for each step.
struct LogHistogram {
    private let client: ServerClient
    private let query: String

    init(_ client: ServerClient, _ query: String) {
        self.client = client
        self.query = query
    }

    struct Row: Equatable {
        /// Milliseconds: the begin of the step.
        var time: Int64
        var counts: [String: Int]
        var total: Int { counts.values.reduce(0, +) }
    }

    /// Of what people count in, the least that makes no more than some thirty bars.
    static func step(_ milliseconds: Int64) -> Int64 {
        let seconds: [Int64] = [
            1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400,
        ]
        let wanted = max(1, milliseconds / 1000 / 30)
        return (seconds.first { $0 >= wanted } ?? (wanted / 86_400 + 1) * 86_400) * 1000
    }

    func print(start: Int64, end: Int64, _ format: OutputFormat) async throws {
        let step = LogHistogram.step(end - start)
        let rows = try await rows(start: start, end: end, step: step)
        let levels = Set(rows.flatMap(\.counts.keys)).sorted { (LogLevel.rank($0), $0) < (LogLevel.rank($1), $1) }
        switch format {
        case .json:
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            for row in rows {
                struct Entry: Encodable {
                    var time: String
                    var levels: [String: Int]
                }
                let entry = Entry(time: RFC3339.format(milliseconds: row.time), levels: row.counts)
                if let data = try? encoder.encode(entry) { Terminal.json(data) }
            }
        case .csv, .raw:
            Terminal.line((["time"] + levels).joined(separator: ","))
            for row in rows {
                let counts = levels.map { "\(row.counts[$0] ?? 0)" }
                Terminal.line(([RFC3339.format(milliseconds: row.time)] + counts).joined(separator: ","))
            }
        case .table: draw(rows, levels, step)
        }
    }

    private func rows(start: Int64, end: Int64, step: Int64) async throws -> [Row] {
        let first = start / step * step
        let last = (end + step - 1) / step * step
        let text = "sum by (detected_level) (count_over_time(\(query) [\(step)ms]))"
        let data = try await client.get(
            "/loki/api/v1/query_range",
            [
                ("query", text), ("start", "\((first + step) * 1_000_000)"), ("end", "\(last * 1_000_000)"),
                ("step", "\(Double(step) / 1000)"),
            ])
        var rows = stride(from: first, to: last, by: Int(step)).map { Row(time: $0, counts: [:]) }
        for series in try LogMatrix.read(data) {
            let level = series.labels["detected_level"] ?? "unknown"
            for point in series.points {
                let place = Int((point.time - step - first) / step)
                if rows.indices.contains(place) { rows[place].counts[level, default: 0] += Int(point.value) }
            }
        }
        return rows
    }

    private func draw(_ rows: [Row], _ levels: [String], _ step: Int64) {
        let most = rows.map(\.total).max() ?? 0
        guard most > 0 else { return Terminal.line("no lines") }
        let width = max(10, Terminal.width - 36)
        for row in rows {
            let bar = LogHistogram.bar(row.counts, levels, most: most, width: width)
            let parts = bar.map { level, cells in
                LogLevel.style(level)?(String(repeating: LogHistogram.cell(level), count: cells))
                    ?? String(repeating: LogHistogram.cell(level), count: cells)
            }
            let time = RFC3339.format(milliseconds: row.time).prefix(19)
            let total = String(row.total)
            let pad = String(repeating: " ", count: max(0, 9 - total.count))
            Terminal.line("\(Style.dim(String(time))) \(pad)\(total) \(parts.joined())")
        }
        let legend = levels.map { level in
            let count = rows.reduce(0) { $0 + ($1.counts[level] ?? 0) }
            let sign = LogLevel.style(level)?(LogHistogram.cell(level)) ?? LogHistogram.cell(level)
            return "\(sign) \(level.withoutControls) \(count)"
        }
        Terminal.line(Style.dim("\(step / 1000)s a bar  ") + legend.joined(separator: "  "))
    }

    /// Cells of each level; their sum is the total's, and a level with a line has a cell where there is room.
    static func bar(
        _ counts: [String: Int], _ levels: [String], most: Int, width: Int
    ) -> [(level: String, cells: Int)] {
        let total = counts.values.reduce(0, +)
        guard total > 0, most > 0 else { return [] }
        let cells = max(1, Int((Double(total) / Double(most) * Double(width)).rounded()))
        var left = cells
        var bar: [(level: String, cells: Int)] = []
        let present = levels.filter { (counts[$0] ?? 0) > 0 }
        for (place, level) in present.enumerated() {
            let share = Double(counts[level] ?? 0) / Double(total) * Double(cells)
            let behind = present.count - place - 1
            let own = behind == 0 ? left : min(max(1, Int(share.rounded())), max(0, left - behind))
            guard own > 0 else { continue }
            bar.append((level, own))
            left -= own
        }
        return bar
    }

    /// Levels differ without colour too.
    private static func cell(_ level: String) -> String {
        switch LogLevel.rank(level) {
        case 0...2: "█"
        case 3: "▓"
        case 4: "▒"
        default: "░"
        }
    }
}
