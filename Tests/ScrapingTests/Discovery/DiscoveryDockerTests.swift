import Endpoints
import Foundation
import Logging
import Scraping
import Telemetry
import TestSupport
import Testing

/// The answers are written after the documented form of Docker's API, for a web shop's containers: the fields that are
/// read and some more.
@Suite struct DiscoveryDockerTests {
    private static let networks = """
        [{"Name":"bridge","Id":"net-bridge","Created":"2024-01-01T00:00:00Z","Scope":"local","Driver":"bridge","Internal":false,
          "Ingress":false,"Labels":{}},
         {"Name":"shop_default","Id":"net-shop","Scope":"local","Internal":true,"Ingress":false,
          "Labels":{"com.docker.compose.network":"default"}},
         {"Name":"host","Id":"net-host","Scope":"local","Internal":false,"Ingress":false,"Labels":null}]
        """

    private static let containers = """
        [{"Id":"c1","Names":["/shop-web-1"],"Image":"shop/web:1","State":"running",
          "Labels":{"com.docker.compose.service":"web","prometheus-job":"web"},
          "Ports":[{"IP":"0.0.0.0","PrivatePort":8080,"PublicPort":80,"Type":"tcp"},{"PrivatePort":9100,"Type":"tcp"},
                   {"PrivatePort":53,"Type":"udp"}],
          "HostConfig":{"NetworkMode":"shop_default"},
          "NetworkSettings":{"Networks":{
            "shop_default":{"NetworkID":"net-shop","IPAddress":"172.18.0.2"},
            "bridge":{"NetworkID":"net-bridge","IPAddress":"172.17.0.2"}}}},
         {"Id":"c2","Names":["/db"],"Labels":null,"Ports":[],"HostConfig":{"NetworkMode":"bridge"},
          "NetworkSettings":{"Networks":{"bridge":{"NetworkID":"net-bridge","IPAddress":"172.17.0.3"}}}},
         {"Id":"c3","Names":["/node-exporter"],"Labels":{},"Ports":[],"HostConfig":{"NetworkMode":"host"},
          "NetworkSettings":{"Networks":{"host":{"NetworkID":"net-host","IPAddress":""}}}},
         {"Id":"c4","Names":["/sidecar"],"Labels":{},"Ports":[],"HostConfig":{"NetworkMode":"container:c2"},
          "NetworkSettings":{"Networks":{}}},
         {"Id":"c5","Names":["/loop"],"Labels":{},"Ports":[],"HostConfig":{"NetworkMode":"container:c6"},
          "NetworkSettings":{"Networks":{}}},
         {"Id":"c6","Names":["/loop2"],"Labels":{},"Ports":[],"HostConfig":{"NetworkMode":"container:c5"},
          "NetworkSettings":{"Networks":{}}},
         {"Id":"c7","Names":[],"Labels":{},"Ports":[],"HostConfig":{"NetworkMode":"bridge"},"NetworkSettings":{}},
         {"Id":"c8","Names":["/six"],"Labels":{},"Ports":[{"PrivatePort":9100,"Type":"tcp"}],
          "HostConfig":{"NetworkMode":"none"},"NetworkSettings":{"Networks":{"gone":null,
            "v6":{"NetworkID":"unknown","IPAddress":"fd00::5"}}}}]
        """

    private func addresses(_ groups: [TargetGroup]) -> [String] { groups.flatMap(\.targets) }

    @Test func oneTargetForEachPortOfEachNetworkOverAUnixSocket() async throws {
        try await withTemporaryFolder { folder in
            let socket = folder.appendingPathComponent("docker.sock").path
            try await DiscoveryTestServer.with(unixSocket: socket) { server, _ in
                server.set("/containers/json", .init(body: Self.containers))
                server.set("/networks", .init(body: Self.networks))
                var discovery = DockerDiscovery(host: "unix://" + socket)
                discovery.filters = [
                    .init(name: "label", values: ["a=b"]), .init(name: "status", values: ["running"]),
                    .init(name: "label", values: ["c"]),
                ]
                try await EndpointConnections.with { connections in
                    let context = DiscoveryContext(connections: connections, logger: Logger(label: "test"))
                    let groups = try await discovery.targetGroups(context)
                    #expect(
                        addresses(groups) == [
                            "172.17.0.2:8080", "172.17.0.2:9100", "172.17.0.3:80", "localhost", "172.17.0.3:80",
                            "[fd00::5]:9100",
                        ])
                    #expect(
                        groups[0].labels.dictionary == [
                            "__meta_docker_container_id": "c1", "__meta_docker_container_name": "/shop-web-1",
                            "__meta_docker_container_network_mode": "shop_default",
                            "__meta_docker_container_label_com_docker_compose_service": "web",
                            "__meta_docker_container_label_prometheus_job": "web",
                            "__meta_docker_network_id": "net-bridge", "__meta_docker_network_name": "bridge",
                            "__meta_docker_network_scope": "local", "__meta_docker_network_internal": "false",
                            "__meta_docker_network_ingress": "false", "__meta_docker_network_ip": "172.17.0.2",
                            "__meta_docker_port_private": "8080", "__meta_docker_port_public": "80",
                            "__meta_docker_port_public_ip": "0.0.0.0",
                        ])
                    #expect(groups[1].labels["__meta_docker_port_public"] == nil)
                    #expect(groups[4].labels["__meta_docker_container_name"] == "/sidecar")
                    #expect(groups.allSatisfy { $0.source == "Docker" })
                    let asked = try #require(server.asked.first)
                    #expect(
                        asked.uri.removingPercentEncoding
                            == #"/containers/json?filters={"label":["a=b","c"],"status":["running"]}"#)

                    discovery.matchesFirstNetwork = false
                    discovery.port = 9999
                    discovery.hostNetworkingHost = "node1"
                    discovery.filters = []
                    let all = try await discovery.targetGroups(context)
                    #expect(
                        addresses(all) == [
                            "172.17.0.2:8080", "172.17.0.2:9100", "172.18.0.2:8080", "172.18.0.2:9100",
                            "172.17.0.3:9999",
                            "node1", "172.17.0.3:9999", "[fd00::5]:9100",
                        ])
                    #expect(all[2].labels["__meta_docker_network_label_com_docker_compose_network"] == "default")
                    #expect(all[2].labels["__meta_docker_network_internal"] == "true")
                    #expect(server.asked.map(\.uri).contains("/containers/json"))

                    server.set("/networks", .init(status: 500, body: #"{"message":"daemon is ill"}"#))
                    await #expect { try await discovery.targetGroups(context) } throws: { error in
                        "\(error)".contains("error while computing network labels")
                            && "\(error)".contains("daemon is ill")
                    }
                    server.set("/containers/json", .init(body: "[]", delay: 3_000))
                    discovery.timeout = .milliseconds(200)
                    await #expect { try await discovery.targetGroups(context) } throws: { error in
                        "\(error)".contains("error while listing containers")
                            && "\(error)".contains("deadline exceeded")
                    }
                }
            }
        }
    }
}
