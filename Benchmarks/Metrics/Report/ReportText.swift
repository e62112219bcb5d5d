import Foundation

/// The report as a table for people.
enum ReportText {
    static func text(_ report: BenchmarkReport) -> String {
        let settings = report.settings
        var lines = [
            "\(settings.series) series, every \(settings.intervalSeconds) s for \(settings.durationMinutes) min: "
                + "\(settings.samples) samples in requests of \(format(settings.requestBytesPerSample, 1)) B/sample, "
                + "seed \(settings.seed), \(settings.connections) connections.",
            "CPU is the server's own (user and system). Wall times and p50 depend on what else the machine does.", "",
        ]
        let names = report.servers.map(\.name)
        lines.append(line("", "", names, ratio: "ratio", goal: "goal"))
        for row in report.rows {
            let goal = row.goal.map { "≤ \(format($0, 2))" } ?? ""
            let verdict = row.goal.flatMap { goal in row.ratio.map { $0 <= goal ? " reached" : " missed" } } ?? ""
            lines.append(
                line(
                    row.name, row.unit, names.map { row.values[$0].map { format($0, row.decimals) } ?? "-" },
                    ratio: row.ratio.map { format($0, 2) } ?? "-", goal: goal + verdict))
        }
        lines += queries(report)
        for server in report.servers {
            if let disk = server.disk { lines.append("disk of \(server.name): \(disk.how)") }
            if let restart = server.restart {
                let times = restart.milliseconds.map { format($0, 0) }.joined(separator: ", ")
                lines.append("restarts of \(server.name): \(times) ms")
                if restart.losses > 0 {
                    lines.append("\(server.name) lost acknowledged samples in \(restart.losses) of its restarts")
                }
            }
            if let ingest = server.ingest, ingest.retried > 0 {
                lines.append("\(server.name) refused \(ingest.retried) requests, which were sent again")
            }
            if let scrape = server.scrape, scrape.scrapesOfDue < 0.95 {
                lines.append(
                    "\(server.name) made only \(format(scrape.scrapesOfDue * 100, 0))% of the scrapes that were due")
            }
            lines += server.failures.map { "\(server.name) failed: \($0)" }
        }
        lines += report.disagreements.map { "ours and prometheus differ: \($0)" }
        lines += report.skipped
        return lines.joined(separator: "\n")
    }

    /// One server's figures, one a line.
    static func figures(of name: String, _ report: BenchmarkReport) -> String {
        report.rows.compactMap { row in
            row.values[name].map { "\(name): \(row.name) \(format($0, row.decimals)) \(row.unit)" }
        }.joined(separator: "\n")
    }

    private static func queries(_ report: BenchmarkReport) -> [String] {
        let asked = report.servers.filter { $0.queries != nil }
        guard !asked.isEmpty else { return [] }
        let names = asked.map(\.name)
        var lines = ["", line("query: p50 ms / CPU ms", "", names, ratio: "p50", goal: "CPU ratio")]
        for (index, query) in BenchmarkQuery.all.enumerated() {
            func figure(_ server: ServerFigures) -> QueryFigures? { server.queries?[index] }
            let cells = asked.map { server in
                figure(server).map {
                    $0.failure ?? "\(format($0.p50Milliseconds, 2)) / \(format($0.cpuMilliseconds, 2))"
                } ?? "-"
            }
            func ratio(_ value: (QueryFigures) -> Double) -> String {
                report.ratio(of: index, value).map { format($0, 2) } ?? "-"
            }
            lines.append(line(query.name, "", cells, ratio: ratio(\.p50Milliseconds), goal: ratio(\.cpuMilliseconds)))
        }
        let ratios = BenchmarkQuery.all.indices.flatMap { index in
            [report.ratio(of: index, \.p50Milliseconds), report.ratio(of: index, \.cpuMilliseconds)].compactMap { $0 }
        }
        if !ratios.isEmpty {
            let mean = exp(ratios.reduce(0) { $0 + log($1) } / Double(ratios.count))
            let over = ratios.filter { $0 > 1 }.count
            lines.append(
                "geometric mean of the \(ratios.count) ratios \(format(mean, 2)) (goal 0.40); "
                    + "\(over) of them over 1 (goal 0)")
        }
        return lines + [""]
    }

    private static func line(_ name: String, _ unit: String, _ cells: [String], ratio: String, goal: String) -> String {
        var text = pad(name, 38) + pad(unit, 13)
        for cell in cells { text += String(repeating: " ", count: max(1, 19 - cell.count)) + cell }
        return text + String(repeating: " ", count: max(1, 8 - ratio.count)) + ratio + "  " + goal
    }

    private static func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private static func format(_ value: Double, _ decimals: Int) -> String { String(format: "%.\(decimals)f", value) }
}
