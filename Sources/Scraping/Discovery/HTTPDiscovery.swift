import Endpoints
import YAMLReading

/// `http_sd_configs`.
package struct HTTPDiscovery: TargetDiscovery {
    package let kind = "http"
    package var refreshInterval: Int64 = 60_000
    package static func read(_ node: YAMLNode) throws(YAMLError) -> HTTPDiscovery { throw node.error("being built") }
    package func targetGroups(_ context: DiscoveryContext) async throws -> [TargetGroup] { [] }
}
