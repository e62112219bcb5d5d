import LogQL
import Storage
import Telemetry
import TestSupport
import Testing
import Vectors

@Suite struct MetricQueryTests {
    /// Twelve samples of two hosts, ten seconds apart; the counter of host b is reset once.
    private static let rows: [MemoryEvents.Row] = (1...12).map { i in
        let host = i % 2 == 0 ? "b" : "a"
        let counter = [0, 1, 3, 5, 7, 1, 9, 4, 12, 8, 15, 10, 20][i]
        return .init(
            Double(i * 10), ["app": "m", "host": host], "v=\(i) c=\(counter) d=\(i)s s=\(i)KB k=\(i % 3)",
            i == 7 ? ["mark": .string("x")] : [:])
    }

    private static let engine = LogQLEngine(reader: MemoryEvents(rows))

    /// Evaluated at 120 s.
    private static let instants: [(query: String, expected: String)] = [
        ("vector(1)+vector(1)", "{} 2"),
        ("1 + 2 * 3", "7"),
        ("2 ^ 3 ^ 0", "2"),
        ("1 > 2", "0"),
        (#"count_over_time({app="m"}[30s])"#, #"{app="m", host="a"} 1; {app="m", host="b"} 2"#),
        (#"count_over_time({app="m"}[60s] offset 1m)"#, #"{app="m", host="a"} 3; {app="m", host="b"} 3"#),
        (#"sum(count_over_time({app="m"}[1m]))"#, "{} 6"),
        (#"sum(rate({app="m"}[1m]))"#, "{} 0.1"),
        (#"sum by (host) (count_over_time({app="m"} |= "v=1" [2m]))"#, #"{host="a"} 2; {host="b"} 2"#),
        (#"sum(bytes_over_time({app="m"} |= "v=12" [1m]))"#, "{} 26"),
        (#"sum(bytes_rate({app="m"} |= "v=12" [10s]))"#, "{} 2.6"),
        (#"sum without (app, mark) (count_over_time({app="m"}[1m]))"#, #"{host="a"} 3; {host="b"} 3"#),
        (#"sum by (k) (count_over_time({app="m"} | logfmt [2m]))"#, #"{k="0"} 4; {k="1"} 4; {k="2"} 4"#),
        (#"count(count_over_time({app="m"} | logfmt | keep k [2m]))"#, "{} 3"),
        (#"sum by (mark) (count_over_time({app="m"} | mark="x" [2m]))"#, #"{mark="x"} 1"#),
        (#"absent_over_time({app="none", x=~"y"}[1m])"#, #"{app="none"} 1"#),
        (#"absent_over_time({app="m"}[1m])"#, ""),
        (#"sum_over_time({app="m"} | logfmt | keep host, v | unwrap v [1m])"#, #"{host="a"} 27; {host="b"} 30"#),
        (#"sum(sum_over_time({app="m"} | logfmt | unwrap v [1m]))"#, "{} 57"),
        (#"sum by (v) (sum_over_time({app="m"} | logfmt | unwrap v [1m]))"#, "{} 57"),
        (#"sum(rate({app="m"} | logfmt | unwrap v [1m]))"#, "{} 0.95"),
        (#"avg_over_time({app="m"} | logfmt | unwrap v [1m]) by (host)"#, #"{host="a"} 9; {host="b"} 10"#),
        (#"min_over_time({app="m"} | logfmt | unwrap v [1m]) by (host)"#, #"{host="a"} 7; {host="b"} 8"#),
        (#"max_over_time({app="m"} | logfmt | unwrap v [1m]) without (app, c, d, s, k, v, mark, host)"#, "{} 12"),
        (#"first_over_time({app="m"} | logfmt | unwrap v [1m]) by (host)"#, #"{host="a"} 7; {host="b"} 8"#),
        (#"last_over_time({app="m"} | logfmt | unwrap v [1m]) by (host)"#, #"{host="a"} 11; {host="b"} 12"#),
        (#"stdvar_over_time({app="m"} | logfmt | unwrap v [2m]) by ()"#, "{} 11.916666666666666"),
        (#"stddev_over_time({app="m"} | logfmt | unwrap v [30s]) by (app)"#, #"{app="m"} 0.816496580927726"#),
        (#"quantile_over_time(0.5, {app="m"} | logfmt | unwrap v [1m]) by (host)"#, #"{host="a"} 9; {host="b"} 10"#),
        (#"sum(sum_over_time({app="m"} | logfmt | unwrap duration(d) [20s]))"#, "{} 23"),
        (#"sum(sum_over_time({app="m"} | logfmt | unwrap bytes(s) [20s]))"#, "{} 23000"),
        (#"sum(sum_over_time({app="m"} | logfmt | unwrap gone [20s]))"#, ""),
        (#"sum(count_over_time({app="m"} | logfmt | unwrap v | v > 10 [2m]))"#, "ERROR"),
        (#"sum(sum_over_time({app="m"} | logfmt | unwrap v | v > 10 [2m]))"#, "{} 23"),
        (#"topk(1, count_over_time({app="m"}[30s]))"#, #"{app="m", host="b"} 2"#),
        (#"bottomk(1, count_over_time({app="m"}[30s]))"#, #"{app="m", host="a"} 1"#),
        (#"approx_topk(1, sum by (host) (count_over_time({app="m"}[30s])))"#, #"{host="b"} 2"#),
        (#"sort_desc(sum by (host) (count_over_time({app="m"}[30s])))"#, #"{host="b"} 2; {host="a"} 1"#),
        (#"sort(sum by (host) (count_over_time({app="m"}[30s])))"#, #"{host="a"} 1; {host="b"} 2"#),
        (#"avg(count_over_time({app="m"}[30s]))"#, "{} 1.5"),
        (
            #"max by (app) (count_over_time({app="m"}[30s])) - min by (app) (count_over_time({app="m"}[30s]))"#,
            #"{app="m"} 1"#
        ),
        (#"sum by (host) (count_over_time({app="m"}[30s])) > 1"#, #"{host="b"} 2"#),
        (#"sum by (host) (count_over_time({app="m"}[30s])) > bool 1"#, #"{host="a"} 0; {host="b"} 1"#),
        (
            #"2 * sum by (host) (count_over_time({app="m"}[30s])) / on (host) sum by (host) (count_over_time({app="m"}[1m]))"#,
            #"{host="a"} 0.6666666666666666; {host="b"} 1.3333333333333333"#
        ),
        (
            #"sum by (host) (count_over_time({app="m"}[30s])) unless sum by (host) (count_over_time({host="a"}[30s]))"#,
            #"{host="b"} 2"#
        ),
        (#"sum(count_over_time({app="none"}[1m])) or vector(0)"#, "{} 0"),
        (
            #"label_replace(sum by (host) (count_over_time({host="a"}[30s])), "new", "x-$1", "host", "(.*)")"#,
            #"{host="a", new="x-a"} 1"#
        ),
    ]

    static func text(_ result: MetricResult) -> String {
        switch result {
        case .scalar(let value): formatValue(value)
        case .matrix(let matrix):
            matrix.series.map { "\($0.labels) \(formatValue($0.values[0]))" }.joined(separator: "; ")
        }
    }

    @Test func instantQueriesGiveTheKnownValues() async throws {
        for (query, expected) in MetricQueryTests.instants {
            do {
                let result = try await MetricQueryTests.engine.instant(
                    query, at: Fixture.seconds(120), context: QueryContext())
                #expect(MetricQueryTests.text(result) == expected, "\(query)")
            } catch {
                #expect(expected == "ERROR", "\(query): \(error)")
            }
        }
        // Grafana's health check comes with a time far in the future.
        let health = try await MetricQueryTests.engine.instant(
            "vector(1)+vector(1)", at: 4_000_000_000_000_000_000, context: QueryContext())
        #expect(MetricQueryTests.text(health) == "{} 2")
        let counter = try await MetricQueryTests.engine.instant(
            #"sum by (host) (rate_counter({host="a"} | logfmt | keep host, c | unwrap c [2m]))"#,
            at: Fixture.seconds(120), context: QueryContext())
        // 1 5 1 4 8 10 at 10, 30 … 110 s: 4 + 1 + 3 + 4 + 2 = 14 in 100 s; to zero before the start would take 100/14
        // s.
        guard case .matrix(let matrix) = counter, let value = matrix.series.first?.values.first else {
            Issue.record("no counter")
            return
        }
        #expect(abs(value - 14 * (100 + 100.0 / 14 + 10) / 100 / 120) < 1e-9, "\(value)")
    }

    @Test func metricQueriesFailOnErrorsThatNobodyFilters() async throws {
        let engine = Fixture.engine
        let time = Fixture.seconds(100)
        let failing = [
            (#"count_over_time({app="web"} | json [2m])"#, "JSONParserErr"),
            (#"sum by (level) (count_over_time({app="web"} | json [2m]))"#, "JSONParserErr"),
            (#"sum(sum_over_time({app="api"} | logfmt | unwrap duration(took) [2m]))"#, "SampleExtractionErr"),
        ]
        for (query, error) in failing {
            do {
                let result = try await engine.instant(query, at: time, context: QueryContext())
                Issue.record("\(query) gave \(MetricQueryTests.text(result))")
            } catch let failure as LogQLError {
                #expect(
                    failure.description.hasPrefix("pipeline error: '\(error)' for series: '{__error__=\"\(error)\""),
                    "\(failure)")
                #expect(
                    failure.description.contains(
                        "Use a label filter to intentionally skip this error. (e.g | __error__!=\"\(error)\")"))
            }
        }
        let fine: [(String, String)] = [
            (
                #"sum by (level) (count_over_time({app="web"} | json | __error__="" [2m]))"#,
                #"{level="error"} 1; {level="info"} 1"#
            ),
            (#"sum(sum_over_time({app="api"} | logfmt | unwrap duration(took) | __error__="" [2m]))"#, "{} 2.12"),
            (
                #"sum by (app_extracted, user_id) (count_over_time({app="web"} | json | __error__="" [2m]))"#,
                #"{app_extracted="inner", user_id="u1"} 1; {user_id="u2"} 1"#
            ),
            (#"sum by (trace_id) (count_over_time({app="web"} | size="10" [2m]))"#, #"{trace_id="abc"} 1"#),
            // Nobody looks at the labels of json: it does not run.
            (#"sum(count_over_time({app="web"} | json [2m]))"#, "{} 3"),
        ]
        for (query, expected) in fine {
            #expect(
                MetricQueryTests.text(try await engine.instant(query, at: time, context: QueryContext())) == expected,
                "\(query)")
        }
        await #expect(throws: LogQLError.self) {
            _ = try await engine.instant(#"{app="web"}"#, at: time, context: QueryContext())
        }
    }

    /// Every range aggregation at every step against the definition: the samples of `(t - R, t]`.
    @Test func slidingWindowsAgreeWithTheirDefinition() async throws {
        var random = SeededGenerator(seed: 7)
        var rows: [MemoryEvents.Row] = []
        for _ in 0..<300 {
            let value = Int.random(in: -50...50, using: &random)
            rows.append(.init(Double(Int.random(in: 0...600, using: &random)), ["a": "b"], "v=\(value)"))
        }
        rows.sort { $0.timestamp < $1.timestamp }
        let engine = LogQLEngine(reader: MemoryEvents(rows))
        let samples = rows.map { ($0.timestamp, Double(String(decoding: $0.line.dropFirst(2), as: UTF8.self)) ?? 0) }
        let definitions: [(String, ([Double], Double) -> Double)] = [
            ("sum_over_time", { values, _ in values.reduce(0, +) }),
            ("avg_over_time", { values, _ in values.reduce(0, +) / Double(values.count) }),
            ("min_over_time", { values, _ in values.min() ?? 0 }),
            ("max_over_time", { values, _ in values.max() ?? 0 }),
            ("first_over_time", { values, _ in values[0] }),
            ("last_over_time", { values, _ in values[values.count - 1] }),
            ("rate", { values, seconds in values.reduce(0, +) / seconds }),
            (
                "stdvar_over_time",
                { values, _ in
                    let mean = values.reduce(0, +) / Double(values.count)
                    return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
                }
            ),
            ("count_over_time", { values, _ in Double(values.count) }),
        ]
        for (range, step, offset) in [(60, 30, 0), (7, 30, 0), (30, 30, 10), (100, 7, -20), (600, 45, 0), (13, 1, 5)] {
            for (name, definition) in definitions {
                let unwrap = name == "count_over_time" ? "" : " | logfmt | unwrap v"
                let query = "\(name)({a=\"b\"}\(unwrap) [\(range)s] offset \(offset)s)"
                let result = try await engine.range(
                    query, start: 0, end: Fixture.seconds(650), step: Fixture.seconds(Double(step)),
                    context: QueryContext())
                guard case .matrix(let matrix) = result else { continue }
                for i in 0..<matrix.grid.count {
                    let end = (Int64(i * step) - Int64(offset)) * 1_000_000_000
                    let inside = samples.filter { $0.0 > end - Int64(range) * 1_000_000_000 && $0.0 <= end }.map(\.1)
                    let series = matrix.series.first
                    #expect((series?.present[i] ?? false) == !inside.isEmpty, "\(query) at step \(i)")
                    guard !inside.isEmpty, let value = series?.values[i] else { continue }
                    #expect(abs(value - definition(inside, Double(range))) < 1e-6, "\(query) at step \(i)")
                }
            }
        }
    }

    @Test func rangeQueriesHaveAGridAndLimits() async throws {
        let engine = MetricQueryTests.engine
        let result = try await engine.range(
            #"sum(count_over_time({app="m"}[20s]))"#, start: 0, end: Fixture.seconds(60), step: Fixture.seconds(20),
            context: QueryContext())
        guard case .matrix(let matrix) = result else { return }
        #expect(matrix.grid == StepGrid(start: 0, end: 60_000, step: 20_000))
        #expect(matrix.series.map(\.present) == [[false, true, true, true]])
        #expect(matrix.series.first?.values.dropFirst().elementsEqual([2, 2, 2]) ?? false)
        let literal = try await engine.range(
            "1+1", start: 0, end: Fixture.seconds(10), step: Fixture.seconds(5), context: QueryContext())
        if case .matrix(let matrix) = literal { #expect(matrix.series.map(\.values) == [[2, 2, 2]]) }
        await #expect(throws: LogQLError.self, "more than 11,000 points") {
            _ = try await engine.range(
                "vector(1)", start: 0, end: Fixture.seconds(11_001), step: Fixture.seconds(1), context: QueryContext())
        }
        await #expect(throws: LogQLError.self, "a time that does not fit") {
            _ = try await engine.instant(#"rate({app="m"}[1m])"#, at: .max, context: QueryContext())
        }
        var few = LogQLEngine.Options()
        few.maximumSeries = 1
        await #expect(throws: LogQLError.self, "more series than allowed") {
            _ = try await LogQLEngine(reader: engine.reader, options: few).instant(
                #"count_over_time({app="m"}[1m])"#, at: Fixture.seconds(120), context: QueryContext())
        }
    }
}
