import AsyncHTTPClient
import Endpoints
import Foundation
import Telemetry
import YAMLReading

/// `docker_sd_configs`: the containers of one Docker daemon, one target for each port and network.
package struct DockerDiscovery: TargetDiscovery {
    package struct Filter: Sendable, Hashable {
        package var name: String
        package var values: [String]

        package init(name: String, values: [String]) {
            self.name = name
            self.values = values
        }
    }

    package let kind = "docker"
    /// `unix:///var/run/docker.sock`, `tcp://host:2375`, or an http or https URL.
    package var host: String
    /// The port of targets that expose none.
    package var port = 80
    package var filters: [Filter] = []
    /// The address of containers in the host's own network.
    package var hostNetworkingHost = "localhost"
    /// Of a container in several networks only the first by name makes targets.
    package var matchesFirstNetwork = true
    package var refreshInterval: Int64 = 60_000
    package var http = HTTPClientConfiguration()
    /// A daemon that hangs must not hang its discovery.
    package var timeout = Duration.seconds(30)

    package init(host: String) { self.host = host }

    package static func read(_ node: YAMLNode) throws(YAMLError) -> DockerDiscovery {
        let keys = try node.mapping(
            ["host", "port", "filters", "host_networking_host", "match_first_network", "refresh_interval"]
                + HTTPClientConfiguration.keys)
        guard let hostNode = keys["host"], case let host = try hostNode.string(), !host.isEmpty else {
            throw node.error("host missing")
        }
        var discovery = DockerDiscovery(host: host)
        if discovery.url("/") == nil {
            throw hostNode.error(
                "\"\(host)\" is not a Docker host: write for example unix:///var/run/docker.sock or tcp://10.0.0.1:2375"
            )
        }
        if let port = keys["port"] {
            discovery.port = try port.integer()
            guard (0...65_535).contains(discovery.port) else { throw port.error("\(discovery.port) is not a port") }
        }
        for filter in try keys["filters"]?.list() ?? [] {
            let filterKeys = try filter.mapping(["name", "values"])
            discovery.filters.append(
                Filter(name: try filterKeys["name"]?.string() ?? "", values: try filterKeys["values"]?.strings() ?? []))
        }
        discovery.hostNetworkingHost = try keys["host_networking_host"]?.string() ?? "localhost"
        discovery.matchesFirstNetwork = try keys["match_first_network"]?.bool() ?? true
        if let interval = try keys["refresh_interval"]?.duration(), interval > 0 {
            discovery.refreshInterval = interval
        }
        discovery.http = try HTTPClientConfiguration.read(keys)
        return discovery
    }

    /// The address of one of the daemon's resources; nil where the host cannot be understood.
    private func url(_ path: String) -> String? {
        guard let scheme = host.range(of: "://") else { return nil }
        let rest = String(host[scheme.upperBound...])
        guard !rest.isEmpty else { return nil }
        switch host[..<scheme.lowerBound] {
        case "unix": return EndpointClient.url(unixSocket: rest, uri: path)
        case "tcp": return "http://\(Self.withoutSlash(rest))\(path)"
        case "http", "https": return Self.withoutSlash(host) + path
        default: return nil
        }
    }

    private static func withoutSlash(_ text: String) -> String { text.hasSuffix("/") ? String(text.dropLast()) : text }

    package func targetGroups(_ context: DiscoveryContext) async throws -> [TargetGroup] {
        let client = context.connections.client(http)
        let containers = try await get("/containers/json" + filterQuery, client, "error while listing containers")
        let networks = try await get("/networks", client, "error while computing network labels")
        return DockerTargets(discovery: self, containers: containers, networks: networks).groups
    }

    /// Docker's own form: a JSON object of lists.
    private var filterQuery: String {
        guard !filters.isEmpty else { return "" }
        var merged: [(name: String, values: [String])] = []
        for filter in filters {
            if let known = merged.firstIndex(where: { $0.name == filter.name }) {
                merged[known].values += filter.values
            } else {
                merged.append((filter.name, filter.values))
            }
        }
        let dictionary = Dictionary(uniqueKeysWithValues: merged.map { ($0.name, $0.values) })
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let json = (try? encoder.encode(dictionary)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
        return "?filters=" + FormEncoding.escape(json)
    }

    private func get(_ path: String, _ client: EndpointClient, _ what: String) async throws -> [JSONTree] {
        guard let url = url(path) else { throw DiscoveryFailure("\"\(host)\" is not a Docker host") }
        var request = HTTPClientRequest(url: url)
        request.headers.add(name: "User-Agent", value: "Needletail")
        if host.hasPrefix("unix:") { request.headers.add(name: "Host", value: "docker") }
        let response: EndpointResponse
        do {
            response = try await client.collect(request, timeout: min(timeout, .milliseconds(refreshInterval)))
        } catch let error as EndpointError {
            throw DiscoveryFailure("\(what): \(host): \(error)")
        }
        guard response.status == .ok else {
            let message = (try? JSONTree.read(response.body))?["message"]?.string ?? String(response.text.prefix(200))
            throw DiscoveryFailure("\(what): \(host) answered \(response.status.code): \(message)")
        }
        guard let tree = try? JSONTree.read(response.body) else {
            throw DiscoveryFailure("\(what): \(host) did not answer with JSON")
        }
        return tree.elements
    }
}
