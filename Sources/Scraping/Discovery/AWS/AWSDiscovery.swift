import Endpoints
import YAMLReading

/// `aws_sd_configs`: the kind is its `role`.
package enum AWSDiscovery {
    package static func read(_ node: YAMLNode) throws(YAMLError) -> any TargetDiscovery {
        let keys = try node.mapping(AWSConfiguration.keys + ["role", "filters", "clusters", "request_concurrency"])
        guard let roleNode = keys["role"] else { throw node.error("role is missing: ec2 and ecs are supported") }
        var configuration = try AWSConfiguration.read(keys, at: node)
        switch try roleNode.string() {
        case "ec2":
            return EC2Discovery(configuration: configuration, filters: try EC2Filter.read(keys["filters"]))
        case "ecs":
            configuration.service = "ecs"
            let concurrency = try keys["request_concurrency"]?.integer() ?? 20
            return ECSDiscovery(
                configuration: configuration, clusters: try keys["clusters"]?.strings() ?? [],
                requestConcurrency: min(max(1, concurrency), 100))
        case let role where ["lightsail", "msk", "elasticache", "rds", "mq"].contains(role):
            throw roleNode.error("role \"\(role)\" is not supported: ec2 and ecs are")
        case let role:
            throw roleNode.error("unknown AWS SD role \"\(role)\": ec2 and ecs are supported")
        }
    }

    /// Asks again and again until cancelled; a failure keeps what was found.
    static func refresh(
        every interval: Int64, _ context: DiscoveryContext, update: @Sendable ([TargetGroup]) -> Void,
        _ find: () async throws -> [TargetGroup]
    ) async throws {
        while true {
            do {
                update(try await find())
            } catch {
                try Task.checkCancellation()
                context.failed(error)
            }
            try await Task.sleep(for: .milliseconds(max(1_000, interval)))
        }
    }

    static func batches<T>(_ all: [T], of size: Int) -> [ArraySlice<T>] {
        stride(from: 0, to: all.count, by: size).map { all[$0..<min($0 + size, all.count)] }
    }
}
