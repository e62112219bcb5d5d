import Agent
import Telemetry
import Testing
import YAMLReading

@Suite struct ConfigurationTests {
    @Test func `a whole configuration`() throws {
        let text = """
            server:
              url: https://logs.example.com
              tenant: team-a
              basic_auth: {username: u, password: p}
              tls_config: {insecure_skip_verify: true}
              max_backoff: 1m
            data_dir: /var/lib/agent
            listen: ":9080"
            labels: {cluster: eu}
            host_label: ""
            batch: {bytes: 512KB, wait: 2s}
            spool: {size: 2GB}
            files:
              - paths: [/var/log/*.log, /srv/**/app.log]
                exclude: [/var/log/noise*.log]
                labels: {job: system}
                path_labels: /srv/(?P<app>[^/]+)/
                start_at: end
                max_line: 1MB
                multiline: {first_line: '^\\d{4}', timeout: 3s, max_lines: 50}
                relabel_configs:
                  - {source_labels: [filename], regex: '.*/secret.*', action: drop}
                stages:
                  - drop: healthz
                  - keep: {contains: 'x'}
                  - logfmt: {labels: [level], metadata: {trace_id: trace}}
                  - regex: {expression: '^(?P<ts>\\S+ \\S+) (?P<rest>.*)$', line: rest, timestamp: {field: ts, format: '%Y-%m-%d %H:%M:%S', zone: '+02:00'}}
            docker:
              - {path: /d, multiline: [java, python]}
            journal:
              - {matches: [_SYSTEMD_UNIT=nginx.service], labels: {job: journal}, start_at: end}
            """
        let configuration = try AgentConfiguration.read(text, file: "agent.yml")
        #expect(configuration.server.url == "https://logs.example.com/loki/api/v1/push")
        #expect(configuration.batch.bytes == 512 << 10 && configuration.spool.bytes == 2 << 30)
        #expect(configuration.listen?.port == 9080 && configuration.hostLabel == nil)
        #expect(configuration.files.map(\.format) == [.plain, .docker] && configuration.files[0].startsAtEnd)
        #expect(configuration.files[0].treatment.stages.count == 4 && configuration.files[0].treatment.multiline?.timeout == 3_000)
        #expect(configuration.journals[0].command.last == "_SYSTEMD_UNIT=nginx.service")
        #expect(throws: Never.self) { try configuration.check() }

        let source = configuration.files[0]
        let labels = SourceLabels.of(path: "/srv/shop/app.log", source: source, common: [Label("host", "h")], container: nil)
        #expect(labels == [LabelSet(["app": "shop", "host": "h", "job": "system", "filename": "/srv/shop/app.log"])])
        #expect(SourceLabels.of(path: "/var/log/secret.log", source: source, common: [], container: nil) == nil)

        var entry = PipelineEntry(
            line: Array("2026-08-22 12:00:00 level=warn trace=\"a \\\"b\" x".utf8)[...], time: 1, hasOwnTime: false)
        #expect(source.treatment.stages.apply(&entry, now: 0))
        #expect(entry.labels == [Label("level", "warn")] && entry.metadata == [Label("trace_id", "a \"b")])
        #expect(entry.time == 1_787_392_800_000_000_000 && entry.line.elementsEqual("level=warn trace=\"a \\\"b\" x".utf8))
        for dropped in ["GET /healthz x", "nothing"] {
            var entry = PipelineEntry(line: Array(dropped.utf8)[...], time: 1, hasOwnTime: false)
            #expect(!source.treatment.stages.apply(&entry, now: 0), "\(dropped)")
        }
    }

    @Test func `JSON fields by their paths`() {
        let reading = FieldReading(["level", "user.id", "a.b", "list", "none", "http.status"])
        let cases: [(String, [String?]?)] = [
            (#"{"level":"warn","user":{"id":7,"x":{}},"a.b":"dotted","list":[1,{"z":2}],"http":{"status":200}}"#,
             ["warn", "7", "dotted", "[1,{\"z\":2}]", nil, "200"]),
            (#"  {"user":"plain","level":null,"level":true}"#, ["true", nil, nil, nil, nil, nil]),
            ("{\"level\":\"cut", nil), ("plain", nil), ("", nil), ("{}", [nil, nil, nil, nil, nil, nil]),
        ]
        for (line, expected) in cases {
            let found = reading.json(Array(line.utf8)[...])?.map { $0.map { String(decoding: $0, as: UTF8.self) } }
            #expect(found == expected, "\(line)")
        }
    }

    @Test func `what is wrong is said with its place`() {
        let cases: [(text: String, complaint: String)] = [
            ("filez: []", "agent.yml:1:1: unknown key \"filez\" in the top level; did you mean \"files\"?"),
            ("server:\n  url: ftp://x", "agent.yml:2:8: server.url: \"ftp://x\" is not an address"),
            ("server: {url: 'http://'}", "names no host"),
            ("files:\n  - labels: {a: b}", "agent.yml:2:5: files[0]: paths are missing"),
            ("files:\n  - paths: ['/a/[b']", "has a bracket or a backslash"),
            ("files:\n  - paths: [/a]\n    labels: {'a-b': c}", "\"a-b\" is not a label's name"),
            ("files:\n  - paths: [/a]\n    multiline: cobol", "agent.yml:3:16: files[0].multiline: unknown language \"cobol\""),
            ("files:\n  - paths: [/a]\n    multiline: {first_line: '['}", "missing closing ]"),
            ("files:\n  - paths: [/a]\n    stages: [{jsn: {}}]", "did you mean \"json\"?"),
            ("files:\n  - paths: [/a]\n    stages: [{json: {labels: [a]}, drop: b}]", "a stage has one key"),
            ("files:\n  - paths: [/a]\n    stages: [{regex: {expression: 'a'}}]", "no named group"),
            ("files:\n  - paths: [/a]\n    stages: [{regex: {expression: '(?P<a>.)', labels: [b]}}]", "no group named \"b\""),
            ("files:\n  - paths: [/a]\n    stages: [{json: {timestamp: {field: t, format: later}}}]", "is no format of times"),
            ("files:\n  - paths: [/a]\n    relabel_configs: [{action: explode}]", "unknown relabel action"),
            ("files:\n  - paths: [/a]\n    path_labels: '/a'", "no named group"),
            ("batch: {bytes: 3}", "must be from 1024"), ("batch: {wait: soon}", "is not a duration"),
            ("listen: nowhere", "is not an address"), ("server: {basic_auth: {user: x}}", "unknown key \"user\""),
            ("files: [", "not valid YAML"),
        ]
        for (text, complaint) in cases {
            do {
                _ = try AgentConfiguration.read(text, file: "agent.yml")
                Issue.record("was taken: \(text)")
            } catch {
                #expect(error.description.contains(complaint), "\(text): \(error)")
            }
        }
        #expect(throws: AgentError.self) { try AgentConfiguration().check() }
    }
}
