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
        #expect(configuration.retention.metrics == 30 * 86_400_000 && configuration.retention.logs == 7 * 86_400_000)
        #expect(configuration.warnings.count == 1)
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
            ("global: [", "not valid YAML"),
        ]
        for (yaml, complaint) in cases {
            let error = #expect(throws: YAMLError.self, "\(yaml)") { _ = try ServerConfiguration.read(yaml, file: "f") }
            #expect(error?.description.contains(complaint) == true, "\(error?.description ?? "") for \(yaml)")
        }
        #expect(throws: Never.self) { _ = try ServerConfiguration.read("", file: "f") }
    }

    @Test func `secrets do not leave through the configuration page`() {
        let masked = SecretMasking.masked(
            "receivers:\n- webhook_configs:\n  - url: http://h/token\n    http_config:\n      basic_auth: {username: u}\n      password: p4ss\nscrape_configs:\n- job_name: x"
        )
        #expect(!masked.contains("p4ss") && !masked.contains("token") && masked.contains("job_name: x"))
    }
}
