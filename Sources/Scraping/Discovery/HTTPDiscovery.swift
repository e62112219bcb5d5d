import AsyncHTTPClient
import Endpoints
import Foundation
import Telemetry
import YAMLReading

/// `http_sd_configs`: an endpoint that answers with target groups in JSON.
package struct HTTPDiscovery: TargetDiscovery {
    package let kind = "http"
    package var url: String
    package var refreshInterval: Int64 = 60_000
    package var http = HTTPClientConfiguration()

    package init(url: String) { self.url = url }

    package static func read(_ node: YAMLNode) throws(YAMLError) -> HTTPDiscovery {
        let keys = try node.mapping(["url", "refresh_interval"] + HTTPClientConfiguration.keys)
        guard let urlNode = keys["url"], case let url = try urlNode.string(), !url.isEmpty else {
            throw node.error("URL is missing")
        }
        guard let components = URLComponents(string: url) else { throw urlNode.error("\"\(url)\" is not a URL") }
        guard let scheme = components.scheme?.lowercased(), scheme == "http" || scheme == "https" else {
            throw urlNode.error("URL scheme must be 'http' or 'https'")
        }
        guard let host = components.host, !host.isEmpty else { throw urlNode.error("host is missing in URL") }
        var discovery = HTTPDiscovery(url: url)
        if let interval = try keys["refresh_interval"]?.duration(), interval > 0 {
            discovery.refreshInterval = interval
        }
        discovery.http = try HTTPClientConfiguration.read(keys)
        return discovery
    }

    package func targetGroups(_ context: DiscoveryContext) async throws -> [TargetGroup] {
        var request = HTTPClientRequest(url: url)
        request.headers.add(name: "User-Agent", value: "Needletail")
        request.headers.add(name: "Accept", value: "application/json")
        request.headers.add(name: "X-Prometheus-Refresh-Interval-Seconds", value: Self.seconds(refreshInterval))
        // As Prometheus: an answer slower than the next question is no use.
        let response = try await context.connections.client(http).collect(
            request, timeout: .milliseconds(refreshInterval))
        guard response.status == .ok else {
            throw DiscoveryFailure(
                "\(url): server returned HTTP status \(response.status.code) \(response.status.reasonPhrase)")
        }
        let type = response.headers.first(name: "Content-Type") ?? ""
        guard Self.isJSON(type) else { throw DiscoveryFailure("\(url): unsupported content type \"\(type)\"") }
        do {
            return try Self.groups(response.body, url: url)
        } catch {
            throw DiscoveryFailure("\(url): \(error)")
        }
    }

    /// `15` or `0.5`, as Go prints a float in the shortest way.
    private static func seconds(_ milliseconds: Int64) -> String {
        milliseconds % 1_000 == 0 ? "\(milliseconds / 1_000)" : "\(Double(milliseconds) / 1_000)"
    }

    /// Prometheus' own expression: `^(?i:application\/json(;\s*charset=("utf-8"|utf-8))?)$`.
    static func isJSON(_ type: String) -> Bool {
        let parts = type.lowercased().split(separator: ";", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.first?.trimmingCharacters(in: .whitespaces) == "application/json" else { return false }
        guard parts.count > 1 else { return true }
        let parameter = parts[1].trimmingCharacters(in: .whitespaces)
        return parameter == "charset=utf-8" || parameter == "charset=\"utf-8\""
    }

    static func groups(_ body: [UInt8], url: String) throws -> [TargetGroup] {
        guard case .array(let elements) = try JSONTree.read(body) else {
            throw DiscoveryFailure("the answer is not a JSON array of target groups")
        }
        var groups: [TargetGroup] = []
        for (i, element) in elements.enumerated() {
            guard case .object(let fields) = element else {
                throw DiscoveryFailure(element == .null ? "nil target group item found" : "group \(i) is not an object")
            }
            var targets: [String] = []
            var labels: [Label] = []
            for (name, value) in fields {
                switch (name, value) {
                case ("targets", .null), ("labels", .null): break
                case ("targets", .array(let list)):
                    for target in list {
                        guard let text = target.string else {
                            throw DiscoveryFailure("group \(i): a target is not a text")
                        }
                        targets.append(text)
                    }
                case ("labels", .object(let entries)):
                    for (name, value) in entries {
                        guard let text = value.string else {
                            throw DiscoveryFailure("group \(i): the value of label \"\(name)\" is not a text")
                        }
                        labels.append(Label(name, text))
                    }
                default: throw DiscoveryFailure("group \(i): unknown field \"\(name)\", or of the wrong kind")
                }
            }
            labels.append(Label("__meta_url", url))
            groups.append(TargetGroup(targets: targets, labels: LabelSet(labels), source: "\(url):\(i)"))
        }
        return groups
    }
}
