import Endpoints
import Logging
import Telemetry
import Wire
import YAMLReading

/// `aws_sd_configs` with role `ecs`: one target for each running task, at the address of its network interface or, in
/// bridge and host mode, of the instance that it runs on.
package struct ECSDiscovery: TargetDiscovery {
    package let kind = "ecs"
    package var refreshInterval: Int64 { configuration.refreshInterval }
    let configuration: AWSConfiguration
    /// Names or ARNs; empty for all of the region.
    let clusters: [String]
    let requestConcurrency: Int

    package func targetGroups(_ context: DiscoveryContext) async throws -> [TargetGroup] {
        try await targetGroups(AWSSession(configuration, context), context.logger)
    }

    package func run(_ context: DiscoveryContext, update: @escaping @Sendable ([TargetGroup]) -> Void) async throws {
        let session = AWSSession(configuration, context)
        try await AWSDiscovery.refresh(every: refreshInterval, context, update: update) {
            try await targetGroups(session, context.logger)
        }
    }

    func targetGroups(_ session: AWSSession, _ logger: Logger) async throws -> [TargetGroup] {
        let region = try await session.region()
        let calls = ECSCalls(session: session)
        let wanted =
            clusters.isEmpty ? try await calls.list("ListClusters", "clusterArns", ECSCalls.Request()) : clusters
        guard !wanted.isEmpty else { return [] }
        let found = try await calls.describe(
            "DescribeClusters", "clusters", ECSCalls.Request(include: ["TAGS"]), batches: wanted, of: 100,
            as: "clusters")
        var out: [TargetGroup] = []
        // A cluster that fails must not cost the others their targets; when all fail, that is a failure.
        var failure: (any Error)?
        var succeeded = 0
        try await withThrowingTaskGroup(of: Result<[TargetGroup], any Error>.self) { group in
            var waiting = found.filter { $0["clusterArn"].string != nil }[...]
            var running = 0
            while running > 0 || !waiting.isEmpty {
                while running < requestConcurrency, let cluster = waiting.popFirst() {
                    group.addTask {
                        do {
                            return .success(try await targets(of: cluster, region, calls))
                        } catch {
                            try Task.checkCancellation()
                            logger.warning(
                                "a cluster of ECS cannot be described",
                                metadata: ["cluster": "\(cluster["clusterArn"].string ?? "")", "error": "\(error)"])
                            return .failure(error)
                        }
                    }
                    running += 1
                }
                guard let result = try await group.next() else { break }
                running -= 1
                switch result {
                case .success(let targets):
                    succeeded += 1
                    out += targets
                case .failure(let error): failure = error
                }
            }
        }
        if succeeded == 0, let failure { throw failure }
        return out.sorted { $0.source < $1.source }
    }

    private func targets(of cluster: JSONTree, _ region: String, _ calls: ECSCalls) async throws -> [TargetGroup] {
        let arn = cluster["clusterArn"].string ?? ""
        let inCluster = ECSCalls.Request(cluster: arn)
        let taskNames = try await calls.list("ListTasks", "taskArns", inCluster)
        guard !taskNames.isEmpty else { return [] }
        let withTags = ECSCalls.Request(cluster: arn, include: ["TAGS"])
        let tasks = try await calls.describe(
            "DescribeTasks", "tasks", withTags, batches: taskNames, of: 100, as: "tasks"
        )
        .map(ECSTask.init)
        let serviceNames = try await calls.list("ListServices", "serviceArns", inCluster)
        var services: [String: JSONTree] = [:]
        for service in try await calls.describe(
            "DescribeServices", "services", withTags, batches: serviceNames, of: 10, as: "services")
        {
            if let name = service["serviceName"].string { services[name] = service }
        }
        var hosts: [String: String] = [:]
        let containerInstances = Set(tasks.compactMap(\.containerInstance)).sorted()
        for entry in try await calls.describe(
            "DescribeContainerInstances", "containerInstances", inCluster, batches: containerInstances, of: 100,
            as: "containerInstances")
        {
            if let name = entry["containerInstanceArn"].string, let host = entry["ec2InstanceId"].string {
                hosts[name] = host
            }
        }
        var instances: [String: EC2Instance] = [:]
        for batch in AWSDiscovery.batches(Set(hosts.values).sorted(), of: 100) {
            let parameters = batch.enumerated().map { (name: "InstanceId.\($0 + 1)", value: $1) }
            for instance in try await EC2Calls.instances(calls.session, parameters) {
                if let identifier = instance.identifier { instances[identifier] = instance }
            }
        }
        let interfaces = tasks.compactMap { $0.interfaceDetail("networkInterfaceId") }
        let publicAddresses = try await EC2Calls.publicAddresses(calls.session, interfaces: interfaces)
        return tasks.compactMap { task in
            let host = task.containerInstance.flatMap { hosts[$0] }
            return task.target(
                ECSTask.Surroundings(
                    region: region, port: configuration.port, cluster: cluster,
                    service: task.serviceName.flatMap { services[$0] }, hostIdentifier: host,
                    host: host.flatMap { instances[$0] }, publicAddresses: publicAddresses))
        }
    }
}

/// Lists and descriptions of ECS' JSON interface.
struct ECSCalls: Sendable {
    let session: AWSSession
    private static let maximumPages = 10_000

    /// What a call asks about.
    struct Request: Sendable {
        var cluster: String?
        var include: [String] = []
    }

    /// All ARNs of a list, over its pages.
    func list(_ action: String, _ field: String, _ request: Request) async throws -> [String] {
        var out: [String] = []
        var token: String?
        for _ in 0..<Self.maximumPages {
            var body = JSONWriter()
            body.beginObject()
            if let cluster = request.cluster { body.field("cluster", cluster) }
            if let token { body.field("nextToken", token) }
            body.key("maxResults")
            body.integer(100)
            body.endObject()
            let page = try await session.call(action, body.bytes)
            out += page[field].elements.compactMap(\.string)
            token = page["nextToken"].string.flatMap { $0.isEmpty ? nil : $0 }
            if token == nil { return out }
        }
        throw AWSFailure.unreadable(action: action, reason: "it has more than \(Self.maximumPages) pages")
    }

    /// The objects behind ARNs, as many at once as the interface takes.
    func describe(
        _ action: String, _ field: String, _ request: Request, batches names: [String], of size: Int, as key: String
    ) async throws -> [JSONTree] {
        var out: [JSONTree] = []
        for batch in AWSDiscovery.batches(names, of: size) {
            var body = JSONWriter()
            body.beginObject()
            if let cluster = request.cluster { body.field("cluster", cluster) }
            body.key(key)
            body.beginArray()
            for name in batch { body.string(name) }
            body.endArray()
            if !request.include.isEmpty {
                body.key("include")
                body.beginArray()
                for part in request.include { body.string(part) }
                body.endArray()
            }
            body.endObject()
            out += try await session.call(action, body.bytes)[field].elements
        }
        return out
    }
}
