import EventStore
import LogQL
import Storage
import Telemetry
import TestSupport
import Testing
import Vectors

/// Over a store that keeps lines as templates and columns: what is told from columns must be what parsing tells.
@Suite struct ColumnPushDownTests {
    private static let second: Int64 = 1_000_000_000

    // MARK: Lines

    private static let values = [
        "200", "503", "404", "-7", "007", "12.5", "1e3", "true", "false", "null", "10ms", "1.5s", "2h", "3KB", "x",
        "", "a b", "a=b", "a\\tb", "q\\\"z", "\\u00e9t\\u00e9", "ünï", "10.1.2.3", "a\tb", "[1,2]", "{\"z\":1}", "tru",
        "[1,", "GET", "POST", "/api/v1/items?id=7", "-", "timed out",
    ]
    private static let keys = [
        "status", "took", "level", "user", "user.id", "user_id", "a", "0b", "app", "msg", "s p",
    ]

    private static func json(_ random: inout SeededGenerator, depth: Int = 0) -> String {
        var members: [String] = []
        for _ in 0..<Int.random(in: depth == 0 ? 1...6 : 0...3, using: &random) {
            let key = keys.randomElement(using: &random) ?? "a"
            let value = values.randomElement(using: &random) ?? "x"
            switch Int.random(in: 0..<8, using: &random) {
            case 0 where depth < 2: members.append("\"\(key)\":\(json(&random, depth: depth + 1))")
            case 1, 2, 3: members.append("\"\(key)\":\(value.isEmpty ? "null" : value)")
            case 4: members.append("\"\(key)\" : \"\(value)\"")
            default: members.append("\"\(key)\":\"\(value)\"")
            }
        }
        return "{" + members.joined(separator: ",") + "}"
    }

    /// Lines of a few shapes with many values, as programs write them; and some of no shape.
    private static func line(_ random: inout SeededGenerator, _ shape: Int) -> String {
        func value() -> String { values.randomElement(using: &random) ?? "x" }
        func number() -> Int { Int.random(in: 0..<2000, using: &random) }
        let status = [200, 200, 200, 404, 503].randomElement(using: &random) ?? 200
        switch shape {
        case 0:
            return "{\"status\":\(status),\"took\":\(number()).\(number()),\"user\":{\"id\":\"u\(number())\"},"
                + "\"msg\":\"request \(number()) done\",\"level\":\"info\"}"
        case 1: return "{\"status\":\"\(value())\",\"took\":\"\(number())ms\",\"a\":\(number()),\"app\":\"inner\"}"
        case 2:
            return "status=\(status) took=\(number())ms user=u\(number()) msg=\"order \(number()) done\" a=\(number())"
        case 3: return "status=\(value()) took=\"\(value())\" level=warn user_id=\(number())"
        case 4: return "GET /items/\(number()) \(status) in \(number())ms"
        case 5: return json(&random)
        case 6: return "{\"list\":[\(number()),\(number())],\"status\":\(status),\"user.id\":\"\(value())\"}"
        case 7: return "{\"a\":\(status),\"a\":\"\(value())\"} tail"
        default: return value() + " " + value()
        }
    }

    private static func fill(_ store: EmbeddedEventStore, _ random: inout SeededGenerator) async throws {
        let streams = (0..<9).map { shape -> LabelSet in
            var labels = ["app": shape < 5 ? "p" : "q", "shape": "s\(shape)"]
            if shape == 3 { labels["level"] = "stream" }
            return LabelSet(labels)
        }
        var time: Int64 = 0
        for round in 0..<6 {
            var batch = EventBatch()
            let line = batch.columnIndex(EventColumnName.line)
            for _ in 0..<700 {
                let shape = Int.random(in: 0..<9, using: &random)
                let shared = shape == 6 ? [Attribute("user", .string("shared"))] : []
                let group = batch.addGroup(EventGroup(labels: streams[shape], shared: shared))
                time += Int64.random(in: 0..<second / 10, using: &random)
                let row = batch.addRow(timestamp: time, group: group)
                batch.set(line, row: row, .string(self.line(&random, shape)))
                if shape == 4 {
                    let trace = "t\(Int.random(in: 0..<5000, using: &random))"
                    batch.set(batch.columnIndex("trace"), row: row, .string(trace))
                }
                if shape == 1 || shape == 8, Bool.random(using: &random) {
                    let name = ["status", "user.id", "user_id", "took"].randomElement(using: &random) ?? "status"
                    let value: [AttributeValue] = [.string("503"), .int(503), .double(1.5), .string(""), .bool(true)]
                    batch.set(batch.columnIndex(name), row: row, value.randomElement(using: &random) ?? .int(1))
                }
            }
            _ = try await store.append(batch, to: .logs, id: nil)
            // The last rows stay in memory.
            if round == 2 || round == 4 { try await store.compact(.logs) }
        }
    }

    // MARK: Queries

    private static let stages = [
        "| json", "| json", "| json", "| logfmt", "| logfmt", #"| json st="status", u="user.id""#,
        #"| json a="list[0]""#,
        #"| logfmt st="status", took"#, "| logfmt --strict", "| logfmt --keep-empty", #"|= "done""#, #"!= "GET""#,
        #"|~ "u[0-9]+""#, #"!~ "1$""#, #"|> "<_>ms""#, #"| status="503""#, "| status>=404", #"| status!="""#,
        #"| status=~"5..|GET""#, "| took>10ms", "| took>100", #"| level="info" or status="404""#,
        #"| user_id=~"u1.*" and status!="200""#, "| a<1KB", #"| app="p""#, #"| level="stream""#,
        "| drop __error__, __error_details__", #"| __error__="""#, #"| user="shared""#, "| drop status",
        #"| line_format "{{.status}}""#, #"| msg=~".*done""#, #"| st="503""#, #"| app_extracted="inner""#,
    ]

    private static let wraps = [
        "sum by (status) (count_over_time(@ [20s]))", "sum(count_over_time(@ [7s]))", "count_over_time(@ [1m])",
        "sum by (app, level) (bytes_over_time(@ [30s]))", "sum without (shape) (rate(@ [1m]))",
        "sum by (user_id, status, st) (count_over_time(@ [1m]))", "sum(bytes_rate(@ [9s]))",
        #"sum by (status) (sum_over_time(@ | unwrap a | __error__="" [1m]))"#,
        #"avg_over_time(@ | unwrap duration(took) | __error__="" [30s]) by (status)"#,
        #"quantile_over_time(0.9, @ | unwrap a | __error__="" [1m]) by (app)"#,
        #"first_over_time(@ | unwrap a | __error__="" | status!="" [1m]) by (shape)"#,
        "max_over_time(@ | unwrap took [1m]) by (app)", "count_distinct(status, @ [1m]) by (app)",
        "absent_over_time(@ [10s])",
    ]

    private static func text(_ engine: LogQLEngine, _ metric: String) async throws -> String {
        do {
            let result = try await engine.range(
                metric, start: 0, end: 200 * second, step: 10 * second, context: QueryContext())
            guard case .matrix(let matrix) = result else { return "scalar" }
            return matrix.series.map { "\($0.labels) \($0.values) \($0.present)" }.joined(separator: "\n")
        } catch let error as LogQLError {
            // Which of the lines with an error is met first is nobody's promise.
            if case .pipeline = error { return "a line has an error" }
            return "\(error)"
        }
    }

    @Test func columnsTellWhatParsingTells() async throws {
        for seed in TestSeeds.first..<TestSeeds.first + UInt64(TestSeeds.count(unlessTold: 2)) { try await run(seed) }
    }

    private func run(_ seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        try await withTemporaryFolder { folder in
            let store = try EmbeddedEventStore(opening: try DataFolder(opening: folder.path))
            try await ColumnPushDownTests.fill(store, &random)
            var off = LogQLEngine.Options()
            off.pushesDown = false
            off.maximumSeries = 0
            var on = LogQLEngine.Options()
            on.maximumSeries = 0
            let engines = [LogQLEngine(reader: store, options: on), LogQLEngine(reader: store, options: off)]
            var answered = (lines: 0, numbers: 0)
            for _ in 0..<220 {
                let stages = (0..<Int.random(in: 0...4, using: &random)).compactMap { _ in
                    ColumnPushDownTests.stages.randomElement(using: &random)
                }
                let selector = [#"{app=~"p|q"}"#, #"{app="p"}"#, #"{shape=~"s[0126]"}"#, #"{shape="s2"}"#]
                    .randomElement(using: &random)
                let logs = ([selector ?? ""] + stages).joined(separator: " ")
                let limit = [7, 100, 0].randomElement(using: &random) ?? 0
                var lines: [[LogEntry]] = []
                for engine in engines {
                    lines.append(
                        try await engine.logs(
                            logs, range: TimeRange(start: 0, end: 190 * ColumnPushDownTests.second),
                            limit: limit, direction: .backward, context: QueryContext()
                        ).entries)
                }
                let same = lines[0] == lines[1]
                #expect(same, "seed \(seed): \(logs)")
                if lines[0].count > 0 { answered.lines += 1 }
                let wrap = ColumnPushDownTests.wraps.randomElement(using: &random) ?? ""
                let metric = wrap.split(separator: "@").map(String.init).joined(separator: logs)
                let texts = [
                    try await ColumnPushDownTests.text(engines[0], metric),
                    try await ColumnPushDownTests.text(engines[1], metric),
                ]
                #expect(texts[0] == texts[1], "seed \(seed): \(metric)")
                if !texts[0].isEmpty, !texts[0].contains("error") { answered.numbers += 1 }
            }
            #expect(answered.lines > 60 && answered.numbers > 60, "most queries must find something: \(answered)")
            try await store.close()
        }
    }
}
