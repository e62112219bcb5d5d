import Alerting
import Logging
import Storage
import Synchronization
import Telemetry
import Testing
import YAMLReading

final class MemoryDocuments: DocumentStore {
    let all = Mutex<[String: [String: String]]>([:])
    func documents(kind: String) throws -> [String: String] { all.withLock { $0[kind] ?? [:] } }
    func put(kind: String, key: String, body: String) throws { all.withLock { $0[kind, default: [:]][key] = body } }
    func delete(kind: String, key: String) throws { all.withLock { $0[kind]?[key] = nil } }
}

/// Keeps what is appended.
final class MemorySeries: SeriesStorage {
    struct Sample: Hashable, CustomStringConvertible {
        var series: String
        var time: Int64
        var value: String
        var description: String { "\(series) \(value) @\(time)" }
    }
    private let appended = Mutex<[Sample]>([])
    func take() -> [String] {
        appended.withLock { samples in
            defer { samples = [] }
            return samples.map(\.description).sorted()
        }
    }
    func append(_ batch: SeriesBatch, id: BatchID?) async throws -> AppendOutcome {
        appended.withLock { samples in
            for (i, ref) in batch.refs.enumerated() {
                let value = batch.values[i]
                samples.append(
                    Sample(
                        series: "\(batch.series[Int(ref)])", time: batch.timestamps[i],
                        value: SpecialValue.isStaleMarker(value) ? "stale" : "\(value)"))
            }
        }
        var outcome = AppendOutcome()
        outcome.accepted = batch.values.count
        return outcome
    }
    func scan(_ plan: SeriesScanPlan, context: QueryContext, _ body: ([SeriesColumns]) throws -> Void) async throws
        -> ScanTrailer
    {
        ScanTrailer()
    }
    func labelNames(_ query: SeriesCatalogQuery, context: QueryContext) async throws -> [String] { [] }
    func labelValues(_ name: String, _ query: SeriesCatalogQuery, context: QueryContext) async throws -> [String] { [] }
    func series(_ query: SeriesCatalogQuery, context: QueryContext) async throws -> [LabelSet] { [] }
    func metadata() async throws -> [String: [MetricMetadata]] { [:] }
    func exemplars(
        _ plan: SeriesScanPlan, context: QueryContext
    ) async throws -> [(labels: LabelSet, exemplars: [Exemplar])] { [] }
    func retain(after time: Int64) async throws {}
    func delete(_ matcherSets: [[Matcher]], range: TimeRange) async throws {}
    func cardinality(limit: Int) async throws -> SeriesCardinality { SeriesCardinality() }
    func health() async -> StoreHealth { StoreHealth() }
    func close() async throws {}
}

@Suite struct AlertStateTests {
    /// Each step: minutes, whether the alert's expression holds, `for`, `keep_firing_for`; then state and what is sent.
    private typealias Step = (minute: Int64, holds: Bool, hold: Int64, keep: Int64, state: String, sent: String)
    private static let stories: [(name: String, steps: [Step])] = [
        (
            "pending, firing, resolved, forgotten",
            [
                (0, true, 2, 0, "pending", ""), (1, true, 2, 0, "pending", ""), (2, true, 2, 0, "firing", "firing"),
                (3, true, 2, 0, "firing", ""), (4, true, 2, 0, "firing", "firing"),
                (5, false, 2, 0, "inactive", "resolved"),
                (6, false, 2, 0, "inactive", ""), (7, false, 2, 0, "inactive", "resolved"),
                (20, false, 2, 0, "inactive", "resolved"),
                (21, false, 2, 0, "gone", ""),
            ]
        ),
        (
            "without for it fires at once",
            [(0, true, 0, 0, "firing", "firing"), (1, false, 0, 0, "inactive", "resolved")]
        ),
        ("pending that ends says nothing", [(0, true, 2, 0, "pending", ""), (1, false, 2, 0, "gone", "")]),
        (
            "fires again after it resolved",
            [
                (0, true, 0, 0, "firing", "firing"), (1, false, 0, 0, "inactive", "resolved"),
                (2, true, 1, 0, "pending", ""),
                (3, true, 1, 0, "firing", "firing"),
            ]
        ),
        (
            "keeps firing for three minutes",
            [
                (0, true, 0, 3, "firing", "firing"), (1, false, 0, 3, "firing", ""),
                (3, false, 0, 3, "firing", "firing"),
                (4, false, 0, 3, "inactive", "resolved"),
            ]
        ),
        (
            "keeps firing starts over when it comes back",
            [
                (0, true, 0, 3, "firing", "firing"), (1, false, 0, 3, "firing", ""),
                (2, true, 0, 3, "firing", "firing"),
                (3, false, 0, 3, "firing", ""), (5, false, 0, 3, "firing", "firing"),
                (6, false, 0, 3, "inactive", "resolved"),
            ]
        ),
        (
            "a longer for makes it pending again",
            [(0, true, 0, 0, "firing", "firing"), (1, true, 5, 0, "pending", ""), (5, true, 5, 0, "firing", "firing")]
        ),
    ]

    @Test func alertsMoveBetweenStatesAsInPrometheus() {
        for (name, steps) in AlertStateTests.stories {
            var state = AlertRuleState()
            let labels = LabelSet(["alertname": "A"])
            for step in steps {
                let time = step.minute * 60_000
                let results =
                    step.holds
                    ? [AlertRuleState.Result(labels: labels, annotations: [:], value: Double(step.minute))] : []
                state.update(results, at: time, hold: step.hold * 60_000, keepFiring: step.keep * 60_000)
                let sent = state.takeAlertsToSend(at: time, resendDelay: 60_000)
                #expect(
                    (state.alerts[labels]?.state.rawValue ?? "gone") == step.state, "\(name), minute \(step.minute)")
                let texts = sent.map { $0.resolvedAt == nil ? "firing" : "resolved" }.joined()
                #expect(texts == step.sent, "\(name), minute \(step.minute)")
            }
        }
    }

    @Test func rulesWriteTheirSeriesAndEndThem() async throws {
        let language = TableLanguage()
        let store = MemorySeries()
        let documents = MemoryDocuments()
        let sent = Mutex<[Alert]>([])
        let manager = RuleManager(
            language: language, store: store, documents: documents, logger: Logger(label: "test"), now: { 120_000 },
            send: { alerts in sent.withLock { $0 += alerts } })
        let text = """
            groups:
            - name: g
              interval: 1m
              rules:
              - record: job:up:sum
                expr: sum
                labels: {extra: "1"}
              - alert: Down
                expr: down
                for: 1m
                labels: {severity: "p{{ $value }}"}
                annotations: {summary: "{{ $labels.job }} is {{ $value }}"}
            """
        let (groups, errors) = RuleFile.read(text, file: "r.yml", language: language)
        #expect(errors.isEmpty)
        var settings = RuleManager.Settings()
        settings.surroundings = TemplateSurroundings(
            externalLabels: LabelSet(["cluster": "eu"]), externalURL: "http://ui")
        manager.reload(groups, settings: settings)
        let key = try #require(groups.first).key
        language.set("sum", [.init(labels: LabelSet(["__name__": "up", "job": "a"]), value: 2)])
        language.set("down", [.init(labels: LabelSet(["__name__": "up", "job": "a"]), value: 0)])
        await manager.evaluateGroup(key, at: 60_000)
        let down = #"alertname="Down""#
        #expect(
            store.take() == [
                #"ALERTS_FOR_STATE{alertname="Down", job="a", severity="p0"} 60.0 @60000"#,
                #"ALERTS{alertname="Down", alertstate="pending", job="a", severity="p0"} 1.0 @60000"#,
                #"job:up:sum{extra="1", job="a"} 2.0 @60000"#,
            ])
        #expect(sent.withLock { $0.isEmpty })
        language.set("sum", [])
        await manager.evaluateGroup(key, at: 120_000)
        #expect(
            store.take() == [
                #"ALERTS_FOR_STATE{\#(down), job="a", severity="p0"} 60.0 @120000"#,
                #"ALERTS{\#(down), alertstate="firing", job="a", severity="p0"} 1.0 @120000"#,
                #"ALERTS{\#(down), alertstate="pending", job="a", severity="p0"} stale @120000"#,
                #"job:up:sum{extra="1", job="a"} stale @120000"#,
            ])
        let alert = try #require(sent.withLock { $0.first })
        #expect(alert.labels == LabelSet(["alertname": "Down", "job": "a", "severity": "p0", "cluster": "eu"]))
        #expect(alert.annotations == ["summary": "a is 0"])
        #expect(alert.startsAt == 120_000 && alert.endsAt == 120_000 + 4 * 60_000)
        #expect(alert.generatorURL == "http://ui/graph?g0.expr=down&g0.tab=1")

        // A failing query leaves the alert; its text is the rule's last error.
        language.answers.withLock { $0["down"] = nil }
        await manager.evaluateGroup(key, at: 180_000)
        #expect(manager.groups.first?.rules.last?.lastError == "no such query")
        #expect(manager.groups.first?.rules.last?.alerts.active.count == 1)
        #expect(store.take() == [])

        // A restart takes the alert up again.
        let other = RuleManager(
            language: language, store: store, documents: documents, logger: Logger(label: "test"), now: { 200_000 },
            send: { _ in })
        other.reload(groups, settings: settings)
        #expect(other.groups.first?.rules.last?.alerts.active.first?.state == .firing)

        language.set("down", [])
        await manager.evaluateGroup(key, at: 240_000)
        #expect(store.take().allSatisfy { $0.hasSuffix("stale @240000") })
        #expect(sent.withLock { $0.last?.endsAt } == 240_000)

        // What a removed rule wrote ends.
        language.set("sum", [.init(labels: LabelSet(["job": "a"]), value: 3)])
        await manager.evaluateGroup(key, at: 300_000)
        #expect(store.take() == [#"job:up:sum{extra="1", job="a"} 3.0 @300000"#])
        manager.reload([], settings: settings)
        await manager.endOrphans(at: 360_000)
        #expect(store.take() == [#"job:up:sum{extra="1", job="a"} stale @360000"#])
    }

    @Test func ruleFilesTellAllThatIsWrongAndWhere() {
        let head = "groups:\n- name: g\n  rules:\n"
        let files: [(text: String, rules: Int, errors: [String])] = [
            ("", 0, []), ("groups: []", 0, []),
            (head + "  - {record: a, expr: up}\n  - {alert: B, expr: up, for: 5m}", 2, []),
            (
                head + "  - {expr: up}\n  - {record: a}\n  - {alert: A, expr: '((', labels: {l: '{{ $x }}'}}", 0,
                [
                    "f:4:5: group \"g\", rule 1, \"\": one of 'record' or 'alert' must be set",
                    "f:5:5: group \"g\", rule 2, \"a\": field 'expr' must be set in rule",
                    "f:6:22: group \"g\", rule 3, \"A\": could not parse expression: 1:1: parse error: unclosed left parenthesis",
                    "f:6:36: group \"g\", rule 3, \"A\": template l: undefined variable \"$x\"",
                ]
            ),
            (
                head + "  - {record: 'a b', expr: up, for: 1m}\n  - {record: a, alert: b, expr: up}", 0,
                [
                    "f:4:14: group \"g\", rule 1, \"a b\": invalid recording rule name: a b",
                    "f:4:36: group \"g\", rule 1, \"a b\": invalid field 'for' in recording rule",
                    "f:5:14: group \"g\", rule 2, \"b\": only one of 'record' and 'alert' must be set",
                ]
            ),
            (
                "groups:\n- name: g\n- name: g\n- rules: []\n", 0,
                [
                    "f:3:3: groups[1]: groupname: \"g\" is repeated in the same file",
                    "f:4:3: groups[2]: Groupname must not be empty",
                ]
            ),
            (head + "  - {record: a, expr: up, fro: 5m}", 0, ["f:4:27: unknown key \"fro\" in groups[0].rules[0]"]),
            (
                "groups:\n- name: g\n  labels: {team: x}\n  rules:\n  - {record: a, expr: up, labels: {__name__: b}}",
                0,
                [
                    "f:5:35: group \"g\", rule 1, \"a\": invalid label name: __name__"
                ]
            ),
        ]
        for (text, rules, errors) in files {
            let read = RuleFile.read(text, file: "f", language: TableLanguage())
            #expect(read.groups.flatMap(\.rules).count == rules, "\(text)")
            #expect(read.errors.map(\.description) == errors, "\(text)")
        }
    }
}
