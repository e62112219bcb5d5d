import LogQL
import Storage
import Telemetry
import TestSupport
import Testing
import Vectors

@Suite struct PushDownTests {
    private static let rows: [MemoryEvents.Row] = {
        var random = SeededGenerator(seed: 99)
        return (0..<200).map { i in
            let words = ["alpha", "beta", "gamma", "level=info", "level=warn", "id=7", #"{"a":"x","b":2}"#]
            let line = (0..<Int.random(in: 1...3, using: &random)).map { _ in words.randomElement(using: &random) ?? ""
            }
            var fields: [String: AttributeValue] = [:]
            let values: [AttributeValue] = [
                .string("x"), .int(7), .string("7"), .double(7), .bool(true), .string("true"),
            ]
            for name in ["a", "c.d", "c_d", "level", "app"] where Bool.random(using: &random) {
                fields[name] = values.randomElement(using: &random)
            }
            var row = MemoryEvents.Row(
                Double(i), ["app": ["p", "q"].randomElement(using: &random) ?? "p"], line.joined(separator: " "), fields
            )
            if Bool.random(using: &random) { row.group.shared = [Attribute("level", .string("x"))] }
            return row
        }
    }()

    private static let stages = [
        #"|= "alpha""#, #"!= "beta""#, #"|~ "ga..a|info""#, #"!~ "id=\\d""#, #"|= "alpha" or "beta""#,
        #"|> "<_> beta""#,
        "| json", "| logfmt", #"| a="x""#, #"| c_d="7""#, #"| level="x" or a="7""#, #"| level="info""#, #"| app="p""#,
        #"| app_extracted="x""#, #"| c_d="true" and a!="x""#, #"| a=~"x|7""#, "| a>5", #"| line_format "{{.a}} beta""#,
        "| drop a", #"| label_format a=level"#, #"| pattern "<a> <_>""#, #"| __error__="""#,
    ]

    @Test func answersAreTheSameWithPushDownOff() async throws {
        var random = SeededGenerator(seed: 4711)
        var off = LogQLEngine.Options()
        off.pushesDown = false
        let reader = MemoryEvents(PushDownTests.rows)
        let engines = [LogQLEngine(reader: reader), LogQLEngine(reader: reader, options: off)]
        var answered = 0
        for _ in 0..<160 {
            let stages = (0..<Int.random(in: 1...4, using: &random)).compactMap { _ in
                PushDownTests.stages.randomElement(using: &random)
            }
            let logs = ([#"{app=~"p|q"}"#] + stages).joined(separator: " ")
            var lines: [[LogEntry]] = []
            for engine in engines {
                lines.append(
                    try await engine.logs(
                        logs, range: TimeRange(start: 0, end: Fixture.seconds(150)), limit: 40, direction: .backward,
                        context: QueryContext()
                    ).entries)
            }
            let same = lines[0] == lines[1]
            #expect(same, "seed \(random.seed): \(logs)")
            answered += lines[0].isEmpty ? 0 : 1
            let wraps = [
                "sum by (a, c_d, app_extracted) (count_over_time(\(logs) [1m]))", "sum(count_over_time(\(logs) [7s]))",
                "sum by (level) (sum_over_time(\(logs) | unwrap a | __error__=\"\" [1m]))",
                "count_over_time(\(logs) [1m])",
            ]
            let metric = wraps.randomElement(using: &random) ?? wraps[0]
            var texts: [String] = []
            for engine in engines {
                do {
                    let result = try await engine.range(
                        metric, start: 0, end: Fixture.seconds(200), step: Fixture.seconds(10), context: QueryContext())
                    if case .matrix(let matrix) = result {
                        texts.append(
                            matrix.series.map { "\($0.labels) \($0.values) \($0.present)" }.joined(separator: "\n"))
                    }
                } catch let error as LogQLError {
                    if case .pipeline(let name, _, _) = error { texts.append(name) } else { texts.append("\(error)") }
                }
            }
            #expect(texts.count == 2 && texts[0] == texts[1], "seed \(random.seed): \(metric)")
        }
        #expect(answered > 40, "most queries must find something")
    }
}
