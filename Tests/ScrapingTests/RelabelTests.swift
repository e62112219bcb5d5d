import Endpoints
import Scraping
import Telemetry
import Testing
import YAMLReading

@Suite struct RelabelTests {
    private static func rules(_ text: String) throws -> [RelabelRule] {
        let root = try #require(try YAMLNode.read(text, file: "c"))
        return try root.list().map { try RelabelRule.read($0) }
    }

    private static let cases: [(rules: String, labels: [String: String], result: [String: String]?)] = [
        ("[{target_label: a, replacement: x}]", ["b": "1"], ["a": "x", "b": "1"]),
        (
            "[{source_labels: [a, b], separator: '-', regex: '(.*)-(.*)', target_label: c, replacement: '${2}_$1'}]",
            ["a": "1", "b": "2"],
            ["a": "1", "b": "2", "c": "2_1"]
        ),
        ("[{source_labels: [a], regex: x, target_label: b}]", ["a": "xy"], ["a": "xy"]),
        ("[{source_labels: [a], regex: '(.*)', target_label: b, replacement: ''}]", ["a": "1", "b": "2"], ["a": "1"]),
        (
            "[{source_labels: [a], regex: '(.*);(.*)', target_label: '${1}_n', replacement: $2}]", ["a": "k;v"],
            ["a": "k;v", "k_n": "v"]
        ),
        ("[{source_labels: [a], regex: 'x|y', action: keep}]", ["a": "x"], ["a": "x"]),
        ("[{source_labels: [a], regex: 'x|y', action: keep}]", ["a": "xy"], nil),
        ("[{source_labels: [a], regex: 'x', action: drop}]", ["a": "x"], nil),
        ("[{source_labels: [gone], regex: '', action: drop}]", ["a": "x"], nil),
        ("[{source_labels: [a], target_label: b, action: keepequal}]", ["a": "x", "b": "x"], ["a": "x", "b": "x"]),
        ("[{source_labels: [a], target_label: b, action: keepequal}]", ["a": "x", "b": "y"], nil),
        ("[{source_labels: [a], target_label: b, action: dropequal}]", ["a": "x", "b": "x"], nil),
        ("[{source_labels: [a], target_label: b, action: dropequal}]", ["a": "x"], ["a": "x"]),
        // Expected numbers are those of Prometheus' own tests.
        (
            "[{source_labels: [c], target_label: d, separator: ';', action: hashmod, modulus: 1000}]", ["c": "baz"],
            ["c": "baz", "d": "976"]
        ),
        (
            "[{source_labels: [a], target_label: d, action: hashmod, modulus: 1000}]", ["a": "foo\nbar"],
            ["a": "foo\nbar", "d": "734"]
        ),
        ("[{action: labelmap, regex: '(b.*)'}]", ["b1": "1", "a": "2"], ["b1": "1", "a": "2"]),
        (
            "[{action: labelmap, regex: 'meta_(.+)', replacement: 'my_$1'}]", ["meta_x": "1"],
            ["meta_x": "1", "my_x": "1"]
        ),
        ("[{action: labeldrop, regex: 'b.*'}]", ["b1": "1", "a": "2"], ["a": "2"]),
        ("[{action: labelkeep, regex: 'b.*'}]", ["b1": "1", "a": "2"], ["b1": "1"]),
        (
            "[{source_labels: [a], target_label: l, action: lowercase}, {source_labels: [a], target_label: u, action: Uppercase}]",
            ["a": "Bar"], ["a": "Bar", "l": "bar", "u": "BAR"]
        ),
        (
            "[{source_labels: [a], regex: x, action: drop}, {target_label: b, replacement: y}]", ["a": "1"],
            ["a": "1", "b": "y"]
        ),
    ]

    @Test func elevenActionsRelabelAsPrometheusDoes() throws {
        for (text, labels, result) in RelabelTests.cases {
            let got = try RelabelTests.rules(text).apply(LabelSet(labels))
            #expect(got == result.map { LabelSet($0) }, "\(text) \(labels)")
        }
        #expect(RelabelRule.Action.allCases.count == 11)
    }

    @Test func mistakesAreNamedWithTheirPlace() throws {
        let defaults = ScrapeDefaults()
        for (text, place, message) in [
            ("job_name: a\nrelabel_configs:\n- regex: '('\n  target_label: b", "c:3:10", ""),
            ("job_name: a\nrelabel_configs:\n- action: replac", "c:3:11", "unknown relabel action \"replac\""),
            (
                "job_name: a\nrelabel_configs:\n- action: hashmod\n  target_label: b", "c:3:3",
                "requires non-zero modulus"
            ),
            ("job_name: a\nrelabel_configs:\n- action: lowercase", "c:3:3", "requires 'target_label' value"),
            ("scrape_interval: 5s", "c:1:1", "job_name is empty or missing"),
            ("job_name: a\nscrape_intervall: 5s", "c:2:1", "did you mean \"scrape_interval\"?"),
            ("job_name: a\nscrape_interval: 5x", "c:2:18", ""),
            ("job_name: a\nscrape_interval: 5s\nscrape_timeout: 6s", "c:3:17", "scrape timeout greater"),
            ("job_name: a\nscheme: ftp", "c:2:9", "neither http nor https"),
            ("job_name: a\nhonor_labels: perhaps", "c:2:15", ""),
            ("job_name: a\nstatic_configs:\n- targets: ['http://x:1/m']", "c:3:3", "is not a valid hostname"),
            ("job_name: a\nsample_limit: many", "c:2:15", ""),
            ("job_name: a\noauth2: {client_id: x}", "c:2:9", ""),
            (
                "job_name: a\nmetric_relabel_configs:\n- {action: labeldrop, regex: a, target_label: b}", "c:3:3",
                "requires only 'regex'"
            ),
        ] {
            let root = try #require(try YAMLNode.read(text, file: "c"))
            do {
                _ = try ScrapeConfiguration.read(root, defaults: defaults)
                Issue.record("accepted: \(text)")
            } catch {
                #expect(
                    "\(error)".hasPrefix("\(place): ") && (message.isEmpty || "\(error)".contains(message)),
                    "\(text): \(error)")
            }
        }
    }

    @Test func configurationsBecomeTargets() throws {
        let text = """
            job_name: node
            scrape_interval: 30s
            params: {module: [a, b], 'x y': [z]}
            static_configs:
            - targets: ['h1:1', 'h2:2', 'h1:1', 'drop:3']
              labels: {env: prod, __metrics_path__: /m}
            - targets: ['h1:1']
              labels: {env: prod, __metrics_path__: /m, __meta_x: other}
            relabel_configs:
            - {source_labels: [__address__], regex: 'drop.*', action: drop}
            - {source_labels: [__address__], regex: 'h2.*', target_label: __scheme__, replacement: https}
            - {source_labels: [__address__], regex: 'h2.*', target_label: __scrape_interval__, replacement: 1m}
            """
        let configuration = try ScrapeConfiguration.read(
            try #require(try YAMLNode.read(text, file: "c")), defaults: ScrapeDefaults())
        #expect(configuration.timeout == 10_000 && configuration.interval == 30_000)
        let (active, dropped, problems) = Target.resolve(configuration, groups: configuration.staticGroups)
        #expect(
            active.map(\.url) == [
                "http://h1:1/m?module=a&x%20y=z&module=b", "https://h2:2/m?module=a&x%20y=z&module=b",
            ])
        #expect(active.map(\.interval) == [30_000, 60_000] && problems.isEmpty)
        #expect(active.first?.labels == LabelSet(["env": "prod", "instance": "h1:1", "job": "node"]))
        #expect(active.first?.discoveredLabels["__scrape_interval__"] == "30s")
        #expect(dropped.map { $0["__address__"] } == ["drop:3"])
        #expect(active.allSatisfy { $0.offset >= 0 && $0.offset < $0.interval })
    }
}
