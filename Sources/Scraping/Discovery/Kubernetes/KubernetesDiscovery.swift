import Endpoints
import YAMLReading

/// `kubernetes_sd_configs`: follows the objects of an API server.
package struct KubernetesDiscovery: TargetDiscovery {
    package let kind = "kubernetes"
    /// Only for a start that failed altogether: watches need no refresh.
    package var refreshInterval: Int64 { 30_000 }
    let configuration: KubernetesConfiguration

    package static func read(_ node: YAMLNode) throws(YAMLError) -> KubernetesDiscovery {
        KubernetesDiscovery(configuration: try KubernetesConfiguration.read(node))
    }

    /// The groups after the first lists.
    package func targetGroups(_ context: DiscoveryContext) async throws -> [TargetGroup] {
        let (groups, continuation) = AsyncThrowingStream<[TargetGroup], any Error>.makeStream()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do {
                    try await run(context) { continuation.yield($0) }
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            defer { group.cancelAll() }
            for try await found in groups { return found }
            throw CancellationError()
        }
    }

    package func run(_ context: DiscoveryContext, update: @escaping @Sendable ([TargetGroup]) -> Void) async throws {
        let cluster = try KubernetesCluster.resolve(configuration)
        let server = KubernetesServer(
            address: cluster.address, client: context.connections.client(cluster.http))
        try await run(
            watchers: watchers(namespaces: cluster.namespaces(configuration), transport: server),
            failed: { context.failed($0) }, update: update)
    }

    /// One watcher for each kind of object that the role looks at, in each namespace.
    func watchers(
        namespaces: [String?], transport: any KubernetesTransport,
        timing: KubernetesWatcher.Timing = KubernetesWatcher.Timing()
    ) -> [KubernetesWatcher] {
        let role = configuration.role
        let attached = configuration.attached
        let joinsPods = role == .endpoints || role == .endpointslice
        var resources = [role.resource]
        if joinsPods { resources += [.services, .pods] }
        if attached.node, joinsPods || role == .pod { resources.append(.nodes) }
        if attached.namespace, role != .node { resources.append(.namespaces) }
        if joinsPods || role == .pod {
            if attached.deployment { resources.append(.replicaSets) }
            // A job's own name stands in the pod.
            if attached.cronJob { resources.append(.jobs) }
        }
        return resources.flatMap { resource in
            (resource.isNamespaced ? namespaces : [nil]).map { namespace in
                KubernetesWatcher(
                    resource: resource, namespace: namespace,
                    selector: resource.role.flatMap { configuration.selectors[$0] } ?? .init(), transport: transport,
                    timing: timing)
            }
        }
    }

    func run(
        watchers: [KubernetesWatcher], failed: @escaping @Sendable (any Error) -> Void,
        update: @escaping @Sendable ([TargetGroup]) -> Void
    ) async throws {
        let (wakes, wake) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let cache = KubernetesCache(configuration, watchers: watchers.count) { wake.yield() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for watcher in watchers {
                group.addTask {
                    let first = FirstTime()
                    try await watcher.run(
                        changed: { change in
                            await cache.apply(
                                change, watcher.resource, namespace: watcher.namespace, isFirst: await first.take())
                        }, failed: failed)
                }
            }
            group.addTask {
                for await _ in wakes {
                    if let groups = await cache.takeGroups() { update(groups) }
                    // A rollout is a burst of changes: gather them for a moment.
                    try await Task.sleep(for: .milliseconds(50))
                }
            }
            // Only a cancellation ends any of them.
            defer { group.cancelAll() }
            try await group.next()
            wake.finish()
        }
    }

    private actor FirstTime {
        private var isFirst = true
        func take() -> Bool {
            defer { isFirst = false }
            return isFirst
        }
    }
}
