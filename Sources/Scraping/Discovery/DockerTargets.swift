import Telemetry

/// Targets out of what a Docker daemon tells of its containers and networks.
struct DockerTargets {
    let discovery: DockerDiscovery
    let containers: [JSONTree]
    let networks: [JSONTree]

    private static let prefix = "__meta_docker_"

    var groups: [TargetGroup] {
        var networkLabels: [String: MetaLabels] = [:]
        for network in networks {
            if let id = network["Id"].string { networkLabels[id] = Self.labels(ofNetwork: network, id: id) }
        }
        var byID: [String: JSONTree] = [:]
        for container in containers {
            if let id = container["Id"].string { byID[id] = container }
        }
        return containers.flatMap { targets(of: $0, byID, networkLabels) }
    }

    private static func labels(ofNetwork network: JSONTree, id: String) -> MetaLabels {
        var labels = MetaLabels()
        labels.set(prefix + "network_id", id)
        labels.set(prefix + "network_name", network["Name"].string ?? "")
        labels.set(prefix + "network_scope", network["Scope"].string ?? "")
        labels.set(prefix + "network_internal", "\(network["Internal"].bool ?? false)")
        labels.set(prefix + "network_ingress", "\(network["Ingress"].bool ?? false)")
        for (name, value) in network["Labels"].texts.sorted(by: { $0.key < $1.key }) {
            labels.set(prefix + "network_label_" + MetaLabels.sanitize(name), value)
        }
        return labels
    }

    private func targets(
        of container: JSONTree, _ byID: [String: JSONTree], _ networkLabels: [String: MetaLabels]
    ) -> [TargetGroup] {
        guard let name = container["Names"].elements.first?.string else { return [] }
        let mode = container["HostConfig"]["NetworkMode"].string ?? ""
        var common = MetaLabels()
        common.set(Self.prefix + "container_id", container["Id"].string ?? "")
        common.set(Self.prefix + "container_name", name)
        common.set(Self.prefix + "container_network_mode", mode)
        for (name, value) in container["Labels"].texts.sorted(by: { $0.key < $1.key }) {
            common.set(Self.prefix + "container_label_" + MetaLabels.sanitize(name), value)
        }
        var found = connectedNetworks(container, byID)
        if discovery.matchesFirstNetwork { found = Array(found.prefix(1)) }
        return found.flatMap { network in
            var labels = common
            let address = network["IPAddress"].string ?? ""
            labels.set(Self.prefix + "network_ip", address)
            if let id = network["NetworkID"].string, let known = networkLabels[id] { labels.add(known) }
            let ports = container["Ports"].elements.filter { $0["Type"].string == "tcp" }
            guard !ports.isEmpty else {
                // Containers in the host's network expose no ports of their own, so they always end here.
                let target = mode == "host" ? discovery.hostNetworkingHost : MetaLabels.join(address, discovery.port)
                return [labels.group(address: target, source: "Docker")]
            }
            return ports.map { port in
                var labels = labels
                let number = port["PrivatePort"].integer ?? 0
                labels.set(Self.prefix + "port_private", "\(number)")
                if let open = port["PublicPort"].integer, open > 0 {
                    labels.set(Self.prefix + "port_public", "\(open)")
                    labels.set(Self.prefix + "port_public_ip", port["IP"].string ?? "")
                }
                return labels.group(address: MetaLabels.join(address, number), source: "Docker")
            }
        }
    }

    /// The networks of a container by name; one that shares another container's network has that one's.
    private func connectedNetworks(_ container: JSONTree, _ byID: [String: JSONTree]) -> [JSONTree] {
        var current = container
        var visited = 0
        while visited <= byID.count {
            if case .object(let networks)? = current["NetworkSettings"]["Networks"], !networks.isEmpty {
                return networks.sorted { $0.key < $1.key }.map(\.value).filter { $0 != .null }
            }
            guard let mode = current["HostConfig"]["NetworkMode"].string, mode.hasPrefix("container:"),
                let next = byID[String(mode.dropFirst("container:".count))]
            else { return [] }
            current = next
            visited += 1
        }
        return []
    }
}
