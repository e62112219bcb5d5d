import Endpoints
import YAMLReading

/// What `ec2_sd_configs` and `aws_sd_configs` have in common.
struct AWSConfiguration: Sendable, Hashable {
    /// The service that `endpoint` stands for: "ec2" or "ecs".
    var service = "ec2"
    var region: String?
    var endpoint: String?
    var accessKey: String?
    var secretKey: String?
    var profile: String?
    var roleARN: String?
    var externalID: String?
    var port = 80
    /// Milliseconds.
    var refreshInterval: Int64 = 60_000
    var http = HTTPClientConfiguration()

    static let keys =
        [
            "region", "endpoint", "access_key", "secret_key", "profile", "role_arn", "external_id", "port",
            "refresh_interval",
        ] + HTTPClientConfiguration.keys

    static func read(_ keys: [String: YAMLNode], at node: YAMLNode) throws(YAMLError) -> AWSConfiguration {
        var configuration = AWSConfiguration()
        func text(_ key: String) throws(YAMLError) -> String? {
            guard let text = try keys[key]?.string(), !text.isEmpty else { return nil }
            return text
        }
        configuration.region = try text("region")
        if let region = configuration.region, !isRegion(region) {
            throw (keys["region"] ?? node).error("\"\(region)\" is not a region; write for example eu-central-1")
        }
        configuration.endpoint = try text("endpoint")
        if let endpoint = configuration.endpoint, WebAddress(address(endpoint)) == nil {
            throw (keys["endpoint"] ?? node).error(
                "\"\(endpoint)\" is not an address; write for example https://host:port")
        }
        configuration.accessKey = try text("access_key")
        configuration.secretKey = try text("secret_key")
        if (configuration.accessKey == nil) != (configuration.secretKey == nil) {
            throw node.error("access_key and secret_key go together; only one of them is set")
        }
        configuration.profile = try text("profile")
        configuration.roleARN = try text("role_arn")
        configuration.externalID = try text("external_id")
        if let port = try keys["port"]?.integer() {
            guard (0...65_535).contains(port) else { throw (keys["port"] ?? node).error("\(port) is not a port") }
            // 0 is "not set" upstream.
            if port > 0 { configuration.port = port }
        }
        if let interval = try keys["refresh_interval"]?.duration(), interval > 0 {
            configuration.refreshInterval = interval
        }
        configuration.http = try HTTPClientConfiguration.read(keys)
        return configuration
    }

    /// The older SDK took an endpoint without its scheme.
    static func address(_ endpoint: String) -> String { endpoint.contains("://") ? endpoint : "https://\(endpoint)" }

    /// It becomes part of a host name, so nothing else may come in.
    static func isRegion(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 63
            && text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0) || $0 == 0x2d
            }
    }
}

/// `filters` of EC2.
struct EC2Filter: Sendable, Hashable {
    var name: String
    var values: [String]

    static func read(_ node: YAMLNode?) throws(YAMLError) -> [EC2Filter] {
        var out: [EC2Filter] = []
        for entry in try node?.list() ?? [] {
            let keys = try entry.mapping(["name", "values"])
            let filter = EC2Filter(name: try keys["name"]?.string() ?? "", values: try keys["values"]?.strings() ?? [])
            guard !filter.name.isEmpty else { throw entry.error("a filter needs a name") }
            guard !filter.values.isEmpty else {
                throw entry.error("EC2 SD configuration filter values cannot be empty")
            }
            out.append(filter)
        }
        return out
    }
}
