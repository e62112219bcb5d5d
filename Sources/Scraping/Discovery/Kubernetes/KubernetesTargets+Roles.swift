import Telemetry

/// The roles that look at one kind of object.
extension KubernetesTargets {
    func groups(of node: KubernetesNode) -> [TargetGroup] {
        // The order of the kubelet's own choice.
        let order = ["InternalIP", "InternalDNS", "ExternalIP", "ExternalDNS", "LegacyHostIP", "Hostname"]
        guard let host = order.lazy.compactMap({ type in node.addresses.first { $0.type == type } }).first else {
            return []
        }
        var common = groupLabels(node.metadata, "node")
        common.set("\(Self.prefix)node_provider_id", node.provider)
        for condition in node.conditions {
            common.set(
                "\(Self.prefix)node_condition_\(MetaLabels.sanitize(condition.type).lowercased())",
                condition.value.lowercased())
        }
        var labels = MetaLabels()
        labels.set("instance", node.metadata.name)
        // Backwards, so that the first address of a type stays.
        for address in node.addresses.reversed() {
            labels.set("\(Self.prefix)node_address_\(MetaLabels.sanitize(address.type))", address.value)
        }
        return [
            Self.group(
                common, labels, address: MetaLabels.join(host.value, node.kubeletPort),
                source: "node/\(node.metadata.name)")
        ]
    }

    func groups(of pod: KubernetesPod) -> [TargetGroup] {
        // A pod that starts or was evicted has no address.
        guard !pod.address.isEmpty else { return [] }
        // A node that is not known was left out by a selector: its pods are too.
        if configuration.attached.node, node(pod.node) == nil { return [] }
        var common = groupLabels(pod.metadata, "pod")
        addPod(pod, to: &common)
        addNode(pod.node, to: &common)
        let source = "pod/\(pod.metadata.key)"
        var out: [TargetGroup] = []
        for container in pod.containers {
            var labels = MetaLabels()
            labels.set("\(Self.prefix)pod_container_id", container.identifier)
            Self.add(container, to: &labels)
            if container.ports.isEmpty {
                // Relabelling has to add the port.
                out.append(Self.group(common, labels, address: pod.address, source: source))
            }
            for port in container.ports {
                var labels = labels
                Self.add(port, to: &labels)
                out.append(
                    Self.group(common, labels, address: MetaLabels.join(pod.address, port.number), source: source))
            }
        }
        return out
    }

    static func add(_ container: KubernetesPod.Container, to labels: inout MetaLabels) {
        labels.set("\(prefix)pod_container_name", container.name)
        labels.set("\(prefix)pod_container_image", container.image)
        labels.set("\(prefix)pod_container_init", container.isInitial ? "true" : "false")
    }

    static func add(_ port: KubernetesPod.Port, to labels: inout MetaLabels) {
        labels.set("\(prefix)pod_container_port_name", port.name)
        labels.set("\(prefix)pod_container_port_number", String(port.number))
        labels.set("\(prefix)pod_container_port_protocol", port.transport)
    }

    func groups(of service: KubernetesService) -> [TargetGroup] {
        let metadata = service.metadata
        let common = groupLabels(metadata, "service")
        return service.ports.map { port in
            var labels = MetaLabels()
            func set(_ name: String, _ value: String) { labels.set("\(Self.prefix)service_\(name)", value) }
            set("port_name", port.name)
            set("port_number", String(port.number))
            set("port_protocol", port.transport)
            set("type", service.type)
            if service.type == "ExternalName" {
                set("external_name", service.externalName)
            } else {
                set("cluster_ip", service.clusterAddress)
            }
            if service.type == "LoadBalancer" { set("loadbalancer_ip", service.loadBalancerAddress) }
            return Self.group(
                common, labels, address: "\(metadata.name).\(metadata.namespace).svc:\(port.number)",
                source: "svc/\(metadata.key)")
        }
    }

    func groups(of ingress: KubernetesIngress) -> [TargetGroup] {
        var common = groupLabels(ingress.metadata, "ingress")
        common.set("\(Self.prefix)ingress_class_name", ingress.className)
        return ingress.rules.flatMap { rule in
            let isSecure = ingress.secureHosts.contains { Self.matches(pattern: $0, host: rule.host) }
            return rule.paths.map { path in
                var labels = MetaLabels()
                labels.set("\(Self.prefix)ingress_scheme", isSecure ? "https" : "http")
                labels.set("\(Self.prefix)ingress_host", rule.host)
                labels.set("\(Self.prefix)ingress_path", path)
                return Self.group(common, labels, address: rule.host, source: "ingress/\(ingress.metadata.key)")
            }
        }
    }

    /// Equal, or the pattern's first part is `*` and stands for exactly one part.
    static func matches(pattern: String, host: String) -> Bool {
        if pattern == host { return true }
        let wanted = pattern.split(separator: ".", omittingEmptySubsequences: false)
        let found = host.split(separator: ".", omittingEmptySubsequences: false)
        return wanted.first == "*" && wanted.count == found.count && wanted.dropFirst().elementsEqual(found.dropFirst())
    }
}
