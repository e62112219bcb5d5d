import Telemetry

/// Makes the target groups of an object out of it and the objects around it, with the labels of Prometheus.
struct KubernetesTargets: Sendable {
    let configuration: KubernetesConfiguration
    let objects: [KubernetesResource: [String: KubernetesObject]]

    func groups(of object: KubernetesObject) -> [TargetGroup] {
        switch object {
        case .node(let node): groups(of: node)
        case .pod(let pod): groups(of: pod)
        case .service(let service): groups(of: service)
        case .endpoints(let endpoints): groups(of: endpoints)
        case .endpointSlice(let slice): groups(of: slice)
        case .ingress(let ingress): groups(of: ingress)
        case .other: []
        }
    }

    // MARK: Objects around

    func node(_ name: String) -> KubernetesNode? {
        if case .node(let node) = objects[.nodes]?["/\(name)"] { return node }
        return nil
    }

    func pod(_ reference: KubernetesReference?) -> KubernetesPod? {
        if let key = reference?.podKey, case .pod(let pod) = objects[.pods]?[key] { return pod }
        return nil
    }

    func service(_ namespace: String, _ name: String) -> KubernetesService? {
        if case .service(let service) = objects[.services]?["\(namespace)/\(name)"] { return service }
        return nil
    }

    private func other(_ resource: KubernetesResource, _ key: String) -> KubernetesMetadata? {
        if case .other(let metadata) = objects[resource]?[key] { return metadata }
        return nil
    }

    /// Whether any object that this one's labels come from, besides itself, makes `body` true.
    func forEachDependency(
        of object: KubernetesObject, _ body: (_ resource: KubernetesResource, _ key: String) -> Bool
    ) -> Bool {
        let metadata = object.metadata
        if configuration.attached.namespace, body(.namespaces, "/\(metadata.namespace)") { return true }
        switch object {
        case .pod(let pod): return podDependency(pod, body)
        case .endpoints(let endpoints):
            if body(.services, metadata.key) { return true }
            return endpoints.subsets.contains { subset in
                subset.addresses.contains { addressDependency($0.reference, node: $0.node, body) }
            }
        case .endpointSlice(let slice):
            if let name = slice.serviceName, body(.services, "\(metadata.namespace)/\(name)") { return true }
            return slice.endpoints.contains { addressDependency($0.reference, node: $0.node, body) }
        default: return false
        }
    }

    private func podDependency(_ pod: KubernetesPod, _ body: (KubernetesResource, String) -> Bool) -> Bool {
        if configuration.attached.node, body(.nodes, "/\(pod.node)") { return true }
        guard let owner = pod.metadata.controller else { return false }
        let key = "\(pod.metadata.namespace)/\(owner.name)"
        return owner.kind == "ReplicaSet" && body(.replicaSets, key) || owner.kind == "Job" && body(.jobs, key)
    }

    private func addressDependency(
        _ reference: KubernetesReference?, node: String?, _ body: (KubernetesResource, String) -> Bool
    ) -> Bool {
        if let key = reference?.podKey, body(.pods, key) { return true }
        if let pod = pod(reference), podDependency(pod, body) { return true }
        guard configuration.attached.node else { return false }
        if let node, body(.nodes, "/\(node)") { return true }
        return reference?.kind == "Node" && body(.nodes, "/\(reference?.name ?? "")")
    }

    // MARK: Labels that several roles have

    static let prefix = "__meta_kubernetes_"

    /// Each label and annotation gives its value, and `true` so that a rule can see that it is there.
    static func add(
        _ metadata: KubernetesMetadata, _ role: String, withAnnotations: Bool = true, to labels: inout MetaLabels
    ) {
        for (key, value) in metadata.labels {
            let name = MetaLabels.sanitize(key)
            labels.set("\(prefix)\(role)_label_\(name)", value)
            labels.set("\(prefix)\(role)_labelpresent_\(name)", "true")
        }
        guard withAnnotations else { return }
        for (key, value) in metadata.annotations {
            let name = MetaLabels.sanitize(key)
            labels.set("\(prefix)\(role)_annotation_\(name)", value)
            labels.set("\(prefix)\(role)_annotationpresent_\(name)", "true")
        }
    }

    func groupLabels(_ metadata: KubernetesMetadata, _ role: String) -> MetaLabels {
        var labels = MetaLabels()
        if !metadata.namespace.isEmpty { labels.set("\(Self.prefix)namespace", metadata.namespace) }
        labels.set("\(Self.prefix)\(role)_name", metadata.name)
        Self.add(metadata, role, to: &labels)
        if configuration.attached.namespace, let namespace = other(.namespaces, "/\(metadata.namespace)") {
            Self.add(namespace, "namespace", to: &labels)
        }
        return labels
    }

    /// The name and the labels of a node, without its annotations, as upstream attaches them.
    func addNode(_ name: String?, to labels: inout MetaLabels) {
        guard configuration.attached.node, let name, let node = node(name) else { return }
        labels.set("\(Self.prefix)node_name", name)
        Self.add(node.metadata, "node", withAnnotations: false, to: &labels)
    }

    func addService(_ service: KubernetesService?, to labels: inout MetaLabels) {
        guard let service else { return }
        labels.set("\(Self.prefix)service_name", service.metadata.name)
        Self.add(service.metadata, "service", to: &labels)
    }

    func addPod(_ pod: KubernetesPod, to labels: inout MetaLabels) {
        func set(_ name: String, _ value: String?) { labels.set("\(Self.prefix)pod_\(name)", value) }
        set("ip", pod.address)
        set("ready", pod.readiness)
        set("phase", pod.phase)
        set("node_name", pod.node)
        set("host_ip", pod.hostAddress)
        set("uid", pod.metadata.identifier)
        set("name", pod.metadata.name)
        Self.add(pod.metadata, "pod", to: &labels)
        guard let owner = pod.metadata.controller else { return }
        set("controller_kind", owner.kind)
        set("controller_name", owner.name)
        let key = "\(pod.metadata.namespace)/\(owner.name)"
        if owner.kind == "ReplicaSet", configuration.attached.deployment,
            let deployment = other(.replicaSets, key)?.controller, deployment.kind == "Deployment"
        {
            set("deployment_name", deployment.name)
        }
        guard owner.kind == "Job" else { return }
        if configuration.attached.job { set("job_name", owner.name) }
        if configuration.attached.cronJob, let cronJob = other(.jobs, key)?.controller, cronJob.kind == "CronJob" {
            set("cronjob_name", cronJob.name)
        }
    }

    static func group(_ common: MetaLabels, _ own: MetaLabels, address: String, source: String) -> TargetGroup {
        var all = common
        // A target's own labels win over those of its group.
        all.add(own)
        return all.group(address: address, source: source)
    }
}
