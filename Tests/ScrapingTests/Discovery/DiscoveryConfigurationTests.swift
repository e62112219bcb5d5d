import Endpoints
import Scraping
import Testing
import YAMLReading

@Suite struct DiscoveryConfigurationTests {
    private func read(_ yaml: String, file: String = "prometheus.yml") throws -> ScrapeConfiguration {
        let node = try #require(try YAMLNode.read("job_name: a\n" + yaml, file: file))
        return try ScrapeConfiguration.read(node, defaults: ScrapeDefaults())
    }

    @Test func entriesAreReadWithPrometheusDefaults() throws {
        let all = try read(
            """
            static_configs: [{targets: ['a:1']}]
            file_sd_configs: [{files: [targets/*.json, /etc/t.yml]}]
            http_sd_configs: [{url: 'http://sd/targets', bearer_token: t}]
            dns_sd_configs: [{names: [_web._tcp.example]}, {names: [db], type: a, port: 9187, refresh_interval: 5s}]
            docker_sd_configs:
              - host: unix:///var/run/docker.sock
              - {host: 'tcp://10.0.0.1:2375', port: 9100, match_first_network: false, host_networking_host: h,
                 filters: [{name: label, values: [a=b]}]}
            """, file: "/etc/needletail/n.yml")
        #expect(all.discoveries.map(\.kind) == ["file", "http", "dns", "dns", "docker", "docker"])
        #expect(all.discoveries.map(\.refreshInterval) == [300_000, 60_000, 30_000, 5_000, 60_000, 60_000])
        let file = try #require(all.discoveries[0] as? FileDiscovery)
        #expect(file.patterns == ["/etc/needletail/targets/*.json", "/etc/t.yml"])
        let http = try #require(all.discoveries[1] as? HTTPDiscovery)
        #expect(try http.http.authorizationHeader() == "Bearer t")
        let dns = try #require(all.discoveries[2] as? DNSDiscovery)
        #expect(dns.type == .srv && dns.names == ["_web._tcp.example"])
        #expect((all.discoveries[3] as? DNSDiscovery)?.type == .a)
        let docker = try #require(all.discoveries[4] as? DockerDiscovery)
        #expect(docker.port == 80 && docker.matchesFirstNetwork && docker.hostNetworkingHost == "localhost")
        let other = try #require(all.discoveries[5] as? DockerDiscovery)
        #expect(other.port == 9100 && !other.matchesFirstNetwork && other.hostNetworkingHost == "h")
        #expect(other.filters == [.init(name: "label", values: ["a=b"])])
        #expect(all.staticGroups.count == 1 && all.unsupportedDiscovery.isEmpty)
        #expect(try read("consul_sd_configs: [{server: a}]").unsupportedDiscovery == ["consul_sd_configs"])
    }

    @Test func mistakesAreNamedAtTheirPlace() throws {
        let cases: [(yaml: String, message: String)] = [
            ("file_sd_configs: [{files: []}]", "file service discovery config must contain at least one path name"),
            ("file_sd_configs: [{files: [a.txt]}]", "path name \"a.txt\" is not valid for file discovery"),
            ("file_sd_configs: [{files: ['*/a.json']}]", "path name \"*/a.json\" is not valid"),
            ("file_sd_configs: [{files: [a.json], x: 1}]", "unknown key \"x\""),
            ("http_sd_configs: [{}]", "URL is missing"),
            ("http_sd_configs: [{url: 'ftp://a'}]", "URL scheme must be 'http' or 'https'"),
            ("http_sd_configs: [{url: 'http:///a'}]", "host is missing in URL"),
            ("dns_sd_configs: [{}]", "DNS-SD config must contain at least one SRV record name"),
            (
                "dns_sd_configs: [{names: [a], type: A}]",
                "a port is required in DNS-SD configs for all record types except SRV"
            ),
            ("dns_sd_configs: [{names: [a], type: TXT}]", "invalid DNS-SD records type TXT"),
            ("dns_sd_configs: [{names: [a], type: A, port: 70000}]", "70000 is not a port"),
            ("docker_sd_configs: [{}]", "host missing"),
            ("docker_sd_configs: [{host: docker}]", "is not a Docker host"),
            (
                "docker_sd_configs: [{host: 'unix:///a', tls_config: {ca: a, ca_file: b}}]",
                "at most one of ca & ca_file"
            ),
        ]
        for (yaml, message) in cases {
            do {
                _ = try read(yaml)
                Issue.record("\(yaml) was taken")
            } catch {
                #expect("\(error)".contains(message), "\(yaml): \(error)")
                #expect((error as? YAMLError)?.line == 2, "\(yaml)")
            }
        }
    }
}
