import Foundation

/// The tables of `needletail status`.
struct ServerStatus {
    private struct Envelope<T: Decodable>: Decodable { var data: T }
    private struct Entry: Decodable {
        var name: String
        var value: Int
    }
    private struct Series: Decodable {
        struct Head: Decodable {
            var numSeries: Int
            var numLabelPairs: Int
            var chunkCount: Int?
            var minTime: Int64
            var maxTime: Int64
        }
        struct Limited: Decodable {
            var kind: String?
            var subject: String
            var label: String?
            var labelValues: Int?
            var series: Int?
            var limit: Int?
            var refusedSeries: Int?
        }
        var headStats: Head
        var seriesCountByMetricName: [Entry]
        var labelValueCountByLabelName: [Entry]
        var seriesCountByLabelValuePair: [Entry]
        var memoryInBytesByLabelName: [Entry]
        var limited: [Limited]?
    }
    private struct Runtime: Decodable {
        var startTime: String
        var storageRetention: String
    }

    private(set) var tables: [(title: String, table: Table)] = []
    private(set) var problems: [String] = []

    init(series: Data, runtime: Data, metrics: OwnMetrics) throws {
        let found: Series
        let process: Runtime
        do {
            found = try JSONDecoder().decode(Envelope<Series>.self, from: series).data
            process = try JSONDecoder().decode(Envelope<Runtime>.self, from: runtime).data
        } catch {
            throw CommandFailure("the server's answer cannot be read: \(error)")
        }
        addOverview(found.headStats, process, metrics)
        addStores(metrics)
        addMemory(metrics)
        for (title, heading, list) in [
            ("Metrics by series", "METRIC", found.seriesCountByMetricName),
            ("Labels by values", "LABEL", found.labelValueCountByLabelName),
            ("Label pairs by series", "PAIR", found.seriesCountByLabelValuePair),
        ] where !list.isEmpty {
            var table = Table(heading, "COUNT", numeric: [1])
            table.rows = list.map { [$0.name, "\($0.value)"] }
            tables.append((title, table))
        }
        addLimited(found.limited ?? [])
        addProblems(metrics)
    }

    private mutating func addOverview(_ head: Series.Head, _ process: Runtime, _ metrics: OwnMetrics) {
        var table = Table("WHAT", "VALUE", numeric: [1])
        table.rows = [
            ["started", process.startTime], ["series in memory", "\(head.numSeries)"],
            ["label pairs", "\(head.numLabelPairs)"],
        ]
        if let chunks = head.chunkCount, chunks > 0 { table.rows.append(["chunks in memory", "\(chunks)"]) }
        if head.minTime <= head.maxTime {
            table.rows.append(["oldest sample", ServerStatus.time(head.minTime)])
            table.rows.append(["newest sample", ServerStatus.time(head.maxTime)])
        }
        table.rows.append(["metrics are kept", process.storageRetention])
        let refused = metrics.all("needletail_rejected_total").reduce(0) { $0 + $1.value }
        let taken = metrics.all("needletail_ingested_total").reduce(0) { $0 + $1.value }
        table.rows.append(["taken in since the start", ServerStatus.count(taken)])
        table.rows.append(["refused since the start", ServerStatus.count(refused)])
        tables.append(("Server", table))
    }

    private mutating func addStores(_ metrics: OwnMetrics) {
        var table = Table("STORE", "PARTS", "ROWS", "ON DISK", "JOURNAL", numeric: [1, 2, 3, 4])
        for parts in metrics.all("needletail_store_parts") {
            let signal = parts.labels["signal"] ?? ""
            func value(_ name: String) -> Double { metrics.value(name, ["signal": signal]) ?? 0 }
            table.rows.append([
                signal, ServerStatus.count(parts.value), ServerStatus.count(value("needletail_store_rows")),
                ServerStatus.bytes(value("needletail_store_bytes")),
                ServerStatus.bytes(value("needletail_store_journal_bytes")),
            ])
        }
        table.rows.sort { $0[0] < $1[0] }
        if !table.rows.isEmpty { tables.append(("Stores", table)) }
    }

    private mutating func addMemory(_ metrics: OwnMetrics) {
        var table = Table("MEMORY", "VALUE", numeric: [1])
        for (title, name) in [
            ("limit", "needletail_memory_limit_bytes"), ("held", "needletail_memory_held_bytes"),
            ("resident", "process_resident_memory_bytes"), ("free disk", "needletail_disk_free_bytes"),
        ] {
            if let value = metrics.value(name) { table.rows.append([title, ServerStatus.bytes(value)]) }
        }
        for account in metrics.all("needletail_memory_account_bytes") {
            let name = account.labels["account"] ?? account.labels.values.sorted().first ?? ""
            table.rows.append(["of it: \(name)", ServerStatus.bytes(account.value)])
        }
        if let pressure = metrics.value("needletail_memory_pressure") {
            table.rows.append(["pressure", pressure >= 2 ? "critical" : pressure >= 1 ? "high" : "calm"])
        }
        if !table.rows.isEmpty { tables.append(("Memory and disk", table)) }
    }

    private mutating func addLimited(_ limited: [Series.Limited]) {
        guard !limited.isEmpty else { return }
        var table = Table("LIMITED", "SERIES", "LIMIT", "REFUSED", "LABEL TO BLAME", "VALUES", numeric: [1, 2, 3, 5])
        for one in limited {
            table.rows.append([
                [one.kind ?? "", one.subject].filter { !$0.isEmpty }.joined(separator: " "), "\(one.series ?? 0)",
                "\(one.limit ?? 0)", "\(one.refusedSeries ?? 0)", one.label ?? "", "\(one.labelValues ?? 0)",
            ])
        }
        tables.append(("Cardinality limits reached", table))
    }

    private mutating func addProblems(_ metrics: OwnMetrics) {
        for problems in metrics.all("needletail_store_problems") where problems.value > 0 {
            self.problems.append(
                "the store of \(problems.labels["signal"] ?? "some data") reports \(Int(problems.value)) problems; "
                    + "the server's log names them")
        }
        if (metrics.value("needletail_disk_full") ?? 0) > 0 {
            self.problems.append("the disk is full: the server refuses writes until there is space again")
        }
    }

    // MARK: Numbers for people

    private static func time(_ milliseconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(milliseconds) / 1000).ISO8601Format()
    }

    static func count(_ value: Double) -> String {
        value.isFinite && value.magnitude < 9e15 ? "\(Int(value))" : "\(value)"
    }

    static func bytes(_ value: Double) -> String {
        switch value.magnitude {
        case 1_073_741_824...: String(format: "%.2f GiB", value / 1_073_741_824)
        case 1_048_576...: String(format: "%.1f MiB", value / 1_048_576)
        case 1024...: String(format: "%.1f KiB", value / 1024)
        default: String(format: "%.0f B", value)
        }
    }
}
