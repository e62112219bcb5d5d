import Foundation
import TestSupport
import Testing
import YAMLReading

@testable import Server

@Suite struct ServerConfigurationTests {
    @Test func `a prometheus file is taken as it is, with our own sections beside`() throws {
        let configuration = try ServerConfiguration.read(
            """
            global:
              scrape_interval: 15s
              evaluation_interval: 30s
              external_labels: {region: eu, price: "$$5"}
            rule_files: ["rules/*.yml"]
            alerting:
              alertmanagers:
                - static_configs: [{targets: ["localhost:9093"]}]
            scrape_configs:
              - job_name: node
                scrape_interval: 5s
                honor_labels: true
                static_configs:
                  - targets: ["localhost:9100", "localhost:9101"]
                    labels: {env: test}
                relabel_configs:
                  - {source_labels: [__address__], regex: "(.*):.*", target_label: host, replacement: "$1"}
              - job_name: other
                consul_sd_configs: [{server: "localhost:8500"}]
            route: {receiver: hook, group_by: [alertname]}
            receivers: [{name: hook, webhook_configs: [{url: "http://localhost:1/x"}]}]
            retention: {metrics: 30d, logs: 7d}
            remote_write: [{url: "http://elsewhere/"}]
            remote_read: [{url: "http://elsewhere/"}]
            """, file: "needletail.yml")
        #expect(configuration.scrapeDefaults.interval == 15_000)
        #expect(configuration.scrapeDefaults.timeout == 10_000)
        #expect(configuration.evaluationInterval == 30_000)
        #expect(configuration.externalLabels.dictionary == ["region": "eu", "price": "$5"])
        #expect(configuration.scrapes.map(\.jobName) == ["node", "other"])
        #expect(configuration.scrapes[0].interval == 5_000 && configuration.scrapes[0].timeout == 5_000)
        #expect(configuration.scrapes[0].staticGroups.first?.targets == ["localhost:9100", "localhost:9101"])
        #expect(configuration.scrapes[1].unsupportedDiscovery == ["consul_sd_configs"])
        #expect(configuration.alerting.alertmanagers.map(\.url) == ["http://localhost:9093/api/v2/alerts"])
        #expect(configuration.alerting.route?.receiver == "hook")
        #expect(
            configuration.retention.metrics == 30 * 86_400_000 && configuration.retention.logs.time == 7 * 86_400_000)
        #expect(configuration.remoteWrites.count == 1)
        #expect(configuration.warnings == ["needletail.yml:24: section remote_read is not acted on yet"])
    }

    @Test func `what is kept, by time, size and rules`() throws {
        let text = """
            retention:
              metrics: {time: 30d, size: 2GB}
              logs:
                time: 10d
                size: 50GB
                rules:
                  - {selector: '{app="audit"}', time: forever}
                  - {selector: '{app=~"debug.*"}', time: 1d}
              traces: 7d
            """
        var retention = try ServerConfiguration.read(text, file: "f").retention
        let day: Int64 = 86_400_000
        #expect(retention.metrics == 30 * day && retention.metricsBytes == 2 << 30)
        #expect(retention.logs.time == 10 * day && retention.logs.bytes == 50 << 30)
        let now = 100 * day
        let rules = retention.logs.storeRules(now: now)
        #expect(rules.map(\.after) == [.min, 99 * day * 1_000_000, 90 * day * 1_000_000])
        #expect(rules.map(\.matchers.count) == [1, 1, 0])
        #expect(retention.logs.earliest(now: now) == .min && retention.logs.rules[1].time == day)
        #expect(retention.traces.storeRules(now: now).isEmpty)
        #expect(retention.traces.earliest(now: now) == 93 * day * 1_000_000)
        var flags = RetentionConfiguration.Flags()
        flags.logs = 3 * day
        flags.tracesBytes = 7
        retention.apply(flags)
        #expect(retention.logs.time == 3 * day && retention.logs.bytes == 50 << 30 && retention.traces.bytes == 7)
    }

    @Test func `what is wrong is named with its line and column`() {
        let cases: [(yaml: String, complaint: String)] = [
            ("globl: {}", "f:1:1: unknown key \"globl\" in the top level; did you mean \"global\"?"),
            (
                "scrape_configs:\n  - job_nam: a",
                "f:2:5: unknown key \"job_nam\" in scrape_configs[0]; did you mean \"job_name\"?"
            ),
            ("scrape_configs:\n  - metrics_path: /m", "job_name is empty or missing"),
            (
                "scrape_configs:\n  - job_name: a\n  - job_name: a",
                "f:3:5: scrape_configs[1]: found multiple scrape configs with job name \"a\""
            ),
            (
                "scrape_configs:\n  - job_name: a\n    scrape_interval: 5\n",
                "f:3:22: scrape_configs[0].scrape_interval: \"5\" is not a duration"
            ),
            (
                "scrape_configs:\n  - job_name: a\n    scrape_interval: 5s\n    scrape_timeout: 6s",
                "greater than scrape interval"
            ),
            (
                "scrape_configs:\n  - job_name: a\n    static_configs: [{targets: ['http://a:1/x']}]",
                "not a valid hostname"
            ),
            (
                "scrape_configs:\n  - job_name: a\n    relabel_configs: [{regex: '(', action: keep}]",
                "missing closing )"
            ),
            ("route: {receiver: x}", "f:1:19: route.receiver: undefined receiver \"x\""),
            ("receivers: [{name: a, slack_configs: [{}]}]", "slack_configs is not built in yet"),
            ("retention: {logs: 0}", "must be longer than nothing"),
            ("retention: {logs: {size: 5 apples}}", "f:1:26: retention.logs.size: \"5 apples\" is not a size"),
            ("retention: {traces: {rules: [{time: 1d}]}}", "a rule has a selector and a time"),
            ("retention: {logs: {rules: [{selector: '{a=', time: 1d}]}}", "\"{a=\" is not a selector"),
            ("otlp: {logs: {log_attribute: []}}", "did you mean \"log_attributes\"?"),
            (
                "otlp: {logs: {log_attributes: [{action: hide, attributes: [a]}]}}",
                "f:1:41: otlp.logs.log_attributes[0].action: invalid action \"hide\""
            ),
            ("otlp: {logs: {scope_attributes: [{action: drop}]}}", "an action needs attributes or regex"),
            ("otlp: {logs: {log_attributes: [{action: drop, regex: '('}]}}", "otlp.logs.log_attributes[0].regex"),
            ("global: [", "not valid YAML"),
        ]
        for (yaml, complaint) in cases {
            let error = #expect(throws: YAMLError.self, "\(yaml)") { _ = try ServerConfiguration.read(yaml, file: "f") }
            #expect(error?.description.contains(complaint) == true, "\(error?.description ?? "") for \(yaml)")
        }
        #expect(throws: Never.self) { _ = try ServerConfiguration.read("", file: "f") }
    }

    @Test func `jobs in files of their own and global scrape settings count for every job`() async throws {
        try await withTemporaryFolder { folder in
            func put(_ name: String, _ text: String) throws {
                try text.write(toFile: folder.path + "/" + name, atomically: true, encoding: .utf8)
            }
            try put("main.yml", "")
            try put("b.scrape.yml", "scrape_configs: [{job_name: b, sample_limit: 7}]")
            try put("c.scrape.yml", "scrape_configs: [{job_name: c, file_sd_configs: [{files: [targets.yml]}]}]")
            let text = """
                global:
                  scrape_interval: 5s
                  sample_limit: 100
                  label_limit: 30
                  scrape_native_histograms: true
                  scrape_protocols: [OpenMetricsText1.0.0]
                scrape_configs: [{job_name: a}]
                scrape_config_files: ["*.scrape.yml"]
                """
            try put("main.yml", text)
            let read = try ServerConfiguration.load(path: folder.path + "/main.yml")
            #expect(read.scrapes.map(\.jobName) == ["a", "b", "c"] && read.warnings.isEmpty)
            #expect(read.scrapes.map(\.settings.sampleLimit) == [100, 7, 100])
            for scrape in read.scrapes {
                #expect(scrape.interval == 5_000 && scrape.settings.labelLimit == 30, "\(scrape.jobName)")
                #expect(scrape.settings.histograms.native && scrape.settings.protocols == [.openMetrics1])
            }
            // A target is a new one where only `global` changed.
            try put("main.yml", text.replacingOccurrences(of: "label_limit: 30", with: "label_limit: 31"))
            let changed = try ServerConfiguration.load(path: folder.path + "/main.yml")
            #expect(zip(read.scrapes, changed.scrapes).allSatisfy { $0.source != $1.source })

            let cases: [(file: String, text: String, complaint: String)] = [
                ("b.scrape.yml", "scrape_configs: [{job_name: a}]", "multiple scrape configs with job name \"a\""),
                ("b.scrape.yml", "scrape_config: []", "did you mean \"scrape_configs\"?"),
                (
                    "main.yml", "scrape_config_files: [missing.yml]",
                    "main.yml:1:23: scrape_config_files[0]: there is no"
                ),
                ("main.yml", "global: {sample_limit: -1}", "must not be negative"),
                ("main.yml", "global: {scrape_protocols: [x]}", "\"x\" is none of"),
            ]
            for (file, text, complaint) in cases {
                try put(file, text)
                let error = #expect(throws: YAMLError.self, "\(text)") {
                    _ = try ServerConfiguration.load(path: folder.path + "/main.yml")
                }
                #expect(error?.description.contains(complaint) == true, "\(error?.description ?? "") for \(text)")
            }
        }
    }

    @Test func `secrets do not leave through the configuration page`() {
        let masked = SecretMasking.masked(
            "receivers:\n- webhook_configs:\n  - url: http://h/token\n    http_config:\n      basic_auth: {username: u}\n      password: p4ss\nscrape_configs:\n- job_name: x"
        )
        #expect(!masked.contains("p4ss") && !masked.contains("token") && masked.contains("job_name: x"))
    }
}
