import Endpoints
import Logging
import Telemetry
import YAMLReading

/// `ec2_sd_configs`, and `aws_sd_configs` with role `ec2`: one target for each instance, at its private address.
package struct EC2Discovery: TargetDiscovery {
    package let kind = "ec2"
    package var refreshInterval: Int64 { configuration.refreshInterval }
    let configuration: AWSConfiguration
    let filters: [EC2Filter]

    package static func read(_ node: YAMLNode) throws(YAMLError) -> EC2Discovery {
        let keys = try node.mapping(AWSConfiguration.keys + ["filters"])
        return EC2Discovery(
            configuration: try AWSConfiguration.read(keys, at: node), filters: try EC2Filter.read(keys["filters"]))
    }

    package func targetGroups(_ context: DiscoveryContext) async throws -> [TargetGroup] {
        try await targetGroups(AWSSession(configuration, context), context.logger)
    }

    /// One session over all refreshes, so that keys and zones are asked for once.
    package func run(_ context: DiscoveryContext, update: @escaping @Sendable ([TargetGroup]) -> Void) async throws {
        let session = AWSSession(configuration, context)
        try await AWSDiscovery.refresh(every: refreshInterval, context, update: update) {
            try await targetGroups(session, context.logger)
        }
    }

    func targetGroups(_ session: AWSSession, _ logger: Logger) async throws -> [TargetGroup] {
        let region = try await session.region()
        let zones = try await zoneIdentifiers(session, logger)
        var parameters: [(name: String, value: String)] = []
        for (i, filter) in filters.enumerated() {
            parameters.append((name: "Filter.\(i + 1).Name", value: filter.name))
            for (j, value) in filter.values.enumerated() {
                parameters.append((name: "Filter.\(i + 1).Value.\(j + 1)", value: value))
            }
        }
        return try await EC2Calls.instances(session, parameters).compactMap {
            $0.target(region: region, port: configuration.port, zoneIdentifiers: zones)
        }
    }

    /// The permission for zones is optional, so a refusal only costs the label.
    private func zoneIdentifiers(_ session: AWSSession, _ logger: Logger) async throws -> [String: String] {
        if let known = await session.zoneIdentifiers { return known }
        do {
            let answer = try await session.query("DescribeAvailabilityZones", [])
            var zones: [String: String] = [:]
            for zone in answer.items("availabilityZoneInfo") {
                if let name = zone.value("zoneName"), let identifier = zone.value("zoneId") { zones[name] = identifier }
            }
            await session.setZoneIdentifiers(zones)
            return zones
        } catch let failure as AWSFailure where failure.code != nil {
            logger.debug("availability zones cannot be described", metadata: ["error": "\(failure)"])
            return [:]
        }
    }
}

/// Calls of EC2 that both roles make.
enum EC2Calls {
    /// An account with more pages than this gives a wrong token over and over.
    private static let maximumPages = 10_000

    static func instances(_ session: AWSSession, _ parameters: [(name: String, value: String)]) async throws
        -> [EC2Instance]
    {
        try await pages(session, "DescribeInstances", parameters).flatMap(EC2Instance.read)
    }

    /// All pages of a list.
    static func pages(
        _ session: AWSSession, _ action: String, _ parameters: [(name: String, value: String)]
    ) async throws -> [AWSXML] {
        var out: [AWSXML] = []
        var token: String?
        for _ in 0..<maximumPages {
            var parameters = parameters
            if let token { parameters.append((name: "NextToken", value: token)) }
            let page = try await session.query(action, parameters)
            out.append(page)
            token = page.value("nextToken")
            if token == nil { return out }
        }
        throw AWSFailure.unreadable(action: action, reason: "it has more than \(maximumPages) pages")
    }

    /// Public addresses of network interfaces by their id.
    static func publicAddresses(_ session: AWSSession, interfaces: [String]) async throws -> [String: String] {
        var out: [String: String] = [:]
        for batch in AWSDiscovery.batches(interfaces, of: 100) {
            let parameters = batch.enumerated().map { (name: "NetworkInterfaceId.\($0 + 1)", value: $1) }
            for page in try await pages(session, "DescribeNetworkInterfaces", parameters) {
                for interface in page.items("networkInterfaceSet") {
                    if let identifier = interface.value("networkInterfaceId"),
                        let address = interface.value("association", "publicIp")
                    {
                        out[identifier] = address
                    }
                }
            }
        }
        return out
    }
}
