import Telemetry

/// A task as `DescribeTasks` tells it. Every field may be missing.
struct ECSTask: Sendable {
    let tree: JSONTree

    init(_ tree: JSONTree) { self.tree = tree }

    /// What is known around a task.
    struct Surroundings: Sendable {
        var region: String
        var port: Int
        var cluster: JSONTree
        var service: JSONTree?
        var hostIdentifier: String?
        var host: EC2Instance?
        /// By network interface.
        var publicAddresses: [String: String]
    }

    var containerInstance: String? { tree["containerInstanceArn"].string }

    /// The service that started the task. A task started by hand is in a group "family:…" instead of "service:…".
    var serviceName: String? {
        guard let group = tree["group"].string, !group.hasPrefix("family:") else { return nil }
        let parts = group.split(separator: ":", omittingEmptySubsequences: false)
        return parts.count > 1 ? String(parts[1]) : nil
    }

    private var interface: JSONTree? {
        tree["attachments"].elements.first { $0["type"].string == "ElasticNetworkInterface" }
    }

    func interfaceDetail(_ name: String) -> String? {
        interface?["details"].elements.first { $0["name"].string == name }?["value"].string
    }

    /// The target with all labels of Prometheus' `ecs` role; nil without an address to scrape.
    func target(_ around: Surroundings) -> TargetGroup? {
        let mode: String
        let address: String?
        let subnet: String?
        let publicAddress: String?
        if interface != nil {
            mode = "awsvpc"
            address = interfaceDetail("privateIPv4Address")
            subnet = interfaceDetail("subnetId")
            publicAddress = interfaceDetail("networkInterfaceId").flatMap { around.publicAddresses[$0] }
        } else {
            // Host mode too: the answer does not tell them apart, and Prometheus calls both so.
            mode = "bridge"
            address = around.host?.privateAddress
            subnet = around.host?.subnet
            publicAddress = around.host?.publicAddress
        }
        guard let address, !address.isEmpty else { return nil }
        var labels = MetaLabels()
        func set(_ name: String, _ value: String?) { labels.set("__meta_ecs_\(name)", value) }
        set("cluster_arn", around.cluster["clusterArn"].string)
        set("cluster", around.cluster["clusterName"].string)
        set("service", around.service["serviceName"].string)
        set("service_arn", around.service["serviceArn"].string)
        set("service_status", around.service["status"].string)
        set("task_group", tree["group"].string)
        set("task_arn", tree["taskArn"].string)
        set("task_definition", tree["taskDefinitionArn"].string)
        set("ip_address", address)
        set("region", around.region)
        set("launch_type", tree["launchType"].string)
        set("availability_zone", tree["availabilityZone"].string)
        set("desired_status", tree["desiredStatus"].string)
        set("last_status", tree["lastStatus"].string)
        set("health_status", tree["healthStatus"].string)
        set("network_mode", mode)
        set("subnet_id", subnet)
        set("container_instance_arn", containerInstance)
        set("ec2_instance_id", around.hostIdentifier)
        set("ec2_instance_type", around.host?.type)
        set("ec2_instance_private_ip", around.host?.privateAddress)
        set("ec2_instance_public_ip", around.host?.publicAddress)
        set("public_ip", publicAddress)
        set("platform_family", tree["platformFamily"].string)
        set("platform_version", tree["platformVersion"].string)
        for (kind, owner) in [("cluster", around.cluster), ("service", around.service), ("task", tree)] {
            for tag in owner["tags"].elements {
                guard let key = tag["key"].string else { continue }
                set("tag_\(kind)_\(MetaLabels.sanitize(key))", tag["value"].string)
            }
        }
        for (key, value) in around.host?.tags ?? [] { set("tag_ec2_\(MetaLabels.sanitize(key))", value) }
        let source = "\(around.region)/\(tree["taskArn"].string ?? address)"
        return labels.group(address: MetaLabels.join(address, around.port), source: source)
    }
}
