/// A kind of object of the API server, in the stable version of its group.
enum KubernetesResource: Sendable, Hashable, CaseIterable {
    case nodes, pods, services, endpoints, endpointSlices, ingresses, namespaces, replicaSets, jobs

    private var group: String {
        switch self {
        case .nodes, .pods, .services, .endpoints, .namespaces: "/api/v1"
        case .endpointSlices: "/apis/discovery.k8s.io/v1"
        case .ingresses: "/apis/networking.k8s.io/v1"
        case .replicaSets: "/apis/apps/v1"
        case .jobs: "/apis/batch/v1"
        }
    }

    private var name: String {
        switch self {
        case .nodes: "nodes"
        case .pods: "pods"
        case .services: "services"
        case .endpoints: "endpoints"
        case .endpointSlices: "endpointslices"
        case .ingresses: "ingresses"
        case .namespaces: "namespaces"
        case .replicaSets: "replicasets"
        case .jobs: "jobs"
        }
    }

    var isNamespaced: Bool { self != .nodes && self != .namespaces }

    /// - Parameter namespace: nil for all.
    func path(_ namespace: String?) -> String {
        if let namespace, isNamespaced { return "\(group)/namespaces/\(namespace)/\(name)" }
        return "\(group)/\(name)"
    }

    /// Of some kinds only the metadata matters, which the server then sends alone.
    private var isMetadataOnly: Bool { [.namespaces, .replicaSets, .jobs].contains(self) }

    func accept(isList: Bool) -> String {
        isMetadataOnly
            ? "application/json;as=PartialObjectMetadata\(isList ? "List" : "");g=meta.k8s.io;v=v1, application/json"
            : "application/json"
    }

    /// The role whose selector narrows this kind.
    var role: KubernetesRole? { KubernetesRole.allCases.first { $0.resource == self } }
}
