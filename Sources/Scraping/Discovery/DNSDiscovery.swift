import Endpoints
import YAMLReading

/// `dns_sd_configs`.
package struct DNSDiscovery: TargetDiscovery {
    package let kind = "dns"
    package var refreshInterval: Int64 = 60_000
    package static func read(_ node: YAMLNode) throws(YAMLError) -> DNSDiscovery { throw node.error("being built") }
    package func targetGroups(_ context: DiscoveryContext) async throws -> [TargetGroup] { [] }
}
