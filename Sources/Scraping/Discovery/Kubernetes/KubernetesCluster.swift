import Endpoints
import Foundation
import YAMLReading

/// Where a cluster's API server is, and how it is spoken to.
struct KubernetesCluster: Sendable, Hashable {
    var address: String
    var http: HTTPClientConfiguration
    /// Where we run ourselves, inside of a cluster.
    var ownNamespace: String?

    static let accountFolder = "/var/run/secrets/kubernetes.io/serviceaccount"

    /// - Parameters:
    ///   - variables: the process' environment.
    ///   - readFile: the text of a file, nil where it cannot be read.
    static func resolve(
        _ configuration: KubernetesConfiguration, variables: [String: String] = ProcessInfo.processInfo.environment,
        readFile: (String) -> String? = { try? String(contentsOfFile: $0, encoding: .utf8) }
    ) throws -> KubernetesCluster {
        if let path = configuration.kubeconfig {
            guard let text = readFile(path) else {
                throw KubernetesFailure.badSetting("kubeconfig_file \(path) cannot be read")
            }
            return try Kubeconfig.read(text, file: path)
        }
        if let server = configuration.server {
            return KubernetesCluster(address: trimmed(server), http: configuration.http)
        }
        guard let host = variables["KUBERNETES_SERVICE_HOST"], !host.isEmpty,
            let port = variables["KUBERNETES_SERVICE_PORT"].flatMap(UInt16.init)
        else {
            throw KubernetesFailure.badSetting(
                "neither api_server nor kubeconfig_file is set, and this is not inside of a cluster "
                    + "(KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not there)")
        }
        var http = HTTPClientConfiguration()
        // Files, not texts: the token is replaced every hour.
        http.credentials = .header(type: "Bearer", credentials: .file("\(accountFolder)/token"))
        http.tls.authorities = .file("\(accountFolder)/ca.crt")
        var cluster = KubernetesCluster(address: "https://\(MetaLabels.join(host, Int(port)))", http: http)
        if configuration.includesOwnNamespace {
            let name = readFile("\(accountFolder)/namespace")?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
            guard KubernetesConfiguration.isName(name) else {
                throw KubernetesFailure.badSetting(
                    "could not determine the pod's namespace from \(accountFolder)/namespace")
            }
            cluster.ownNamespace = name
        }
        return cluster
    }

    static func trimmed(_ address: String) -> String {
        var out = address[...]
        while out.hasSuffix("/") { out.removeLast() }
        return String(out)
    }

    /// Nil stands for all.
    func namespaces(_ configuration: KubernetesConfiguration) -> [String?] {
        var names = configuration.namespaces
        if let ownNamespace, !names.contains(ownNamespace) { names.append(ownNamespace) }
        return names.isEmpty ? [nil] : names
    }
}

/// The file that `kubectl` uses: the cluster and the user of its current context.
enum Kubeconfig {
    static func read(_ text: String, file: String) throws -> KubernetesCluster {
        guard let root = try YAMLNode.read(text, file: file) else {
            throw KubernetesFailure.badSetting("\(file): is empty")
        }
        let keys = fields(root)
        guard let current = try keys["current-context"]?.string(), !current.isEmpty else {
            throw root.error("current-context is not set")
        }
        let context = try entry(keys["contexts"], named: current, "context", root)
        let clusterName = try context["cluster"]?.string() ?? ""
        let cluster = try entry(keys["clusters"], named: clusterName, "cluster", root)
        guard let server = try cluster["server"]?.string(), WebAddress(server) != nil else {
            throw (cluster["server"] ?? root).error("cluster \"\(clusterName)\" has no server address")
        }
        var http = HTTPClientConfiguration()
        http.tls.authorities = try secret(cluster, "certificate-authority")
        http.tls.serverName = try cluster["tls-server-name"]?.string()
        http.tls.insecureSkipVerify = try cluster["insecure-skip-tls-verify"]?.bool() ?? false
        if let proxy = cluster["proxy-url"], try !proxy.string().isEmpty {
            throw proxy.error("proxy-url is not supported; use api_server with proxy_url")
        }
        if let userName = try context["user"]?.string(), !userName.isEmpty {
            try apply(try entry(keys["users"], named: userName, "user", root), to: &http)
        }
        return KubernetesCluster(address: KubernetesCluster.trimmed(server), http: http)
    }

    private static func apply(_ user: [String: YAMLNode], to http: inout HTTPClientConfiguration) throws {
        for key in ["exec", "auth-provider"] {
            if let node = user[key] {
                throw node.error("\(key) is not supported: use a token, a client certificate or basic auth")
            }
        }
        http.tls.certificate = try secret(user, "client-certificate")
        http.tls.key = try secret(user, "client-key")
        if let token = try user["token"]?.string(), !token.isEmpty {
            http.credentials = .header(type: "Bearer", credentials: .text(token))
        } else if let node = user["tokenFile"] {
            http.credentials = .header(type: "Bearer", credentials: .file(node.resolvedPath(try node.string())))
        } else if let name = try user["username"]?.string(), !name.isEmpty {
            http.credentials = .basic(username: .text(name), password: .text(try user["password"]?.string() ?? ""))
        }
    }

    /// `<key>-data` in base64, else the file that `<key>` names.
    private static func secret(_ keys: [String: YAMLNode], _ key: String) throws -> Secret? {
        if let node = keys["\(key)-data"], case let text = try node.string(), !text.isEmpty {
            guard let data = Data(base64Encoded: text, options: .ignoreUnknownCharacters) else {
                throw node.error("is not base64")
            }
            return .text(String(decoding: data, as: UTF8.self))
        }
        if let node = keys[key], case let path = try node.string(), !path.isEmpty {
            return .file(node.resolvedPath(path))
        }
        return nil
    }

    /// The fields of the entry of a list of `{name: …, <kind>: {…}}`.
    private static func entry(_ list: YAMLNode?, named name: String, _ kind: String, _ root: YAMLNode) throws
        -> [String: YAMLNode]
    {
        for node in try list?.list() ?? [] {
            let keys = fields(node)
            if try keys["name"]?.string() == name, let inner = keys[kind] { return fields(inner) }
        }
        throw (list ?? root).error("there is no \(kind) \"\(name)\"")
    }

    /// Without a check of keys: the file belongs to other programs too.
    private static func fields(_ node: YAMLNode) -> [String: YAMLNode] {
        var out: [String: YAMLNode] = [:]
        for (key, value) in (try? node.entries()) ?? [] where !value.isNull { out[key] = value }
        return out
    }
}
