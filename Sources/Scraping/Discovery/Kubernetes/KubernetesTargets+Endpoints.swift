import Telemetry

/// The roles that join services, their addresses and the pods behind them.
extension KubernetesTargets {
    /// A pod behind addresses, and the ports of it that have a target already.
    private struct SeenPod {
        var pod: KubernetesPod
        var ports: Set<Int> = []
    }

    /// In the order in which they came.
    private struct SeenPods {
        private var order: [String] = []
        private var byKey: [String: SeenPod] = [:]

        mutating func add(_ pod: KubernetesPod, port: Int?) {
            let key = pod.metadata.key
            if byKey[key] == nil { order.append(key) }
            var seen = byKey[key] ?? SeenPod(pod: pod)
            if let port { seen.ports.insert(port) }
            byKey[key] = seen
        }

        var all: [SeenPod] { order.compactMap { byKey[$0] } }
    }

    func groups(of endpoints: KubernetesEndpoints) -> [TargetGroup] {
        let metadata = endpoints.metadata
        var common = groupLabels(metadata, "endpoints")
        addService(service(metadata.namespace, metadata.name), to: &common)
        let source = "endpoints/\(metadata.key)"
        var out: [TargetGroup] = []
        var seen = SeenPods()
        for subset in endpoints.subsets {
            for port in subset.ports {
                for address in subset.addresses {
                    var labels = MetaLabels()
                    func set(_ name: String, _ value: String?) { labels.set("\(Self.prefix)endpoint_\(name)", value) }
                    set("port_name", port.name)
                    set("port_protocol", port.transport)
                    set("ready", address.isReady ? "true" : "false")
                    set("address_target_kind", address.reference?.kind)
                    set("address_target_name", address.reference?.name)
                    set("node_name", address.node)
                    set("hostname", address.hostname)
                    addNode(address.reference?.kind == "Node" ? address.reference?.name : address.node, to: &labels)
                    if let pod = pod(address.reference) {
                        // Endpoints tell the service's protocol of a port, slices the container's.
                        addPod(pod, matching: port.number, transport: port.transport, to: &labels)
                        seen.add(pod, port: port.number)
                    }
                    out.append(
                        Self.group(
                            common, labels, address: MetaLabels.join(address.address, port.number), source: source))
                }
            }
        }
        return out + uncovered(seen, common, source)
    }

    func groups(of slice: KubernetesEndpointSlice) -> [TargetGroup] {
        let metadata = slice.metadata
        let owner = slice.serviceName.flatMap { service(metadata.namespace, $0) }
        if let owner, isSecondFamily(slice, of: owner) { return [] }
        var common = groupLabels(metadata, "endpointslice")
        common.set("\(Self.prefix)endpointslice_address_type", slice.addressType)
        addService(owner, to: &common)
        let source = "endpointslice/\(metadata.key)"
        var out: [TargetGroup] = []
        var seen = SeenPods()
        for endpoint in slice.endpoints {
            for port in slice.ports {
                for address in endpoint.addresses {
                    var labels = sliceLabels(endpoint, port)
                    if let pod = pod(endpoint.reference) {
                        addPod(pod, matching: port.number, transport: nil, to: &labels)
                        seen.add(pod, port: port.number)
                    }
                    out.append(
                        Self.group(
                            common, labels, address: port.number.map { MetaLabels.join(address, $0) } ?? address,
                            source: source))
                }
            }
        }
        return out + uncovered(seen, common, source)
    }

    private func sliceLabels(_ endpoint: KubernetesEndpointSlice.Endpoint, _ port: KubernetesEndpointSlice.Port)
        -> MetaLabels
    {
        var labels = MetaLabels()
        func set(_ name: String, _ value: String?) { labels.set("\(Self.prefix)endpointslice_\(name)", value) }
        func set(_ name: String, _ value: Bool?) { set(name, value.map { $0 ? "true" : "false" }) }
        set("port_name", port.name)
        set("port_protocol", port.transport)
        set("port", port.number.map(String.init))
        set("port_app_protocol", port.application)
        set("endpoint_conditions_ready", endpoint.isReady)
        set("endpoint_conditions_serving", endpoint.isServing)
        set("endpoint_conditions_terminating", endpoint.isTerminating)
        set("endpoint_hostname", endpoint.hostname)
        set("address_target_kind", endpoint.reference?.kind)
        set("address_target_name", endpoint.reference?.name)
        set("endpoint_node_name", endpoint.node)
        set("endpoint_zone", endpoint.zone)
        for (key, value) in endpoint.topology {
            let name = MetaLabels.sanitize(key)
            set("endpoint_topology_\(name)", value)
            set("endpoint_topology_present_\(name)", "true")
        }
        addNode(endpoint.reference?.kind == "Node" ? endpoint.reference?.name : endpoint.node, to: &labels)
        return labels
    }

    /// A service in two families has a slice for each, with the same pods: only that of its first family gives targets.
    private func isSecondFamily(_ slice: KubernetesEndpointSlice, of service: KubernetesService) -> Bool {
        guard ["PreferDualStack", "RequireDualStack"].contains(service.familyPolicy),
            let first = service.families.first,
            ["IPv4", "IPv6"].contains(slice.addressType)
        else { return false }
        return slice.addressType != first
    }

    /// The pod's labels, and those of the container that has the port.
    private func addPod(
        _ pod: KubernetesPod, matching number: Int?, transport: String?, to labels: inout MetaLabels
    ) {
        addPod(pod, to: &labels)
        guard let number else { return }
        for container in pod.containers {
            guard var port = container.ports.first(where: { $0.number == number }) else { continue }
            if let transport { port.transport = transport }
            Self.add(container, to: &labels)
            Self.add(port, to: &labels)
        }
    }

    /// Targets for the ports of the pods' containers that no address of the service covers.
    private func uncovered(_ seen: SeenPods, _ common: MetaLabels, _ source: String) -> [TargetGroup] {
        var out: [TargetGroup] = []
        for entry in seen.all where !entry.pod.address.isEmpty {
            for container in entry.pod.containers {
                for port in container.ports where !entry.ports.contains(port.number) {
                    var labels = MetaLabels()
                    Self.add(container, to: &labels)
                    Self.add(port, to: &labels)
                    addPod(entry.pod, to: &labels)
                    out.append(
                        Self.group(
                            common, labels, address: MetaLabels.join(entry.pod.address, port.number), source: source))
                }
            }
        }
        return out
    }
}
