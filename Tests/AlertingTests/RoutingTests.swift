import Alerting
import Telemetry
import Testing
import YAMLReading

func alertingConfiguration(_ text: String) throws -> AlertingConfiguration {
    let root = try #require(try YAMLNode.read(text, file: "c"))
    return try AlertingConfiguration.read(
        root.mapping(["alerting"] + AlertingConfiguration.notificationKeys), file: "c")
}

@Suite struct RoutingTests {
    private static let tree = """
        receivers: [{name: all}, {name: db}, {name: page}, {name: log}]
        route:
          receiver: all
          group_by: [job]
          group_wait: 10s
          routes:
          - matchers: ['team="db"']
            receiver: db
            group_by: ['...']
            routes:
            - match: {severity: page}
              receiver: page
              repeat_interval: 1h
          - match_re: {severity: 'p.*'}
            receiver: log
            continue: true
          - matchers: [severity=page, 'zone!~"a|b"']
            receiver: page
        inhibit_rules:
        - source_matchers: [severity=page]
          target_matchers: ['severity=~"warn|page"']
          equal: [job]
        """

    @Test func alertsFindTheirRoutes() throws {
        let configuration = try alertingConfiguration(RoutingTests.tree)
        let route = try #require(configuration.route)
        let cases: [(labels: [String: String], receivers: [String], keys: [String])] = [
            ([:], ["all"], ["{}"]), (["team": "db"], ["db"], [#"{}/{team="db"}"#]),
            (["team": "db", "severity": "page"], ["page"], [#"{}/{team="db"}/{severity="page"}"#]),
            (["severity": "page"], ["log", "page"], [#"{}/{severity=~"p.*"}"#, #"{}/{severity="page",zone!~"a|b"}"#]),
            (["severity": "page", "zone": "a"], ["log"], [#"{}/{severity=~"p.*"}"#]),
            (["severity": "xp"], ["all"], ["{}"]),
        ]
        for (labels, receivers, keys) in cases {
            let found = route.matching(LabelSet(labels))
            #expect(found.map(\.receiver) == receivers && found.map(\.key) == keys, "\(labels)")
            #expect(found.allSatisfy { $0.groupWait == 10_000 })
        }
        let page = try #require(route.routes.first?.routes.first)
        #expect(page.repeatInterval == 3_600_000 && page.groupInterval == 300_000 && page.groupBy == nil)
        let labels = LabelSet(["job": "a", "x": "1"])
        #expect(route.groupLabels(of: labels) == LabelSet(["job": "a"]) && page.groupLabels(of: labels) == labels)

        let rule = try #require(configuration.inhibitRules.first)
        for (target, source, inhibited) in [
            (["severity": "warn", "job": "a"], ["severity": "page", "job": "a"], true),
            (["severity": "warn", "job": "a"], ["severity": "page", "job": "b"], false),
            (["severity": "warn"], ["severity": "page"], true), (["severity": "info"], ["severity": "page"], false),
            (["severity": "page", "x": "1"], ["severity": "page"], false),
        ] {
            #expect(rule.inhibits(LabelSet(target), by: LabelSet(source)) == inhibited, "\(target) by \(source)")
        }
    }

    @Test func matchersParse() {
        for (text, expected) in [
            (#"a="b""#, [#"a="b""#]), ("a=b", [#"a="b""#]), (#"{a=~"x.*", b!=y,}"#, [#"a=~"x.*""#, #"b!="y""#]),
            (#""odd name"!~"q\"uo""#, [#"odd name!~"q\"uo""#]), ("  ", []), (#"a="""#, [#"a="""#]),
            (#"a="x,y",b=z"#, [#"a="x,y""#, #"b="z""#]),
            ("a", nil), ("=b", nil), (#"a="b"#, nil), (#"a="b" c="d""#, nil), ("{a=b", nil), (#"a=~"(""#, nil),
        ] as [(String, [String]?)] {
            #expect((try? AlertMatcher.parse(text).map(\.description)) == expected, "\(text)")
        }
        for (text, labels, matches) in [
            (#"a="""#, [:], true), ("a!=b", [:], true), (#"a=~"x|y""#, ["a": "xy"], false), (#"a=~".*""#, [:], true),
            (#"a!~"x""#, ["a": "x"], false),
        ] as [(String, [String: String], Bool)] {
            #expect((try? AlertMatcher.parse(text).allSatisfy { $0.matches(LabelSet(labels)) }) == matches, "\(text)")
        }
    }

    @Test func mistakesInTheConfigurationAreNamed() {
        let receivers = "receivers: [{name: a}]\n"
        for (text, message) in [
            (receivers, "there are receivers but no route"),
            (receivers + "route: {receiver: b}", "undefined receiver \"b\""),
            (receivers + "route: {}", "must specify a default receiver"),
            (receivers + "route: {receiver: a, match: {x: y}}", "root route must not have any match"),
            (receivers + "route: {receiver: a, group_by: [x, x]}", "duplicated label"),
            (receivers + "route: {receiver: a, group_by: [x, '...']}", "wildcard group_by"),
            (receivers + "route: {receiver: a, group_interval: 0s}", "group_interval cannot be zero"),
            (receivers + "route: {receiver: a, routes: [{matchers: ['x=~(']}]}", "c:2:"),
            ("receivers: [{name: a, slack_configs: []}]", "slack_configs is not built in"),
            ("receivers: [{name: a, webhook_configs: [{}]}]", "one of url or url_file"),
            ("receivers: [{name: a, webhook_configs: [{url: 'ftp://x'}]}]", "is not an http"),
            ("receivers: [{name: a}, {name: a}]", "not unique"),
        ] {
            do {
                _ = try alertingConfiguration(text)
                Issue.record("accepted: \(text)")
            } catch { #expect("\(error)".contains(message), "\(text): \(error)") }
        }
    }

    @Test func silencesAreKeptAndEnd() throws {
        let documents = MemoryDocuments()
        let store = try SilenceStore(documents: documents)
        func silence(_ id: String = "", value: String = "b", start: Int64 = 0, end: Int64 = 1000, regex: Bool = false)
            -> Silence
        {
            Silence(
                id: id, matchers: [.init(name: "a", value: value, isRegex: regex, isEqual: true)], startsAt: start,
                endsAt: end,
                createdBy: "me", comment: "c")
        }
        for (wish, message) in [
            (silence(end: 5), "end time can't be in the past"),
            (silence(start: 20, end: 20), "start time must be before"),
            (silence(value: ""), "must not match the empty string"),
            (silence(value: "(", regex: true), "invalid silence"),
            (silence("gone"), "silence gone not found"),
        ] {
            #expect { try store.set(wish, now: 10) } throws: { "\($0)".contains(message) }
        }
        let id = try store.set(silence(), now: 10)
        let (hit, miss) = (LabelSet(["a": "b"]), LabelSet(["a": "c"]))
        #expect(
            store.silencing(hit, at: 10) == [id] && store.silencing(miss, at: 10) == []
                && store.silencing(hit, at: 1000) == [])
        // Longer is the same silence, other matchers are another.
        #expect(try store.set(silence(id, start: 10, end: 2000), now: 20) == id)
        let other = try store.set(silence(id, value: "c", start: 10, end: 2000), now: 30)
        #expect(other != id && store.silence(id)?.state(at: 30) == .expired && store.silencing(miss, at: 30) == [other])
        let later = try store.set(silence(start: 5000, end: 6000), now: 30)
        #expect(store.list(at: 40).map(\.id) == [other, later, id])
        #expect(try SilenceStore(documents: documents).list(at: 40).map(\.id) == [other, later, id])
        try store.expire(other, now: 50)
        #expect(throws: SilenceError.self) { try store.expire(other, now: 60) }
        store.collectGarbage(at: 130 * 3_600_000)
        #expect(store.list(at: 50).isEmpty)
        #expect(try documents.documents(kind: "silence").isEmpty)
    }

    @Test func fingerprintsAreThoseOfPrometheus() {
        for (labels, fingerprint) in [
            ([:], "cbf29ce484222325"), (["alertname": "Up"], "57fc0d42e24a6ea7"),
            (["job": "a", "instance": "x:1", "alertname": "Up"], "80e1553002cc2897"), (["a": "ü"], "ffd1cb2f240bec9b"),
        ] {
            #expect(Alert.fingerprint(of: LabelSet(labels)) == fingerprint)
        }
    }
}
