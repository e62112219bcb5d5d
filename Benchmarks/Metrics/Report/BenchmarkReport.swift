struct ServerFigures: Codable {
    var name: String
    var ingest: IngestFigures?
    var restart: RestartFigures?
    var disk: DiskFigures?
    var queries: [QueryFigures]?
    var scrape: ScrapeFigures?
    /// Stages that failed, with the reason.
    var failures: [String] = []
}

struct BenchmarkReport: Codable {
    struct Settings: Codable {
        var series: Int
        var samples: Int
        var intervalSeconds: Int
        var durationMinutes: Int
        var seed: UInt64
        var connections: Int
        var requestBytesPerSample: Double
    }

    var settings: Settings
    var servers: [ServerFigures] = []
    /// Where ours and Prometheus answer differently.
    var disagreements: [String] = []
    var skipped: [String] = []

    static let ours = "needletail"

    /// A figure for each server, ours against the best of the peers that count.
    struct Row: Codable {
        var name: String
        var unit: String
        var decimals: Int
        var values: [String: Double]
        /// Ours divided by the smallest of the peers; nil where one side is absent.
        var ratio: Double?
        var against: String?
        var goal: Double?
    }

    private func row(
        _ name: String, _ unit: String, decimals: Int = 2, goal: Double?, peers: Set<String>? = nil,
        _ figure: (ServerFigures) -> Double?
    ) -> Row? {
        var values: [String: Double] = [:]
        for server in servers { if let value = figure(server), value.isFinite { values[server.name] = value } }
        guard !values.isEmpty else { return nil }
        let best = values.filter { $0.key != Self.ours && peers?.contains($0.key) ?? true }.min { $0.value < $1.value }
        var row = Row(name: name, unit: unit, decimals: decimals, values: values, goal: goal)
        if let best, let mine = values[Self.ours], best.value > 0 {
            row.ratio = mine / best.value
            row.against = best.key
        }
        return row
    }

    var rows: [Row] {
        let megabyte = 1048576.0
        let samples = Double(settings.samples)
        var all: [Row?] = [
            row("ingest, server CPU", "s/M samples", goal: 0.35) { $0.ingest?.cpuSecondsPerMillion },
            row("  of that after the last request", "s/M samples", goal: nil) {
                $0.ingest?.settlingCPUSecondsPerMillion
            },
            row("ingest, wall time (noisy)", "s", decimals: 1, goal: nil) { $0.ingest?.wallSeconds },
            row("memory after settling (RSS)", "MiB", decimals: 1, goal: 0.5) {
                $0.ingest.map { Double($0.rss) / megabyte }
            },
            row("  of that anonymous", "MiB", decimals: 1, goal: nil) {
                $0.ingest.map { Double($0.rssAnonymous) / megabyte }
            },
            row("disk after compaction, lossless peer", "B/sample", decimals: 3, goal: 0.6, peers: ["prometheus"]) {
                $0.disk.map { Double($0.compactedBytes) / samples }
            },
            row("disk after compaction, lossy peer", "B/sample", decimals: 3, goal: 1, peers: ["victoria-metrics"]) {
                $0.disk.map { Double($0.compactedBytes) / samples }
            },
            row("whole folder", "B/sample", decimals: 3, goal: nil) {
                $0.disk.map { Double($0.folderBytes) / samples }
            },
            row("restart to first answer (noisy)", "ms", decimals: 0, goal: 0.5) { $0.restart?.median },
            row("  CPU of a restart", "s", goal: nil) { $0.restart?.cpuSeconds },
            row("scrape, server CPU", "s/M samples", goal: 0.5) { $0.scrape?.cpuSecondsPerMillion },
        ]
        all.append(
            row("20 queries, server CPU of all", "ms", decimals: 1, goal: nil) { Self.sum($0, \.cpuMilliseconds) })
        all.append(
            row("20 queries, p50 of all (noisy)", "ms", decimals: 1, goal: nil) { Self.sum($0, \.p50Milliseconds) })
        all.append(
            row("memory peak of the heaviest query (RSS)", "MiB", decimals: 1, goal: 0.5) { server in
                server.queries?.map(\.peakRSS).max().map { Double($0) / megabyte }
            })
        return all.compactMap { $0 }
    }

    /// Ours of a query divided by the smallest of the peers; nil where one side has none.
    func ratio(of query: Int, _ figure: (QueryFigures) -> Double) -> Double? {
        func value(_ server: ServerFigures) -> Double? {
            guard let one = server.queries?[query], one.failure == nil else { return nil }
            return figure(one)
        }
        let peers = servers.filter { $0.name != Self.ours }.compactMap(value)
        guard let mine = servers.first(where: { $0.name == Self.ours }).flatMap(value), let best = peers.min(), best > 0
        else { return nil }
        return mine / best
    }

    private static func sum(_ server: ServerFigures, _ figure: (QueryFigures) -> Double) -> Double? {
        guard let queries = server.queries, queries.allSatisfy({ $0.failure == nil }) else { return nil }
        return queries.reduce(0) { $0 + figure($1) }
    }
}
