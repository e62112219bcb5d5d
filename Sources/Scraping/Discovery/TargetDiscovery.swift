import Endpoints
import Logging
import YAMLReading

/// A way to find targets: one entry of a `*_sd_configs` list. A value made from the configuration; what it learns while
/// running lives in its `run`.
package protocol TargetDiscovery: Sendable {
    /// The mechanism as Prometheus names it: "docker", "dns", "http", "file", "ec2".
    var kind: String { get }
    /// How often to ask again, milliseconds.
    var refreshInterval: Int64 { get }
    /// The groups as of now. A thrown error keeps the last good groups.
    func targetGroups(_ context: DiscoveryContext) async throws -> [TargetGroup]
    /// Finds targets until cancelled, giving all groups of this entry at each `update`. The default asks `targetGroups`
    /// every `refreshInterval`; kinds that watch, or that keep part of what they had, write their own. Throwing (other
    /// than by cancellation) is a failure too: the groups stay, and it is run again after `refreshInterval`, at most a
    /// minute.
    func run(_ context: DiscoveryContext, update: @escaping @Sendable ([TargetGroup]) -> Void) async throws
}

/// What a discovery may use while it runs.
package struct DiscoveryContext: Sendable {
    package let connections: EndpointConnections
    package let logger: Logger
    private let report: @Sendable (any Error) -> Void

    package init(
        connections: EndpointConnections, logger: Logger, report: @escaping @Sendable (any Error) -> Void = { _ in }
    ) {
        self.connections = connections
        self.logger = logger
        self.report = report
    }

    /// Counts and logs a failure after which the groups stay as they are.
    package func failed(_ error: any Error) { report(error) }
}

extension TargetDiscovery {
    package func run(_ context: DiscoveryContext, update: @escaping @Sendable ([TargetGroup]) -> Void) async throws {
        while true {
            do {
                update(try await targetGroups(context))
            } catch {
                try Task.checkCancellation()
                context.failed(error)
            }
            try await Task.sleep(for: .milliseconds(max(1_000, refreshInterval)))
        }
    }
}

/// What went wrong while asking for targets, as a sentence.
package struct DiscoveryFailure: Error, CustomStringConvertible, Sendable {
    package let description: String
    package init(_ description: String) { self.description = description }
}
