/// What all objects have, as far as discovery looks at it.
struct KubernetesMetadata: Sendable, Hashable {
    struct Owner: Sendable, Hashable {
        var kind: String
        var name: String
    }

    var name: String
    /// Empty for objects of the whole cluster.
    var namespace: String
    var identifier: String
    var labels: [String: String]
    var annotations: [String: String]
    var controller: Owner?

    /// Nil where there is no name.
    init?(_ object: JSONTree) {
        let tree = object["metadata"]
        guard let name = tree["name"].string, !name.isEmpty else { return nil }
        self.name = name
        namespace = tree["namespace"].string ?? ""
        identifier = tree["uid"].string ?? ""
        labels = tree["labels"].texts
        annotations = tree["annotations"].texts
        controller = tree["ownerReferences"].elements.first { $0["controller"].bool == true }.map {
            Owner(kind: $0["kind"].string ?? "", name: $0["name"].string ?? "")
        }
    }

    var key: String { "\(namespace)/\(name)" }
}

/// An object of the API server cut down to what makes targets: equal values mean that nothing of interest changed, so
/// that a heartbeat costs nothing.
enum KubernetesObject: Sendable, Hashable {
    case node(KubernetesNode)
    case pod(KubernetesPod)
    case service(KubernetesService)
    case endpoints(KubernetesEndpoints)
    case endpointSlice(KubernetesEndpointSlice)
    case ingress(KubernetesIngress)
    /// A namespace, a replica set or a job.
    case other(KubernetesMetadata)

    /// Nil for what has no name.
    static func read(_ tree: JSONTree, _ resource: KubernetesResource) -> KubernetesObject? {
        guard let metadata = KubernetesMetadata(tree) else { return nil }
        switch resource {
        case .nodes: return .node(KubernetesNode(metadata, tree))
        case .pods: return .pod(KubernetesPod(metadata, tree))
        case .services: return .service(KubernetesService(metadata, tree))
        case .endpoints: return .endpoints(KubernetesEndpoints(metadata, tree))
        case .endpointSlices: return .endpointSlice(KubernetesEndpointSlice(metadata, tree))
        case .ingresses: return .ingress(KubernetesIngress(metadata, tree))
        case .namespaces, .replicaSets, .jobs: return .other(metadata)
        }
    }

    var metadata: KubernetesMetadata {
        switch self {
        case .node(let object): object.metadata
        case .pod(let object): object.metadata
        case .service(let object): object.metadata
        case .endpoints(let object): object.metadata
        case .endpointSlice(let object): object.metadata
        case .ingress(let object): object.metadata
        case .other(let metadata): metadata
        }
    }
}

struct KubernetesNode: Sendable, Hashable {
    var metadata: KubernetesMetadata
    var provider: String?
    /// In the order of the object.
    var addresses: [Pair]
    var conditions: [Pair]
    var kubeletPort: Int

    struct Pair: Sendable, Hashable {
        var type: String
        var value: String
    }

    init(_ metadata: KubernetesMetadata, _ tree: JSONTree) {
        self.metadata = metadata
        provider = tree["spec"]["providerID"].string
        addresses = tree["status"]["addresses"].elements.compactMap { entry in
            guard let type = entry["type"].string, let value = entry["address"].string else { return nil }
            return Pair(type: type, value: value)
        }
        conditions = tree["status"]["conditions"].elements.compactMap { entry in
            guard let type = entry["type"].string, let value = entry["status"].string else { return nil }
            return Pair(type: type, value: value)
        }
        // The kubelet's own default.
        kubeletPort = tree["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"].integer ?? 10250
    }
}

struct KubernetesPod: Sendable, Hashable {
    struct Port: Sendable, Hashable {
        var name: String
        var number: Int
        var transport: String
    }

    struct Container: Sendable, Hashable {
        var name: String
        var image: String
        var identifier: String
        var isInitial: Bool
        var ports: [Port]
    }

    var metadata: KubernetesMetadata
    var address: String
    var hostAddress: String
    var phase: String
    var node: String
    var readiness: String
    /// Those of the pod, then those that run before it (or beside it, as sidecars).
    var containers: [Container]

    init(_ metadata: KubernetesMetadata, _ tree: JSONTree) {
        self.metadata = metadata
        let status = tree["status"]
        let spec = tree["spec"]
        address = status["podIP"].string ?? ""
        hostAddress = status["hostIP"].string ?? ""
        phase = status["phase"].string ?? ""
        node = spec["nodeName"].string ?? ""
        readiness =
            (status["conditions"].elements.first { $0["type"].string == "Ready" }?["status"].string ?? "Unknown")
            .lowercased()
        containers =
            Self.containers(spec["containers"], status["containerStatuses"], isInitial: false)
            + Self.containers(spec["initContainers"], status["initContainerStatuses"], isInitial: true)
    }

    private static func containers(_ list: JSONTree?, _ statuses: JSONTree?, isInitial: Bool) -> [Container] {
        let identifiers = Dictionary(
            statuses.elements.compactMap { entry in entry["name"].string.map { ($0, entry["containerID"].string ?? "") }
            },
            uniquingKeysWith: { first, _ in first })
        return list.elements.compactMap { entry in
            guard let name = entry["name"].string else { return nil }
            let ports = entry["ports"].elements.compactMap { port -> Port? in
                guard let number = port["containerPort"].integer, (0...65_535).contains(number) else { return nil }
                return Port(
                    name: port["name"].string ?? "", number: number, transport: port["protocol"].string ?? "")
            }
            return Container(
                name: name, image: entry["image"].string ?? "", identifier: identifiers[name] ?? "",
                isInitial: isInitial, ports: ports)
        }
    }
}

struct KubernetesService: Sendable, Hashable {
    var metadata: KubernetesMetadata
    var type: String
    var clusterAddress: String
    var externalName: String
    var loadBalancerAddress: String
    var ports: [KubernetesPod.Port]
    var familyPolicy: String
    var families: [String]

    init(_ metadata: KubernetesMetadata, _ tree: JSONTree) {
        self.metadata = metadata
        let spec = tree["spec"]
        type = spec["type"].string ?? ""
        clusterAddress = spec["clusterIP"].string ?? ""
        externalName = spec["externalName"].string ?? ""
        loadBalancerAddress = spec["loadBalancerIP"].string ?? ""
        ports = spec["ports"].elements.compactMap { port in
            guard let number = port["port"].integer else { return nil }
            return KubernetesPod.Port(
                name: port["name"].string ?? "", number: number, transport: port["protocol"].string ?? "")
        }
        familyPolicy = spec["ipFamilyPolicy"].string ?? ""
        families = spec["ipFamilies"].elements.compactMap(\.string)
    }
}

/// What an address of endpoints belongs to.
struct KubernetesReference: Sendable, Hashable {
    var kind: String
    var name: String
    var namespace: String

    init?(_ tree: JSONTree?) {
        guard let tree, case .object = tree else { return nil }
        kind = tree["kind"].string ?? ""
        name = tree["name"].string ?? ""
        namespace = tree["namespace"].string ?? ""
    }

    var podKey: String? { kind == "Pod" ? "\(namespace)/\(name)" : nil }
}

struct KubernetesEndpoints: Sendable, Hashable {
    struct Address: Sendable, Hashable {
        var address: String
        var hostname: String
        var node: String?
        var reference: KubernetesReference?
        var isReady: Bool
    }

    struct Subset: Sendable, Hashable {
        /// The ready ones first.
        var addresses: [Address]
        var ports: [KubernetesPod.Port]
    }

    var metadata: KubernetesMetadata
    var subsets: [Subset]

    init(_ metadata: KubernetesMetadata, _ tree: JSONTree) {
        self.metadata = metadata
        func addresses(_ list: JSONTree?, isReady: Bool) -> [Address] {
            list.elements.compactMap { entry in
                guard let address = entry["ip"].string, !address.isEmpty else { return nil }
                return Address(
                    address: address, hostname: entry["hostname"].string ?? "", node: entry["nodeName"].string,
                    reference: KubernetesReference(entry["targetRef"]), isReady: isReady)
            }
        }
        subsets = tree["subsets"].elements.map { subset in
            Subset(
                addresses: addresses(subset["addresses"], isReady: true)
                    + addresses(subset["notReadyAddresses"], isReady: false),
                ports: subset["ports"].elements.compactMap { port in
                    guard let number = port["port"].integer else { return nil }
                    return KubernetesPod.Port(
                        name: port["name"].string ?? "", number: number, transport: port["protocol"].string ?? "")
                })
        }
    }
}

struct KubernetesEndpointSlice: Sendable, Hashable {
    struct Port: Sendable, Hashable {
        var name: String?
        var number: Int?
        var transport: String?
        var application: String?
    }

    struct Endpoint: Sendable, Hashable {
        var addresses: [String]
        var isReady: Bool?
        var isServing: Bool?
        var isTerminating: Bool?
        var hostname: String?
        var node: String?
        var zone: String?
        var reference: KubernetesReference?
        var topology: [String: String]
    }

    var metadata: KubernetesMetadata
    var addressType: String
    var ports: [Port]
    var endpoints: [Endpoint]

    init(_ metadata: KubernetesMetadata, _ tree: JSONTree) {
        self.metadata = metadata
        addressType = tree["addressType"].string ?? ""
        ports = tree["ports"].elements.map {
            Port(
                name: $0["name"].string, number: $0["port"].integer, transport: $0["protocol"].string,
                application: $0["appProtocol"].string)
        }
        endpoints = tree["endpoints"].elements.map {
            let conditions = $0["conditions"]
            return Endpoint(
                addresses: $0["addresses"].elements.compactMap(\.string), isReady: conditions["ready"].bool,
                isServing: conditions["serving"].bool, isTerminating: conditions["terminating"].bool,
                hostname: $0["hostname"].string, node: $0["nodeName"].string, zone: $0["zone"].string,
                reference: KubernetesReference($0["targetRef"]), topology: $0["deprecatedTopology"].texts)
        }
    }

    /// Every slice names its service in a label.
    var serviceName: String? { metadata.labels["kubernetes.io/service-name"] }
}

struct KubernetesIngress: Sendable, Hashable {
    struct Rule: Sendable, Hashable {
        var host: String
        var paths: [String]
    }

    var metadata: KubernetesMetadata
    var className: String?
    var secureHosts: [String]
    var rules: [Rule]

    init(_ metadata: KubernetesMetadata, _ tree: JSONTree) {
        self.metadata = metadata
        let spec = tree["spec"]
        className = spec["ingressClassName"].string
        secureHosts = spec["tls"].elements.flatMap { $0["hosts"].elements.compactMap(\.string) }
        rules = spec["rules"].elements.map { rule in
            // Without an `http` part the rule stands for everything under its host.
            let paths =
                rule["http"] == nil || rule["http"] == .null
                ? ["/"]
                : rule["http"]["paths"].elements.map { path in
                    path["path"].string.flatMap { $0.isEmpty ? nil : $0 } ?? "/"
                }
            return Rule(host: rule["host"].string ?? "", paths: paths)
        }
    }
}
