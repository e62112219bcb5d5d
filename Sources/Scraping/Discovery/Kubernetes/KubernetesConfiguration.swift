import Endpoints
import YAMLReading

/// What a job looks for in a cluster.
enum KubernetesRole: String, Sendable, Hashable, CaseIterable {
    case node, pod, service, endpoints, endpointslice, ingress

    var resource: KubernetesResource {
        switch self {
        case .node: .nodes
        case .pod: .pods
        case .service: .services
        case .endpoints: .endpoints
        case .endpointslice: .endpointSlices
        case .ingress: .ingresses
        }
    }

    /// The roles whose objects a selector may narrow.
    var selectable: [KubernetesRole] {
        switch self {
        case .pod: [.pod, .node]
        case .endpoints: [.pod, .service, .endpoints]
        case .endpointslice: [.pod, .service, .endpointslice]
        default: [self]
        }
    }
}

/// `kubernetes_sd_configs`.
struct KubernetesConfiguration: Sendable, Hashable {
    struct Selector: Sendable, Hashable {
        var label = ""
        var field = ""
    }

    /// Which objects around a target give it labels too.
    struct AttachedMetadata: Sendable, Hashable {
        var node = false
        var namespace = false
        var deployment = false
        var job = false
        var cronJob = false
    }

    var role: KubernetesRole
    var server: String?
    var kubeconfig: String?
    /// Empty for all.
    var namespaces: [String] = []
    var includesOwnNamespace = false
    var selectors: [KubernetesRole: Selector] = [:]
    var attached = AttachedMetadata()
    var http = HTTPClientConfiguration()

    static func read(_ node: YAMLNode) throws(YAMLError) -> KubernetesConfiguration {
        let keys = try node.mapping(
            ["role", "api_server", "kubeconfig_file", "namespaces", "selectors", "attach_metadata"]
                + HTTPClientConfiguration.keys)
        guard let roleNode = keys["role"] else {
            throw node.error("role missing (one of: pod, service, endpoints, endpointslice, node, ingress)")
        }
        var configuration = KubernetesConfiguration(role: try role(roleNode))
        configuration.server = try keys["api_server"]?.string()
        if configuration.server == "" { configuration.server = nil }
        if let server = configuration.server, WebAddress(server) == nil {
            throw (keys["api_server"] ?? node).error(
                "\"\(server)\" is not an address; write for example https://host:6443")
        }
        if let path = try keys["kubeconfig_file"]?.string(), !path.isEmpty {
            configuration.kubeconfig = (keys["kubeconfig_file"] ?? node).resolvedPath(path)
        }
        configuration.http = try HTTPClientConfiguration.read(keys)
        if let namespaces = try keys["namespaces"]?.mapping(["own_namespace", "names"]) {
            configuration.includesOwnNamespace = try namespaces["own_namespace"]?.bool() ?? false
            configuration.namespaces = try namespaces["names"]?.strings() ?? []
            for name in configuration.namespaces where !isName(name) {
                throw (namespaces["names"] ?? node).error("\"\(name)\" is not the name of a namespace")
            }
        }
        try readSelectors(keys["selectors"], into: &configuration)
        if let attached = try keys["attach_metadata"]?.mapping(["node", "namespace", "deployment", "job", "cronjob"]) {
            configuration.attached.node = try attached["node"]?.bool() ?? false
            configuration.attached.namespace = try attached["namespace"]?.bool() ?? false
            configuration.attached.deployment = try attached["deployment"]?.bool() ?? false
            configuration.attached.job = try attached["job"]?.bool() ?? false
            configuration.attached.cronJob = try attached["cronjob"]?.bool() ?? false
        }
        try configuration.checkAccess(node)
        return configuration
    }

    private static func role(_ node: YAMLNode) throws(YAMLError) -> KubernetesRole {
        let text = try node.string()
        guard let role = KubernetesRole(rawValue: text) else {
            throw node.error(
                "unknown Kubernetes SD role \"\(text)\" (one of: pod, service, endpoints, endpointslice, node, ingress)"
            )
        }
        return role
    }

    private static func readSelectors(_ list: YAMLNode?, into configuration: inout KubernetesConfiguration)
        throws(YAMLError)
    {
        for entry in try list?.list() ?? [] {
            let keys = try entry.mapping(["role", "label", "field"])
            let role = try role(keys["role"] ?? entry)
            guard configuration.selectors[role] == nil else {
                throw entry.error("duplicated selector role: \(role.rawValue)")
            }
            guard configuration.role.selectable.contains(role) else {
                let allowed = configuration.role.selectable.map(\.rawValue).joined(separator: ", ")
                throw entry.error("\(configuration.role.rawValue) role supports only \(allowed) selectors")
            }
            configuration.selectors[role] = Selector(
                label: try keys["label"]?.string() ?? "", field: try keys["field"]?.string() ?? "")
        }
    }

    /// The same exclusions as in Prometheus, with its sentences.
    private func checkAccess(_ node: YAMLNode) throws(YAMLError) {
        let isCustom = http != HTTPClientConfiguration()
        if server != nil, kubeconfig != nil {
            throw node.error("cannot use 'kubeconfig_file' and 'api_server' simultaneously")
        }
        if kubeconfig != nil, isCustom {
            throw node.error("cannot use a custom HTTP client configuration together with 'kubeconfig_file'")
        }
        if server == nil, isCustom {
            throw node.error("to use custom HTTP client configuration please provide the 'api_server' URL explicitly")
        }
        if server != nil, includesOwnNamespace {
            throw node.error("cannot use 'api_server' and 'namespaces.own_namespace' simultaneously")
        }
        if kubeconfig != nil, includesOwnNamespace {
            throw node.error("cannot use 'kubeconfig_file' and 'namespaces.own_namespace' simultaneously")
        }
    }

    /// It becomes part of a path.
    static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 253
            && text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x61...0x7a).contains($0) || $0 == 0x2d || $0 == 0x2e
            } && text != "." && text != ".."
    }
}
